//! `policy new`: a folder to begin with.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use pvmigrate_policy_kit::project::{self, Language, ProjectError};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};

/// The flags of `policy new`.
#[derive(Args, Clone, Debug)]
pub struct NewArgs {
    /// Name of the policy: lower-case letters, digits and '-'
    pub name: String,
    /// Language to write it in
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: PolicyLanguage,
    /// Folder to create (default: the name)
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// The languages that `policy new` knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyLanguage {
    /// Small, fast components.
    Rust,
    /// Built by componentize-py.
    Python,
    /// Built by componentize-js.
    Js,
}

/// Makes the folder of a new policy.
///
/// # Errors
/// When the name is invalid, or the folder is in use.
pub(super) fn run(args: &NewArgs, screen: &Screen) -> Result<Exit, Failure> {
    let dir = args.dir.clone().unwrap_or_else(|| PathBuf::from(&args.name));
    let created = project::create(Path::new(&dir), &args.name, language(args.lang))?;
    screen.result(|| render::project::created_text(&created), &render::project::created_json(&created))?;
    screen.hint(&format!("to test it: pvmigrate policy test {}", created.dir.display()));
    Ok(Exit::Done)
}

fn language(language: PolicyLanguage) -> Language {
    match language {
        PolicyLanguage::Rust => Language::Rust,
        PolicyLanguage::Python => Language::Python,
        PolicyLanguage::Js => Language::Js,
    }
}

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        let exit = match &error {
            ProjectError::Command { .. }
            | ProjectError::NothingMade { .. }
            | ProjectError::Source(_)
            | ProjectError::Excerpt { .. }
            | ProjectError::Wrap(_)
            | ProjectError::Toolchain { .. } => Exit::PolicyLoad,
            _ => Exit::Usage,
        };
        let notes = error.output().into_iter().flat_map(str::lines).map(str::to_owned).collect();
        Self { notes, ..Self::new(exit, error) }
    }
}
