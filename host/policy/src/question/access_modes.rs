//! `access-modes`: what the new claims look like.

use pvmigrate_core::policy::{Mapping, Question, TargetShape, Volume, VolumeId};

use super::ask::{Ask, Decided};
use crate::answers::Rules;
use crate::configured::Configured;
use crate::failure::{FailureKind, PolicyFailure};
use crate::function::Function;
use crate::input::Input;
use crate::interface::exported::Exported;
use crate::interface::v0_2::exports::access_modes as guest;
use crate::interface::v0_2::from_guest::{access_mode, reason, volume_mode};
use crate::interface::v0_2::to_guest::{self, Request};
use crate::interface::v0_2::{Returned, decided};
use crate::policy::Answered;

/// More access modes than there are, for policies that name one twice.
const MOST_MODES: usize = 8;

impl Function {
    /// `access-modes.map-modes`: what the new claims look like.
    pub const MAP_MODES: Self = Self::new("access-modes.map-modes");
}

impl Configured {
    /// Asks what the new claims of these volumes look like; `None` when the policy does not answer this question.
    ///
    /// # Errors
    /// When it cannot decide, breaks a rule, or runs into a limit.
    pub fn map_modes(
        &self,
        question: &Question,
        selected: &[&Volume],
    ) -> Result<Option<Answered<Mapping>>, PolicyFailure> {
        self.ask_in_batches(&AccessModes, question, selected)
    }
}

pub(super) struct AccessModes;

type Parameters<'a> = (&'a Request<'a>,);

impl Ask for AccessModes {
    const FUNCTION: Function = Function::MAP_MODES;
    type Answer = Mapping;

    fn check_type(exported: &mut Exported<'_>) -> wasmtime::Result<()> {
        exported.typed::<Parameters<'_>, Returned<guest::Mapping>>().map(drop)
    }

    fn call(&self, exported: Exported<'_>, input: &Input<'_>) -> wasmtime::Result<Decided<Mapping>> {
        let parameters: Parameters<'_> = (&to_guest::request(input),);
        Ok(decided(exported.call(parameters)?, mapping))
    }

    fn hold(rules: &Rules<'_>, mappings: Vec<Mapping>) -> Result<Vec<Mapping>, FailureKind> {
        rules.each_once(mappings.iter().map(|mapping| mapping.volume))?;
        let shape = |shape: TargetShape| {
            if shape.modes.len() > MOST_MODES {
                let what = format!("{} access modes for one volume, and there are four", shape.modes.len());
                return Err(FailureKind::OutputTooLarge(what));
            }
            Ok(TargetShape { why: rules.reason(shape.why)?, ..shape })
        };
        let mapping =
            |mapping: Mapping| Ok(Mapping { volume: mapping.volume, shape: mapping.shape.map(shape).transpose()? });
        mappings.into_iter().map(mapping).collect()
    }
}

fn mapping(mapping: guest::Mapping) -> Mapping {
    let shape = |shape: guest::TargetShape| TargetShape {
        modes: shape.modes.into_iter().map(access_mode).collect(),
        volume_mode: volume_mode(shape.volume_mode),
        why: reason(shape.why),
    };
    Mapping { volume: VolumeId(mapping.volume), shape: mapping.shape.map(shape) }
}
