//! Taints that pods of ours tolerate, because the pods that use a claim do.

use serde::{Deserialize, Serialize};

/// A toleration of the effect `NoExecute`, or of every effect, without an end; in a pod's own words.
///
/// Taints of the other effects are tolerated by every pod of ours.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// The taint's key; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `Equal` when absent, or `Exists`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The taint's value, with `Equal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}
