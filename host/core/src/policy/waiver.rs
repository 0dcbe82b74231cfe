//! Findings that the user has accepted for a while, and what becomes of them: [`apply`].
//!
//! A waived finding blocks nothing, but it is kept, counted apart and shown, and the waiver ends by itself. What the host's
//! own floor finds cannot be waived.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::verdict::{About, Decider, Judged, Warning};

/// A waiver whose last day has passed.
pub const WAIVER_EXPIRED: &str = "waiver-expired";
/// A waiver that no finding needed.
pub const WAIVER_UNUSED: &str = "waiver-unused";
/// A waiver that would apply to a finding of the host's floor.
pub const WAIVER_REFUSED: &str = "waiver-refused";

/// A user's acceptance of one kind of finding about one thing until a day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// The finding's code.
    pub code: String,
    /// The name of the policy that finds it.
    pub policy: String,
    /// What the finding is about, as reports name it: `plan`, `NAMESPACE/CLAIM`, or an object.
    pub subject: String,
    /// The last day on which it holds (UTC).
    pub until: Date,
    /// Why it is accepted, for whoever reads the report.
    pub reason: String,
}

impl fmt::Display for Waiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "waiver of {} of policy {} on {}", self.code, self.policy, self.subject)
    }
}

impl Waiver {
    fn is_about(&self, finding: &Judged) -> bool {
        self.code == finding.code && self.subject == finding.about.to_string()
    }

    fn has_expired(&self, today: Date) -> bool {
        today > self.until
    }
}

/// A finding, and the waiver that takes away its effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waived {
    /// What was found.
    pub finding: Judged,
    /// Who accepted it, until when and why.
    pub waiver: Waiver,
}

/// What is left of findings, and what was waived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Findings that count, in their order.
    pub findings: Vec<Judged>,
    /// Findings that do not, in their order.
    pub waived: Vec<Waived>,
    /// Warnings about waivers that have expired, match nothing, or try what they may not; in their order.
    pub warnings: Vec<Warning>,
}

/// Takes the waived findings out of all findings.
///
/// No finding is lost: each comes out either counted or waived. Of two waivers for one finding the one that ends last
/// is named. An expired waiver takes nothing out, and is a warning whether anything needed it or not.
pub fn apply(waivers: &[Waiver], findings: Vec<Judged>, today: Date) -> Applied {
    let mut applied = Applied::default();
    let mut used = vec![false; waivers.len()];
    let mut refused = vec![false; waivers.len()];
    for finding in findings {
        let by = match &finding.by {
            Decider::Policy(by) => Some(by.name.as_str()),
            Decider::Host => None,
        };
        let mut best: Option<&Waiver> = None;
        for (at, waiver) in waivers.iter().enumerate().filter(|(_, waiver)| waiver.is_about(&finding)) {
            if by.is_none() {
                refused[at] = true;
            } else if by == Some(waiver.policy.as_str()) && !waiver.has_expired(today) {
                used[at] = true;
                best = best.filter(|best| best.until >= waiver.until).or(Some(waiver));
            }
        }
        match best {
            Some(waiver) => applied.waived.push(Waived { finding, waiver: waiver.clone() }),
            None => applied.findings.push(finding),
        }
    }
    let fates = waivers.iter().zip(used.into_iter().zip(refused));
    applied.warnings = fates.filter_map(|(waiver, (used, refused))| warning(waiver, used, refused, today)).collect();
    applied
}

fn warning(waiver: &Waiver, used: bool, refused: bool, today: Date) -> Option<Warning> {
    let (code, message) = if waiver.has_expired(today) {
        (WAIVER_EXPIRED, format!("the {waiver} ended with {}; renew it, or mend what it was for", waiver.until))
    } else if used {
        return None;
    } else if refused {
        (WAIVER_REFUSED, format!("the {waiver} is not followed: what pvmigrate itself finds cannot be waived"))
    } else {
        (WAIVER_UNUSED, format!("the {waiver} matches no finding; remove it, or see whether its words are right"))
    };
    Some(Warning { code: code.to_owned(), about: About::Plan, message })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::answer::Severity;
    use super::super::object::Pairs;
    use super::super::verdict::PolicyRef;
    use super::*;

    fn finding(by: Option<&str>, code: &str, name: &str) -> Judged {
        let policy = |name: &str| PolicyRef { name: name.to_owned(), version: "1".to_owned(), digest: String::new() };
        Judged {
            by: by.map_or(Decider::Host, |name| Decider::Policy(policy(name))),
            code: code.to_owned(),
            severity: Severity::Blocker,
            about: match name {
                "plan" => About::Plan,
                name => About::Claim { namespace: "db".to_owned(), name: name.to_owned() },
            },
            message: String::new(),
            remedy: None,
            details: Pairs::new(),
        }
    }

    fn waiver(code: &str, policy: &str, subject: &str, until: Date) -> Waiver {
        Waiver {
            code: code.to_owned(),
            policy: policy.to_owned(),
            subject: subject.to_owned(),
            until,
            reason: "moved by hand".to_owned(),
        }
    }

    const TODAY: Date = date(2026, 3, 1);

    /// Applies one waiver to one finding: whether it was waived, and the code of the warning.
    fn one(waiver: Waiver, finding: Judged) -> (bool, Option<String>) {
        let applied = apply(&[waiver], vec![finding], TODAY);
        assert_eq!(applied.findings.len() + applied.waived.len(), 1, "no finding is lost");
        (!applied.waived.is_empty(), applied.warnings.first().map(|warning| warning.code.clone()))
    }

    #[test]
    fn code_policy_and_subject_must_all_fit_and_the_day_must_not_have_passed() {
        let found = || finding(Some("cap"), "too-large", "data");
        let fits = |code, policy, subject, until| one(waiver(code, policy, subject, until), found());
        let unused = (false, Some(WAIVER_UNUSED.to_owned()));
        assert_eq!(fits("too-large", "cap", "db/data", date(2026, 3, 2)), (true, None));
        assert_eq!(fits("too-large", "cap", "db/data", TODAY), (true, None), "the last day counts");
        let over = (false, Some(WAIVER_EXPIRED.to_owned()));
        assert_eq!(fits("too-large", "cap", "db/data", date(2026, 2, 28)), over);
        assert_eq!(fits("too-larg", "cap", "db/data", TODAY), unused);
        assert_eq!(fits("too-large", "keep", "db/data", TODAY), unused);
        assert_eq!(fits("too-large", "cap", "db/dat", TODAY), unused);
        assert_eq!(fits("too-large", "cap", "plan", TODAY), unused);
    }

    #[test]
    fn the_floor_of_the_host_cannot_be_waived_whatever_the_waiver_calls_it() {
        for policy in ["cap", "pvmigrate", ""] {
            let result =
                one(waiver("modes-narrowed", policy, "db/data", TODAY), finding(None, "modes-narrowed", "data"));
            assert_eq!(result, (false, Some(WAIVER_REFUSED.to_owned())), "{policy:?}");
        }
    }

    #[test]
    fn of_two_waivers_the_one_that_ends_last_is_named_and_both_are_used() {
        let (short, long) = (TODAY, date(2026, 4, 1));
        let waivers = [short, long, short].map(|until| waiver("too-large", "cap", "plan", until));
        let applied = apply(&waivers, vec![finding(Some("cap"), "too-large", "plan")], TODAY);
        assert_eq!(applied.waived[0].waiver.until, long);
        assert_eq!(applied.warnings, []);
    }

    #[test]
    fn an_expired_waiver_is_reported_even_when_nothing_needs_it() {
        let applied = apply(&[waiver("too-large", "cap", "plan", date(2020, 1, 1))], Vec::new(), TODAY);
        assert_eq!(applied.warnings[0].code, WAIVER_EXPIRED);
        assert!(applied.warnings[0].message.contains("2020-01-01"), "{}", applied.warnings[0].message);
    }
}
