#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

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
            "spec": {"capacity": {"storage": "3Gi"}, "accessModes": ["ReadWriteOnce"],
                "claimRef": {"namespace": "legal", "name": "files"}}},
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
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "payroll"},
            "spec": {"selector": {}, "template": {}}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other", "namespace": "payroll"},
            "spec": {"replicas": 0, "selector": {}, "template": {}}},
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

/// A generator of clusters: enough for names that stand in each other's fields, and no two alike.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// Makes up a name that Kubernetes does not use, and notes it.
    fn name(&mut self, names: &mut Vec<String>, end: &str) -> String {
        let letters: String = (0..6).map(|_| char::from(b'k' + u8::try_from(self.below(16)).unwrap_or(0))).collect();
        let name = format!("zq{letters}{end}");
        names.push(name.clone());
        name
    }
}

/// Makes up a cluster of objects that name each other wherever Kubernetes lets them, and returns all their names.
fn drawn(seed: u64) -> (Collected, Vec<String>) {
    let (mut draw, mut names) = (Draw(seed), Vec::new());
    let mut kinds: BTreeMap<Kind, Vec<Value>> = BTreeMap::new();
    let mut put = |object: Value| {
        let kind = Kind::new(object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
        kinds.entry(kind).or_default().push(object);
    };
    put(
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "slow"}, "provisioner": "p"}),
    );
    let nodes: Vec<String> = (0..2).map(|_| draw.name(&mut names, ".corp.example")).collect();
    for node in &nodes {
        let labels = json!({"kubernetes.io/hostname": node});
        put(
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node, "labels": labels, "uid": draw.name(&mut names, "")}}),
        );
    }
    for _ in 0..=draw.below(2) {
        let namespace = draw.name(&mut names, "");
        put(
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "uid": draw.name(&mut names, "")}}),
        );
        for _ in 0..=draw.below(3) {
            let (app, set_uid) = (draw.name(&mut names, ""), draw.name(&mut names, ""));
            let is_set = draw.below(2) == 0;
            let (pod, template) = (format!("{app}-0"), draw.name(&mut names, ""));
            let claim = if is_set { format!("{template}-{pod}") } else { draw.name(&mut names, "") };
            let (uid, volume) = (draw.name(&mut names, ""), draw.name(&mut names, ""));
            let node = &nodes[usize::try_from(draw.below(2)).unwrap()];
            let kind = if is_set { "StatefulSet" } else { "Deployment" };
            put(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": claim, "namespace": namespace, "uid": uid, "labels": {"app": app},
                    "annotations": {"volume.kubernetes.io/selected-node": node, "note": format!("{app} of {namespace}, on {node}."),
                        "kubectl.kubernetes.io/last-applied-configuration": format!("{{{app}}}"),
                        "pvmigrate.dev/after": format!("{namespace}/{claim}")}},
                "spec": {"storageClassName": "slow", "volumeName": volume, "accessModes": ["ReadWriteOnce"],
                    "selector": {"matchLabels": {"app": app}, "matchExpressions": [{"key": "app", "operator": "In", "values": [app]}]},
                    "resources": {"requests": {"storage": "2Gi"}}}, "status": {"phase": "Bound"}}));
            let terms =
                json!([{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]);
            put(
                json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume, "uid": draw.name(&mut names, "")},
                "spec": {"storageClassName": "slow", "capacity": {"storage": "3Gi"}, "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Delete", "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
                    "claimRef": {"namespace": namespace, "name": claim, "uid": uid, "kind": "PersistentVolumeClaim"},
                    "csi": {"driver": "p", "volumeHandle": format!("vol-{namespace}-{claim}")}}}),
            );
            let labels = json!({"app": app});
            let mount = if is_set { template.clone() } else { "data".to_owned() };
            let owner = json!({"apiVersion": "apps/v1", "kind": kind, "name": app, "uid": set_uid, "controller": true});
            put(json!({"apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": pod, "namespace": namespace, "labels": labels, "ownerReferences": [owner], "uid": draw.name(&mut names, "")},
                "spec": {"nodeName": node, "hostname": pod, "nodeSelector": {"kubernetes.io/hostname": node},
                    "volumes": [{"name": mount, "persistentVolumeClaim": {"claimName": claim}}],
                    "containers": [{"name": "c", "volumeMounts": [{"name": mount, "mountPath": "/d"}]}]},
                "status": {"phase": "Running", "message": format!("on {node}")}}));
            let templates = json!([{"metadata": {"name": template},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}}]);
            let mut workload = json!({"apiVersion": "apps/v1", "kind": kind,
                "metadata": {"name": app, "namespace": namespace, "uid": set_uid},
                "spec": {"replicas": 1, "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": {
                        "containers": [{"name": "c", "volumeMounts": [{"name": mount, "mountPath": "/d"}]}]}}}});
            if is_set {
                workload["spec"]["serviceName"] = json!(app);
                workload["spec"]["volumeClaimTemplates"] = templates;
            } else {
                workload["spec"]["template"]["spec"]["volumes"] =
                    json!([{"name": mount, "persistentVolumeClaim": {"claimName": claim}}]);
            }
            put(workload);
            put(json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
                "metadata": {"name": format!("{app}-pdb"), "namespace": namespace}, "spec": {"selector": {"matchLabels": {"app": app}}}}));
        }
    }
    let mut collected = Collected::default();
    kinds.into_iter().for_each(|(kind, objects)| collected.put(kind, objects));
    (collected, names)
}

#[test]
fn no_name_of_a_drawn_cluster_is_left() {
    let need = |api_version: &str, kind: &str| Need {
        kind: Kind::new(api_version, kind),
        purpose: String::new(),
        optional: false,
    };
    let all = [
        need("v1", "Pod"),
        need("v1", "Node"),
        need("v1", "Namespace"),
        need("v1", "PersistentVolume"),
        need("v1", "PersistentVolumeClaim"),
        need("apps/v1", "StatefulSet"),
        need("apps/v1", "Deployment"),
        need("policy/v1", "PodDisruptionBudget"),
    ];
    for seed in 0..60 {
        let (collected, names) = drawn(seed);
        for needs in [&all[..], &[]] {
            let plain = Capture::of(&collected, needs, None).unwrap();
            let mut capture = plain.clone();
            capture.anonymize();
            let (text, fixture) = read_back(&capture);
            if let Some(name) = names.iter().find(|name| text.contains(name.as_str())) {
                panic!("seed {seed}: {name} is in: {text}");
            }
            let (_, before) = read_back(&plain);
            let shape = |fixture: &Fixture| {
                let mut all: Vec<_> = fixture
                    .volumes()
                    .iter()
                    .map(|volume| {
                        let users = volume.consumers.iter().map(|user| user.workload.kind.clone()).collect::<Vec<_>>();
                        (volume.capacity_bytes, volume.phase.clone(), users)
                    })
                    .collect();
                all.sort();
                all
            };
            assert_eq!(shape(&fixture), shape(&before), "seed {seed}: {text}");
        }
    }
}
