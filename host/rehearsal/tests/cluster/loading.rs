//! Starting from files: hand-written ones and dumps.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt, api::ListParams};
use pvmigrate_objects::input::read_objects;
use pvmigrate_rehearsal::{Cluster, Error, Settings, find_rsync};
use serde_json::json;

use crate::stage::{Embedded, claim};

/// What `kubectl get sc,pv,pvc,deploy,rs,pods -A -o yaml` shows of a small cluster, shortened.
const DUMP: &str = r#"
apiVersion: v1
kind: List
metadata: {resourceVersion: ""}
items:
- apiVersion: storage.k8s.io/v1
  kind: StorageClass
  metadata: {name: gp2, uid: sc-1, resourceVersion: "900"}
  provisioner: ebs.csi.aws.com
  reclaimPolicy: Delete
  volumeBindingMode: WaitForFirstConsumer
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: data
    namespace: shop
    uid: claim-1
    resourceVersion: "901"
    finalizers: [kubernetes.io/pvc-protection]
    annotations: {pv.kubernetes.io/bind-completed: "yes", pv.kubernetes.io/bound-by-controller: "yes"}
  spec:
    accessModes: [ReadWriteOnce]
    resources: {requests: {storage: 8Gi}}
    storageClassName: gp2
    volumeName: pvc-claim-1
  status: {phase: Bound, accessModes: [ReadWriteOnce], capacity: {storage: 8Gi}}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: shop, uid: deploy-1, generation: 4, resourceVersion: "905"}
  spec:
    replicas: 1
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec:
        containers: [{name: c, image: web, volumeMounts: [{name: data, mountPath: /data}]}]
        volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
- apiVersion: apps/v1
  kind: ReplicaSet
  metadata:
    name: web-5d9
    namespace: shop
    uid: rs-1
    labels: {app: web, pod-template-hash: 5d9}
    ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: deploy-1, controller: true}]
  spec:
    replicas: 1
    selector: {matchLabels: {app: web, pod-template-hash: 5d9}}
    template:
      metadata: {labels: {app: web, pod-template-hash: 5d9}}
      spec:
        containers: [{name: c, image: web, volumeMounts: [{name: data, mountPath: /data}]}]
        volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
- apiVersion: v1
  kind: Pod
  metadata:
    name: web-5d9-abcde
    namespace: shop
    uid: pod-1
    labels: {app: web, pod-template-hash: 5d9}
    ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-5d9, uid: rs-1, controller: true}]
  spec:
    nodeName: ip-10-0-0-7
    containers: [{name: c, image: web, volumeMounts: [{name: data, mountPath: /data}]}]
    volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
  status: {phase: Running, hostIP: 10.0.0.7}
- apiVersion: example.com/v1
  kind: Widget
  metadata: {name: unknown, namespace: shop}
"#;

async fn start(text: &str) -> (Cluster, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.yaml"), text).unwrap();
    let objects = read_objects(folder.path()).unwrap();
    let settings = Settings::new(folder.path().join("volumes"), find_rsync().unwrap());
    (Cluster::start(objects, settings).await.unwrap(), folder)
}

#[tokio::test]
async fn a_dump_continues_where_it_was() {
    let (cluster, _folder) = start(DUMP).await;
    let pods: Vec<_> = cluster.objects().into_iter().filter(|object| object["kind"] == "Pod").collect();
    assert_eq!(pods.len(), 1, "the ReplicaSet is content with the pod it has");
    assert_eq!(pods[0]["metadata"]["uid"], "pod-1");
    assert_eq!(pods[0]["status"]["phase"], "Running");
    let sets = cluster.objects().into_iter().filter(|object| object["kind"] == "ReplicaSet").count();
    assert_eq!(sets, 1, "the Deployment knows its ReplicaSet");
    let deployment = cluster.get("apps/v1", "Deployment", Some("shop"), "web").unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 1);
    assert_eq!(deployment["metadata"]["generation"], 4);
    let volume = cluster.get("v1", "PersistentVolume", None, "pvc-claim-1").unwrap();
    assert_eq!(volume["spec"]["claimRef"]["uid"], "claim-1", "the volume was not in the dump, but is there");
    assert_eq!(volume["spec"]["csi"]["driver"], "ebs.csi.aws.com");
    assert!(cluster.get("v1", "Node", None, "ip-10-0-0-7").is_some());
    assert!(cluster.volume_directory("pvc-claim-1").unwrap().is_dir());
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let names: Vec<_> =
        namespaces.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["default", "kube-system", "shop"]);
    let filled = cluster.fill_all(1).unwrap();
    assert!(matches!(filled.as_slice(), [(namespace, name, contents)]
        if namespace == "shop" && name == "data" && contents.files > 20));
}

#[tokio::test]
async fn a_few_lines_are_a_cluster() {
    let embedded = Embedded::with(
        vec![
            claim("data", "now"),
            json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "test"},
                "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "db"}},
                    "template": {"metadata": {"labels": {"app": "db"}},
                        "spec": {"containers": [{"name": "c", "image": "i"}]}},
                    "volumeClaimTemplates": [claim("disk", "later")]}}),
        ],
        |_| {},
    )
    .await;
    for (namespace, name) in [("default", "data"), ("test", "disk-db-0"), ("test", "disk-db-1")] {
        let claim = embedded.cluster.get("v1", "PersistentVolumeClaim", Some(namespace), name).unwrap();
        assert_eq!(claim["status"]["phase"], "Bound", "{name}");
    }
}

#[tokio::test]
async fn an_object_given_twice_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path(), "rsync");
    let error = Cluster::start(vec![claim("a", "now"), claim("a", "now")], settings).await.unwrap_err();
    assert!(matches!(&error, Error::Duplicate { object } if object == "PersistentVolumeClaim default/a"), "{error}");
}

#[tokio::test]
async fn objects_whose_owner_a_dump_leaves_out_stay() {
    let owner = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "set-1"});
    let mut owned = claim("data", "now");
    owned["metadata"]["ownerReferences"] = json!([owner]);
    let embedded = Embedded::with(vec![owned.clone()], |_| {}).await;
    let find = |name: &str| embedded.cluster.get("v1", "PersistentVolumeClaim", Some("default"), name);
    assert_eq!(find("data").unwrap()["metadata"]["ownerReferences"], json!([owner]));
    owned["metadata"]["name"] = json!("later");
    embedded.cluster.put(owned).unwrap();
    embedded.cluster.settled().await;
    assert!(find("later").is_none(), "but what is written later is collected");
}

#[tokio::test]
async fn every_kind_that_is_given_or_asked_for_is_served() {
    let snapshot = |version: &str| {
        json!({"apiVersion": format!("snapshot.storage.k8s.io/{version}"), "kind": "VolumeSnapshot",
            "metadata": {"name": "nightly", "namespace": "db"},
            "spec": {"source": {"persistentVolumeClaimName": "data"}}})
    };
    let site = json!({"apiVersion": "example.com/v1", "kind": "Site", "metadata": {"name": "one"}});
    let asked = ("example.com/v1".to_owned(), "Policy".to_owned());
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings { served: vec![asked], ..Settings::new(folder.path(), "rsync") };
    let cluster = Cluster::start(vec![snapshot("v1"), snapshot("v1beta1"), site], settings).await.unwrap();
    let found = async |group: &str, version: &str, kind: &str| {
        let kind = kube::core::GroupVersionKind::gvk(group, version, kind);
        let (resource, capabilities) = kube::discovery::pinned_kind(&cluster.client(), &kind).await?;
        let api: Api<kube::api::DynamicObject> = Api::all_with(cluster.client(), &resource);
        let names: Vec<String> = api.list(&ListParams::default()).await?.iter().map(ResourceExt::name_any).collect();
        Ok::<_, kube::Error>((names, capabilities.scope == kube::discovery::Scope::Namespaced))
    };
    for version in ["v1", "v1beta1"] {
        let (names, is_namespaced) = found("snapshot.storage.k8s.io", version, "VolumeSnapshot").await.unwrap();
        assert_eq!((names, is_namespaced), (vec!["nightly".to_owned()], true), "{version}");
    }
    assert_eq!(found("example.com", "v1", "Site").await.unwrap(), (vec!["one".to_owned()], false));
    assert_eq!(found("example.com", "v1", "Policy").await.unwrap().0, [""; 0]);
    assert!(found("example.com", "v1", "Other").await.is_err(), "no cluster has all kinds");
    let left: Vec<&str> = cluster.not_played().kinds.iter().map(|left| left.kind.as_str()).collect();
    assert_eq!(left, ["Site", "VolumeSnapshot", "VolumeSnapshot"], "nothing acts on them");
}

#[tokio::test]
async fn an_owner_that_is_given_under_another_uid_is_refused() {
    let set = |uid: Option<&str>| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default", "uid": uid},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": {}}}})
    };
    let owned = |uid: Option<&str>| {
        let mut owned = claim("data", "now");
        owned["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": uid}]);
        owned
    };
    for (named, given, expected) in [
        (Some("u1"), Some("u2"), Some("has uid u1 in its ownerReferences, and uid u2 as it is given")),
        (Some("u1"), None, Some("has uid u1 in its ownerReferences, and no uid as it is given")),
        (Some("u1"), Some("u1"), None),
        (None, Some("u2"), None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let started = Cluster::start(vec![set(given), owned(named)], Settings::new(folder.path(), "rsync")).await;
        let error = started.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(!error.is_empty(), expected.is_some(), "{named:?} {given:?}: {error}");
        let about = "PersistentVolumeClaim default/data";
        assert!(expected.is_none_or(|part| error.contains(part) && error.contains(about)), "{error}");
    }
}
