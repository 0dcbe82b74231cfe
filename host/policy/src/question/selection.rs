//! `selection`: which volumes move.

use pvmigrate_core::policy::{Ballot, Question, VolumeId, Vote};

use super::ask::{Ask, Decided};
use crate::answers::Rules;
use crate::configured::{Configured, all};
use crate::failure::{FailureKind, PolicyFailure};
use crate::function::Function;
use crate::input::Input;
use crate::interface::exported::Exported;
use crate::interface::v0_2::exports::selection as guest;
use crate::interface::v0_2::from_guest::reason;
use crate::interface::v0_2::to_guest::{self, Request};
use crate::interface::v0_2::{Returned, decided};
use crate::policy::Answered;

impl Function {
    /// `selection.select`: which volumes move.
    pub const SELECT: Self = Self::new("selection.select");
}

impl Configured {
    /// Asks which volumes move; `None` when the policy does not answer this question.
    ///
    /// # Errors
    /// When it cannot decide, breaks a rule, or runs into a limit.
    pub fn select(&self, question: &Question) -> Result<Option<Answered<Ballot>>, PolicyFailure> {
        self.ask_in_batches(&Selection, question, &all(question))
    }
}

pub(super) struct Selection;

type Parameters<'a> = (&'a Request<'a>,);

impl Ask for Selection {
    const FUNCTION: Function = Function::SELECT;
    type Answer = Ballot;

    fn check_type(exported: &mut Exported<'_>) -> wasmtime::Result<()> {
        exported.typed::<Parameters<'_>, Returned<guest::Ballot>>().map(drop)
    }

    fn call(&self, exported: Exported<'_>, input: &Input<'_>) -> wasmtime::Result<Decided<Ballot>> {
        let parameters: Parameters<'_> = (&to_guest::request(input),);
        Ok(decided(exported.call(parameters)?, ballot))
    }

    fn hold(rules: &Rules<'_>, ballots: Vec<Ballot>) -> Result<Vec<Ballot>, FailureKind> {
        rules.each_once(ballots.iter().map(|ballot| ballot.volume))?;
        let ballot = |ballot: Ballot| {
            Ok(Ballot {
                volume: ballot.volume,
                vote: match ballot.vote {
                    Vote::Migrate(why) => Vote::Migrate(rules.reason(why)?),
                    Vote::Skip(why) => Vote::Skip(rules.reason(why)?),
                    Vote::Abstain => Vote::Abstain,
                },
            })
        };
        ballots.into_iter().map(ballot).collect()
    }
}

fn ballot(ballot: guest::Ballot) -> Ballot {
    Ballot {
        volume: VolumeId(ballot.volume),
        vote: match ballot.vote {
            guest::Vote::Migrate(why) => Vote::Migrate(reason(why)),
            guest::Vote::Skip(why) => Vote::Skip(reason(why)),
            guest::Vote::Abstain => Vote::Abstain,
        },
    }
}
