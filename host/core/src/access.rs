//! Access modes and volume modes, in Kubernetes' own words.
//!
//! Nothing here decides anything: which modes a claim gets is the business of [`crate::policy`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How many nodes, or pods, may mount a volume, and whether they may write.
///
/// Ordered as declared: a stable order for sorting lists of modes, not a ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccessMode {
    /// Read and write by the pods of one node.
    ReadWriteOnce,
    /// Read only, by any number of nodes.
    ReadOnlyMany,
    /// Read and write by any number of nodes.
    ReadWriteMany,
    /// Read and write by one pod. Kubernetes allows no other mode beside it.
    ReadWriteOncePod,
}

impl AccessMode {
    /// Every access mode, in the order of the type.
    pub const ALL: [Self; 4] = [Self::ReadWriteOnce, Self::ReadOnlyMany, Self::ReadWriteMany, Self::ReadWriteOncePod];

    /// Returns the name that Kubernetes objects use, such as `ReadWriteOnce`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "ReadWriteOnce",
            Self::ReadOnlyMany => "ReadOnlyMany",
            Self::ReadWriteMany => "ReadWriteMany",
            Self::ReadWriteOncePod => "ReadWriteOncePod",
        }
    }

    /// Returns the abbreviation that `kubectl get pvc` prints, such as `RWO`.
    pub fn abbreviation(self) -> &'static str {
        match self {
            Self::ReadWriteOnce => "RWO",
            Self::ReadOnlyMany => "ROX",
            Self::ReadWriteMany => "RWX",
            Self::ReadWriteOncePod => "RWOP",
        }
    }

    /// Reads Kubernetes' own name only, as the destination access mode annotation demands.
    pub fn from_name(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

impl fmt::Display for AccessMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AccessMode {
    /// Reads the modes that a claim's manifest asks for.
    pub fn of_claim(manifest: &serde_json::Value) -> Vec<Self> {
        let words = manifest["spec"]["accessModes"].as_array();
        words.into_iter().flatten().filter_map(|word| Self::from_name(word.as_str()?)).collect()
    }
}

impl FromStr for AccessMode {
    type Err = UnknownAccessMode;

    /// Reads the name or the abbreviation, in exactly the case Kubernetes writes it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text || mode.abbreviation() == text)
            .ok_or_else(|| UnknownAccessMode(text.to_owned()))
    }
}

/// A text that does not name an access mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown access mode {0:?}; use ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod")]
pub struct UnknownAccessMode(pub String);

/// Whether pods see a volume as a directory or as a raw device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum VolumeMode {
    /// A directory; what Kubernetes assumes when the field is absent.
    #[default]
    Filesystem,
    /// A raw block device.
    Block,
}

impl VolumeMode {
    /// Every volume mode, in the order of the type.
    pub const ALL: [Self; 2] = [Self::Filesystem, Self::Block];

    /// Returns the name that Kubernetes objects use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "Filesystem",
            Self::Block => "Block",
        }
    }
}

impl fmt::Display for VolumeMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for VolumeMode {
    type Err = UnknownVolumeMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| UnknownVolumeMode(text.to_owned()))
    }
}

/// A text that does not name a volume mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown volume mode {0:?}; use Filesystem or Block")]
pub struct UnknownVolumeMode(pub String);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    #[test]
    fn names_and_abbreviations_read_back() {
        for mode in AccessMode::ALL {
            assert_eq!(mode.as_str().parse::<AccessMode>().unwrap(), mode);
            assert_eq!(mode.abbreviation().parse::<AccessMode>().unwrap(), mode);
            assert_eq!(serde_json::to_string(&mode).unwrap(), format!("{:?}", mode.as_str()));
        }
        for mode in VolumeMode::ALL {
            assert_eq!(mode.as_str().parse::<VolumeMode>().unwrap(), mode);
        }
    }

    #[test]
    fn near_misses_are_refused_with_the_text() {
        assert_eq!("readwriteonce".parse::<AccessMode>(), Err(UnknownAccessMode("readwriteonce".into())));
        assert_eq!(AccessMode::from_name("RWO"), None);
        assert_eq!("block".parse::<VolumeMode>(), Err(UnknownVolumeMode("block".into())));
    }

    #[test]
    fn printing_honours_a_column_width() {
        assert_eq!(format!("{:<15}|", AccessMode::ReadOnlyMany), "ReadOnlyMany   |");
    }
}
