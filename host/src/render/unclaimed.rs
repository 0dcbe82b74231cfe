//! Volumes of the source class that no claim holds: whose they were, and how to free them.

use pvmigrate_core::survey::Unclaimed;
use serde::Serialize;

use super::clean;
use super::table::Table;
use super::units::count;

/// A volume of the source class that no claim holds, and how to free it.
#[derive(Debug, Serialize)]
pub(super) struct UnclaimedJson<'a> {
    #[serde(flatten)]
    volume: &'a Unclaimed,
    /// The command that removes it; its disk stays.
    free: String,
}

pub(super) fn json(volumes: &[Unclaimed]) -> Vec<UnclaimedJson<'_>> {
    volumes.iter().map(|volume| UnclaimedJson { volume, free: free(volume) }).collect()
}

/// Names volumes of the source class that no claim holds, whose they were, and how to free them; nothing is done about them.
pub(super) fn text(unclaimed: &[Unclaimed]) -> String {
    if unclaimed.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["VOLUME", "PHASE", "CLAIM IT HAD", "DISK", "FREE IT WITH"], &[]);
    for volume in unclaimed {
        let claim = volume.claim.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let disk = volume.handle.clone().unwrap_or_else(|| "-".to_owned());
        table.row(&[volume.name.clone(), volume.phase.clone(), claim, disk, free(volume)]);
    }
    // Never wrapped: these names are there to be copied.
    let mut text = format!("\n{} without a claim, left alone:\n{}", count(unclaimed.len(), "volume"), table.text(None));
    text.push_str(
        "Free one once nobody needs its data; its disk then stays on the storage backend, to be deleted there.\n",
    );
    text
}

/// Returns the command that removes a volume that no claim holds.
fn free(volume: &Unclaimed) -> String {
    format!("kubectl delete pv {}", clean(&volume.name))
}
