//! An in-process Kubernetes cluster whose volumes are directories.
//!
//! An ordinary [`kube::Client`] talks to it; no socket and no process but rsync is involved. It holds what a migration
//! of claims relies on: storage with uids and resourceVersions, preconditions, finalizers, watches, the binding and
//! provisioning of volumes, workloads and their pods. A copy pod's `rsync` is the real local one, run with the same
//! arguments on the volumes' directories. It serves `pvmigrate rehearse` and the tests, so it can also fail on purpose
//! ([`Faults`], [`CopyFault`]).
//!
//! # What it does not do
//!
//! Server-side apply keeps no field ownership; Deployments replace their pods at once, and neither they nor
//! ReplicaSets adopt what they did not make; StatefulSets keep no revisions, and a DaemonSet's new template reaches
//! only new pods; a Job's containers never end, and CronJobs make no Jobs; containers are never restarted; no
//! VolumeAttachments are made; the content of a namespace that is being deleted stays; pods are judged by Pod Security
//! when they are made, not when they are changed, and never by what room a node has; `events.k8s.io` events are stored
//! apart from core events; nobody is authenticated. A deletion with `Foreground` propagation is done as `Background`.
//!
//! Which of the objects given to it a cluster does not act on, it says itself: [`Cluster::not_played`].

mod api;
mod cluster;
mod compare;
mod controllers;
mod error;
mod faults;
mod fill;
mod kinds;
mod load;
mod node;
mod object;
mod random;
mod store;
mod volumes;

pub use cluster::{Cluster, Settings};
pub use compare::{Difference, compare};
pub use error::Error;
pub use faults::{Chaos, FaultLayer, Faults, Faulty, FaultyBody, Handle, Kill, When};
pub use fill::{Contents, Fill, fill};
pub use load::{Feature, LeftOut, Named, NotPlayed, Unplayed, User};
pub use node::{
    machine::{CopyFailure, CopyFault},
    process::find_rsync,
};

/// The cluster's own pieces, for a node and a provisioner that serve another API server.
pub mod parts {
    pub use crate::{
        controllers::provisioner::{PROVISIONED_BY, SELECTED_NODE, refusal, volume_for},
        node::{
            containers::{Containers, Ended, Notes},
            journal::Journals,
            log::{Log, LogOptions, read},
            machine::Machine,
            mounts::{Lookup, Ready, Waiting, resolve},
            status::creating,
        },
        volumes::Volumes,
    };
}
