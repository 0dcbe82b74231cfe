//! The functions that policies export, by name.

use std::fmt;

/// A function of one of the interfaces that policies export.
///
/// Those that are questions are named beside the question, in [`crate::question`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Function {
    /// `interface.name`, in one string so that failures stay small.
    path: &'static str,
}

impl Function {
    /// `manifest.describe`: who the policy is. Every policy has it.
    pub const DESCRIBE: Self = Self::new("manifest.describe");
    /// `settings.validate`: what is wrong with settings that fit their schema.
    pub const VALIDATE: Self = Self::new("settings.validate");

    /// `loader.load`: reading the source of a policy that is not built; no function of the policy's own.
    pub const LOAD: Self = Self::new("loader.load");

    pub(crate) const fn new(path: &'static str) -> Self {
        Self { path }
    }

    /// Returns the interface it belongs to, such as `access-modes`.
    pub fn interface(self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(interface, _)| interface)
    }

    /// Returns its name within the interface, such as `map-modes`.
    pub fn name(self) -> &'static str {
        self.path.split_once('.').map_or(self.path, |(_, name)| name)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
