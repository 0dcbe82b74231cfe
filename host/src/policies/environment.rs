//! `pvmigrate.yaml`: which policies judge in which environment, with which settings and limits, and what is waived there.
//!
//! Reading only: no policy is opened here. [`Environment`] is one of the file's environments; all others were checked
//! by the same rules on the way. The file's shape for editors is `environment/schema.json`.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use pvmigrate_core::policy::waiver::Waiver;
use pvmigrate_policy::Limits;
use pvmigrate_registry::Digest;
use pvmigrate_yaml::{At, Fields, Mistake, Node, Place, Shape, Wrong, Yaml, did_you_mean};
use serde_json::{Map, Value};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::limits;
use crate::policies::source::Module;

/// The name of the file that is used when none is named.
pub const FILE: &str = "pvmigrate.yaml";
/// The only version so far.
const API_VERSION: &str = "pvmigrate.dev/config/v1";

const FILE_SHAPE: Shape = Shape { name: "the file", keys: &["apiVersion", "environments"] };
const ENVIRONMENT: Shape = Shape { name: "an environment", keys: &["policies", "waivers"] };
const POLICY: Shape = Shape { name: "a policy", keys: &["module", "digest", "settings", "limits"] };
const WAIVER: Shape = Shape { name: "a waiver", keys: &["code", "policy", "subject", "until", "reason"] };

/// Returns the JSON Schema of the file, for editors.
pub fn schema() -> &'static str {
    include_str!("environment/schema.json")
}

/// The environment that a run is for, as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The file that defines it.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
}

/// One environment of the file.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The file that defines it.
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
    /// The place in the file that names it.
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
            Some(node) => node.nearest(pointer).place(&self.place.file),
            None => self.place.clone(),
        }
    }
}

impl Environment {
    /// Returns a warning for each policy that has been named before: it is asked twice, and its findings count twice.
    pub fn repeated(&self) -> Vec<String> {
        let entries = self.policies.iter().enumerate();
        let repeated = entries.filter_map(|(at, entry)| {
            let first = self.policies[..at].iter().find(|earlier| earlier.module == entry.module)?;
            Some(format!(
                "{}: environment {} has {} twice, and it is asked twice; the first is at line {}; leave one out",
                entry.place, self.name, entry.module, first.place.line
            ))
        });
        repeated.collect()
    }

    /// Reads one environment of a file.
    ///
    /// # Errors
    /// When the file cannot be read, anything in it is wrong, or it has no such environment.
    pub fn read(file: &Path, name: &str) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Failure::new(Exit::Usage, error)
                .context(format!("cannot read {}", file.display()))
                .hint(format!("it defines environment {name}; to use another file: --config FILE"))
        })?;
        Self::parse(file, &text, name).map_err(|mistake| Failure::new(Exit::Usage, mistake))
    }

    fn parse(file: &Path, text: &str, name: &str) -> Result<Self, Mistake> {
        let root = Node::read(text, file)?;
        Self::of(&root, file, name).map_err(|wrong| wrong.of(file))
    }

    fn of(root: &Node, file: &Path, name: &str) -> Result<Self, Wrong> {
        let fields = Fields::of(root, &FILE_SHAPE)?;
        let (version, at) = required_text(&fields, "apiVersion")?;
        if version != API_VERSION {
            return Err(Wrong::new(at, format!("unknown apiVersion {version:?}; write {API_VERSION}")));
        }
        let node = fields.need("environments")?;
        let entries = node.map("environments")?;
        let environments = entries.iter().map(|(key, node)| environment(file, &key.name, node));
        let environments = environments.collect::<Result<Vec<_>, _>>()?;
        environments.into_iter().find(|environment| environment.name == name).ok_or_else(|| {
            let known = || entries.iter().map(|(key, _)| key.name.as_str());
            let names = known().collect::<Vec<_>>().join(", ");
            let there = if names.is_empty() {
                "the file defines none".to_owned()
            } else {
                format!("the file defines: {names}")
            };
            Wrong::new(&node.at, format!("environment {name:?} not found{}; {there}", did_you_mean(name, known())))
        })
    }
}

/// Reads a text that is required, and must not be empty.
fn required_text<'a>(fields: &Fields<'a>, key: &str) -> Result<(&'a str, &'a At), Wrong> {
    let node = fields.need(key)?;
    match node.text(key)? {
        text if text.trim().is_empty() => Err(Wrong::new(&node.at, format!("{key} is empty"))),
        text => Ok((text, &node.at)),
    }
}

fn items<'a>(fields: &Fields<'a>, key: &str) -> Result<&'a [Node], Wrong> {
    fields.get(key).map_or(Ok(&[]), |node| node.list(key))
}

fn environment(file: &Path, name: &str, node: &Node) -> Result<Environment, Wrong> {
    let environment =
        |policies, waivers| Environment { file: file.to_owned(), name: name.to_owned(), policies, waivers };
    // A name with nothing below it is an environment without policies of its own.
    if node.is == Yaml::Null {
        return Ok(environment(Vec::new(), Vec::new()));
    }
    let fields = Fields::of(node, &ENVIRONMENT)?;
    let modules = items(&fields, "policies")?;
    let policies = modules.iter().map(|node| entry(file, node)).collect::<Result<Vec<_>, _>>()?;
    let early = policies.iter().zip(modules).rev().skip(1).find(|(entry, _)| entry.module == Module::BuiltIn);
    if let Some((_, node)) = early {
        return Err(Wrong::new(&node.at, "the built-in policy always comes last; put it there, or leave it out"));
    }
    let waivers = items(&fields, "waivers")?.iter().map(waiver).collect::<Result<_, _>>()?;
    Ok(environment(policies, waivers))
}

fn entry(file: &Path, node: &Node) -> Result<Entry, Wrong> {
    let fields = Fields::of(node, &POLICY)?;
    let (text, at) = required_text(&fields, "module")?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let module = Module::parse(text.as_ref(), folder).map_err(|why| Wrong::new(at, why))?;
    let digest = match fields.get("digest") {
        Some(_) => {
            let (text, at) = required_text(&fields, "digest")?;
            Some(text.parse().map_err(|error| Wrong::new(at, format!("{error}")))?)
        }
        None => None,
    };
    let settings_node = fields.get("settings");
    let settings = match settings_node {
        None => Value::Object(Map::new()),
        Some(node) => node.map("settings").map(|_| node.json())?,
    };
    let limits = match fields.get("limits") {
        Some(node) if module == Module::BuiltIn => {
            return Err(Wrong::new(&node.at, "the limits of the built-in policy are fixed; leave these out"));
        }
        Some(node) => limits::read(node)?,
        None => Limits::default(),
    };
    Ok(Entry { module, place: at.place(file), digest, settings, limits, settings_node: settings_node.cloned() })
}

fn waiver(node: &Node) -> Result<Waiver, Wrong> {
    let fields = Fields::of(node, &WAIVER)?;
    let text = |key| required_text(&fields, key).map(|(text, _)| text.to_owned());
    Ok(Waiver {
        code: text("code")?,
        policy: text("policy")?,
        subject: text("subject")?,
        until: date(&fields)?,
        reason: text("reason")?,
    })
}

fn date(fields: &Fields<'_>) -> Result<Date, Wrong> {
    let (text, at) = required_text(fields, "until")?;
    // Exactly this form: others could be read as another day.
    let is_plain = text.len() == "2026-01-01".len();
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| {
        Wrong::new(
            at,
            format!("invalid date {text:?}; write the last day on which the waiver applies, such as 2026-12-31"),
        )
    })
}

#[cfg(test)]
mod tests;
