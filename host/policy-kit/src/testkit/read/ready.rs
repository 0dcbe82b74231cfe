//! The policies of a case with their settings, ready to be asked; or why they cannot be.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::chain::{Chain, Id, Opened};
use super::settings::Settings;
use crate::testkit::vocabulary::error::TestkitError;
use pvmigrate_policy::PolicyFailure;
use pvmigrate_policy::{Configured, Policies};
use pvmigrate_policy::{SettingsError, SettingsProblem};
use pvmigrate_yaml::{At, Node, Wrong};

/// The result of applying a case's settings.
#[derive(Debug)]
pub(crate) enum Ready {
    /// All policies accept them.
    Policies(Policies),
    /// A policy does not accept them, as the case expects.
    Refused(Vec<SettingsProblem>),
    /// A policy failed while it looked at them.
    Failed(PolicyFailure),
}

/// The settings of a case and of its file.
pub(crate) struct Layers<'a> {
    pub(crate) file: Option<&'a Node>,
    pub(crate) case: Option<&'a Node>,
    /// The policy that the file names, whose settings the file's are.
    pub(crate) owner: Option<Id>,
    /// Whether the case expects that they are refused.
    pub(crate) may_be_wrong: bool,
    /// The place of the case, for errors that have no better one.
    pub(crate) at: &'a At,
}

/// Gives every policy of a chain its settings; returns those of the policy that the case's own settings are for, too.
pub(crate) fn ready(
    opened: &Opened,
    chain: &Chain,
    layers: &Layers<'_>,
    file: &Path,
) -> Result<(Ready, Value), TestkitError> {
    let target = target(chain, layers).map_err(|wrong| wrong.of(file))?;
    let mut links = Vec::new();
    let mut of_target = Value::Object(Map::new());
    for link in &chain.links {
        let is_target = target == Some(link.id);
        let own = layers.file.filter(|_| is_target && layers.owner.is_none_or(|owner| owner == link.id));
        let base = link.settings.as_ref().or(own);
        let settings = Settings::of(base, layers.case.filter(|_| is_target)).map_err(|wrong| wrong.of(file))?;
        let value = settings.value();
        let policy = opened.get(link.id);
        match Configured::new(Arc::clone(policy), &value) {
            Ok(configured) => links.push(configured),
            Err(SettingsError::Policy(failure)) => return Ok((Ready::Failed(failure), value)),
            Err(SettingsError::Wrong { problems, .. }) if layers.may_be_wrong => {
                return Ok((Ready::Refused(problems), value));
            }
            Err(SettingsError::Wrong { problems, .. }) => {
                return Err(settings.wrong(&policy.info().name, &problems, layers.at).of(file).into());
            }
        }
        if is_target {
            of_target = value;
        }
    }
    Ok((Ready::Policies(Policies::new(links)?), of_target))
}

/// Returns which policy of a chain the settings of file and case are for.
fn target(chain: &Chain, layers: &Layers<'_>) -> Result<Option<Id>, Wrong> {
    let owner = layers.owner.filter(|owner| chain.links.iter().any(|link| link.id == *owner));
    let mut custom = chain.links.iter().map(|link| link.id).filter(|id| *id != Id::BuiltIn);
    let only = custom.next().filter(|_| custom.next().is_none());
    let target = chain.tested.or(owner).or(only);
    match (target, layers.case) {
        (None, Some(settings)) => {
            let what = "which policy of the chain are these for? Write them beside it: {policy: ..., settings: {...}}";
            Err(Wrong::new(&settings.at, what))
        }
        _ => Ok(target),
    }
}
