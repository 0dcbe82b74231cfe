//! Why a claim cannot be moved, whatever anybody decides: found from the claim, its volume and its namespace alone.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use pvmigrate_core::survey::{ClaimId, Stays, StaysCode};

use super::{Lists, bound_volume, claim_id};
use crate::from_resource::{Key, claim, class, namespace, pod, volume};

/// What is needed to find it, of all objects.
pub(super) struct Reasons<'a> {
    terminating: BTreeSet<&'a str>,
    /// Generic ephemeral claims, and the pods that they live with.
    ephemeral: HashMap<ClaimId, String>,
    used: BTreeSet<ClaimId>,
    volumes: &'a HashMap<&'a str, &'a PersistentVolume>,
    classes: HashMap<&'a str, (&'a str, bool)>,
}

impl<'a> Reasons<'a> {
    pub(super) fn of(lists: &'a Lists, volumes: &'a HashMap<&'a str, &'a PersistentVolume>) -> Self {
        let terminating = lists.namespaces.iter().filter(|found| namespace::is_terminating(found));
        let (mut ephemeral, mut used) = (HashMap::new(), BTreeSet::new());
        for found in lists.pods.iter().filter(|found| !pod::is_helper(found)) {
            let Key { namespace, name } = Key::of(&found.metadata);
            for mount in pod::mounted(found) {
                let id = ClaimId { namespace: namespace.clone(), name: mount.claim };
                if mount.ephemeral {
                    ephemeral.insert(id, name.clone());
                } else {
                    used.insert(id);
                }
            }
        }
        let classes = lists.classes.iter().map(|found| {
            let waits = found.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer");
            (class::name(found), (found.provisioner.as_str(), waits))
        });
        Self {
            terminating: terminating.map(namespace::name).collect(),
            ephemeral,
            used,
            volumes,
            classes: classes.collect(),
        }
    }

    /// Returns why the claim stays; `None` when it can be moved.
    pub(super) fn why(&self, found: &PersistentVolumeClaim) -> Option<Stays> {
        let id = claim_id(found);
        let stays = |code, why: String| Some(Stays { code, why });
        if let Some(pod) = self.ephemeral.get(&id) {
            return stays(
                StaysCode::Ephemeral,
                format!("it is a generic ephemeral volume: it lives and dies with pod {pod}"),
            );
        }
        if self.terminating.contains(id.namespace.as_str()) {
            return stays(StaysCode::NamespaceTerminating, format!("namespace {} is being deleted", id.namespace));
        }
        if bound_volume(found, self.volumes).is_some() && claim::phase(found) == "Bound" {
            return None;
        }
        let phase = claim::phase(found);
        let named = claim::volume_name(found);
        let there = named.as_deref().and_then(|name| self.volumes.get(name).copied());
        if let Some(holder) = there.and_then(volume::holder)
            && bound_volume(found, self.volumes).is_none()
        {
            let name = there.map(volume::name).unwrap_or_default();
            let of = if (&holder.namespace, &holder.name) == (&id.namespace, &id.name) {
                "an earlier claim of the same name".to_owned()
            } else {
                format!("claim {}/{}", holder.namespace, holder.name)
            };
            return stays(StaysCode::HeldByAnother, format!("its volume {name} belongs to {of}"));
        }
        match (phase, named, there) {
            ("Pending" | "", Some(name), Some(_)) => {
                stays(StaysCode::Unbound, format!("it is not bound yet to the volume that it names, {name}"))
            }
            ("Pending" | "", Some(name), None) => {
                stays(StaysCode::Unbound, format!("it waits for volume {name}, which does not exist"))
            }
            ("Pending" | "", None, _) => stays(StaysCode::Unbound, self.waits_for(found, &id)),
            ("Lost", None, _) => stays(StaysCode::Lost, "it was bound once, and names no volume any more".to_owned()),
            (_, Some(name), None) => stays(StaysCode::Lost, format!("its volume {name} does not exist any more")),
            (phase, _, _) => stays(StaysCode::Unbound, format!("it is {phase}")),
        }
    }

    /// Says what an unbound claim is waiting for, as far as that can be known.
    fn waits_for(&self, found: &PersistentVolumeClaim, id: &ClaimId) -> String {
        let class_name = claim::class(found).unwrap_or_default();
        match self.classes.get(class_name.as_str()) {
            _ if claim::has_selector(found) => {
                "it has no volume: none that is free matches its selector, and provisioners make none for a selector"
                    .to_owned()
            }
            Some((class::NO_PROVISIONER, _)) => {
                format!("it has no volume: StorageClass {class_name} has no provisioner, and no free volume fits")
            }
            Some((_, true)) if !self.used.contains(id) => {
                format!(
                    "it has no volume: StorageClass {class_name} makes one once a pod uses the claim, and none does"
                )
            }
            _ => "it has no volume yet".to_owned(),
        }
    }
}
