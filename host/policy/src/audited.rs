//! The names of what a component imports and exports.

use crate::interface::version::Version;

pub(crate) const PACKAGE: &str = "pvmigrate:policy/";

/// What a component imports and exports, all of it known and allowed.
#[derive(Debug)]
pub(crate) struct Audited {
    /// Full names, as in the component, sorted.
    pub(crate) imports: Vec<String>,
    /// Full names, as in the component, sorted.
    pub(crate) exports: Vec<String>,
    /// The version that the component was built for.
    pub(crate) version: Version,
    /// The version as the component writes it.
    pub(crate) written: String,
}

impl Audited {
    /// Returns the full name of the interface, if it is exported.
    pub(crate) fn export(&self, interface: &str) -> Option<&str> {
        let is_it = |name: &&String| split(name).is_some_and(|(exported, _)| exported == interface);
        self.exports.iter().find(is_it).map(String::as_str)
    }
}

/// Splits a name of our package into interface and version.
pub(crate) fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}
