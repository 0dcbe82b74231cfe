//! The interface of every question.

use pvmigrate_core::policy::PolicyError;

use crate::answers::Rules;
use crate::failure::FailureKind;
use crate::function::Function;
use crate::input::Input;
use crate::interface::exported::Exported;

/// Answers, or the policy's statement that it cannot decide.
pub(crate) type Decided<T> = Result<Vec<T>, PolicyError>;

/// One question: how it is asked, and the rules for its answers.
pub(crate) trait Ask: Sync {
    /// The function that answers it.
    const FUNCTION: Function;
    /// One answer of its list.
    type Answer: Send;

    /// Checks that the exported function has the type that the interface gives it.
    fn check_type(exported: &mut Exported<'_>) -> wasmtime::Result<()>;

    /// Calls the exported function.
    fn call(&self, exported: Exported<'_>, input: &Input<'_>) -> wasmtime::Result<Decided<Self::Answer>>;

    /// Checks the answers against the rules, and returns them fit to be shown.
    fn hold(rules: &Rules<'_>, answers: Vec<Self::Answer>) -> Result<Vec<Self::Answer>, FailureKind>;
}
