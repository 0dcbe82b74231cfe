//! One test file: read, checked, and taken apart into cases that hold whole requests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pvmigrate_core::policy::{Need, Question, Request};
use serde_json::Value;

use super::chain::{Chain, Id, Opened};
use super::cluster::Cluster;
use super::golden::{self, Golden};
use super::matrix;
use super::objects;
use super::ready::{self, Layers, Ready};
use super::snapshot::Snapshot;
use super::yaml;
use crate::testkit::vocabulary::answer::KINDS;
use crate::testkit::vocabulary::budget::Budget;
use crate::testkit::vocabulary::checker::Checker;
use crate::testkit::vocabulary::error::TestkitError;
use crate::testkit::vocabulary::expected::{EXPECT, Expected};
use pvmigrate_yaml::{At, Fields, Node, Shape, Wrong, Yaml, did_you_mean};

mod given;
mod question;
mod unused;

const API_VERSION: &str = "pvmigrate.dev/policy-test/v1";

pub(crate) const FILE: Shape = Shape {
    name: "a test file",
    keys: &[
        "apiVersion",
        "policy",
        "source",
        "target",
        "now",
        "environment",
        "facts",
        "settings",
        "budget",
        "snapshot",
        "classes",
        "volumes",
        "objects",
        "cases",
    ],
};

pub(crate) const CASE: Shape = Shape {
    name: "a case",
    keys: &[
        "name",
        "skip",
        "policy",
        "now",
        "environment",
        "facts",
        "settings",
        "snapshot",
        "matrix",
        "given",
        "expect",
    ],
};

/// One case, ready to be asked.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) line: u64,
    /// Why it is not run.
    pub(crate) skip: Option<String>,
    pub(crate) chain: Chain,
    /// The policies of the chain, with their settings.
    pub(crate) ready: Ready,
    /// The settings of the policy that the case is about.
    pub(crate) settings: Value,
    pub(crate) question: Question,
    pub(crate) expected: Expected,
    pub(crate) golden: Option<Golden>,
    /// The expectations as written.
    pub(crate) expect: Node,
    /// The volumes and classes that it patches.
    pub(crate) patches: BTreeSet<String>,
    /// Whether it is one of several that a matrix makes of one.
    pub(crate) variant: bool,
}

/// The cases of one test file.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) cases: Vec<Case>,
    /// The fixture files it uses.
    pub(crate) used: BTreeSet<PathBuf>,
}

impl Suite {
    /// Reads a test file and everything it names. `given`, if there is one, replaces the policy that the file names.
    pub(crate) fn read(path: &Path, opened: &mut Opened, given: Option<&Given>) -> Result<Self, TestkitError> {
        Self::of_text(path, yaml::read_text(path)?, opened, given)
    }

    /// Reads the text of a test file that would lie at this path.
    pub(crate) fn of_text(
        path: &Path,
        text: String,
        opened: &mut Opened,
        given: Option<&Given>,
    ) -> Result<Self, TestkitError> {
        let node = Node::read(&text, path)?;
        let file = Fields::of(&node, &FILE).map_err(|wrong| wrong.of(path))?;
        let version = file.need("apiVersion").and_then(|at| Ok((at, at.text("apiVersion")?)));
        let (at, version) = version.map_err(|wrong| wrong.of(path))?;
        if version != API_VERSION {
            let what = format!("apiVersion {version:?} is unknown; write {API_VERSION}");
            return Err(Wrong::new(&at.at, what).of(path).into());
        }
        let mut reader =
            Reader { path, file, opened, given, used: BTreeSet::new(), needs: Vec::new(), clusters: BTreeMap::new() };
        let cases = reader.cases()?;
        unused::rows(&reader.file, &cases).map_err(|wrong| wrong.of(path))?;
        let used = reader.used;
        Ok(Self { path: path.to_owned(), cases, used, text })
    }
}

/// Reads the name of a case, which no other has.
fn name_of<'a>(row: &'a Node, names: &mut BTreeMap<String, u64>) -> Result<(&'a str, &'a At), Wrong> {
    let at = Fields::of(row, &CASE)?.need("name")?;
    let name = at.text("name")?;
    if name.trim().is_empty() {
        return Err(Wrong::new(&at.at, "the name of the case is empty"));
    }
    if let Some(first) = names.insert(name.to_owned(), at.at.line) {
        return Err(Wrong::new(&at.at, format!("line {first} has a case with this name already")));
    }
    Ok((name, &at.at))
}

/// What is tested in place of the policies that files name.
pub(crate) struct Given {
    pub(crate) chain: Chain,
    /// The label of requests, where tests have none.
    pub(crate) environment: Option<String>,
}

/// A reader of one file.
struct Reader<'a, 'o> {
    path: &'a Path,
    file: Fields<'a>,
    opened: &'o mut Opened,
    given: Option<&'a Given>,
    used: BTreeSet<PathBuf>,
    /// What the policies of all cases look up.
    needs: Vec<Need>,
    /// The file's rows on each snapshot that it names, or on none; and what questions tell of them.
    clusters: BTreeMap<Option<PathBuf>, Arc<(Cluster, Snapshot)>>,
}

impl Reader<'_, '_> {
    fn cases(&mut self) -> Result<Vec<Case>, TestkitError> {
        let path = self.path;
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        let mut variants = Vec::new();
        let rows = self.file.get("cases").map(|node| node.list("cases")).transpose().map_err(|wrong| wrong.of(path))?;
        for row in rows.unwrap_or_default() {
            let (name, at) = name_of(row, &mut names).map_err(|wrong| wrong.of(path))?;
            let of_case = matrix::expand(row).map_err(|wrong| wrong.of(path))?;
            variants.extend(of_case.into_iter().map(|variant| (name, at, variant)));
        }
        for (_, _, variant) in &variants {
            let case = Fields::of(&variant.case, &CASE).map_err(|wrong| wrong.of(path))?;
            let chain = self.chain(&case)?;
            self.needs.extend(self.opened.needs(&chain));
        }
        if let Some(rows) = self.file.get("objects").filter(|_| !variants.is_empty()) {
            objects::held_to(rows, &self.needs).map_err(|wrong| wrong.of(path))?;
        }
        // A snapshot that every case replaces is one that nobody looks at, and is read all the same: it may be wrong.
        self.cluster(self.file.get("snapshot"))?;
        let mut goldens = BTreeMap::new();
        let mut cases = Vec::new();
        for (name, at, variant) in variants {
            let case = self.case(&variant.case, format!("{name}{}", variant.suffix))?;
            let golden = case.golden.as_ref().map(|golden| golden.path.clone());
            if let Some(other) = golden.and_then(|path| goldens.insert(path, case.name.clone())) {
                let what = format!("this case and {other:?} would share one golden; rename one of them");
                return Err(Wrong::new(at, what).of(path).into());
            }
            cases.push(Case { line: at.line, variant: !variant.suffix.is_empty(), ..case });
        }
        Ok(cases)
    }

    fn case(&mut self, row: &Node, name: String) -> Result<Case, TestkitError> {
        let path = self.path;
        let case = Fields::of(row, &CASE).map_err(|wrong| wrong.of(path))?;
        let cluster = self.cluster(case.get("snapshot").or_else(|| self.file.get("snapshot")))?;
        let chain = self.chain(&case)?;
        let question = self.question(&case, &chain, &cluster).map_err(|wrong| wrong.of(path))?;
        let expect = case.need("expect").map_err(|wrong| wrong.of(path))?;
        let (expected, golden) =
            self.expected(expect, &name, &chain, &question.request).map_err(|wrong| wrong.of(path))?;
        let layers = Layers {
            file: self.file.get("settings"),
            case: case.get("settings"),
            owner: self.owner()?,
            may_be_wrong: expected.settings_error.is_some(),
            at: &row.at,
        };
        let (ready, settings) = ready::ready(self.opened, &chain, &layers, path)?;
        let skip = case.text("skip").map_err(|wrong| wrong.of(path))?;
        if let Some(at) = case.get("skip").filter(|_| skip.is_some_and(|reason| reason.trim().is_empty())) {
            return Err(Wrong::new(&at.at, "a case is skipped for a reason; write it").of(path).into());
        }
        let patches = case.get("given").and_then(|given| given.map("given").ok()).unwrap_or_default();
        Ok(Case {
            name,
            line: 0,
            skip: skip.map(str::to_owned),
            chain,
            ready,
            settings,
            question,
            expected,
            golden,
            expect: expect.clone(),
            patches: patches.iter().map(|(key, _)| key.name.clone()).collect(),
            variant: false,
        })
    }

    fn chain(&mut self, case: &Fields<'_>) -> Result<Chain, TestkitError> {
        if let Some(node) = case.get("policy") {
            return self.opened.chain(node, self.path);
        }
        match (self.given, self.file.get("policy")) {
            (Some(given), _) => Ok(given.chain.clone()),
            (None, Some(node)) => self.opened.chain(node, self.path),
            (None, None) => {
                let what =
                    "which policy is tested? Name it here (policy: ..), or on the command line before the folder";
                Err(Wrong::new(self.file.at(), what).of(self.path).into())
            }
        }
    }

    /// Returns the policy that the file is about, if it is one.
    fn owner(&mut self) -> Result<Option<Id>, TestkitError> {
        match (self.given, self.file.get("policy")) {
            (Some(given), _) => Ok(given.chain.tested),
            (None, Some(node)) => Ok(self.opened.chain(node, self.path)?.tested),
            (None, None) => Ok(None),
        }
    }

    fn expected(
        &self,
        expect: &Node,
        name: &str,
        chain: &Chain,
        request: &Request,
    ) -> Result<(Expected, Option<Golden>), Wrong> {
        let claims = request.volumes.iter().map(|volume| volume.claim()).collect();
        let names = self.opened.names(chain, claims);
        let budget = self.file.get("budget").map(|node| Budget::read(node, self.path)).transpose()?;
        let golden = |keys, whole| Golden::read(golden::path(self.path, name), keys, whole, &names);
        if let Yaml::Text(word) = &expect.is {
            if word != "golden" {
                let near = did_you_mean(word, ["golden"]);
                return Err(Wrong::new(&expect.at, format!("{word:?} is neither `golden` nor a mapping{near}")));
            }
            let keys = KINDS.iter().filter(|kind| kind.of_chain == names.chain).map(|kind| kind.key).collect();
            return Ok((Expected { budget, ..Expected::default() }, Some(golden(keys, true))));
        }
        let fields = Fields::of(expect, &EXPECT)?;
        let keys: Vec<_> = EXPECT.keys.iter().copied().filter(|key| fields.get(key).is_some()).collect();
        if keys.is_empty() {
            let kinds: Vec<_> = KINDS.iter().filter(|kind| !kind.of_chain).map(|kind| kind.key).collect();
            let what = format!("the case expects nothing; name {} or fault", kinds.join(", "));
            return Err(Wrong::new(&expect.at, what));
        }
        if let (Some(fault), true) = (fields.get("fault"), keys.iter().any(|key| !["fault", "budget"].contains(key))) {
            return Err(Wrong::new(&fault.at, "a case that ends in a fault has no other answer"));
        }
        if let (Some(error), true) = (fields.get("settings-error"), keys.len() > 1) {
            return Err(Wrong::new(&error.at, "a policy that does not take its settings has no other answer"));
        }
        let in_golden = |key: &&str| fields.get(key).is_some_and(|node| node.is_word("golden"));
        let in_golden: Vec<_> = keys.into_iter().filter(in_golden).collect();
        let checker = Checker { names: &names, file: self.path, golden: false };
        let mut expected = Expected::read(&checker, &fields, &in_golden)?;
        let own = fields.get("budget").map(|node| Budget::read(node, self.path)).transpose()?;
        expected.budget = match (own, budget) {
            (Some(own), Some(file)) => Some(own.or(file)),
            (own, file) => own.or(file),
        };
        let golden = (!in_golden.is_empty()).then(|| golden(in_golden, false));
        Ok((expected, golden))
    }
}

#[cfg(test)]
mod tests;
