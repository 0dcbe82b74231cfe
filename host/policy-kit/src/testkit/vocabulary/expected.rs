//! What a case expects.

use std::sync::Arc;

use pvmigrate_yaml::{Fields, Node, Shape, Wrong, did_you_mean};

use super::actual::Actual;
use super::answer::KINDS;
use super::answer::kind::Wanted;
use super::budget::Budget;
use super::checker::{Checker, Want};
use super::report::Mismatch;
use super::settings_error::WantProblem;

pub(crate) const EXPECT: Shape =
    Shape { name: "expect", keys: &with_answers::<{ KINDS.len() + 3 }>(&["fault", "settings-error", "budget"]) };
pub(crate) const GOLDEN: Shape = Shape { name: "a golden", keys: &with_answers::<{ KINDS.len() + 1 }>(&["fault"]) };

/// Returns the keys of all answers, and these.
const fn with_answers<const ALL: usize>(others: &[&'static str]) -> [&'static str; ALL] {
    let mut keys = [""; ALL];
    let mut at = 0;
    while at < ALL {
        keys[at] = if at < KINDS.len() { KINDS[at].key } else { others[at - KINDS.len()] };
        at += 1;
    }
    keys
}

/// The faults that a case can provoke; all others keep the policy from being loaded.
pub(crate) const FAULTS: [&str; 12] = [
    "fuel",
    "time",
    "memory",
    "stack",
    "output",
    "log",
    "lookups",
    "trap",
    "undecided",
    "undeclared-code",
    "unknown-volume",
    "repeated-volume",
];

/// What a case expects. What it does not name is not looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Of each kind of answer, with its key.
    pub(crate) answers: Vec<(&'static str, Arc<dyn Wanted>)>,
    pub(crate) fault: Option<Want<String>>,
    pub(crate) settings_error: Option<WantProblem>,
    pub(crate) budget: Option<Budget>,
}

impl Expected {
    /// Reads a mapping of expectations; the keys in `golden` are read elsewhere.
    pub(crate) fn read(checker: &Checker<'_>, fields: &Fields<'_>, golden: &[&str]) -> Result<Self, Wrong> {
        let own = |key: &str| fields.get(key).filter(|_| !golden.contains(&key));
        let mut answers = Vec::new();
        for kind in KINDS {
            if let Some(wanted) = own(kind.key).map(|node| (kind.read)(checker, node)).transpose()?.flatten() {
                answers.push((kind.key, wanted));
            }
        }
        // Settings that are refused leave nothing to keep in a golden.
        let problem = if checker.golden { None } else { own("settings-error") };
        Ok(Self {
            answers,
            fault: own("fault").map(|node| fault(checker, node)).transpose()?,
            settings_error: problem.map(|node| WantProblem::read(node, checker.file)).transpose()?,
            budget: None,
        })
    }

    /// Compares an answer, or the fault that occurred instead; empty for a fault that no case can expect.
    pub(crate) fn compare(&self, actual: &Actual) -> Vec<Mismatch> {
        if let Some(want) = &self.settings_error {
            let Some(problems) = &actual.problems else {
                return vec![Mismatch::new("settings-error", &want.at, want, "settings that the policy takes")];
            };
            let others = problems.iter().filter(|problem| !want.fits(problem));
            return others.map(|problem| Mismatch::new("settings-error", &want.at, want, problem)).collect();
        }
        if let Some(want) = &self.fault {
            let got = actual.fault.as_deref().unwrap_or("an answer");
            return match want.is == got {
                true => Vec::new(),
                false => vec![Mismatch::new("fault", &want.at, &want.is, got)],
            };
        }
        self.answers.iter().flat_map(|(_, wanted)| wanted.compare(actual)).collect()
    }
}

fn fault(checker: &Checker<'_>, node: &Node) -> Result<Want<String>, Wrong> {
    let text = node.text("a fault")?;
    let mut words = text.split_whitespace();
    let (word, code) = (words.next().unwrap_or_default(), words.next());
    if !FAULTS.contains(&word) {
        let near = did_you_mean(word, FAULTS);
        let what = format!("unknown fault {word:?}, not one of {}{near}", FAULTS.join(", "));
        return Err(Wrong::new(&node.at, what));
    }
    match (word, code) {
        ("undecided", Some(code)) => checker.code(node, code)?,
        ("undecided", None) => return Err(Wrong::new(&node.at, "write the code too: undecided CODE")),
        (_, Some(_)) => return Err(Wrong::new(&node.at, format!("{text:?} has more than one word"))),
        (_, None) => {}
    }
    Ok(Want { at: checker.place(node), is: text.to_owned() })
}
