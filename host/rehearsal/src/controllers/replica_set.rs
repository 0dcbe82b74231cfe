//! ReplicaSets: as many pods as asked for.

use serde_json::{Value, json};

use super::{NotMade, create, pods};
use crate::{
    kinds,
    object::{self, number, text},
    store::{Key, Store, lifecycle},
};

/// Makes or deletes pods until there are as many as the spec asks for, and counts them.
pub(super) fn reconcile(store: &mut Store, key: &Key, set: &Value) {
    let wanted = usize::try_from(number(set, "/spec/replicas").unwrap_or(1)).unwrap_or(0);
    let mut active: Vec<_> = pods::controlled(store, set).into_iter().filter(|(_, pod)| pods::is_active(pod)).collect();
    let mut refused = None;
    if !object::is_terminating(set) {
        for _ in active.len()..wanted {
            let mut pod = pods::from_template(set);
            object::remove(&mut pod, &["metadata", "name"]);
            object::set(&mut pod, &["metadata", "generateName"], json!(format!("{}-", key.name)));
            if let Err(NotMade::Refused(why)) = create(store, &kinds::PODS, pod, set) {
                refused = Some(why);
                break;
            }
        }
    }
    // The pods that serve least go first: those without a node, then the unready, then the youngest.
    active.sort_by_key(|(key, pod)| {
        let scheduled = text(pod, "/spec/nodeName").is_some();
        let created = text(pod, "/metadata/creationTimestamp").unwrap_or_default().to_owned();
        (!scheduled, !pods::is_ready(pod), created, key.name.clone())
    });
    for (pod_key, pod) in active.iter().skip(wanted) {
        pods::delete(store, pod_key, pod);
    }
    write_counts(store, key, set, refused);
}

/// Returns the condition of a set whose pods were refused.
pub(super) fn failure(set: &Value) -> Option<&Value> {
    object::items(set, "/status/conditions").iter().find(|one| text(one, "/type") == Some("ReplicaFailure"))
}

fn write_counts(store: &mut Store, key: &Key, set: &Value, refused: Option<String>) {
    let active: Vec<_> = pods::controlled(store, set).into_iter().filter(|(_, pod)| pods::is_active(pod)).collect();
    let ready = active.iter().filter(|(_, pod)| pods::is_ready(pod)).count();
    lifecycle::edit(store, key, |set| {
        let generation = set["metadata"]["generation"].clone();
        // As in Kubernetes the first refusal stays: the name in it is another each time.
        let failure = refused.map(|why| {
            let new = json!({
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": why,
                "lastTransitionTime": object::now(),
            });
            failure(set).cloned().unwrap_or(new)
        });
        set["status"] = json!({
            "replicas": active.len(), "fullyLabeledReplicas": active.len(), "readyReplicas": ready,
            "availableReplicas": ready, "observedGeneration": generation,
        });
        if let Some(failure) = failure {
            set["status"]["conditions"] = json!([failure]);
        }
    });
}
