//! What storage drivers are known to offer.
//!
//! A small table and one annotation. "Unknown" is an honest answer and the usual one: then the trial claim of
//! the preflight check finds out. A row may only leave out what the driver refuses by design, because a mode
//! that is missing here blocks a migration.

use super::object::Pairs;
use super::question::ClassMode;
use crate::access::{AccessMode, VolumeMode};

/// The annotation on a StorageClass that says what it offers, and wins over the table.
///
/// Comma-separated: `RWO, RWX` for directories, `Block:RWX` for raw devices; names and abbreviations both work.
pub const ANNOTATION: &str = "pvmigrate.dev/access-modes";

/// An annotation that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "annotation {ANNOTATION} has the invalid access mode {entry:?}; use entries such as RWO, RWX or Block:RWX, separated by commas"
)]
pub struct UnreadableAnnotation {
    /// The entry not understood.
    pub entry: String,
}

/// Derives what a class offers: from its annotation, else from the table. Empty means unknown.
///
/// # Errors
/// When the annotation is there and cannot be read: guessing would ignore what the user wrote.
pub fn of_class(provisioner: &str, annotations: &Pairs) -> Result<Vec<ClassMode>, UnreadableAnnotation> {
    match annotations.get(ANNOTATION) {
        Some(text) => read_list(text),
        None => Ok(of_provisioner(provisioner)),
    }
}

/// Reads a list such as `RWO, Block:RWX`, sorted, each once.
///
/// # Errors
/// Names the first entry that is not understood. An empty list is an error too.
pub fn read_list(text: &str) -> Result<Vec<ClassMode>, UnreadableAnnotation> {
    let mut modes = text.split(',').map(|entry| read_entry(entry.trim())).collect::<Result<Vec<_>, _>>()?;
    modes.sort_unstable();
    modes.dedup();
    Ok(modes)
}

fn read_entry(entry: &str) -> Result<ClassMode, UnreadableAnnotation> {
    let unreadable = || UnreadableAnnotation { entry: entry.to_owned() };
    let (volume_mode, access) = match entry.split_once(':') {
        Some((volume, access)) => (volume.parse().map_err(|_| unreadable())?, access),
        None => (VolumeMode::Filesystem, entry),
    };
    let access_mode = access.parse().map_err(|_| unreadable())?;
    Ok(ClassMode { volume_mode, access_mode })
}

fn of_provisioner(provisioner: &str) -> Vec<ClassMode> {
    use AccessMode::{ReadOnlyMany, ReadWriteMany, ReadWriteOnce, ReadWriteOncePod};
    // Network file systems: every mode, but directories only.
    const SHARED: &[AccessMode] = &[ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod];
    let (filesystem, block): (&[AccessMode], &[AccessMode]) = match provisioner {
        "nfs.csi.k8s.io" | "efs.csi.aws.com" => (SHARED, &[]),
        // Several nodes may share a raw device, or read one file system, but not write one.
        "rbd.csi.ceph.com" | "rook-ceph.rbd.csi.ceph.com" => (&[ReadWriteOnce, ReadOnlyMany, ReadWriteOncePod], SHARED),
        "cephfs.csi.ceph.com" | "rook-ceph.cephfs.csi.ceph.com" => (SHARED, &[]),
        _ => (&[], &[]),
    };
    let with = |volume_mode| move |access_mode: &AccessMode| ClassMode { volume_mode, access_mode: *access_mode };
    let filesystem = filesystem.iter().map(with(VolumeMode::Filesystem));
    let block = block.iter().map(with(VolumeMode::Block));
    filesystem.chain(block).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;

    fn annotated(text: &str) -> Pairs {
        Pairs::from([(ANNOTATION.to_owned(), text.to_owned())])
    }

    #[test]
    fn the_annotation_wins_over_the_table() {
        let modes = of_class("rbd.csi.ceph.com", &annotated("RWX,Block:ReadWriteOnce, RWX"));
        let expected =
            [(VolumeMode::Filesystem, AccessMode::ReadWriteMany), (VolumeMode::Block, AccessMode::ReadWriteOnce)]
                .map(|(volume_mode, access_mode)| ClassMode { volume_mode, access_mode });
        assert_eq!(modes.unwrap(), expected);
    }

    #[test]
    fn an_unreadable_annotation_names_the_entry() {
        for (text, entry) in [("RWO,RWY", "RWY"), ("", ""), ("RWO,", ""), ("Raw:RWO", "Raw:RWO")] {
            let error = of_class("any", &annotated(text)).unwrap_err();
            assert_eq!(error.entry, entry);
        }
    }

    #[test]
    fn an_unlisted_provisioner_is_unknown() {
        assert_eq!(of_class("example.com/disk", &Pairs::new()), Ok(vec![]));
    }

    #[test]
    fn the_table_is_sorted_as_the_annotation_would_be() {
        for provisioner in ["cephfs.csi.ceph.com", "rbd.csi.ceph.com", "nfs.csi.k8s.io"] {
            let modes = of_provisioner(provisioner);
            assert!(modes.is_sorted() && !modes.is_empty(), "{provisioner}");
        }
    }
}
