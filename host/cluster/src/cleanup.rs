//! Finds and removes what runs have left behind and no migration needs any more.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use kube::{Client, Resource};
use pvmigrate_core::names;
use pvmigrate_core::record::{Uid, Version};

use crate::error::Error;
use crate::manifest::patch;
use crate::manifest::preflight::TRIAL;
use crate::record_codec::decode;
use crate::resources::{Deleted, Only, Resources};
use pvmigrate_objects::from_resource::pod::served;
use pvmigrate_objects::from_resource::{Key, annotation, owned_annotation, uid, version};

/// One thing left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: only this very object is removed.
    pub uid: Uid,
    /// Its resourceVersion: a record is removed only while it is unchanged.
    pub version: Version,
    /// The run that made it; `None` for one of the reference tool's.
    pub run: Option<String>,
    /// The claims it served; a copy pod may have served several.
    pub claims: Vec<String>,
}

/// The kinds of things left behind, in the order in which they are removed.
///
/// Claims go before pods: a pod that names a terminating claim is not started any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftoverKind {
    /// A temporary claim.
    TemporaryClaim,
    /// The claim of a preflight trial.
    PreflightClaim,
    /// A copy pod.
    CopyPod,
    /// The pod of a preflight trial.
    PreflightPod,
    /// The record of a migration that has ended.
    Record,
}

impl LeftoverKind {
    /// Returns the kind in a few plain words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::TemporaryClaim => "temporary claim",
            Self::PreflightClaim => "preflight claim",
            Self::CopyPod => "copy pod",
            Self::PreflightPod => "preflight pod",
            Self::Record => "record of an ended migration",
        }
    }
}

/// Finds what is left behind in a namespace, or in all: three lists, nothing written.
///
/// What belongs to a migration under way is never included. What the reference tool left is, with no run: if a
/// migration is to go on with it, run that first. Volumes are not: they may be the only copy of somebody's data.
///
/// # Errors
/// [`Error::Forbidden`] names verb and resource; a record that is not understood is named.
pub async fn find(client: &Client, namespace: Option<&str>) -> Result<Vec<Leftover>, Error> {
    let all = ListParams::default();
    let (label, value) = names::MANAGED_BY;
    let ours = all.clone().labels(&format!("{label}={value}"));
    let claims = Resources::<PersistentVolumeClaim>::within(client, namespace);
    let pods = Resources::<Pod>::within(client, namespace);
    let config_maps = Resources::<ConfigMap>::within(client, namespace);
    let (claims, pods, config_maps) = futures::try_join!(claims.list(&all), pods.list(&all), config_maps.list(&ours))?;
    let mut found = Vec::new();
    let mut open = BTreeSet::new();
    for config_map in &config_maps.items {
        match decode(config_map)? {
            Some(record) if record.is_open() => drop(open.insert((record.namespace, record.run))),
            Some(_ended) => found.push(leftover(LeftoverKind::Record, config_map)),
            None => {}
        }
    }
    found.extend(claims.items.iter().filter_map(of_claim));
    found.extend(pods.items.iter().filter_map(of_pod));
    let is_needed =
        |left: &Leftover| left.run.as_ref().is_some_and(|run| open.contains(&(left.namespace.clone(), run.clone())));
    found.retain(|left| !is_needed(left));
    found.sort_by(|a, b| (a.kind, &a.namespace, &a.name).cmp(&(b.kind, &b.namespace, &b.name)));
    Ok(found)
}

fn of_claim(claim: &PersistentVolumeClaim) -> Option<Leftover> {
    let metadata = &claim.metadata;
    if annotation(metadata, TRIAL).is_some() {
        return Some(leftover(LeftoverKind::PreflightClaim, claim));
    }
    let is_temporary = matches!(annotation(metadata, names::KIND), Some(names::KIND_DESTINATION | names::KIND_SOURCE));
    is_temporary.then(|| leftover(LeftoverKind::TemporaryClaim, claim))
}

fn of_pod(pod: &Pod) -> Option<Leftover> {
    let metadata = &pod.metadata;
    if annotation(metadata, TRIAL).is_some() {
        return Some(leftover(LeftoverKind::PreflightPod, pod));
    }
    (annotation(metadata, names::KIND) == Some(names::KIND_COPY)).then(|| leftover(LeftoverKind::CopyPod, pod))
}

fn leftover<K: Resource>(kind: LeftoverKind, object: &K) -> Leftover {
    let metadata = object.meta();
    let Key { namespace, name } = Key::of(metadata);
    Leftover {
        kind,
        namespace,
        name,
        uid: uid(metadata),
        version: version(metadata),
        run: owned_annotation(metadata, names::RUN),
        claims: served(metadata).into_iter().map(str::to_owned).collect(),
    }
}

/// Removes one thing; false when it changed or was replaced since it was found, so that it is left alone.
///
/// # Errors
/// What the API server refuses.
pub async fn remove(client: &Client, left: &Leftover) -> Result<bool, Error> {
    let only = Only::uid(&left.uid);
    let is_removed = match left.kind {
        LeftoverKind::TemporaryClaim | LeftoverKind::PreflightClaim => {
            let claims = Resources::<PersistentVolumeClaim>::of(client, &left.namespace);
            is_gone(&claims.delete(&left.name, &only).await?)
        }
        LeftoverKind::CopyPod | LeftoverKind::PreflightPod => remove_pod(client, left, &only).await?,
        LeftoverKind::Record => {
            let config_maps = Resources::<ConfigMap>::of(client, &left.namespace);
            is_gone(&config_maps.delete(&left.name, &Only::unchanged(&left.uid, &left.version)).await?)
        }
    };
    Ok(is_removed)
}

async fn remove_pod(client: &Client, left: &Leftover, only: &Only) -> Result<bool, Error> {
    let pods = Resources::<Pod>::of(client, &left.namespace);
    let deleted = pods.delete(&left.name, only).await?;
    if let Deleted::Ending(pod) = &deleted
        && pod.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == names::TOMBSTONE)
    {
        // Its outcome does not matter: a pod that is gone, or another one, has no finalizer of ours to lose.
        pods.patch_items(&left.name, &patch::remove_tombstone(&left.uid)).await?;
    }
    Ok(is_gone(&deleted))
}

fn is_gone<K>(deleted: &Deleted<K>) -> bool {
    match deleted {
        Deleted::Ending(_) | Deleted::Gone | Deleted::Missing => true,
        Deleted::Conflict => false,
    }
}
