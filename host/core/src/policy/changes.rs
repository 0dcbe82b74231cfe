//! What differs between two judgements: the decisions and findings that somebody would see change.
//!
//! Only what has an effect is compared: whether a claim moves, into which shape, for which reason code; which findings
//! there are, how severe, and whether they are waived. Words, versions, digests and costs may differ freely: another
//! build of a policy that decides alike is not a change.

use std::collections::BTreeMap;

use serde::Serialize;

use super::answer::Severity;
use super::verdict::{About, Judged, Judgement, Verdict};
use super::waiver::Waived;

/// One thing before and after; one of the two may be missing, never both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change<T> {
    /// Before.
    pub old: Option<T>,
    /// After.
    pub new: Option<T>,
}

/// A finding, and whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found<'a> {
    /// What was found.
    #[serde(flatten)]
    pub finding: &'a Judged,
    /// Whether the user has accepted it for a while.
    pub waived: bool,
}

/// Everything that changes, in order of claim, and of what the findings are about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes<'a> {
    /// Claims with another decision, and those that only one side knows.
    pub decisions: Vec<Change<&'a Verdict>>,
    /// Findings that come, go, or change their severity.
    pub findings: Vec<Change<Found<'a>>>,
}

impl<'a> Changes<'a> {
    /// Compares two judgements, each with the findings that are waived.
    pub fn between(old: (&'a Judgement, &'a [Waived]), new: (&'a Judgement, &'a [Waived])) -> Self {
        Self {
            decisions: changed(verdicts(old.0), verdicts(new.0), |old, new| decided(old) == decided(new)),
            findings: changed(findings(old), findings(new), |old, new| graded(old) == graded(new)),
        }
    }

    /// Tells whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty() && self.findings.is_empty()
    }
}

fn verdicts(judgement: &Judgement) -> BTreeMap<(&str, &str), &Verdict> {
    judgement.verdicts.iter().map(|verdict| ((&*verdict.namespace, &*verdict.name), verdict)).collect()
}

/// Returns the findings of one side. Two policies may find the same; then both are kept, the most severe first.
fn findings<'a>(side: (&'a Judgement, &'a [Waived])) -> BTreeMap<(&'a About, &'a str, usize), Found<'a>> {
    let counted = side.0.findings.iter().map(|finding| Found { finding, waived: false });
    let waived = side.1.iter().map(|waived| Found { finding: &waived.finding, waived: true });
    let mut alike: BTreeMap<(&About, &str), Vec<Found<'_>>> = BTreeMap::new();
    for found in counted.chain(waived) {
        alike.entry((&found.finding.about, &*found.finding.code)).or_default().push(found);
    }
    let numbered = alike.into_iter().flat_map(|((about, code), mut found)| {
        found.sort_by_key(|found| std::cmp::Reverse(graded(found)));
        found.into_iter().enumerate().map(move |(at, found)| ((about, code, at), found))
    });
    numbered.collect()
}

fn graded(found: &Found<'_>) -> (Severity, bool) {
    (found.finding.severity, !found.waived)
}

/// Returns the part of a verdict that has an effect.
fn decided(verdict: &Verdict) -> impl PartialEq + use<'_> {
    let shape = verdict.target.as_ref().map(|target| (&target.modes, target.volume_mode));
    (verdict.decision.selected, &verdict.decision.reason.code, shape)
}

fn changed<K: Ord, T: Copy>(
    old: BTreeMap<K, T>,
    mut new: BTreeMap<K, T>,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<Change<T>> {
    let mut changes: Vec<(K, Change<T>)> = Vec::new();
    for (key, old) in old {
        let new = new.remove(&key);
        if !new.as_ref().is_some_and(|new| same(&old, new)) {
            changes.push((key, Change { old: Some(old), new }));
        }
    }
    changes.extend(new.into_iter().map(|(key, new)| (key, Change { old: None, new: Some(new) })));
    changes.sort_by(|(a, _), (b, _)| a.cmp(b));
    changes.into_iter().map(|(_, change)| change).collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::answer::Reason;
    use super::super::object::Pairs;
    use super::super::verdict::{Decider, Decision, PolicyRef, Target};
    use super::super::waiver::Waiver;
    use super::*;
    use crate::access::{AccessMode, VolumeMode};

    fn by(version: &str) -> Decider {
        Decider::Policy(PolicyRef { name: "p".to_owned(), version: version.to_owned(), digest: String::new() })
    }

    fn verdict(name: &str, code: &str, modes: &[AccessMode]) -> Verdict {
        let why = Reason { code: code.to_owned(), message: String::new(), details: Pairs::new() };
        let target =
            Target { modes: modes.to_vec(), volume_mode: VolumeMode::Filesystem, by: Decider::Host, why: why.clone() };
        Verdict {
            namespace: "db".to_owned(),
            name: name.to_owned(),
            uid: String::new(),
            decision: Decision { selected: !modes.is_empty(), by: by("1"), reason: why },
            target: (!modes.is_empty()).then_some(target),
            votes: Vec::new(),
            opinions: Vec::new(),
        }
    }

    fn finding(code: &str, severity: Severity) -> Judged {
        Judged {
            by: by("1"),
            code: code.to_owned(),
            severity,
            about: About::Plan,
            message: String::new(),
            remedy: None,
            details: Pairs::new(),
        }
    }

    fn judgement(verdicts: Vec<Verdict>, findings: Vec<Judged>) -> Judgement {
        Judgement { verdicts, findings, warnings: Vec::new(), policies: Vec::new(), calls: Vec::new() }
    }

    #[test]
    fn words_versions_and_order_are_not_a_change() {
        let old = judgement(
            vec![verdict("a", "x", &[AccessMode::ReadWriteOnce]), verdict("b", "y", &[])],
            vec![finding("f", Severity::Warning), finding("f", Severity::Info)],
        );
        let mut new = old.clone();
        new.verdicts.reverse();
        new.findings.reverse();
        new.verdicts[0].decision.by = by("2");
        new.verdicts[0].decision.reason.message = "other words".to_owned();
        new.findings[0].message = "other words".to_owned();
        assert!(Changes::between((&old, &[]), (&new, &[])).is_empty());
    }

    #[test]
    fn what_has_an_effect_is_a_change() {
        let old = judgement(
            vec![
                verdict("code", "x", &[]),
                verdict("gone", "x", &[]),
                verdict("modes", "x", &[AccessMode::ReadWriteOnce]),
                verdict("moves", "x", &[]),
            ],
            vec![finding("gone", Severity::Info), finding("graver", Severity::Info), finding("same", Severity::Info)],
        );
        let new = judgement(
            vec![
                verdict("code", "y", &[]),
                verdict("come", "x", &[]),
                verdict("modes", "x", &[AccessMode::ReadWriteMany]),
                verdict("moves", "x", &[AccessMode::ReadWriteOnce]),
            ],
            vec![
                finding("graver", Severity::Blocker),
                finding("same", Severity::Info),
                finding("same", Severity::Info),
            ],
        );
        let changes = Changes::between((&old, &[]), (&new, &[]));
        let claim = |change: &Change<&Verdict>| change.old.or(change.new).map(|verdict| verdict.name.clone());
        let claims: Vec<_> = changes.decisions.iter().filter_map(claim).collect();
        assert_eq!(claims, ["code", "come", "gone", "modes", "moves"]);
        let codes = |change: &Change<Found<'_>>| {
            let severity = |found: Option<Found<'_>>| found.map(|found| found.finding.severity);
            let code = change.old.or(change.new).map(|found| found.finding.code.clone());
            (code.unwrap_or_default(), severity(change.old), severity(change.new))
        };
        let found: Vec<_> = changes.findings.iter().map(codes).collect();
        let (info, blocker) = (Some(Severity::Info), Some(Severity::Blocker));
        let expected = [("gone", info, None), ("graver", info, blocker), ("same", None, info)];
        assert_eq!(found, expected.map(|(code, old, new)| (code.to_owned(), old, new)));
    }

    #[test]
    fn a_waiver_is_a_change() {
        let found = finding("f", Severity::Blocker);
        let waiver = Waiver {
            code: "f".to_owned(),
            policy: "p".to_owned(),
            subject: "plan".to_owned(),
            until: date(2026, 1, 1),
            reason: String::new(),
        };
        let (counted, none) = (judgement(Vec::new(), vec![found.clone()]), judgement(Vec::new(), Vec::new()));
        let waived = [Waived { finding: found, waiver }];
        let changes = Changes::between((&counted, &[]), (&none, &waived));
        assert_eq!(changes.findings.len(), 1);
        assert_eq!(changes.findings[0].new.map(|found| found.waived), Some(true));
    }
}
