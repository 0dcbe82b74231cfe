#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use pvmigrate_core::policy::Volume;
use serde_json::json;

use super::super::Fixture;
use super::*;

/// Collects a claim used through a Deployment, one made for a pod, and one of ours; a pod with a password; a quota and
/// a Secret.
fn collected(needs: &[Need]) -> Collected {
    let objects = json!([
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "slow", "uid": "class-uid",
            "annotations": {"pvmigrate.dev/max-size": "10Gi"}}, "provisioner": "disks.example.com",
            "parameters": {"type": "gp3", "csi.storage.k8s.io/node-publish-secret-name": "vault-key"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "ledger", "namespace": "payroll",
            "uid": "5f3c-uid", "labels": {"team": "finance", "pvmigrate.dev/keep": "true", "active": "yes"},
            "annotations": {"owner": "eve@corp.example", "kurl.sh/pvcmigrate-destinationaccessmode": "ReadWriteMany",
                "volume.kubernetes.io/selected-node": "ip-10-9.corp"}},
            "spec": {"storageClassName": "slow", "volumeName": "pvc-5f3c", "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "2Gi"}}}, "status": {"phase": "Bound"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "web-0-scratch", "namespace": "payroll",
            "uid": "77-uid", "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "web-0", "controller": true}]},
            "spec": {"storageClassName": "slow", "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}}}, "status": {"phase": "Pending"}},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "temporary", "namespace": "payroll",
            "annotations": {"kurl.sh/pvcmigrate-kind": "dest"}}},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pvc-5f3c", "uid": "pv-uid",
            "annotations": {"pv.kubernetes.io/provisioned-by": "disks.example.com", "x": "handle-of-ledger"}},
            "spec": {"storageClassName": "slow", "capacity": {"storage": "3Gi"}, "accessModes": ["ReadWriteOnce"],
                "persistentVolumeReclaimPolicy": "Delete", "claimRef": {"namespace": "payroll", "name": "ledger"},
                "csi": {"driver": "disks.example.com", "volumeHandle": "vol-0secret"}}},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "elsewhere"},
            "spec": {"claimRef": {"namespace": "legal", "name": "files"}}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-0", "namespace": "payroll", "labels": {"a": "finance"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7f", "controller": true}]},
            "spec": {"nodeName": "ip-10-9.corp", "serviceAccountName": "robot",
                "containers": [{"name": "c", "image": "corp/web", "env": [{"name": "PASSWORD", "value": "hunter2"}],
                    "volumeMounts": [{"name": "books", "mountPath": "/books", "readOnly": true},
                        {"name": "keys", "mountPath": "/keys"}]}],
                "volumes": [{"name": "books", "persistentVolumeClaim": {"claimName": "ledger"}},
                    {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
                    {"name": "keys", "secret": {"secretName": "vault-key"}}]}, "status": {"phase": "Running"}},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "idle", "namespace": "payroll"}, "spec": {}},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-7f", "namespace": "payroll",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true}]},
            "spec": {"template": {"spec": {"containers": [{"env": [{"value": "hunter2"}]}]}}}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "payroll"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other", "namespace": "payroll"}},
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "disks-payroll", "namespace": "payroll",
            "resourceVersion": "9", "uid": "quota-uid", "labels": {"team": "finance"}},
            "spec": {"hard": {"requests.storage": "9Gi"}, "scopes": ["for payroll, ledger"],
                "containers": [{"command": ["hunter2"]}]}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault-key", "namespace": "payroll"}},
    ]);
    let mut kinds: BTreeMap<Kind, Vec<Value>> = BTreeMap::new();
    for object in objects.as_array().unwrap() {
        let text = |key: &str| object[key].as_str().unwrap();
        kinds.entry(Kind::new(text("apiVersion"), text("kind"))).or_default().push(object.clone());
    }
    let mut collected = Collected::default();
    let wanted = Capture::needs(needs);
    kinds.retain(|kind, _| wanted.iter().any(|need| need.kind == *kind));
    kinds.into_iter().for_each(|(kind, objects)| collected.put(kind, objects));
    collected
}

fn needs() -> Vec<Need> {
    let need = |kind| Need { kind: Kind::new("v1", kind), purpose: String::new(), optional: false };
    vec![need("ResourceQuota"), need("Secret")]
}

/// Writes a capture as YAML, and reads it as a fixture.
fn read_back(capture: &Capture) -> (String, Fixture) {
    let folder = tempfile::tempdir().unwrap();
    let mut whole = String::new();
    for (name, objects) in capture.files() {
        let documents: Vec<String> = objects.iter().map(|object| serde_saphyr::to_string(object).unwrap()).collect();
        let text = documents.join("---\n");
        std::fs::write(folder.path().join(format!("{name}.yaml")), &text).unwrap();
        whole.push_str(&text);
    }
    (whole, Fixture::read(folder.path()).unwrap())
}

#[test]
fn a_capture_reads_as_what_was_there() {
    let capture = Capture::of(&collected(&needs()), &needs(), None).unwrap();
    let (text, fixture) = read_back(&capture);
    let claims: Vec<String> = fixture.volumes().iter().map(Volume::claim).collect();
    assert_eq!(claims, ["payroll/ledger", "payroll/web-0-scratch"]);
    let ledger = &fixture.volumes()[0];
    assert_eq!((ledger.capacity_bytes, ledger.requested_bytes), (3 << 30, 2 << 30));
    assert_eq!(ledger.labels["pvmigrate.dev/keep"], "true");
    assert_eq!(ledger.driver.as_deref(), Some("disks.example.com"));
    let user = &ledger.consumers[0];
    assert_eq!((user.workload.name.as_str(), user.workload.kind.as_str(), user.read_only), ("web", "Deployment", true));
    assert_eq!(fixture.volumes()[1].consumers.len(), 1, "of an ephemeral volume");
    assert_eq!(fixture.classes()[0].annotations["pvmigrate.dev/max-size"], "10Gi");
    let quotas: Vec<_> = fixture.collected(&needs()).kinds().map(|(_, found)| found.unwrap()).collect();
    assert_eq!(quotas, [1]);
    for part in ["hunter2", "corp/web", "robot", "vol-0secret", "legal", "temporary", "idle", "other", "Secret\n"] {
        assert!(!text.contains(part), "{part} is in: {text}");
    }
}

#[test]
fn anonymous_means_the_same_and_holds_no_name() {
    let plain = Capture::of(&collected(&needs()), &needs(), None).unwrap();
    let mut capture = plain.clone();
    capture.anonymize();
    let (text, fixture) = read_back(&capture);
    for part in
        ["payroll", "ledger", "5f3c", "finance", "corp", "web", "scratch", "books", "eve", "-uid", "vault", "77-uid"]
    {
        assert!(!text.contains(part), "{part} is in: {text}");
    }
    let volumes = fixture.volumes();
    let ledger = volumes.iter().find(|volume| volume.labels.contains_key("team")).unwrap();
    let scratch = volumes.iter().find(|volume| !volume.labels.contains_key("team")).unwrap();
    assert_eq!(ledger.capacity_bytes, 3 << 30, "its volume is still its own");
    assert_eq!(ledger.storage_class.as_deref(), Some("slow"));
    assert_eq!(ledger.annotations["kurl.sh/pvcmigrate-destinationaccessmode"], "ReadWriteMany");
    assert_eq!((ledger.labels["pvmigrate.dev/keep"].as_str(), ledger.labels["active"].as_str()), ("true", "yes"));
    let user = &ledger.consumers[0];
    assert_eq!(user.workload.kind, "Deployment");
    assert_eq!(ledger.annotations["volume.kubernetes.io/selected-node"], *user.node.as_ref().unwrap());
    assert_eq!(scratch.consumers.len(), 1, "the claim of a pod is still the pod's");
    assert_eq!(scratch.consumers[0].pod, user.pod);
    // A value that stands in two places is the same in both.
    let quota = &capture.further[&Kind::new("v1", "ResourceQuota")][0];
    assert_eq!(quota["metadata"]["labels"]["team"], ledger.labels["team"].as_str());
    assert_eq!(quota["metadata"]["namespace"], ledger.namespace.as_str());
    assert_eq!(quota["spec"]["hard"]["requests.storage"], "9Gi");
    assert_eq!(quota["spec"]["scopes"][0], format!("for {}, {}", ledger.namespace, ledger.name));
}

#[test]
fn a_new_name_is_never_an_old_one() {
    let mut capture = Capture::of(&collected(&[]), &[], None).unwrap();
    capture.objects.get_mut("claims").unwrap()[0]["metadata"]["name"] = json!("claim-1");
    capture.anonymize();
    let names: Vec<_> = capture.objects["claims"].iter().map(|claim| claim["metadata"]["name"].clone()).collect();
    assert!(!names.contains(&json!("claim-1")), "{names:?}");
}

/// What a policy looks up means what it meant: labels, annotations and fields that no question is made of.
#[test]
fn a_kind_that_a_policy_looks_up_is_whole() {
    let of_kind =
        |api_version: &str, kind| Need { kind: Kind::new(api_version, kind), purpose: String::new(), optional: false };
    let needs = [of_kind("v1", "Pod"), of_kind("v1", "PersistentVolume"), of_kind("apps/v1", "Deployment")];
    let capture = |namespace| Capture::of(&collected(&needs), &needs, namespace).unwrap();
    let (text, fixture) = read_back(&capture(None));
    let found = fixture.collected(&needs);
    let names = |api_version: &str, kind| {
        let found = found.find(&Kind::new(api_version, kind), None, "", &["metadata.name".to_owned()]).unwrap();
        found.iter().map(|text| text.split('"').nth(5).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("v1", "Pod"), ["idle", "web-0"], "those that mount nothing, too");
    assert_eq!(names("apps/v1", "Deployment"), ["other", "web"]);
    assert!(names("v1", "PersistentVolume").contains(&"elsewhere".to_owned()));
    for part in ["a: finance", "robot", "corp/web", "handle-of-ledger", "vol-0secret", "/books"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(fixture.volumes()[0].consumers[0].workload.name, "web");
    let (text, _) = read_back(&capture(Some("payroll")));
    assert!(!text.contains("elsewhere") && text.contains("vol-0secret"), "{text}");
}
