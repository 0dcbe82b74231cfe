//! What keeps tests from being run at all.

use std::fmt;
use std::path::PathBuf;

use super::report::ExitMeaning;
use pvmigrate_objects::input::InputError;
use pvmigrate_policy::PolicyFailure;
use pvmigrate_policy::SettingsError;
use pvmigrate_yaml::Mistake;

/// The reason why tests were not run.
#[derive(Debug, thiserror::Error)]
pub enum TestkitError {
    /// The policy does not load.
    #[error(transparent)]
    Policy(#[from] PolicyFailure),
    /// The policy does not take the settings.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The folder of a policy cannot be built.
    #[error(transparent)]
    Project(#[from] crate::project::ProjectError),
    /// The objects of a fixture cannot be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {source}", .path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A policy in a registry cannot be opened.
    #[error(transparent)]
    Unfetched(Mistake),
    /// A test file or fixture is wrong.
    #[error(transparent)]
    Wrong(#[from] Mistake),
    /// There are no tests.
    #[error("no tests in {}: no file *.test.yaml with a case; a policy without tests does not pass", Folders(.folders))]
    NoTests {
        /// Where none were found.
        folders: Vec<PathBuf>,
    },
    /// No case has a matching name.
    #[error("none of the {found} cases has a name that matches /{filter}/")]
    NoMatch {
        /// The pattern.
        filter: String,
        /// How many cases there are.
        found: usize,
    },
    /// A fixture that no test file uses.
    #[error("no test uses {}: name it (or its folder) as a snapshot, or remove it", .file.display())]
    Unused {
        /// The file.
        file: PathBuf,
    },
    /// What was made up for a policy cannot be asked.
    #[error("cannot make up a question: {0}")]
    MadeUp(String),
    /// A golden that belongs to no case.
    #[error("no case has the golden {}{near}: remove it, or rename the case back", .file.display())]
    UnusedGolden {
        /// The file.
        file: PathBuf,
        /// The golden that is missing, if one of nearly this name is.
        near: String,
    },
}

impl TestkitError {
    /// Returns the exit code that this stands for.
    pub fn meaning(&self) -> ExitMeaning {
        match self {
            Self::Policy(_) | Self::Settings(SettingsError::Policy(_)) | Self::Project(_) | Self::Unfetched(_) => {
                ExitMeaning::NotLoaded
            }
            Self::Settings(SettingsError::Wrong { .. })
            | Self::Input(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Wrong(_)
            | Self::Unused { .. }
            | Self::MadeUp(_)
            | Self::UnusedGolden { .. } => ExitMeaning::BadUsage,
            Self::NoTests { .. } | Self::NoMatch { .. } => ExitMeaning::NoTests,
        }
    }
}

/// Paths, printed with commas between them.
struct Folders<'a>(&'a [PathBuf]);

impl fmt::Display for Folders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folders: Vec<_> = self.0.iter().map(|folder| folder.display().to_string()).collect();
        f.write_str(&folders.join(", "))
    }
}
