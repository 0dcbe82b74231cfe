//! What can go wrong with a policy project.

use std::path::{Path, PathBuf};

use pvmigrate_policy::SourceProblem;

/// The reason why a project was not created or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// There is no `policy.yaml`.
    #[error("{} is not a policy project: it has no policy.yaml (`pvmigrate policy new` makes one)", .0.display())]
    NotAProject(PathBuf),
    /// `policy.yaml` is wrong.
    #[error("{}: {problem}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The name cannot be that of a policy.
    #[error("{name:?} cannot be the name of a policy: {problem}")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        problem: &'static str,
    },
    /// The folder is in use.
    #[error("{} already exists and is not empty; choose another folder with --dir", .0.display())]
    NotEmpty(PathBuf),
    /// What the language needs is not installed.
    #[error("{what} is missing; {install}")]
    Toolchain {
        /// What is missing.
        what: String,
        /// What to type.
        install: String,
    },
    /// A command did not succeed.
    #[error("`{command}` failed ({how})")]
    Command {
        /// The command.
        command: String,
        /// With which exit code.
        how: String,
        /// The end of what it wrote; see [`ProjectError::output`].
        output: String,
    },
    /// The command succeeded without writing its output.
    #[error("`{command}` did not write {}", file.display())]
    NothingMade {
        /// The command.
        command: String,
        /// What it should have written.
        file: PathBuf,
    },
    /// The source of the policy is wrong.
    #[error("{0}")]
    Source(SourceProblem),
    /// The source of the policy is wrong at a place that can be shown.
    #[error("{problem}")]
    Excerpt {
        /// What is wrong.
        problem: SourceProblem,
        /// The line and a caret below; see [`ProjectError::output`].
        excerpt: String,
    },
    /// What was built is not a policy.
    #[error("what was built cannot become a component: {0}")]
    Wrap(String),
    /// A file could not be used.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

impl ProjectError {
    /// Returns what belongs below the message, in lines without control characters: the end of what a failed command
    /// wrote, or the line of the source.
    pub fn output(&self) -> Option<&str> {
        match self {
            Self::Command { output, .. } | Self::Excerpt { excerpt: output, .. } => Some(output),
            _ => None,
        }
    }

    /// Returns a function for `map_err` that says what was tried on which path.
    pub(super) fn io(verb: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { verb, path, source }
    }
}
