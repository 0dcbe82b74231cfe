//! `pvmigrate.yaml`: which policies judge in which environment, with which settings and limits, and what is waived there.
//!
//! Reading only: no policy is opened here. [`Environment`] is one of the file's environments, every other one was held to
//! the same rules on the way. The file's shape for editors is `config/schema.json`.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use pvmigrate_core::policy::waiver::Waiver;
use pvmigrate_policy::Limits;
use pvmigrate_policy::yaml_tree::{At, Fields, Kind, Node, Place, Tree, Wrong, did_you_mean};
use pvmigrate_registry::Digest;
use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::module::Module;

mod limits;

/// The name of the file that is used when none is named.
pub const FILE: &str = "pvmigrate.yaml";
/// The one version there is.
const API_VERSION: &str = "pvmigrate.dev/config/v1";

const FILE_KEYS: &[&str] = &["apiVersion", "environments"];
const ENVIRONMENT_KEYS: &[&str] = &["policies", "waivers"];
const POLICY_KEYS: &[&str] = &["module", "digest", "settings", "limits"];
const WAIVER_KEYS: &[&str] = &["code", "policy", "subject", "until", "reason"];

/// Returns the JSON Schema of the file, for editors.
pub fn schema() -> &'static str {
    include_str!("config/schema.json")
}

/// One environment of the file.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The file it stands in.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
    /// Its policies, in the order in which they are asked.
    pub policies: Vec<Entry>,
    /// What is accepted there for a while.
    pub waivers: Vec<Waiver>,
}

/// One policy of an environment.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it comes from; files are relative to the working directory already.
    pub module: Module,
    /// Where that stands.
    pub place: Place,
    /// The digest that the component must have.
    pub digest: Option<Digest>,
    /// Its settings.
    pub settings: Value,
    /// What it may use up.
    pub limits: Limits,
    settings_node: Option<Node>,
}

impl Entry {
    /// Finds where a JSON Pointer into the settings leads in the file.
    pub fn settings_place(&self, pointer: &str) -> Place {
        match &self.settings_node {
            Some(node) => node.find(pointer).in_file(&self.place.file),
            None => self.place.clone(),
        }
    }
}

impl Environment {
    /// Reads one environment of a file.
    ///
    /// # Errors
    /// When the file cannot be read, anything in it is wrong, or it has no such environment.
    pub fn read(file: &Path, name: &str) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot read {}", file.display()))
                .hint(format!("the policies of environment {name} are looked up there; another file: --config FILE"))
        })?;
        Self::parse(file, &text, name).map_err(|wrong| Failure::new(Exit::Usage, wrong))
    }

    fn parse(file: &Path, text: &str, name: &str) -> Result<Self, Wrong> {
        let tree = Tree::parse(file, text)?;
        let fields = tree.fields(&tree.root, "the file", FILE_KEYS)?;
        let (version, at) = fields.need_text("apiVersion")?;
        if version != API_VERSION {
            return Err(tree.wrong(at, format!("apiVersion {version:?} is unknown; write {API_VERSION}")));
        }
        let node = fields.need("environments")?;
        let Kind::Map(entries) = &node.kind else {
            return Err(tree.wrong(node.at, format!("environments is a mapping, and this is {}", node.kind.word())));
        };
        let environments = entries.iter().map(|entry| environment(&tree, &entry.key, &entry.value));
        let environments = environments.collect::<Result<Vec<_>, _>>()?;
        environments.into_iter().find(|environment| environment.name == name).ok_or_else(|| {
            let known = || entries.iter().map(|entry| entry.key.as_str());
            let names = known().collect::<Vec<_>>().join(", ");
            let there = if names.is_empty() { "there are none".to_owned() } else { format!("there are: {names}") };
            tree.wrong(node.at, format!("no environment {name:?}{}; {there}", did_you_mean(name, known())))
        })
    }
}

fn environment(tree: &Tree, name: &str, node: &Node) -> Result<Environment, Wrong> {
    let what = format!("environment {name}");
    let fields = tree.fields(node, &what, ENVIRONMENT_KEYS)?;
    let items = fields.list("policies")?;
    let policies = items.iter().map(|node| entry(tree, node)).collect::<Result<Vec<_>, _>>()?;
    let early = policies.iter().rev().skip(1).find(|entry| entry.module == Module::BuiltIn);
    if let Some(early) = early {
        let what = "the built-in policy is always the last; name it there, or not at all";
        return Err(Wrong { place: early.place.clone(), what: what.to_owned() });
    }
    let waivers = fields.list("waivers")?.iter().map(|node| waiver(tree, node)).collect::<Result<_, _>>()?;
    Ok(Environment { file: tree.file.clone(), name: name.to_owned(), policies, waivers })
}

fn entry(tree: &Tree, node: &Node) -> Result<Entry, Wrong> {
    let fields = tree.fields(node, "a policy", POLICY_KEYS)?;
    let (text, at) = fields.need_text("module")?;
    let folder = tree.file.parent().unwrap_or(Path::new(""));
    let module = Module::parse(text.as_ref(), folder).map_err(|why| tree.wrong(at, why))?;
    let digest = match fields.text("digest")? {
        Some((text, at)) => Some(text.parse().map_err(|error| tree.wrong(at, format!("{error}")))?),
        None => None,
    };
    let settings_node = fields.get("settings");
    let settings = match settings_node.map(|node| (node, &node.kind)) {
        None => Value::Object(Map::new()),
        Some((node, Kind::Map(_))) => node.json(),
        Some((node, other)) => {
            return Err(tree.wrong(node.at, format!("settings is a mapping, and this is {}", other.word())));
        }
    };
    let limits = match fields.get("limits") {
        Some(node) if module == Module::BuiltIn => {
            return Err(tree.wrong(node.at, "the built-in policy has its own limits; leave these out"));
        }
        Some(node) => limits::read(tree, node)?,
        None => Limits::default(),
    };
    let place = at.in_file(&tree.file);
    Ok(Entry { module, place, digest, settings, limits, settings_node: settings_node.cloned() })
}

fn waiver(tree: &Tree, node: &Node) -> Result<Waiver, Wrong> {
    let fields = tree.fields(node, "a waiver", WAIVER_KEYS)?;
    let text = |key| fields.need_text(key).map(|(text, _)| text.to_owned());
    Ok(Waiver {
        code: text("code")?,
        policy: text("policy")?,
        subject: text("subject")?,
        until: date(tree, &fields)?,
        reason: text("reason")?,
    })
}

fn date(tree: &Tree, fields: &Fields<'_>) -> Result<Date, Wrong> {
    let (text, at): (&str, At) = fields.need_text("until")?;
    // Exactly this form: others could be read as another day.
    let is_plain = text.len() == "2026-01-01".len();
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        tree.wrong(at, format!("{text:?} is no date; write the last day on which it holds, such as 2026-12-31"))
    })
}

#[cfg(test)]
mod tests;
