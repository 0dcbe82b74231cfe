//! What a case expects, checked against what exists: a name that nothing has would pass in silence.

use std::collections::BTreeMap;
use std::path::Path;

use pvmigrate_core::policy::About;

use super::budget::Budget;
use super::settings::WantProblem;
use super::words::{FindingWord, ModesWord, VoteWord};
use pvmigrate_yaml::{Fields, Key, Node, Place, Shape, Wrong, Yaml, did_you_mean};

pub(crate) const EXPECT: Shape =
    Shape { name: "expect", keys: &["select", "modes", "findings", "plan", "fault", "settings-error", "budget"] };
pub(crate) const GOLDEN: Shape = Shape { name: "a golden", keys: &["select", "modes", "findings", "plan", "fault"] };
pub(crate) const AT_LEAST: Shape = Shape { name: "findings", keys: &["at-least"] };
const PLAN: Shape = Shape { name: "a plan", keys: &["claims", "findings", "warnings"] };

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

/// An expectation with its place.
#[derive(Clone, Debug)]
pub(crate) struct Want<T> {
    pub(crate) at: Place,
    pub(crate) is: T,
}

/// What a case expects. What is none is not looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) votes: Option<BTreeMap<String, Want<VoteWord>>>,
    pub(crate) modes: Option<BTreeMap<String, Want<ModesWord>>>,
    pub(crate) findings: Option<WantFindings>,
    pub(crate) plan: Option<WantPlan>,
    pub(crate) fault: Option<Want<String>>,
    pub(crate) settings_error: Option<WantProblem>,
    pub(crate) budget: Option<Budget>,
}

/// The findings expected.
#[derive(Clone, Debug)]
pub(crate) struct WantFindings {
    pub(crate) at: Place,
    pub(crate) exhaustive: bool,
    pub(crate) list: Vec<Want<FindingWord>>,
}

/// The plan expected: lines as [`super::answer::Plan`] writes them.
#[derive(Clone, Debug)]
pub(crate) struct WantPlan {
    pub(crate) at: Place,
    pub(crate) claims: BTreeMap<String, Want<String>>,
    pub(crate) findings: Vec<Want<String>>,
    pub(crate) warnings: Vec<Want<String>>,
}

/// What may be named in expectations.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// Every volume of the case.
    pub(crate) claims: Vec<String>,
    /// Every code that may appear.
    pub(crate) codes: Vec<String>,
    /// Who declares the codes, for messages.
    pub(crate) declared_by: String,
    /// Whether the expectations are about what a whole chain decides.
    pub(crate) chain: bool,
}

/// Reads expectations of one file.
pub(crate) struct Checker<'a> {
    pub(crate) names: &'a Names,
    pub(crate) file: &'a Path,
    /// Whether the file is a golden, where every message is whole.
    pub(crate) golden: bool,
}

impl Checker<'_> {
    /// Reads a mapping of expectations; the keys in `golden` are for someone else.
    pub(crate) fn read(&self, fields: &Fields<'_>, golden: &[&str]) -> Result<Expected, Wrong> {
        let own = |key: &str| fields.get(key).filter(|_| !golden.contains(&key));
        let votes = own("select").map(|node| self.each_volume(node, "a vote", |node| self.vote(node)));
        // Settings that are refused leave nothing to keep in a golden.
        let problem = if self.golden { None } else { own("settings-error") };
        let modes = own("modes").map(|node| self.each_volume(node, "modes", ModesWord::read));
        Ok(Expected {
            votes: votes.transpose()?.flatten(),
            modes: modes.transpose()?.flatten(),
            findings: own("findings").map(|node| self.findings(node)).transpose()?.flatten(),
            plan: own("plan").map(|node| self.plan(node)).transpose()?,
            fault: own("fault").map(|node| self.fault(node)).transpose()?,
            settings_error: problem.map(|node| WantProblem::read(node, self.file)).transpose()?,
            budget: None,
        })
    }

    fn place(&self, node: &Node) -> Place {
        node.at.place(self.file)
    }

    /// Spreads a mapping over all volumes, and `any` over none. Every volume must be named, or `rest`.
    fn each_volume<T: Clone>(
        &self,
        node: &Node,
        what: &str,
        read: impl Fn(&Node) -> Result<T, Wrong>,
    ) -> Result<Option<BTreeMap<String, Want<T>>>, Wrong> {
        if node.is_word("any") {
            return Ok(None);
        }
        if let Yaml::Text(text) = &node.is {
            return Err(Wrong::new(&node.at, format!("{text:?} is neither `any` nor a mapping of volumes to {what}")));
        }
        let claims = &self.names.claims;
        let mut spread = BTreeMap::new();
        let mut rest = None;
        for (key, value) in node.map("select or modes")? {
            let want = Want { at: self.place(value), is: read(value)? };
            if key.name == "rest" {
                rest = Some((key, want));
            } else if claims.contains(&key.name) {
                spread.insert(key.name.clone(), want);
            } else {
                let known = claims.iter().map(String::as_str).chain(["rest"]);
                return Err(Wrong::new(&key.at, unknown_volume(&key.name, known)));
            }
        }
        self.spread_rest(node, &mut spread, rest)?;
        Ok(Some(spread))
    }

    fn spread_rest<T: Clone>(
        &self,
        node: &Node,
        spread: &mut BTreeMap<String, Want<T>>,
        rest: Option<(&Key, Want<T>)>,
    ) -> Result<(), Wrong> {
        let mut left = self.names.claims.iter().filter(|claim| !spread.contains_key(*claim)).peekable();
        match (left.peek(), rest) {
            (None, None) => Ok(()),
            (None, Some((key, _))) => {
                Err(Wrong::new(&key.at, "every volume is named, so `rest` stands for none; remove it"))
            }
            (Some(claim), None) => {
                let what = format!("volume {claim} is not named; name it, or add `rest: any`");
                Err(Wrong::new(&node.at, what))
            }
            (Some(_), Some((_, rest))) => {
                let rest: Vec<_> = left.map(|claim| (claim.clone(), rest.clone())).collect();
                spread.extend(rest);
                Ok(())
            }
        }
    }

    fn vote(&self, node: &Node) -> Result<VoteWord, Wrong> {
        let vote = VoteWord::read(node)?;
        if self.names.chain && vote == VoteWord::Abstain {
            return Err(Wrong::new(&node.at, "a whole chain never abstains; write migrate or skip"));
        }
        vote.code().map(|code| self.code(node, code)).transpose()?;
        Ok(vote)
    }

    fn code(&self, node: &Node, code: &str) -> Result<(), Wrong> {
        if self.names.codes.iter().any(|known| known == code) {
            return Ok(());
        }
        let near = did_you_mean(code, self.names.codes.iter().map(String::as_str));
        Err(Wrong::new(&node.at, format!("{} declares no code {code}{near}", self.names.declared_by)))
    }

    fn findings(&self, node: &Node) -> Result<Option<WantFindings>, Wrong> {
        let at = self.place(node);
        let (exhaustive, list) = match &node.is {
            Yaml::Text(word) if word == "any" => return Ok(None),
            Yaml::Text(word) if word == "none" => (true, &[][..]),
            Yaml::Text(word) => {
                let near = did_you_mean(word, ["any", "none"]);
                let what = format!("{word:?} is neither `none`, `any` nor a list of findings{near}");
                return Err(Wrong::new(&node.at, what));
            }
            Yaml::Map(_) => {
                let list = Fields::of(node, &AT_LEAST)?.need("at-least")?.list("at-least")?;
                if list.is_empty() {
                    return Err(Wrong::new(&node.at, "at least nothing always holds; name a finding, or write any"));
                }
                (false, list)
            }
            _ => (true, node.list("findings")?),
        };
        let list = list.iter().map(|item| self.finding(item)).collect::<Result<_, _>>()?;
        Ok(Some(WantFindings { at, exhaustive, list }))
    }

    fn finding(&self, node: &Node) -> Result<Want<FindingWord>, Wrong> {
        let read = if self.golden { FindingWord::read_golden(node) } else { FindingWord::read(node) }?;
        self.code(node, &read.code)?;
        self.about(node, &read.about)?;
        Ok(Want { at: self.place(node), is: read })
    }

    /// Accepts `plan`, a volume that exists, and any object that is written `Kind name` or `Kind namespace/name`.
    fn about(&self, node: &Node, about: &str) -> Result<(), Wrong> {
        let claims = &self.names.claims;
        let is_object = about.contains(' ');
        if about == About::Plan.to_string() || is_object || claims.iter().any(|claim| claim == about) {
            return Ok(());
        }
        let known = claims.iter().map(String::as_str).chain(["plan"]);
        Err(Wrong::new(&node.at, unknown_volume(about, known)))
    }

    fn fault(&self, node: &Node) -> Result<Want<String>, Wrong> {
        let text = node.text("a fault")?;
        let mut words = text.split_whitespace();
        let (word, code) = (words.next().unwrap_or_default(), words.next());
        if !FAULTS.contains(&word) {
            let near = did_you_mean(word, FAULTS);
            let what = format!("{word:?} is no fault{near} Write one of: {}", FAULTS.join(", "));
            return Err(Wrong::new(&node.at, what));
        }
        match (word, code) {
            ("undecided", Some(code)) => self.code(node, code)?,
            ("undecided", None) => return Err(Wrong::new(&node.at, "write the code too: undecided CODE")),
            (_, Some(_)) => return Err(Wrong::new(&node.at, format!("{text:?} has more than one word"))),
            (_, None) => {}
        }
        Ok(Want { at: self.place(node), is: text.to_owned() })
    }

    fn plan(&self, node: &Node) -> Result<WantPlan, Wrong> {
        if !self.golden {
            return Err(Wrong::new(&node.at, "a plan stands in a golden: write `plan: golden`"));
        }
        let fields = Fields::of(node, &PLAN)?;
        let line = |node: &Node| Ok(Want { at: self.place(node), is: node.text("a line of the plan")?.to_owned() });
        let lines = |key: &str| match fields.get(key) {
            Some(node) => node.list(key)?.iter().map(line).collect(),
            None => Ok(Vec::new()),
        };
        let claims = match fields.get("claims") {
            Some(node) => node.map("claims")?,
            None => &[],
        };
        Ok(WantPlan {
            at: self.place(node),
            claims: claims.iter().map(|(key, value)| Ok((key.name.clone(), line(value)?))).collect::<Result<_, _>>()?,
            findings: lines("findings")?,
            warnings: lines("warnings")?,
        })
    }
}

/// Says that a volume is unknown, and which was perhaps meant.
pub(crate) fn unknown_volume<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    format!("there is no volume {name}{}", did_you_mean(name, known))
}
