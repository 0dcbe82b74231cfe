//! Asks about a case in every way there is, whatever it expects.

use pvmigrate_core::policy::{Judgement, Question};
use pvmigrate_policy::{FailureKind, PolicyFailure};

use super::asker::{Asker, Unstable};
use crate::testkit::read::chain::Opened;
use crate::testkit::read::ready::Ready;
use crate::testkit::read::suite::Case;

/// The result of asking in every way there is.
pub(crate) enum Probed {
    /// No answer, every time.
    Failed {
        /// The policy said that it cannot decide, as it may.
        undecided: bool,
        /// What happened.
        message: String,
    },
    /// Different answers.
    Differs {
        /// `same-twice`, `order` or `per-volume`.
        rule: &'static str,
        /// What was done differently.
        message: String,
    },
    /// The same answer, every time.
    Same {
        /// What was asked.
        question: Box<Question>,
        /// The answer.
        judgement: Judgement,
    },
}

impl Probed {
    pub(crate) fn failed(failure: &PolicyFailure) -> Self {
        Self::Failed { undecided: matches!(failure.kind, FailureKind::Undecided(_)), message: failure.to_string() }
    }
}

/// Asks about a case in every way there is, whatever it expects; `None` when there is nothing to ask.
pub(crate) fn probe(opened: &Opened, case: &Case) -> Option<Probed> {
    let policies = match &case.ready {
        Ready::Policies(policies) => policies,
        Ready::Refused(_) => return None,
        Ready::Failed(failure) => return Some(Probed::failed(failure)),
    };
    let (asker, request) = (Asker::new(opened, case, policies), &case.question.request);
    let first = match asker.judge(request) {
        Ok(first) => first,
        Err(failure) => {
            let again = asker.judge(request).map_or_else(|again| again.to_string(), |_| "an answer".to_owned());
            let message = format!("the same question, asked again, ended differently: {failure}; then: {again}");
            let same = again == failure.to_string();
            return Some(if same { Probed::failed(&failure) } else { Probed::Differs { rule: "same-twice", message } });
        }
    };
    let unstable = asker.unstable(request, &first).and_then(|found| match found {
        None if asker.per_volume => asker.depends_on_batches(request, &first),
        found => Ok(found),
    });
    Some(match unstable {
        Ok(None) => Probed::Same { question: Box::new(case.question.clone()), judgement: first },
        Ok(Some(Unstable { rule, message })) => Probed::Differs { rule, message },
        Err(failure) if matches!(failure.kind, FailureKind::Undecided(_)) => Probed::Differs {
            rule: "order",
            message: format!(
                "with the volumes in another order, or fewer of them, it could no longer decide: {failure}"
            ),
        },
        Err(failure) => Probed::failed(&failure),
    })
}
