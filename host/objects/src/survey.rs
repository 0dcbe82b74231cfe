//! Joins the lists into a survey: a pure function. How each field is derived is written at the fields of
//! [`pvmigrate_core::policy::Volume`] and [`Survey`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use pvmigrate_core::policy::question::effective_modes;
use pvmigrate_core::policy::{Consumer, ObjectRef, Pairs, Volume, VolumeId, facts};
use pvmigrate_core::record::Record;
use pvmigrate_core::survey::{ClaimFacts, ClaimId, PodFacts, Scope, Survey};

use crate::from_resource::{
    Key, Unreadable, claim, class, controller, created, pairs, pod, pod_progress, storage, uid, volume, workload,
};

mod halfway;
mod objects;
mod owners;
mod stays;

pub use objects::of_objects;
use owners::Owners;
use stays::Reasons;

/// The objects that a survey is made from, of one namespace or of all.
#[derive(Debug, Default)]
pub struct Lists {
    pub classes: Vec<StorageClass>,
    pub volumes: Vec<PersistentVolume>,
    /// Those that could be seen.
    pub namespaces: Vec<Namespace>,
    pub claims: Vec<PersistentVolumeClaim>,
    pub pods: Vec<Pod>,
    pub deployments: Vec<Deployment>,
    pub stateful_sets: Vec<StatefulSet>,
    pub replica_sets: Vec<ReplicaSet>,
    pub records: Vec<Record>,
}

/// Joins the lists.
///
/// # Errors
/// Names an object that cannot be understood, such as a class with a wrong annotation.
pub fn of(lists: Lists, scope: &Scope) -> Result<Survey, Unreadable> {
    let mut survey = Survey::default();
    for found in &lists.classes {
        let name = class::name(found);
        let is_used = [&scope.source_class, &scope.dest_class].into_iter().any(|used| used == name);
        if let Err(unclear) = class::known_modes(found) {
            if is_used {
                return Err(Unreadable { about: format!("StorageClass {name}"), message: unclear });
            }
            survey.unclear_classes.insert(name.to_owned(), unclear);
        }
        survey.classes.insert(name.to_owned(), class::read(found));
    }
    survey.default_class = class::default(&lists.classes).map(str::to_owned);
    let volumes: HashMap<&str, &PersistentVolume> =
        lists.volumes.iter().map(|found| (volume::name(found), found)).collect();
    let owners = Owners::of(&lists);
    let reasons = Reasons::of(&lists, &volumes);
    let mut pods: Vec<&Pod> = lists.pods.iter().filter(|found| !pod::is_helper(found)).collect();
    pods.sort_by_key(|found| Key::of(&found.metadata));
    let unfinished: Vec<&Pod> = pods.iter().copied().filter(|found| !pod::is_finished(found)).collect();
    let mut consumers = consumers(&unfinished, &owners);
    survey.pods = pods.iter().filter_map(|found| pod_facts(found, &owners)).collect();

    let mut claims: Vec<&PersistentVolumeClaim> =
        lists.claims.iter().filter(|found| !claim::is_helper(found)).collect();
    claims.sort_by_key(|found| Key::of(&found.metadata));
    for (number, found) in (0..).zip(claims) {
        let id = claim_id(found);
        let bound = bound_volume(found, &volumes);
        let mut asked = question(number, found, bound, consumers.remove(&id).unwrap_or_default())?;
        if let Some(stays) = reasons.why(found) {
            asked.facts.insert(facts::STAYS.to_owned(), stays.code.as_str().to_owned());
            asked.facts.insert(facts::STAYS_WHY.to_owned(), stays.why);
        }
        survey.volumes.push(asked);
        let known = ClaimFacts {
            volume: bound.filter(|_| claim::phase(found) == "Bound").map(volume::facts),
            ..claim::facts(found)?
        };
        survey.claims.insert(id, known);
    }

    survey.workloads.extend(lists.deployments.iter().map(workload::deployment));
    survey.workloads.extend(lists.stateful_sets.iter().map(workload::stateful_set));
    let own_masters = lists.replica_sets.iter().filter(|found| !workload::is_of_deployment(found));
    survey.workloads.extend(own_masters.map(workload::replica_set));
    survey.workloads.sort_by(|a, b| (&a.namespace, &a.workload).cmp(&(&b.namespace, &b.workload)));
    (survey.swapped, survey.unclaimed) = halfway::find(&lists, scope)?;
    let of_class = lists.volumes.iter().filter(|found| volume::class(found) == Some(&scope.dest_class));
    survey.free = of_class.filter_map(|found| volume::free(found).transpose()).collect::<Result<_, _>>()?;
    survey.records = lists.records;
    Ok(survey)
}

fn claim_id(claim: &PersistentVolumeClaim) -> ClaimId {
    let Key { namespace, name } = Key::of(&claim.metadata);
    ClaimId { namespace, name }
}

/// Returns the volume that the claim names, if that volume is the claim's.
fn bound_volume<'a>(
    claim: &PersistentVolumeClaim,
    volumes: &HashMap<&str, &'a PersistentVolume>,
) -> Option<&'a PersistentVolume> {
    let found = *volumes.get(claim::volume_name(claim)?.as_str())?;
    let id = claim_id(claim);
    let holder = volume::holder(found)?;
    let is_earlier = holder.uid.is_some_and(|held| held != uid(&claim.metadata));
    (holder.namespace == id.namespace && holder.name == id.name && !is_earlier).then_some(found)
}

fn consumers(pods: &[&Pod], owners: &Owners) -> HashMap<ClaimId, Vec<Consumer>> {
    let mut all: HashMap<ClaimId, BTreeMap<String, Consumer>> = HashMap::new();
    for found in pods {
        let Key { namespace, name } = Key::of(&found.metadata);
        for mount in pod::mounted(found) {
            let id = ClaimId { namespace: namespace.clone(), name: mount.claim };
            let consumer = all.entry(id).or_default().entry(name.clone()).or_insert_with(|| Consumer {
                workload: owners.top(found).unwrap_or_else(|| itself(&namespace, &name)),
                pod: name.clone(),
                node: pod::node(found),
                read_only: true,
                running: pod_progress::phase(found) == "Running",
            });
            // A pod may name a claim in two of its volumes.
            consumer.read_only &= mount.read_only;
        }
    }
    all.into_iter().map(|(id, pods)| (id, pods.into_values().collect())).collect()
}

fn itself(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: name.to_owned(),
    }
}

fn pod_facts(found: &Pod, owners: &Owners) -> Option<PodFacts> {
    let Key { namespace, name } = Key::of(&found.metadata);
    let mounts: Vec<pod::Mount> = pod::mounted(found).collect();
    let ephemeral = mounts.iter().filter(|mount| mount.ephemeral).map(|mount| mount.claim.clone()).collect();
    let claims: BTreeSet<String> = mounts.into_iter().map(|mount| mount.claim).collect();
    let (owner, node, finished) = (owners.top(found), pod::node(found), pod::is_finished(found));
    let leaving = pod_progress::is_leaving(found);
    // One that ended before it had a node never held anything.
    let holds = !claims.is_empty() && (!finished || node.is_some());
    let tolerations = pod::tolerations(found);
    holds.then_some(PodFacts { namespace, name, node, finished, leaving, owner, claims, ephemeral, tolerations })
}

fn question(
    number: u32,
    found: &PersistentVolumeClaim,
    bound: Option<&PersistentVolume>,
    consumers: Vec<Consumer>,
) -> Result<Volume, Unreadable> {
    let metadata = &found.metadata;
    let id = claim_id(found);
    let about = || format!("claim {id}");
    let spec = found.spec.as_ref();
    let status = found.status.as_ref();
    let requested = claim::modes(spec.and_then(|spec| spec.access_modes.as_ref()));
    let actual = claim::modes(status.and_then(|status| status.access_modes.as_ref()));
    let of_volume = bound.map(volume::modes).unwrap_or_default();
    let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
    let capacity = match bound {
        Some(bound) => volume::capacity(bound)?,
        None => storage(status.and_then(|status| status.capacity.as_ref()), about)?,
    };
    let class = match bound {
        Some(bound) => volume::class(bound).map(str::to_owned),
        None => claim::class(found),
    };
    let mut known = Pairs::new();
    if metadata.deletion_timestamp.is_some() {
        known.insert(facts::DELETING.to_owned(), facts::TRUE.to_owned());
    }
    if let Some(owner) = controller(metadata) {
        known.insert(facts::OWNER.to_owned(), format!("{}/{}", owner.kind, owner.name));
    }
    let unknown = claim::unknown_modes(found);
    if !unknown.is_empty() {
        known.insert(facts::UNKNOWN_MODES.to_owned(), unknown.join(","));
    }
    Ok(Volume {
        id: VolumeId(number),
        uid: uid(metadata).0,
        labels: pairs(metadata.labels.as_ref()),
        annotations: pairs(metadata.annotations.as_ref()),
        phase: claim::phase(found).to_owned(),
        created: u64::try_from(created(metadata).as_second()).unwrap_or(0),
        storage_class: class,
        driver: bound.and_then(volume::driver),
        volume_name: claim::volume_name(found),
        reclaim_policy: bound.map(|bound| volume::reclaim(bound).to_owned()),
        volume_mode: claim::volume_mode(found),
        effective_modes: effective_modes(&actual, &of_volume, &requested),
        requested_modes: requested,
        requested_bytes: storage(requests, about)?.unwrap_or(0),
        capacity_bytes: capacity.unwrap_or(0),
        used_bytes: None,
        consumers,
        facts: known,
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    })
}

#[cfg(test)]
mod tests;
