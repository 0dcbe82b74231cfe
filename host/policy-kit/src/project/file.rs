//! `policy.yaml`.

use std::path::{Component, Path, PathBuf};

use pvmigrate_policy::{Function, QUESTIONS, QuestionKind};
use serde::Deserialize;

use super::engine::Interpreted;
use super::error::ProjectError;
use super::js::Js;
use super::python::Python;
use super::stale::collect;
use super::{FILE, HIDDEN};

/// The version of the form of `policy.yaml`.
const API_VERSION: &str = "pvmigrate.dev/policy-project/v1";

/// A language that projects can be made and built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust, with the SDK that comes along.
    Rust,
    /// Python, by componentize-py.
    Python,
    /// JavaScript, by componentize-js.
    Js,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Raw {
    api_version: String,
    language: Option<Language>,
    command: Option<Vec<String>>,
    entry: Option<String>,
    #[serde(default)]
    exports: Vec<String>,
    inputs: Vec<PathBuf>,
    output: Option<PathBuf>,
}

/// How a project is built.
#[derive(Debug)]
pub(super) enum Recipe {
    Rust,
    /// The module that has the exported classes.
    Python {
        module: String,
    },
    /// The file that has the exported objects.
    Js {
        entry: String,
    },
    /// A command of the user's own, which writes `output`.
    Command(Vec<String>),
}

impl Recipe {
    /// Returns the language, if it is one whose policies run from their source.
    pub(super) fn interpreted(&self) -> Option<Box<dyn Interpreted + '_>> {
        match self {
            Self::Python { module } => Some(Box::new(Python { module })),
            Self::Js { entry } => Some(Box::new(Js { entry })),
            Self::Rust | Self::Command(_) => None,
        }
    }
}

/// A project, read and checked.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) dir: PathBuf,
    pub(super) recipe: Recipe,
    pub(super) exports: Vec<String>,
    /// Files and folders, relative to the project.
    pub(super) inputs: Vec<PathBuf>,
    /// The file as it is written: it is an input, too.
    pub(super) text: String,
    output: Option<PathBuf>,
}

impl Project {
    pub(super) fn open(dir: &Path) -> Result<Self, ProjectError> {
        let file = dir.join(FILE);
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ProjectError::NotAProject(dir.to_owned()));
            }
            Err(error) => return Err(ProjectError::io("read", &file)(error)),
        };
        let dir = dir.canonicalize().map_err(ProjectError::io("find", dir))?;
        let wrong = |problem: String| ProjectError::File { file: file.clone(), problem };
        let raw: Raw = serde_saphyr::from_str(&text).map_err(|error| wrong(first_line(&error.to_string())))?;
        if raw.api_version != API_VERSION {
            return Err(wrong(format!("apiVersion is {:?}, and {API_VERSION} is wanted", raw.api_version)));
        }
        for path in raw.inputs.iter().chain(&raw.output) {
            if !path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
                return Err(wrong(format!("{} leads out of the project", path.display())));
            }
        }
        let known: Vec<_> = exports().collect();
        if let Some(other) = raw.exports.iter().find(|export| !known.contains(&export.as_str())) {
            return Err(wrong(format!("exports: unknown interface {other:?}; known are {}", known.join(", "))));
        }
        let recipe = recipe(&raw).map_err(|problem| wrong(problem.to_owned()))?;
        if raw.inputs.is_empty() {
            return Err(wrong("inputs: name the files and folders that the policy is built from".to_owned()));
        }
        Ok(Self {
            dir,
            recipe,
            exports: raw.exports,
            inputs: raw.inputs.iter().map(|input| plain(input)).collect(),
            text,
            output: raw.output,
        })
    }

    /// Returns the exports without regard to the order in which they are written.
    pub(super) fn sorted_exports(&self) -> Vec<String> {
        let mut exports = self.exports.clone();
        exports.sort_unstable();
        exports.dedup();
        exports
    }

    /// Lists the files that the policy is built from. Python finds modules of the project whether `inputs` names them or
    /// not, so all of them count.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, ProjectError> {
        let mut files = Vec::new();
        for input in &self.inputs {
            collect(&self.dir, input, &mut files)?;
        }
        if matches!(self.recipe, Recipe::Python { .. }) {
            let mut all = Vec::new();
            collect(&self.dir, Path::new(""), &mut all)?;
            files.extend(all.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "py")));
        }
        files.sort_unstable();
        files.dedup();
        Ok(files)
    }

    /// Returns where the component is put.
    pub(super) fn output(&self) -> PathBuf {
        self.dir.join(HIDDEN).join("policy.wasm")
    }

    /// Returns the file that a command of the user's own writes.
    pub(super) fn made(&self) -> PathBuf {
        self.output.as_ref().map_or_else(|| self.output(), |output| self.dir.join(output))
    }

    pub(super) fn wrong(&self, problem: &str) -> ProjectError {
        ProjectError::File { file: self.dir.join(FILE), problem: problem.to_owned() }
    }
}

/// Writes a path without `.`, so that a file has one name.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// Returns the first line; the rest draws the place, for a terminal.
fn first_line(error: &str) -> String {
    pvmigrate_policy::text::escape(error.lines().next().unwrap_or_default().trim_start_matches("error: "))
}

/// Names the interfaces that a policy may export beside `manifest`.
fn exports() -> impl Iterator<Item = &'static str> {
    let questions = QUESTIONS.iter().map(QuestionKind::function);
    std::iter::once(Function::VALIDATE).chain(questions).map(Function::interface)
}

fn recipe(raw: &Raw) -> Result<Recipe, &'static str> {
    let needs_exports = || match raw.exports.is_empty() {
        true => Err("exports: name what the policy answers, such as [selection]"),
        false => Ok(()),
    };
    match (raw.language, &raw.command) {
        (Some(_), Some(_)) => Err("language and command are both set; keep one of them"),
        (None, None) => Err("name the language (rust, python or js), or a command that builds the policy"),
        (None, Some(_)) if raw.output.is_none() => Err("output: name the file that the command writes"),
        (None, Some(words)) => Ok(Recipe::Command(words.clone())),
        (Some(_), None) if raw.output.is_some() => Err("output is for a command of your own; leave it out"),
        (Some(Language::Rust), None) => Ok(Recipe::Rust),
        (Some(Language::Python), None) => {
            needs_exports()?;
            let entry = raw.entry.as_deref().unwrap_or("policy.py");
            let module = entry.strip_suffix(".py").ok_or("entry: a Python file ends in .py")?;
            Ok(Recipe::Python { module: module.replace('/', ".") })
        }
        (Some(Language::Js), None) => {
            needs_exports()?;
            Ok(Recipe::Js { entry: raw.entry.clone().unwrap_or_else(|| "policy.js".to_owned()) })
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn every_module_of_a_python_project_counts() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        };
        for file in
            ["policy.py", "sub/rule.py", "notes.txt", "data.json", ".hidden/x.py", "venv/pyvenv.cfg", "venv/x.py"]
        {
            write(file, "");
        }
        let yaml = format!(
            "apiVersion: {API_VERSION}\nlanguage: python\nexports: [selection]\ninputs: [./policy.py, data.json]\n"
        );
        write(FILE, &yaml);
        let files = Project::open(dir.path()).unwrap().files().unwrap();
        assert_eq!(files, ["data.json", "policy.py", "sub/rule.py"].map(PathBuf::from));
    }
}
