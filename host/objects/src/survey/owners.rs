//! Finds the top object that owns a pod, among the objects that were listed.

use std::collections::HashMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::policy::ObjectRef;
use pvmigrate_core::record::Uid;

use super::Lists;
use crate::from_resource::{Controller, controller, uid};

/// Owners form a chain of two or three; this bounds one that somebody has made into a ring.
const LONGEST: usize = 16;

/// Who controls each listed workload, by its uid.
pub(super) struct Owners {
    controllers: HashMap<Uid, Option<Controller>>,
}

impl Owners {
    pub(super) fn of(lists: &Lists) -> Self {
        let entry = |metadata: &ObjectMeta| (uid(metadata), controller(metadata));
        let deployments = lists.deployments.iter().map(|workload| entry(&workload.metadata));
        let sets = lists.stateful_sets.iter().map(|workload| entry(&workload.metadata));
        let replica_sets = lists.replica_sets.iter().map(|workload| entry(&workload.metadata));
        Self { controllers: deployments.chain(sets).chain(replica_sets).collect() }
    }

    /// Follows controllers from the pod upwards, as far as the objects are known; `None` for a bare pod.
    pub(super) fn top(&self, pod: &Pod) -> Option<ObjectRef> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let mut top = controller(&pod.metadata)?;
        for _ in 0..LONGEST {
            match self.controllers.get(&top.uid) {
                Some(Some(above)) => top = above.clone(),
                Some(None) | None => break,
            }
        }
        Some(top.object(namespace))
    }
}
