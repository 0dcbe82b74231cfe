//! The policies that cases are about: found, opened once, and put into chains.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pvmigrate_core::policy::Need;
use serde_json::Value;

use super::find::{folder_of, neighbours};
use crate::project::{self, Note, Want};
use crate::testkit::vocabulary::actual::Subject;
use crate::testkit::vocabulary::checker::Names;
use crate::testkit::vocabulary::error::TestkitError;
use pvmigrate_policy::Configured;
use pvmigrate_policy::Limits;
use pvmigrate_policy::{Policy, PolicyInfo};
use pvmigrate_yaml::{Fields, Node, Shape, Wrong, Yaml, did_you_mean};

/// The name of the built-in policy.
pub(crate) const BUILT_IN: &str = "builtin";

/// Codes that the host itself uses for what a chain decides.
const HOST_CODES: [&str; 10] = {
    use pvmigrate_core::policy::{chain, floor};
    [
        chain::NO_VOTE,
        chain::AS_BEFORE,
        floor::OUTSIDE_NAMESPACE,
        floor::ALREADY_ON_TARGET,
        floor::OUTSIDE_SOURCE_CLASS,
        floor::NO_MODES,
        floor::RWOP_NOT_ALONE,
        floor::NARROWER_THAN_USED,
        floor::UNSUPPORTED_MODE,
        floor::VOLUME_MODE_CHANGED,
    ]
};

/// A function that opens a policy in a registry (`oci://...`) that a test file names; an error says why not.
pub type Fetch = Arc<dyn Fn(&str) -> Result<Arc<Policy>, String> + Send + Sync>;

/// What reading tests needs besides the files.
#[derive(Clone)]
pub struct Surroundings {
    /// The limits of policies that the files name.
    pub limits: Limits,
    /// Whether policies' folders are built.
    pub want: Want,
    /// Hears of what takes long.
    pub note: Note,
    /// How to open policies in registries.
    pub fetch: Fetch,
}

impl Surroundings {
    /// Uses files only, and reports nothing.
    pub fn offline(limits: &Limits) -> Self {
        let fetch = |_: &str| Err("no registry is asked here".to_owned());
        Self { limits: limits.clone(), want: Want::Built, note: Arc::new(|_| ()), fetch: Arc::new(fetch) }
    }
}

/// The policies of a test run, each opened once.
pub(crate) struct Opened {
    built_in: Arc<Policy>,
    policies: Vec<Arc<Policy>>,
    by_file: BTreeMap<PathBuf, Id>,
    by_reference: BTreeMap<String, Id>,
    surroundings: Surroundings,
}

/// The identity of one opened policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Id {
    BuiltIn,
    Custom(usize),
}

/// The policies of one case, the built-in one last, and whose answers count.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    pub(crate) links: Vec<Link>,
    /// None when what the whole chain decides counts.
    pub(crate) tested: Option<Id>,
}

/// A policy of a chain, with the settings that stand beside it.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: Id,
    pub(crate) settings: Option<Node>,
}

pub(crate) const LINK: Shape = Shape { name: "a policy of a chain", keys: &["policy", "settings"] };

impl Opened {
    pub(crate) fn new(surroundings: &Surroundings) -> Result<Self, TestkitError> {
        Ok(Self {
            built_in: Policy::built_in()?,
            policies: Vec::new(),
            by_file: BTreeMap::new(),
            by_reference: BTreeMap::new(),
            surroundings: surroundings.clone(),
        })
    }

    /// Adds a policy that was opened elsewhere.
    pub(crate) fn add(&mut self, policy: Arc<Policy>) -> Id {
        if policy.info().digest == self.built_in.info().digest {
            return Id::BuiltIn;
        }
        let is_here = |other: &Arc<Policy>| other.info().digest == policy.info().digest;
        let at = self.policies.iter().position(is_here).unwrap_or_else(|| {
            self.policies.push(Arc::clone(&policy));
            self.policies.len() - 1
        });
        Id::Custom(at)
    }

    /// Adds the policies of a chain with their settings.
    pub(crate) fn add_chain(&mut self, links: &[Configured]) -> Chain {
        let link = |link: &Configured| {
            let id = self.add(Arc::clone(link.policy()));
            Link { id, settings: serde_json::from_str(link.settings()).ok().map(|json: Value| Node::from(&json)) }
        };
        Chain { links: links.iter().map(link).collect(), tested: None }.ended()
    }

    fn open(&mut self, path: &Path) -> Result<Id, TestkitError> {
        // Otherwise, a path written in two ways would be opened twice.
        let key = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // Every case names its policy: whether that is built and up to date is looked at once.
        if let Some(id) = self.by_file.get(&key) {
            return Ok(*id);
        }
        let ready = project::ready(path, self.surroundings.want, &*self.surroundings.note)?;
        let policy = ready.open(&self.surroundings.limits)?;
        let id = self.add(Arc::new(policy));
        self.by_file.insert(key, id);
        Ok(id)
    }

    fn fetched(&mut self, reference: &str) -> Result<Id, String> {
        if let Some(id) = self.by_reference.get(reference) {
            return Ok(*id);
        }
        let policy = (self.surroundings.fetch)(reference)?;
        let id = self.add(policy);
        self.by_reference.insert(reference.to_owned(), id);
        Ok(id)
    }

    /// Opens what a test file names, relative to the file's folder.
    fn named(&mut self, node: &Node, test: &Path) -> Result<Id, TestkitError> {
        let wrong = |what: String| TestkitError::from(Wrong::new(&node.at, what).of(test));
        let text = node.text("a policy").map_err(|wrong| wrong.of(test))?;
        if text == BUILT_IN {
            return Ok(Id::BuiltIn);
        }
        if text.contains("://") {
            return self.fetched(text).map_err(|why| {
                TestkitError::Unfetched(Wrong::new(&node.at, format!("policy {text}: {why}")).of(test))
            });
        }
        let path = folder_of(test).join(text);
        if !path.exists() {
            let known = neighbours(&path);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let near = did_you_mean(&name, known.iter().map(String::as_str).chain([BUILT_IN]));
            return Err(wrong(format!("no such policy: {}{near}", path.display())));
        }
        if path.is_dir() && !project::is_project(&path) {
            let what = "is a folder without a policy.yaml; name such a folder, or the .wasm that was built";
            return Err(wrong(format!("{} {what}", path.display())));
        }
        self.open(&path)
    }

    /// Makes the chain that `policy:` names.
    pub(crate) fn chain(&mut self, node: &Node, test: &Path) -> Result<Chain, TestkitError> {
        let Yaml::List(items) = &node.is else {
            return Ok(Chain::of(self.named(node, test)?));
        };
        let mut links: Vec<Link> = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let link = self.link(item, test)?;
            if links.iter().any(|other| other.id == link.id) {
                return Err(Wrong::new(&item.at, "this policy is in the chain already").of(test).into());
            }
            if link.id == Id::BuiltIn && at + 1 < items.len() {
                return Err(Wrong::new(&item.at, "the built-in policy is always the last of a chain").of(test).into());
            }
            links.push(link);
        }
        Ok(Chain { links, tested: None }.ended())
    }

    fn link(&mut self, item: &Node, test: &Path) -> Result<Link, TestkitError> {
        if !matches!(item.is, Yaml::Map(_)) {
            return Ok(Link { id: self.named(item, test)?, settings: None });
        }
        let fields = Fields::of(item, &LINK).map_err(|wrong| wrong.of(test))?;
        let policy = fields.need("policy").map_err(|wrong| wrong.of(test))?;
        Ok(Link { id: self.named(policy, test)?, settings: fields.get("settings").cloned() })
    }

    /// Returns everything that the policies of a chain may look up.
    pub(crate) fn needs(&self, chain: &Chain) -> Vec<Need> {
        chain.links.iter().flat_map(|link| self.get(link.id).info().needs.iter().cloned()).collect()
    }

    /// Lists the files that policies came from.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let given = self.policies.iter().filter_map(|policy| policy.info().file.clone());
        self.by_file.keys().cloned().chain(given)
    }

    /// Names the policies that run from their source.
    pub(crate) fn unbuilt(&self) -> impl Iterator<Item = &str> {
        self.policies.iter().filter(|policy| policy.is_source()).map(|policy| policy.info().name.as_str())
    }

    pub(crate) fn get(&self, id: Id) -> &Arc<Policy> {
        match id {
            Id::BuiltIn => &self.built_in,
            Id::Custom(at) => &self.policies[at],
        }
    }

    pub(crate) fn infos(&self, ids: &[Id]) -> Vec<PolicyInfo> {
        ids.iter().map(|id| self.get(*id).info().clone()).collect()
    }

    pub(crate) fn subject(&self, chain: &Chain) -> Subject {
        chain.tested.map_or(Subject::Chain, |id| Subject::Policy(self.get(id).reference()))
    }

    /// Lists what expectations about a chain may name.
    pub(crate) fn names(&self, chain: &Chain, claims: Vec<String>) -> Names {
        let codes = |id: Id| self.get(id).info().codes.iter().map(|doc| doc.code.clone()).collect::<Vec<_>>();
        let name = |id: Id| self.get(id).info().name.clone();
        match chain.tested {
            Some(id) => Names { claims, codes: codes(id), declared_by: format!("policy {}", name(id)), chain: false },
            None => {
                let host = HOST_CODES.iter().map(|code| (*code).to_owned());
                let names: Vec<_> = chain.links.iter().map(|link| name(link.id)).collect();
                Names {
                    claims,
                    codes: chain.links.iter().flat_map(|link| codes(link.id)).chain(host).collect(),
                    declared_by: format!("the chain of {}", names.join(", ")),
                    chain: true,
                }
            }
        }
    }
}

impl Chain {
    /// Makes a chain of one policy, with the built-in one for what it leaves open. The built-in one is not asked twice.
    pub(crate) fn of(id: Id) -> Self {
        let ids = if id == Id::BuiltIn { vec![id] } else { vec![id, Id::BuiltIn] };
        Self { links: ids.into_iter().map(|id| Link { id, settings: None }).collect(), tested: Some(id) }
    }

    /// Adds the built-in policy at the end, unless it is there.
    fn ended(mut self) -> Self {
        if self.links.last().is_none_or(|last| last.id != Id::BuiltIn) {
            self.links.push(Link { id: Id::BuiltIn, settings: None });
        }
        self
    }

    /// Returns the policies that the case is about.
    pub(crate) fn subjects(&self) -> Vec<Id> {
        self.tested.map_or_else(|| self.links.iter().map(|link| link.id).collect(), |id| vec![id])
    }
}
