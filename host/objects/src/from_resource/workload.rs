//! Workloads that are scaled (`apps/v1` Deployment, StatefulSet, ReplicaSet).

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::names;
use pvmigrate_core::record::{Uid, Version, WorkloadKind, WorkloadRef};
use pvmigrate_core::survey::WorkloadFacts;

use super::claim_template::{ClaimTemplate, templates};
use super::{Controller, Key, annotation, claim, controller, owned_annotation, uid, version};
use super::{Kept, Reads};

/// What observations need of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenWorkload {
    key: Key,
    pub kind: WorkloadKind,
    uid: Uid,
    version: Version,
    pub replicas: u32,
    pub mark: Option<u32>,
    /// A StatefulSet's `whenScaled` now.
    pub when_scaled: Option<String>,
    /// What we noted of it before we lifted it.
    pub when_scaled_mark: Option<String>,
    pub controller: Option<Controller>,
    /// The templates from which a StatefulSet makes claims.
    pub templates: Vec<ClaimTemplate>,
}

impl Kept for SeenWorkload {
    fn key(&self) -> &Key {
        &self.key
    }
    fn uid(&self) -> &Uid {
        &self.uid
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

impl Reads<Deployment> for SeenWorkload {
    fn read(workload: &Deployment) -> Option<Self> {
        let replicas = workload.spec.as_ref().and_then(|spec| spec.replicas);
        Some(seen(WorkloadKind::Deployment, &workload.metadata, replicas, None))
    }
}

impl Reads<ReplicaSet> for SeenWorkload {
    fn read(workload: &ReplicaSet) -> Option<Self> {
        let replicas = workload.spec.as_ref().and_then(|spec| spec.replicas);
        Some(seen(WorkloadKind::ReplicaSet, &workload.metadata, replicas, None))
    }
}

impl Reads<StatefulSet> for SeenWorkload {
    fn read(workload: &StatefulSet) -> Option<Self> {
        let replicas = workload.spec.as_ref().and_then(|spec| spec.replicas);
        let set = seen(WorkloadKind::StatefulSet, &workload.metadata, replicas, when_scaled(workload));
        Some(Self { templates: templates(workload), ..set })
    }
}

fn seen(kind: WorkloadKind, metadata: &ObjectMeta, replicas: Option<i32>, when_scaled: Option<String>) -> SeenWorkload {
    SeenWorkload {
        key: Key::of(metadata),
        kind,
        uid: uid(metadata),
        version: version(metadata),
        replicas: scale(replicas),
        mark: mark(metadata),
        when_scaled,
        when_scaled_mark: owned_annotation(metadata, names::WHEN_SCALED),
        controller: controller(metadata),
        templates: Vec::new(),
    }
}

/// Returns the scale asked for; 1 when absent, as the API server has it.
fn scale(replicas: Option<i32>) -> u32 {
    replicas.map_or(1, |replicas| u32::try_from(replicas).unwrap_or(0))
}

/// Reads the mark. One that is not a number was not written by this tool or the reference, and is ignored.
fn mark(metadata: &ObjectMeta) -> Option<u32> {
    annotation(metadata, names::SCALE).and_then(|mark| mark.trim().parse().ok())
}

fn when_scaled(workload: &StatefulSet) -> Option<String> {
    workload.spec.as_ref()?.persistent_volume_claim_retention_policy.as_ref()?.when_scaled.clone()
}

/// Collects what the host needs to know of a Deployment.
pub fn deployment(workload: &Deployment) -> WorkloadFacts {
    let spec = workload.spec.as_ref();
    let replicas = spec.and_then(|spec| spec.replicas);
    facts(WorkloadKind::Deployment, &workload.metadata, replicas, spec.map(|spec| &spec.template))
}

/// Tells whether a Deployment made the ReplicaSet: then the Deployment is what is scaled.
pub fn is_of_deployment(workload: &ReplicaSet) -> bool {
    controller(&workload.metadata)
        .is_some_and(|owner| owner.kind == "Deployment" && owner.api_version.starts_with("apps/"))
}

/// Collects what the host needs to know of a ReplicaSet.
pub fn replica_set(workload: &ReplicaSet) -> WorkloadFacts {
    let spec = workload.spec.as_ref();
    let replicas = spec.and_then(|spec| spec.replicas);
    facts(WorkloadKind::ReplicaSet, &workload.metadata, replicas, spec.and_then(|spec| spec.template.as_ref()))
}

/// Collects what the host needs to know of a StatefulSet.
pub fn stateful_set(workload: &StatefulSet) -> WorkloadFacts {
    let spec = workload.spec.as_ref();
    let replicas = spec.and_then(|spec| spec.replicas);
    let templates = spec.into_iter().flat_map(|spec| spec.volume_claim_templates.iter().flatten());
    let noted = owned_annotation(&workload.metadata, names::WHEN_SCALED);
    WorkloadFacts {
        // While an interrupted run has lifted the policy, its note is what the policy was.
        when_scaled: noted.or_else(|| when_scaled(workload)),
        templates: templates
            .filter_map(|template| Some((template.metadata.name.clone()?, claim::class(template))))
            .collect(),
        ..facts(WorkloadKind::StatefulSet, &workload.metadata, replicas, spec.map(|spec| &spec.template))
    }
}

fn facts(
    kind: WorkloadKind,
    metadata: &ObjectMeta,
    replicas: Option<i32>,
    template: Option<&PodTemplateSpec>,
) -> WorkloadFacts {
    let Key { namespace, name } = Key::of(metadata);
    let volumes = template.and_then(|template| template.spec.as_ref()?.volumes.as_ref());
    let claims = volumes.into_iter().flatten().filter_map(|volume| volume.persistent_volume_claim.as_ref());
    WorkloadFacts {
        owner: controller(metadata).map(|owner| owner.object(&namespace)),
        namespace,
        workload: WorkloadRef { kind, name },
        replicas: scale(replicas),
        mark: mark(metadata),
        when_scaled: None,
        claims: claims.map(|source| source.claim_name.clone()).collect(),
        templates: BTreeMap::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    const SET: &str = "
metadata: {name: db, namespace: shop, uid: s1, resourceVersion: '4', annotations: {kurl.sh/pvcmigrate-scale: '3', pvmigrate.dev/when-scaled: Delete}}
spec:
  replicas: 0
  serviceName: db
  selector: {}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  template: {spec: {containers: [], volumes: [{name: conf, persistentVolumeClaim: {claimName: conf}}, {name: tmp, emptyDir: {}}]}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {}}]
";

    #[test]
    fn a_set_that_is_down_says_what_it_was() {
        let seen = <SeenWorkload as Reads<StatefulSet>>::read(&yaml(SET)).unwrap();
        assert_eq!((seen.replicas, seen.mark), (0, Some(3)));
        assert_eq!((seen.when_scaled.as_deref(), seen.when_scaled_mark.as_deref()), (Some("Retain"), Some("Delete")));
        let facts = stateful_set(&yaml(SET));
        assert_eq!(facts.when_scaled.as_deref(), Some("Delete"));
        assert!(facts.names("data-db-0") && facts.names("conf"));
        assert_eq!(facts.scale(), 3);
    }

    #[test]
    fn an_absent_scale_is_1_and_an_odd_mark_is_ignored() {
        let text = "{metadata: {name: web, namespace: shop, annotations: {kurl.sh/pvcmigrate-scale: many}}, spec: {selector: {}, template: {}}}";
        let seen = <SeenWorkload as Reads<Deployment>>::read(&yaml(text)).unwrap();
        assert_eq!((seen.replicas, seen.mark), (1, None));
        assert_eq!(deployment(&yaml(text)).replicas, 1);
    }

    #[test]
    fn a_replica_set_names_its_deployment() {
        let text = "{metadata: {name: web-5d, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d1, controller: true}]}, spec: {selector: {}, replicas: 2}}";
        assert_eq!(replica_set(&yaml(text)).owner.unwrap().to_string(), "Deployment shop/web");
        assert!(is_of_deployment(&yaml(text)));
        assert!(!is_of_deployment(&yaml("{metadata: {name: alone}, spec: {selector: {}}}")));
        let seen = <SeenWorkload as Reads<ReplicaSet>>::read(&yaml(text)).unwrap();
        assert_eq!(seen.controller.unwrap().uid, Uid("d1".to_owned()));
    }
}
