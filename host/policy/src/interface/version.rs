//! The versions of the interface.

/// The versions offered, as messages name them.
pub(crate) const OFFERED: &str = "0.1 and 0.2";

/// The interfaces that 0.1 does not have yet.
const LATER_THAN_V0_1: [&str; 2] = ["settings", "snapshot"];

/// A version of the interface that is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V0_1,
    V0_2,
}

impl Version {
    pub(crate) const LATEST: Self = Self::V0_2;

    /// Reads `0.2.7`; patch versions are all the same.
    pub(crate) fn parse(version: &str) -> Option<Self> {
        match version.split('.').collect::<Vec<_>>().as_slice() {
            ["0", "1", _] => Some(Self::V0_1),
            ["0", "2", _] => Some(Self::V0_2),
            _ => None,
        }
    }

    /// Returns whether it has an interface that the latest version has.
    pub(crate) fn has(self, interface: &str) -> bool {
        match self {
            Self::V0_1 => !LATER_THAN_V0_1.contains(&interface),
            Self::V0_2 => true,
        }
    }
}
