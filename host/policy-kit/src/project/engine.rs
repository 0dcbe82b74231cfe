//! Engines: a language's interpreter as a component. One is built for each set of exports, and shared by all projects;
//! what a project brings is its source.

use std::path::{Path, PathBuf};

use pvmigrate_policy::{Limits, Policy, PolicyFailure, Source};

use super::Workshop;
use super::error::ProjectError;
use super::stale::digest;
use super::vendored::{INTERFACE, LOADER};

/// A language whose policies run from their source.
pub(super) trait Interpreted {
    /// Returns its short name, for the names of files.
    fn name(&self) -> &'static str;

    /// Returns all that its engine is made from beside the exports and the interface: the version of the tool, the
    /// script that builds, the code around a policy. When one of them changes, another engine is built.
    fn ingredients(&self) -> &[&str];

    /// Builds an engine for the project's exports; `scratch` is an empty folder, removed afterwards. Its world is what
    /// [`Workshop::engine_world`] writes.
    fn make_engine(&self, workshop: &Workshop<'_>, scratch: &Path) -> Result<Vec<u8>, ProjectError>;

    /// Collects the project's source. What is found to be wrong with it is [`ProjectError::Source`].
    fn source(&self, workshop: &Workshop<'_>) -> Result<Source, ProjectError>;
}

/// A policy that can be opened: as a component, or from its source.
#[derive(Clone, Debug)]
pub enum Ready {
    /// A component's file.
    Component(PathBuf),
    /// The source in a project's folder.
    Source {
        /// The folder, as the user names it.
        dir: PathBuf,
        /// The component that runs it.
        engine: Vec<u8>,
        /// Its files.
        source: Source,
    },
}

impl Ready {
    /// Opens the policy.
    ///
    /// # Errors
    /// As [`Policy::open`] and [`Policy::from_source`].
    pub fn open(&self, limits: &Limits) -> Result<Policy, PolicyFailure> {
        match self {
            Self::Component(file) => Policy::open(file, limits),
            Self::Source { dir, engine, source } => Policy::from_source(dir, engine, source, limits),
        }
    }
}

/// Returns the engine for a project, built if no project has needed it before, and the project's source.
pub(super) fn ready(dir: &Path, workshop: &Workshop<'_>, language: &dyn Interpreted) -> Result<Ready, ProjectError> {
    // What is wrong with the source is told before anything long is done.
    let source = language.source(workshop)?;
    let engine = workshop.shared.file(&name(workshop, language), |scratch| language.make_engine(workshop, scratch))?;
    Ok(Ready::Source { dir: dir.to_owned(), engine, source })
}

/// Names an engine by everything that it is made from.
fn name(workshop: &Workshop<'_>, language: &dyn Interpreted) -> String {
    let exports = workshop.project.sorted_exports();
    let interface = INTERFACE.iter().chain(LOADER).map(|(_, text)| *text);
    let parts = language.ingredients().iter().copied().chain(interface).chain(exports.iter().map(String::as_str));
    let short = &digest(parts.map(str::as_bytes))[..16];
    format!("engine-{}-{}-{short}.wasm", language.name(), exports.join("-"))
}
