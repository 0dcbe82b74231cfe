//! Policy projects: a folder with the source of one policy, and a `policy.yaml` that says how it is built.
//!
//! [`create()`] makes such a folder, [`build`] builds it when it is stale. Whether it is stale depends on the content
//! of its inputs, never on times, so a checkout, a copy or a touched file builds nothing. What is built lies in the
//! hidden folder `.pvmigrate` of the project; toolchains and engines are shared by all projects. A policy in Python or
//! JavaScript need not be built to be tested: [`ready`] finds what runs it from its source. Nothing here asks a policy.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

mod create;
mod engine;
mod error;
mod file;
mod js;
mod python;
mod run;
mod rust;
mod shared;
mod stale;
mod vendored;
mod wrap;

pub use create::{Created, create};
pub use engine::Ready;
pub use error::ProjectError;
pub use file::Language;
pub use vendored::interface;
pub use wrap::wrap;

use crate::files;
use file::{Project, Recipe};
use shared::Shared;
use stale::Stamp;

/// The file that makes a folder a policy project.
pub const FILE: &str = "policy.yaml";
/// The folder within a project for what is built and fetched.
const HIDDEN: &str = ".pvmigrate";

/// A listener that hears of what takes long, such as a policy that is built.
pub type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// A component that was built, now or before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The component.
    pub file: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// How long building took; `None` when nothing had changed.
    pub took: Option<Duration>,
}

/// Returns whether a path is a policy project: a folder that [`component`] builds.
pub fn is_project(path: &Path) -> bool {
    path.join(FILE).is_file()
}

/// Returns the component that a path names: for a project's folder, what it builds, built if stale; otherwise the path
/// itself.
///
/// # Errors
/// See [`ProjectError`].
pub fn component(path: &Path, note: &dyn Fn(&str)) -> Result<PathBuf, ProjectError> {
    match is_project(path) {
        true => Ok(build(path, false, note)?.file),
        false => Ok(path.to_owned()),
    }
}

/// What a policy is wanted for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// To be used: as a component.
    #[default]
    Built,
    /// To be looked at while it is written: from its source where the language can and nothing newer is built.
    Quick,
}

/// Returns what opens the policy that a path names: for a project's folder, its component, built if stale, or an engine with
/// its source; otherwise the path itself as a component.
///
/// # Errors
/// See [`ProjectError`].
pub fn ready(path: &Path, want: Want, note: &dyn Fn(&str)) -> Result<Ready, ProjectError> {
    if want == Want::Built || !is_project(path) {
        return component(path, note).map(Ready::Component);
    }
    let project = Project::open(path)?;
    let Some(language) = project.recipe.interpreted() else {
        return component(path, note).map(Ready::Component);
    };
    let hidden = project.dir.join(HIDDEN);
    let built = project.output();
    if Stamp::of(&project)?.holds(&project, &hidden, &built)? {
        return Ok(Ready::Component(built));
    }
    engine::ready(path, &Workshop::new(&project, &hidden, note), &*language)
}

/// Builds the component of a project when it is stale; with `anew`, also when nothing has changed. `note` hears of what
/// takes long.
///
/// # Errors
/// See [`ProjectError`]; a missing toolchain is named together with what to install.
pub fn build(dir: &Path, anew: bool, note: &dyn Fn(&str)) -> Result<Built, ProjectError> {
    let project = Project::open(dir)?;
    let hidden = project.dir.join(HIDDEN);
    std::fs::create_dir_all(&hidden).map_err(ProjectError::io("make", &hidden))?;
    // Two tests of one project at once build it once.
    let _lock = shared::lock(&hidden.join("lock"), || note("waiting for another pvmigrate, which builds this policy"))?;
    let file = project.output();
    let stamp = Stamp::of(&project)?;
    if !anew && stamp.holds(&project, &hidden, &file)? {
        return finished(file, None);
    }
    let began = Instant::now();
    let made = Workshop::new(&project, &hidden, note).make()?;
    let component = match project.recipe {
        Recipe::Rust => wrap::described(wrap(&made)?, &project.dir)?,
        Recipe::Python { .. } | Recipe::Js { .. } | Recipe::Command(_) => wrap(&made)?,
    };
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(ProjectError::io("make", parent))?;
    }
    files::replace(&file, &component).map_err(ProjectError::io("write", &file))?;
    stamp.keep(&project, &hidden, &component)?;
    finished(file, Some(began.elapsed()))
}

fn finished(file: PathBuf, took: Option<Duration>) -> Result<Built, ProjectError> {
    let bytes = std::fs::metadata(&file).map_err(ProjectError::io("read", &file))?.len();
    Ok(Built { file, bytes, took })
}

/// Everything that a recipe works with.
struct Workshop<'a> {
    project: &'a Project,
    hidden: &'a Path,
    shared: Shared<'a>,
    note: &'a dyn Fn(&str),
}

impl<'a> Workshop<'a> {
    fn new(project: &'a Project, hidden: &'a Path, note: &'a dyn Fn(&str)) -> Self {
        Self { project, hidden, shared: Shared::of_user(hidden, note), note }
    }

    /// Follows the project's recipe, and returns a core module or a component.
    fn make(&self) -> Result<Vec<u8>, ProjectError> {
        let file = match &self.project.recipe {
            Recipe::Rust => rust::make(self)?,
            Recipe::Python { module } => python::make(self, module)?,
            Recipe::Js { entry } => js::make(self, entry)?,
            Recipe::Command(words) => self.command(words)?,
        };
        std::fs::read(&file).map_err(ProjectError::io("read", &file))
    }

    fn command(&self, words: &[String]) -> Result<PathBuf, ProjectError> {
        let [program, arguments @ ..] = words else {
            return Err(self.project.wrong("command: name a program"));
        };
        run::run(std::process::Command::new(program).args(arguments).current_dir(&self.project.dir), None)?;
        Ok(self.project.made())
    }

    /// Writes the interface and a world with what this project exports, for toolchains that want such a folder.
    fn world(&self) -> Result<PathBuf, ProjectError> {
        let dir = self.hidden.join("wit");
        vendored::write_world(&dir, &self.project.exports, false)?;
        Ok(dir)
    }

    /// Writes the world of an engine into a folder of this one, in the same way.
    fn engine_world(&self, scratch: &Path) -> Result<PathBuf, ProjectError> {
        let dir = scratch.join("wit");
        vendored::write_world(&dir, &self.project.sorted_exports(), true)?;
        Ok(dir)
    }
}
