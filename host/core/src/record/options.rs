//! What the user asked of the run that started a migration.

use serde::{Deserialize, Serialize};

/// The options of the run that started the migration; a later run keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationOptions {
    /// The StorageClass claims leave.
    pub source_class: String,
    /// The StorageClass claims go to.
    pub dest_class: String,
    /// The destination class binds only for a pod (`WaitForFirstConsumer`).
    pub binds_late: bool,
    /// What becomes of the source volumes.
    pub disposal: Disposal,
    /// What a copy that keeps failing leads to.
    pub on_failure: OnFailure,
    /// Maximum number of warm passes; 0 for none, so that nothing is proven before the stop.
    #[serde(default)]
    pub warm_passes: u32,
    /// The most that a warm pass may copy, in rsync's words for `--bwlimit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_rate: Option<String>,
    /// Image of the copy pod.
    pub rsync_image: String,
    /// The user's flags for rsync.
    pub rsync_flags: Vec<String>,
    /// How often and how long to try.
    pub limits: Limits,
}

/// The limits on the tries and the waits of one migration.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Copies tried before the group is turned back.
    pub attempts: u32,
    /// Seconds before the second try; each further one waits twice as long.
    pub retry_seconds: u32,
    /// Seconds for a pod of ours to start, and for a destination volume to be provisioned.
    pub start_seconds: u32,
    /// Seconds for the workload's pods to be gone.
    pub stop_seconds: u32,
    /// Seconds for as many pods to be Ready again as before the stop.
    #[serde(default = "ready_seconds")]
    pub ready_seconds: u32,
    /// Seconds for a volume to be gone after its delete (`--delete-pv-timeout`): a source volume, or that of a trial.
    pub delete_volume_seconds: u32,
}

impl Limits {
    /// Returns the seconds to wait after so many failures.
    pub fn pause_after(&self, failures: u32) -> u32 {
        self.retry_seconds.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
    }
}

impl Default for Limits {
    /// Three tries 10 s and 20 s apart ride out a node that restarts; 5 minutes pull a large image; 15 minutes let a
    /// database with a long grace period stop, and one with a long log come up; 300 s is the reference tool's figure.
    fn default() -> Self {
        Self {
            attempts: 3,
            retry_seconds: 10,
            start_seconds: 300,
            stop_seconds: 900,
            ready_seconds: ready_seconds(),
            delete_volume_seconds: 300,
        }
    }
}

fn ready_seconds() -> u32 {
    900
}

/// What becomes of a source volume after its claim has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposal {
    /// The volume object goes, the backend's data stays (as the reference tool does).
    #[default]
    Delete,
    /// The volume object stays, reserved.
    Keep,
    /// The original reclaim policy comes back, so that a provisioner with `Delete` frees the disk.
    Reclaim,
}

/// What a copy that keeps failing leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// The group goes back to its old volumes and runs again.
    #[default]
    RollBack,
    /// The group stays as it is, so that a person can look.
    Hold,
}
