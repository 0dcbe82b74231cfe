//! The claims of the class to migrate from that do not move: nothing is left out in silence.

use serde::Serialize;

use super::facts;
use super::question::Request;
use super::verdict::Judgement;

/// A claim that one would expect to move, and why it does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The kind of reason: of [`crate::survey::StaysCode`], or what the policy that decided gave.
    pub code: &'a str,
    /// The reason in words.
    pub message: &'a str,
    /// Who decided.
    pub by: String,
}

/// Lists them in the order of the request. What nobody can change comes before what a policy said about it.
pub fn left_out<'a>(request: &'a Request, judgement: &'a Judgement) -> Vec<LeftOut<'a>> {
    let source = request.facts.get(facts::SOURCE_CLASS);
    let only = request.facts.get(facts::NAMESPACE);
    let pairs = request.volumes.iter().zip(&judgement.verdicts);
    let left = pairs.filter(|(volume, verdict)| {
        !verdict.selected()
            && volume.storage_class.as_ref() == source
            && only.is_none_or(|only| *only == volume.namespace)
    });
    left.map(|(volume, verdict)| {
        let (code, message, by) = match (volume.facts.get(facts::STAYS), volume.facts.get(facts::STAYS_WHY)) {
            (Some(code), Some(why)) => (code, why, super::Decider::Host.to_string()),
            _ => {
                let decision = &verdict.decision;
                (&decision.reason.code, &decision.reason.message, decision.by.to_string())
            }
        };
        LeftOut { namespace: &volume.namespace, name: &volume.name, code, message, by }
    })
    .collect()
}
