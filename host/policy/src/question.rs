//! The questions that policies are asked: one file for each WIT interface that holds one, and [`QUESTIONS`], the table
//! that everything else reads.

mod access_modes;
pub(crate) mod ask;
mod preflight;
mod selection;

use pvmigrate_core::policy::{CallCost, Planned, Question};

use crate::configured::{Configured, all};
use crate::failure::PolicyFailure;
use crate::function::Function;
use crate::interface::exported::Exported;
use crate::policy::Answered;
use access_modes::AccessModes;
use ask::Ask;
use preflight::Preflight;
use selection::Selection;

/// A function that asks about every volume of a question, and about a plan; returns what that cost.
type AskForCost = fn(&Configured, &Question, &[Planned]) -> Result<Option<CallCost>, PolicyFailure>;

/// One row of [`QUESTIONS`].
pub struct QuestionKind {
    function: Function,
    check_type: fn(&mut Exported<'_>) -> wasmtime::Result<()>,
    cost: AskForCost,
}

/// Every question, in the order in which a plan asks them.
pub const QUESTIONS: &[QuestionKind] = &[
    QuestionKind::of::<Selection>(|policy, question, _| cost(policy.select(question))),
    QuestionKind::of::<AccessModes>(|policy, question, _| cost(policy.map_modes(question, &all(question)))),
    QuestionKind::of::<Preflight<'_>>(|policy, question, plan| cost(policy.check(question, plan))),
];

impl QuestionKind {
    const fn of<Q: Ask>(cost: AskForCost) -> Self {
        Self { function: Q::FUNCTION, check_type: Q::check_type, cost }
    }

    /// Returns the function that answers it.
    pub fn function(&self) -> Function {
        self.function
    }

    /// Asks it about every volume, and returns what that cost; `None` when the policy does not answer it.
    ///
    /// # Errors
    /// When the policy cannot decide, breaks a rule, or runs into a limit.
    pub fn cost(
        &self,
        policy: &Configured,
        question: &Question,
        plan: &[Planned],
    ) -> Result<Option<CallCost>, PolicyFailure> {
        (self.cost)(policy, question, plan)
    }

    pub(crate) fn check_type(&self, exported: &mut Exported<'_>) -> wasmtime::Result<()> {
        (self.check_type)(exported)
    }
}

fn cost<T>(answered: Result<Option<Answered<T>>, PolicyFailure>) -> Result<Option<CallCost>, PolicyFailure> {
    Ok(answered?.map(|answered| answered.cost))
}
