//! Where a question comes from when there is no cluster: Kubernetes objects on disk, or a question that was saved.
//!
//! Both become a [`Snapshot`]; a saved question also knows how it was asked. What flags say takes precedence.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use pvmigrate_core::policy::{Collected, Kind, Need, Pairs, Question, Request, StorageClass, Volume, facts};
use pvmigrate_objects::input;
use pvmigrate_policy_kit::testkit::Fixture;
use pvmigrate_rehearsal::{LeftOut, Named};
use pvmigrate_yaml::did_you_mean;

use super::saved::SavedQuestion;
use crate::failure::Failure;

/// What the user asks; the rest is as in the saved question.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// `--source-sc`.
    pub source_class: Option<String>,
    /// `--dest-sc`.
    pub dest_class: Option<String>,
    /// `--namespace`.
    pub namespace: Option<String>,
    /// `--skip-source-validation`.
    pub skip_source_validation: bool,
    /// `--environment`.
    pub environment: Option<String>,
    /// `--now`.
    pub now: Option<Timestamp>,
}

/// All that a question is made of, except what flags say.
#[derive(Clone, Debug)]
pub struct Snapshot {
    classes: BTreeMap<String, StorageClass>,
    volumes: Vec<Volume>,
    collected: Arc<Collected>,
    /// The namespaces that there are; not known of a saved question.
    namespaces: Option<BTreeSet<String>>,
    /// What is wrong with classes, by name.
    unclear: BTreeMap<String, String>,
    /// How it was asked; objects on disk have not been asked about yet.
    earlier: Earlier,
    /// Objects that nothing is made of.
    unused: Vec<LeftOut>,
}

#[derive(Clone, Debug, Default)]
struct Earlier {
    facts: Pairs,
    target: Option<String>,
    environment: Option<String>,
    now: Option<u64>,
}

fn left_out(kind: &Kind, names: &[(Option<String>, String)]) -> LeftOut {
    let named =
        |(namespace, name): &(Option<String>, String)| Named { namespace: namespace.clone(), name: name.clone() };
    let (api_version, kind) = (kind.api_version.clone(), kind.kind.clone());
    LeftOut { api_version, kind, objects: names.iter().map(named).collect() }
}

impl Snapshot {
    /// Reads a folder or file of Kubernetes objects, or a saved question. `needs` are what the policies look up.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path, needs: &[Need]) -> Result<Self, Failure> {
        let fixture = if path.is_dir() {
            Fixture::read(path)?
        } else {
            let text = input::text(path)?;
            if let Some(saved) = SavedQuestion::of_text_if_it_is_one(path, &text)? {
                return Ok(Self::of_saved(saved.question));
            }
            Fixture::of_text(path, &text)?
        };
        Ok(Self {
            classes: fixture.classes().iter().map(|class| (class.name.clone(), class.clone())).collect(),
            volumes: fixture.volumes().to_vec(),
            collected: Arc::new(fixture.collected(needs)),
            namespaces: Some(fixture.namespaces().clone()),
            unclear: fixture.unclear_classes().clone(),
            earlier: Earlier::default(),
            unused: fixture.unused(needs).map(|(kind, names)| left_out(kind, names)).collect(),
        })
    }

    fn of_saved(Question { request, collected }: Question) -> Self {
        let earlier = Earlier {
            facts: request.facts,
            target: Some(request.target.name.clone()),
            environment: Some(request.environment),
            now: Some(request.now),
        };
        let classes = request.source.into_iter().chain([request.target]);
        let classes = classes.map(|class| (class.name.clone(), class)).collect();
        Self {
            classes,
            volumes: request.volumes,
            collected,
            namespaces: None,
            unclear: BTreeMap::new(),
            earlier,
            unused: Vec::new(),
        }
    }

    /// Lists the objects that neither the question nor a look-up of these policies is made of.
    pub fn unused(&self) -> Vec<LeftOut> {
        self.unused.clone()
    }

    /// Makes the question that the flags ask.
    ///
    /// # Errors
    /// When a class is missing, or the snapshot has none of that name.
    pub fn question(self, given: Given) -> Result<Question, Failure> {
        if self.classes.is_empty() {
            return Err(Failure::usage("the snapshot holds no StorageClass").hint("add them: kubectl get sc -o yaml"));
        }
        let some = |flag: Option<String>| flag.filter(|text| !text.is_empty());
        let mut all_facts = self.earlier.facts.clone();
        if let Some(source) = given.source_class {
            all_facts.insert(facts::SOURCE_CLASS.to_owned(), source);
        }
        if let Some(namespace) = some(given.namespace) {
            if let Some(known) = self.namespaces.as_ref().filter(|known| !known.contains(&namespace)) {
                let near = did_you_mean(&namespace, known.iter().map(String::as_str));
                return Err(Failure::usage(format!(
                    "--namespace: no object of the snapshot is in namespace {namespace}{near}"
                )));
            }
            all_facts.insert(facts::NAMESPACE.to_owned(), namespace);
        }
        if given.skip_source_validation {
            all_facts.insert(facts::SKIP_SOURCE_VALIDATION.to_owned(), facts::TRUE.to_owned());
        }
        let source = self.source(all_facts.get(facts::SOURCE_CLASS))?;
        let target = given.dest_class.or_else(|| self.earlier.target.clone());
        let target = target.ok_or_else(|| self.missing("--dest-sc", "to"))?;
        let Some(target) = self.classes.get(&target).cloned() else {
            return Err(self.unknown("--dest-sc", &target));
        };
        for class in source.iter().chain([&target]) {
            if let Some(what) = self.unclear.get(&class.name) {
                return Err(Failure::usage(format!("StorageClass {}: {what}", class.name)));
            }
        }
        let now = given.now.map(|now| u64::try_from(now.as_second()).unwrap_or(0)).or(self.earlier.now);
        Ok(Question {
            request: Request {
                environment: some(given.environment).or(self.earlier.environment).unwrap_or_default(),
                now: now.unwrap_or_else(|| u64::try_from(Timestamp::now().as_second()).unwrap_or(0)),
                source,
                target,
                volumes: self.volumes,
                facts: all_facts,
            },
            collected: self.collected,
        })
    }

    /// Finds the class to migrate from. The object may be gone while volumes of the class are still there.
    fn source(&self, name: Option<&String>) -> Result<Option<StorageClass>, Failure> {
        let name = name.ok_or_else(|| self.missing("--source-sc", "from"))?;
        let class = self.classes.get(name).cloned();
        let is_used = self.volumes.iter().any(|volume| volume.storage_class.as_ref() == Some(name));
        if class.is_none() && !is_used { Err(self.unknown("--source-sc", name)) } else { Ok(class) }
    }

    fn known(&self) -> String {
        let known: Vec<&str> = self.classes.keys().map(String::as_str).collect();
        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
    }

    fn missing(&self, flag: &str, what: &str) -> Failure {
        Failure::usage(format!("{flag} is missing: the StorageClass to migrate {what}"))
            .hint(format!("StorageClasses in the snapshot: {}", self.known()))
    }

    fn unknown(&self, flag: &str, name: &str) -> Failure {
        let near = did_you_mean(name, self.classes.keys().map(String::as_str));
        let known = self.known();
        Failure::usage(format!("{flag}: StorageClass {name} not found in the snapshot{near} (it has: {known})"))
    }

    /// Returns the kinds that policies look up and of which the snapshot has no objects.
    pub fn without<'a>(&self, needs: &'a [Need]) -> Vec<&'a Need> {
        let held: BTreeMap<_, _> = self.collected.kinds().collect();
        let is_empty = |need: &&Need| matches!(held.get(&need.kind), None | Some(Ok(0)));
        needs.iter().filter(is_empty).collect()
    }
}
