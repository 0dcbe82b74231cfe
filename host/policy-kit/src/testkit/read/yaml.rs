//! Reading YAML and JSON from files.

use std::path::Path;

use crate::testkit::vocabulary::error::TestkitError;
use pvmigrate_yaml::Place;

pub(crate) fn read_text(path: &Path) -> Result<String, TestkitError> {
    std::fs::read_to_string(path).map_err(|source| TestkitError::Unreadable { path: path.to_owned(), source })
}

/// Points at a file as a whole.
pub(crate) fn whole(path: &Path) -> Place {
    Place { file: path.to_owned(), line: 0, column: 0 }
}
