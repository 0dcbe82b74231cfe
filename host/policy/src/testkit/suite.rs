//! One test file: read, checked, and taken apart into cases that hold whole requests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pvmigrate_core::policy::{Pairs, Request, facts};
use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::compare::Expected;
use super::error::{Place, TestkitError, did_you_mean};
use super::expect::Expect;
use super::objects::Objects;
use super::patch::{ClassRow, VolumeRow, merge};
use super::snapshot::Snapshot;
use super::yaml::{self, Named};
use crate::load::PolicyInfo;

const API_VERSION: &str = "pvmigrate.dev/policy-test/v1";

/// The facts of a request that a test may set; the source class follows from `source`.
const FACTS: [&str; 3] = [facts::NAMESPACE, facts::SKIP_SOURCE_VALIDATION, facts::FORCE_MODES];

/// A test file as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct File {
    api_version: Spanned<String>,
    source: Spanned<String>,
    target: Spanned<String>,
    now: Option<jiff::Timestamp>,
    #[serde(default)]
    environment: String,
    #[serde(default)]
    facts: Named<Option<String>>,
    snapshot: Option<Spanned<PathBuf>>,
    #[serde(default)]
    classes: Named<ClassRow>,
    #[serde(default)]
    volumes: Named<VolumeRow>,
    #[serde(default)]
    cases: Vec<CaseRow>,
}

/// A case as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CaseRow {
    name: Spanned<String>,
    environment: Option<String>,
    #[serde(default)]
    facts: Named<Option<String>>,
    #[serde(default)]
    given: Named<Value>,
    expect: Spanned<Expect>,
}

/// One case, ready to be asked.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) line: u64,
    pub(super) request: Request,
    pub(super) expected: Expected,
}

/// The cases of one test file.
pub(super) struct Suite {
    pub(super) cases: Vec<Case>,
    /// The fixture files it uses.
    pub(super) used: BTreeSet<PathBuf>,
}

impl Suite {
    /// Reads a test file and everything it names.
    pub(super) fn read(path: &Path, policy: &PolicyInfo) -> Result<Self, TestkitError> {
        let file: File = yaml::document(path)?;
        let reader = Reader { path, policy };
        reader.file(file)
    }
}

/// Knows where things stand, for messages.
struct Reader<'a> {
    path: &'a Path,
    policy: &'a PolicyInfo,
}

impl Reader<'_> {
    fn wrong<T>(&self, at: &Spanned<T>, what: impl Into<String>) -> TestkitError {
        TestkitError::Wrong { place: Place::of(self.path, at.referenced), what: what.into() }
    }

    fn file(&self, file: File) -> Result<Suite, TestkitError> {
        if file.api_version.value != API_VERSION {
            let what = format!("apiVersion {:?} is unknown; write {API_VERSION}", file.api_version.value);
            return Err(self.wrong(&file.api_version, what));
        }
        let mut used = BTreeSet::new();
        let mut snapshot = match &file.snapshot {
            Some(at) => self.snapshot(at, &mut used)?,
            None => Snapshot::default(),
        };
        self.add_rows(&mut snapshot, &file)?;
        let mut names = BTreeMap::new();
        let mut cases = Vec::new();
        for row in &file.cases {
            let line = row.name.referenced.line();
            if let Some(first) = names.insert(row.name.value.clone(), line) {
                return Err(self.wrong(&row.name, format!("line {first} has a case with this name already")));
            }
            let request = self.request(&file, row, snapshot.clone())?;
            let expected = Expected::of(&row.expect.value, &request, self.policy)
                .map_err(|(line, what)| self.wrong_at(line, &row.expect, what))?;
            cases.push(Case { name: row.name.value.clone(), line, request, expected });
        }
        Ok(Suite { cases, used })
    }

    /// Points at a line if there is one, else at the expectations.
    fn wrong_at(&self, at: Option<serde_saphyr::Location>, expect: &Spanned<Expect>, what: String) -> TestkitError {
        TestkitError::Wrong { place: Place::of(self.path, at.unwrap_or(expect.referenced)), what }
    }

    fn snapshot(&self, at: &Spanned<PathBuf>, used: &mut BTreeSet<PathBuf>) -> Result<Snapshot, TestkitError> {
        let folder = self.path.parent().unwrap_or(Path::new("")).join(&at.value);
        let mut objects = Objects::default();
        let files: Vec<_> = super::files(&folder)?.into_iter().filter(|file| !super::is_test(file)).collect();
        if files.is_empty() {
            return Err(self.wrong(at, format!("there is no YAML or JSON in {}", folder.display())));
        }
        for file in files {
            objects.add_file(&file)?;
            used.insert(file);
        }
        Snapshot::of(&objects).map_err(|what| self.wrong(at, what))
    }

    fn add_rows(&self, snapshot: &mut Snapshot, file: &File) -> Result<(), TestkitError> {
        for (name, row) in &file.classes.0 {
            if snapshot.classes.iter().any(|class| class.name == name.value) {
                return Err(self.wrong(name, format!("class {} is there already", name.value)));
            }
            snapshot.classes.push(row.class(&name.value).map_err(|what| self.wrong(name, what))?);
        }
        for (name, row) in &file.volumes.0 {
            let Some((namespace, claim)) = name.value.split_once('/') else {
                return Err(self.wrong(name, format!("{:?} is no volume; write namespace/claim", name.value)));
            };
            if snapshot.volumes.iter().any(|volume| volume.claim() == name.value) {
                return Err(self.wrong(name, format!("volume {} is there already", name.value)));
            }
            snapshot.volumes.push(row.volume(namespace, claim).map_err(|what| self.wrong(name, what))?);
        }
        snapshot.number();
        Ok(())
    }

    fn request(&self, file: &File, case: &CaseRow, mut snapshot: Snapshot) -> Result<Request, TestkitError> {
        for (name, patch) in &case.given.0 {
            self.patch(&mut snapshot, name, patch)?;
        }
        let class = |name: &str| snapshot.classes.iter().find(|class| class.name == name).cloned();
        let Some(target) = class(&file.target.value) else {
            let known = snapshot.classes.iter().map(|class| class.name.as_str());
            let near = did_you_mean(&file.target.value, known);
            return Err(self.wrong(&file.target, format!("there is no class {}{near}", file.target.value)));
        };
        let mut all_facts = Pairs::from([(facts::SOURCE_CLASS.to_owned(), file.source.value.clone())]);
        for (key, value) in file.facts.0.iter().chain(&case.facts.0) {
            if !FACTS.contains(&key.value.as_str()) {
                let near = did_you_mean(&key.value, FACTS);
                return Err(self.wrong(key, format!("{} is no fact of a request{near}", key.value)));
            }
            merge(&mut all_facts, &BTreeMap::from([(key.value.clone(), value.clone())]));
        }
        let now = file.now.map_or(0, |now| u64::try_from(now.as_second()).unwrap_or_default());
        Ok(Request {
            settings: "{}".to_owned(),
            environment: case.environment.as_ref().unwrap_or(&file.environment).clone(),
            now,
            source: class(&file.source.value),
            target,
            volumes: snapshot.volumes,
            facts: all_facts,
        })
    }

    /// Applies one patch: to a volume when the name has a slash, else to a class.
    fn patch(&self, snapshot: &mut Snapshot, name: &Spanned<String>, patch: &Value) -> Result<(), TestkitError> {
        let wrong = |what: String| self.wrong(name, what);
        if name.value.contains('/') {
            let row: VolumeRow = read(patch).map_err(wrong)?;
            let known: Vec<_> = snapshot.volumes.iter().map(|volume| volume.claim()).collect();
            return match known.iter().position(|claim| *claim == name.value) {
                Some(at) => row.apply(&mut snapshot.volumes[at]).map_err(wrong),
                None => Err(wrong(unknown_volume(&name.value, known.iter().map(String::as_str)))),
            };
        }
        let row: ClassRow = read(patch).map_err(wrong)?;
        match snapshot.classes.iter_mut().find(|class| class.name == name.value) {
            Some(class) => row.apply(class).map_err(wrong),
            None => {
                let near = did_you_mean(&name.value, snapshot.classes.iter().map(|class| class.name.as_str()));
                Err(wrong(format!("there is no class {}{near}", name.value)))
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(patch: &Value) -> Result<T, String> {
    T::deserialize(patch).map_err(|error| error.to_string())
}

/// Says that a volume is unknown, and which was perhaps meant.
pub(super) fn unknown_volume<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    format!("there is no volume {name}{}", did_you_mean(name, known))
}
