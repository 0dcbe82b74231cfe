//! What a real cluster refuses or does by itself, and what an embedded one says that it does not do.

use pvmigrate_rehearsal::{Cluster, Feature, Named};
use serde_json::{Value, json};

use crate::stage::{Embedded, claim, pod, workload};

fn in_test(mut object: Value) -> Value {
    object["metadata"]["namespace"] = json!("test");
    object
}

fn node(name: &str, labels: Value, spec: Value) -> Value {
    let mut labels = labels;
    labels["kubernetes.io/hostname"] = json!(name);
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}, "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

fn placed(name: &str, node: &str) -> Value {
    let mut pod = in_test(pod(name, "data"));
    pod["spec"]["nodeName"] = json!(node);
    pod["status"] = json!({"phase": "Running"});
    pod
}

fn pod_spec() -> Value {
    pod("any", "data")["spec"].clone()
}

async fn start(objects: Vec<Value>) -> Embedded {
    let embedded = Embedded::with(objects, |_| {}).await;
    embedded.cluster.settled().await;
    embedded
}

fn of_kind(cluster: &Cluster, kind: &str) -> Vec<Value> {
    cluster.objects().into_iter().filter(|object| object["kind"] == kind).collect()
}

fn names(cluster: &Cluster, kind: &str) -> Vec<String> {
    of_kind(cluster, kind).iter().filter_map(|object| object["metadata"]["name"].as_str().map(str::to_owned)).collect()
}

/// Returns the messages of the Events about an object for a reason.
fn told(cluster: &Cluster, kind: &str, name: &str, reason: &str) -> Vec<String> {
    let events = cluster.events_of(kind, name).into_iter().filter(|event| event["reason"] == reason);
    events.filter_map(|event| event["message"].as_str().map(str::to_owned)).collect()
}

fn phase(cluster: &Cluster, claim: &str) -> Value {
    cluster.get("v1", "PersistentVolumeClaim", Some("test"), claim).unwrap()["status"]["phase"].clone()
}

#[tokio::test]
async fn pod_security_refuses_new_pods_and_leaves_those_that_were_given() {
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let mut namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict"}});
    namespace["metadata"]["labels"] = labels;
    let mut set = workload("ReplicaSet", "web", 2, pod_spec());
    let mut given = placed("old", "n1");
    for object in [&mut set, &mut given] {
        object["metadata"]["namespace"] = json!("strict");
    }
    let embedded = start(vec![namespace, set, given]).await;
    assert_eq!(names(&embedded.cluster, "Pod"), ["old"]);
    let events = told(&embedded.cluster, "ReplicaSet", "web", "FailedCreate");
    let words = "is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false \
                 (container \"main\" must set securityContext.allowPrivilegeEscalation=false), unrestricted \
                 capabilities (container \"main\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot \
                 != true (pod or container \"main\" must set securityContext.runAsNonRoot=true), seccompProfile (pod \
                 or container \"main\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \
                 \"Localhost\")";
    assert!(events[0].starts_with("Error creating: pods \"web-") && events[0].ends_with(words), "{events:?}");
    let set = embedded.cluster.get("apps/v1", "ReplicaSet", Some("strict"), "web").unwrap();
    assert_eq!(set["status"]["conditions"][0]["type"], "ReplicaFailure");
    // What the namespace refused is tried again when it changes.
    embedded.cluster.edit("v1", "Namespace", None, "strict", |namespace| {
        namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = json!("baseline");
    });
    embedded.cluster.settled().await;
    assert_eq!(names(&embedded.cluster, "Pod").len(), 3);
}

#[tokio::test]
async fn a_namespace_that_ends_takes_nothing_new() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "leaving", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}});
    let mut set = workload("StatefulSet", "db", 1, pod_spec());
    set["metadata"]["namespace"] = json!("leaving");
    let embedded = start(vec![namespace, set]).await;
    let namespace = embedded.cluster.get("v1", "Namespace", None, "leaving").unwrap();
    assert_eq!(namespace["status"]["phase"], "Terminating");
    let events = told(&embedded.cluster, "StatefulSet", "db", "FailedCreate");
    let words = "pods \"db-0\" is forbidden: unable to create new content in namespace leaving because it is being \
                 terminated";
    assert!(events.iter().any(|event| event.ends_with(words)), "{events:?}");
}

fn class_in(zone: &str, name: &str, mode: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": "disks.example.com", "volumeBindingMode": mode,
        "allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": [zone]}]}]})
}

#[tokio::test]
async fn volumes_are_made_only_where_their_class_allows() {
    let nodes = || vec![node("n1", json!({"zone": "a"}), json!({})), node("n2", json!({"zone": "b"}), json!({}))];
    let waiting = || in_test(pod("user", "waits"));
    let mut objects = nodes();
    objects.extend([class_in("b", "at-once", "Immediate"), class_in("b", "waiting", "WaitForFirstConsumer")]);
    objects.extend([in_test(claim("now", "at-once")), in_test(claim("waits", "waiting")), waiting()]);
    let embedded = start(objects).await;
    assert_eq!(embedded.cluster.get("v1", "Pod", Some("test"), "user").unwrap()["spec"]["nodeName"], "n2");
    for volume in of_kind(&embedded.cluster, "PersistentVolume") {
        let expression = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"][0];
        assert_eq!(expression, &json!({"key": "zone", "operator": "In", "values": ["b"]}), "{volume}");
    }

    let mut objects = nodes();
    objects.extend([class_in("z", "at-once", "Immediate"), class_in("z", "waiting", "WaitForFirstConsumer")]);
    objects.extend([in_test(claim("now", "at-once")), in_test(claim("waits", "waiting")), waiting()]);
    let embedded = start(objects).await;
    assert_eq!(
        (phase(&embedded.cluster, "now"), phase(&embedded.cluster, "waits")),
        (json!("Pending"), json!("Pending"))
    );
    let words = "failed to provision volume with StorageClass \"at-once\": error generating accessibility requirements: \
                 no available topology found";
    assert_eq!(told(&embedded.cluster, "PersistentVolumeClaim", "now", "ProvisioningFailed"), [words]);
    let events = told(&embedded.cluster, "Pod", "user", "FailedScheduling");
    let words = "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.";
    assert!(events.last().unwrap().starts_with(words), "{events:?}");
}

#[tokio::test]
async fn a_claim_with_a_selector_takes_a_volume_that_matches_and_no_other() {
    let mut wants = in_test(claim("wants", "now"));
    wants["spec"]["selector"] = json!({"matchLabels": {"disk": "one"}});
    let volume = |name: &str, disk: &str| {
        json!({"apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name, "labels": {"disk": disk}},
            "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}, "storageClassName": "now",
                "nfs": {"server": "s", "path": format!("/{name}")}}})
    };
    let embedded = start(vec![wants, volume("other", "two")]).await;
    assert_eq!(phase(&embedded.cluster, "wants"), "Pending");
    let words = "failed to provision volume with StorageClass \"now\": claim Selector is not supported";
    assert_eq!(told(&embedded.cluster, "PersistentVolumeClaim", "wants", "ProvisioningFailed"), [words]);
    embedded.cluster.put(volume("mine", "one")).unwrap();
    embedded.cluster.settled().await;
    // A free volume brings no turn of the claim: that comes with the next write to it.
    embedded.cluster.edit("v1", "PersistentVolumeClaim", Some("test"), "wants", |claim| {
        claim["metadata"]["labels"] = json!({"touched": "yes"});
    });
    embedded.cluster.settled().await;
    let claim = embedded.cluster.get("v1", "PersistentVolumeClaim", Some("test"), "wants").unwrap();
    assert_eq!((&claim["status"]["phase"], &claim["spec"]["volumeName"]), (&json!("Bound"), &json!("mine")));
}

#[tokio::test]
async fn a_claim_without_a_provisioner_waits_for_a_volume_that_a_node_can_mount() {
    let mut class = class_in("b", "static", "WaitForFirstConsumer");
    class["provisioner"] = json!("kubernetes.io/no-provisioner");
    class["allowedTopologies"] = json!([]);
    let user = in_test(pod("user", "data"));
    let nodes = ["n1", "n2"].map(|name| node(name, json!({}), json!({"unschedulable": name == "n1"})));
    let embedded = start([vec![class, in_test(claim("data", "static")), user], nodes.to_vec()].concat()).await;
    let last = told(&embedded.cluster, "Pod", "user", "FailedScheduling").pop().unwrap();
    let words = "0/2 nodes are available: 1 node(s) didn't find available persistent volumes to bind, 1 node(s) were \
                 unschedulable. no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not \
                 helpful for scheduling.";
    assert_eq!(last, words);
    let local = |node: &str| {
        json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("on-{node}")},
            "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "5Gi"}, "storageClassName": "static",
                "local": {"path": format!("/{node}")}, "nodeAffinity": {"required": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}]}}}})
    };
    for name in ["n1", "n2"] {
        embedded.cluster.put(local(name)).unwrap();
    }
    embedded.cluster.settled().await;
    embedded.cluster.edit("v1", "Node", None, "n2", |node| node["metadata"]["labels"]["touched"] = json!("yes"));
    embedded.cluster.settled().await;
    let claim = embedded.cluster.get("v1", "PersistentVolumeClaim", Some("test"), "data").unwrap();
    assert_eq!(claim["spec"]["volumeName"], "on-n2");
}

#[tokio::test]
async fn a_daemon_set_has_a_pod_on_each_node_that_fits() {
    let nodes = vec![
        node("cordoned", json!({"disk": "ssd"}), json!({"unschedulable": true})),
        node("given", json!({"disk": "ssd"}), json!({})),
        node("other", json!({"disk": "hdd"}), json!({})),
        node("tainted", json!({"disk": "ssd"}), json!({"taints": [{"key": "a", "effect": "NoSchedule"}]})),
    ];
    let mut set = in_test(workload("DaemonSet", "agent", 1, pod_spec()));
    set["spec"].as_object_mut().unwrap().retain(|field, _| field == "selector" || field == "template");
    set["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "ssd"});
    set["metadata"]["uid"] = json!("set-1");
    let mut given = placed("agent-given", "given");
    given["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "agent", "uid": "set-1", "controller": true}]);
    let embedded = start([nodes, vec![set, given, in_test(claim("data", "now"))]].concat()).await;
    let pods = of_kind(&embedded.cluster, "Pod");
    let mut on: Vec<&str> = pods.iter().filter_map(|pod| pod["spec"]["nodeName"].as_str()).collect();
    on.sort_unstable();
    assert_eq!((on, pods.len()), (vec!["cordoned", "given"], 2));
    embedded.cluster.edit("apps/v1", "DaemonSet", Some("test"), "agent", |set| {
        set["spec"]["template"]["spec"]["nodeSelector"] = json!({"disk": "hdd"});
    });
    embedded.cluster.settled().await;
    let pods = of_kind(&embedded.cluster, "Pod");
    assert_eq!(pods.iter().map(|pod| &pod["spec"]["nodeName"]).collect::<Vec<_>>(), ["other"]);
}

#[tokio::test]
async fn a_job_has_its_pods_unless_it_is_over_or_suspended() {
    let job = |name: &str, spec: Value, status: Value| {
        let mut template = pod_spec();
        template["restartPolicy"] = json!("Never");
        template["containers"][0]["command"] = json!(["rsync", "--version"]);
        let mut spec = spec;
        spec["template"] = json!({"spec": template});
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "test"},
            "spec": spec, "status": status})
    };
    let over = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    let embedded = start(vec![
        in_test(claim("data", "now")),
        job("load", json!({"parallelism": 2, "completions": 5}), json!({})),
        job("over", json!({}), over),
        job("stopped", json!({"suspend": true}), json!({})),
    ])
    .await;
    let pods = of_kind(&embedded.cluster, "Pod");
    assert_eq!(pods.len(), 2, "{:?}", names(&embedded.cluster, "Pod"));
    for pod in &pods {
        assert_eq!(pod["metadata"]["labels"]["batch.kubernetes.io/job-name"], "load");
        assert_eq!(pod["status"]["phase"], "Running", "its rsync is not run on this machine");
    }
    let load = embedded.cluster.get("batch/v1", "Job", Some("test"), "load").unwrap();
    assert_eq!((&load["status"]["active"], &load["status"]["ready"]), (&json!(2), &json!(2)));
    embedded.cluster.edit("batch/v1", "Job", Some("test"), "load", |job| job["spec"]["suspend"] = json!(true));
    embedded.cluster.settled().await;
    assert_eq!(names(&embedded.cluster, "Pod"), [""; 0]);
}

#[tokio::test]
async fn pods_leave_a_node_whose_taint_they_do_not_tolerate() {
    let taint = json!({"taints": [{"key": "dedicated", "value": "db", "effect": "NoExecute"}]});
    let tolerating = |name: &str, toleration: Value| {
        let mut pod = placed(name, "n1");
        pod["spec"]["tolerations"] = json!([toleration]);
        pod
    };
    let embedded = start(vec![
        node("n1", json!({}), taint),
        in_test(claim("data", "now")),
        placed("leaves", "n1"),
        tolerating("at-once", json!({"key": "dedicated", "operator": "Exists", "tolerationSeconds": 0})),
        tolerating("later", json!({"key": "dedicated", "operator": "Exists", "tolerationSeconds": 600})),
        tolerating("stays", json!({"operator": "Exists"})),
        in_test(workload("ReplicaSet", "web", 1, pod_spec())),
    ])
    .await;
    let pods = names(&embedded.cluster, "Pod");
    assert_eq!(pods[..2], ["later", "stays"]);
    let events = told(&embedded.cluster, "Pod", "leaves", "TaintManagerEviction");
    assert_eq!(events, ["Marking for deletion Pod test/leaves"]);
    let last = told(&embedded.cluster, "Pod", &pods[2], "FailedScheduling").pop().unwrap();
    assert!(last.starts_with("0/1 nodes are available: 1 node(s) had untolerated taint(s). "), "{last}");
}

#[tokio::test]
async fn a_node_that_is_not_ready_starts_nothing() {
    let mut lost = node("n1", json!({}), json!({}));
    lost["status"]["conditions"][0]["status"] = json!("Unknown");
    let mut tolerant = in_test(pod("tolerant", "data"));
    tolerant["spec"]["tolerations"] = json!([{"operator": "Exists"}]);
    let picky = in_test(pod("picky", "data"));
    let given = placed("given", "n1");
    let embedded = start(vec![lost, in_test(claim("data", "now")), tolerant, picky, given]).await;
    let pod = |name: &str| embedded.cluster.get("v1", "Pod", Some("test"), name).unwrap();
    assert_eq!(
        (&pod("tolerant")["spec"]["nodeName"], &pod("tolerant")["status"]["phase"]),
        (&json!("n1"), &json!("Pending"))
    );
    assert_eq!(pod("picky")["spec"].get("nodeName"), None);
    assert_eq!(pod("given")["status"]["phase"], "Running", "it may stay for five minutes");
    embedded.cluster.delete("v1", "Pod", Some("test"), "given");
    embedded.cluster.settled().await;
    assert!(pod("given")["metadata"]["deletionTimestamp"].is_string(), "nobody has stopped it");
    embedded.cluster.edit("v1", "Node", None, "n1", |node| node["status"]["conditions"][0]["status"] = json!("True"));
    embedded.cluster.settled().await;
    assert_eq!(names(&embedded.cluster, "Pod"), ["picky", "tolerant"]);
    assert_eq!(pod("picky")["status"]["phase"], "Running");
}

#[tokio::test]
async fn what_is_not_played_is_returned() {
    let widget =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w", "namespace": "test"}});
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "guard"}});
    let cron_job = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup", "namespace": "test"},
        "spec": {"schedule": "0 0 * * *", "jobTemplate": {"spec": {"template": {"spec": pod_spec()}}}}});
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "web", "namespace": "test"}});
    let embedded = start(vec![widget, hook, cron_job, budget, class_in("a", "zonal", "Immediate")]).await;
    let not_played = embedded.cluster.not_played();
    let named =
        |namespace: Option<&str>, name: &str| Named { namespace: namespace.map(str::to_owned), name: name.to_owned() };
    let kinds: Vec<_> = not_played.kinds.iter().map(|left| (left.kind.as_str(), left.objects.as_slice())).collect();
    let guard: &[Named] = &[named(None, "guard")];
    assert_eq!(kinds, [("ValidatingWebhookConfiguration", guard), ("Widget", &[named(Some("test"), "w")])]);
    let features: Vec<_> =
        not_played.features.iter().map(|unplayed| (unplayed.feature, unplayed.objects[0].name.as_str())).collect();
    assert_eq!(
        features,
        [(Feature::Schedules, "backup"), (Feature::DisruptionBudgets, "web"), (Feature::MadeUpTopologies, "zonal"),]
    );
    assert_eq!(not_played.features[0].objects[0].claims, ["data"]);
    assert!(start(vec![in_test(claim("data", "now"))]).await.cluster.not_played().is_empty());
}
