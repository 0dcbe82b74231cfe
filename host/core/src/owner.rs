//! Owners of a claim, as they are now.
//!
//! A claim is moved by creating it again, and the set that owned it may have been recreated meanwhile. A reference
//! to an owner that does not exist destroys the data: the garbage collector deletes the claim, and its reclaim policy
//! the disk. So the final claim has no owner at first, and gets those that exist at the end.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::observation::WorkloadSeen;
use crate::policy::ObjectRef;
use crate::record::{Uid, WorkloadRef};
use crate::survey::scalable;

/// An owner that exists.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Which one.
    pub workload: WorkloadRef,
    /// Its uid now.
    pub uid: Uid,
}

/// The recorded owners of a claim, by whether they exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners {
    /// Those that exist.
    pub present: Vec<Owner>,
    /// Those that do not, in words.
    pub missing: Vec<String>,
}

/// Finds the recorded owners of a claim among the workloads that are seen.
///
/// An owner that is a pod is left out silently: a StatefulSet that deletes its claims sets one for as long as it scales
/// down, and that pod is gone by now.
pub fn owners(manifest: &Value, workloads: &BTreeMap<WorkloadRef, WorkloadSeen>) -> Owners {
    let mut owners = Owners::default();
    let references = manifest.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    for reference in references.into_iter().flatten() {
        let text = |key: &str| reference[key].as_str().unwrap_or_default().to_owned();
        let owner =
            ObjectRef { api_version: text("apiVersion"), kind: text("kind"), namespace: None, name: text("name") };
        if owner.kind == "Pod" {
            continue;
        }
        match scalable(&owner).and_then(|workload| Some((workloads.get(&workload)?.uid.clone(), workload))) {
            Some((uid, workload)) => owners.present.push(Owner { workload, uid }),
            None => owners.missing.push(format!("{} {}", owner.kind, owner.name)),
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Version, WorkloadKind};

    #[test]
    fn an_owner_is_named_as_it_is_now_or_as_missing() {
        let web = WorkloadRef { kind: WorkloadKind::StatefulSet, name: "web".to_owned() };
        let seen = WorkloadSeen {
            uid: Uid("anew".to_owned()),
            version: Version("7".to_owned()),
            replicas: 1,
            mark: None,
            pods: 1,
            ready: 1,
            trouble: None,
        };
        let workloads = BTreeMap::from([(web.clone(), seen)]);
        let manifest = json!({"metadata": {"ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "old"},
            {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "gone", "uid": "old"},
            {"apiVersion": "acme.io/v1", "kind": "StatefulSet", "name": "web", "uid": "old"},
            {"apiVersion": "v1", "kind": "Pod", "name": "web-0", "uid": "pod"},
        ]}});
        let found = owners(&manifest, &workloads);
        assert_eq!(found.present, [Owner { workload: web, uid: Uid("anew".to_owned()) }]);
        assert_eq!(found.missing, ["StatefulSet gone", "StatefulSet web"]);
        assert_eq!(owners(&Value::Null, &workloads), Owners::default());
    }
}
