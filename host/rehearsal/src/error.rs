//! What can go wrong around the embedded cluster (not in its API: that answers with a Kubernetes Status).

use std::path::PathBuf;

/// The reason why the embedded cluster could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder for the volumes cannot be used.
    #[error("cannot use {path} for the embedded cluster's volumes: {source}", path = path.display())]
    Directory {
        /// The folder asked for.
        path: PathBuf,
        /// What the file system said.
        source: std::io::Error,
    },
    /// There is no `rsync` on the PATH.
    #[error("rsync is not on the PATH: install it (Debian: apt-get install rsync) and run again")]
    NoRsync,
    /// An object cannot be taken into the cluster.
    #[error("cannot load {object} into the embedded cluster: {reason}")]
    Object {
        /// Kind, namespace and name.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two objects have the same identity.
    #[error("{object} is defined twice; keep one of them")]
    Duplicate {
        /// Kind, namespace and name.
        object: String,
    },
}
