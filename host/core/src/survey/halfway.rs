//! What an interrupted run of the reference tool has left of its swap.

use serde::Serialize;
use serde_json::Value;

use super::{ClaimId, VolumeFacts};

/// A volume on the destination class that the reference tool had swapped in for a claim, or was about to.
///
/// The tool marks the volume ([`crate::names::SOURCE_NAMESPACE`], [`crate::names::SOURCE_CLAIM`],
/// [`crate::names::RECLAIM`]) only once its copy has ended well. Nothing ever takes the marks off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwappedVolume {
    /// The volume.
    pub volume: VolumeFacts,
    /// The claim it is for.
    pub claim: ClaimId,
    /// What has the claim's name.
    pub stage: SwapStage,
    /// The policy it should get: that of the old volume before the tool set `Retain`.
    pub reclaim: String,
    /// The claim's manifest; where no claim is on the volume, one made from the volume, which is all that is left of it.
    pub manifest: Value,
    /// The old volume, still reserved for the claim, if there is one.
    pub source: Option<VolumeFacts>,
    /// The old volume is there, reserved for nobody any more.
    pub is_source_free: bool,
    /// Another claim that the volume is bound to.
    pub taken_by: Option<ClaimId>,
}

/// What has the name of a claim for which the reference tool had made a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwapStage {
    /// The original claim, perhaps being deleted, or one that has got its old volume since. The data there may be newer than
    /// the tool's copy.
    Original,
    /// Nothing.
    Free,
    /// A claim that names the new volume.
    Claimed {
        /// It is bound to it.
        bound: bool,
    },
    /// A claim that was made anew since, on another volume or on none.
    Remade {
        /// The other volume.
        volume: Option<String>,
    },
}

/// A volume of the source class that no claim holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unclaimed {
    /// Its name.
    pub name: String,
    /// The claim it belonged to, if that can be known.
    pub claim: Option<ClaimId>,
    /// Its phase, Kubernetes' own word.
    pub phase: String,
    /// Its reclaim policy.
    pub reclaim: String,
    /// The backend's own name of the disk, if it has one.
    pub handle: Option<String>,
}
