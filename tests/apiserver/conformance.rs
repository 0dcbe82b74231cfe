//! The list of behaviours, checked on a real API server; the embedded cluster's tests check that one with the same
//! list.

use std::any::Any;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use kube::api::{Api, DeleteParams, PostParams};
use kube::core::DynamicObject;
use kube::{Client, Config};
use pvmigrate_conformance::Stage;
use pvmigrate_rehearsal::parts::Machine;
use pvmigrate_rehearsal::{Settings, find_rsync};
use pvmigrate_tests::simulated::{NODES, SimulatedNodes, resource};
use pvmigrate_tests::{Place, default_class};
use serde_json::{Value, json};

use crate::cluster::on_the_cluster;

/// Checks each listed behaviour in a namespace of its own.
macro_rules! on_a_real_cluster {
    ($($module:ident :: $test:ident),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                on_the_cluster(async |place| {
                    let Place::Real(nodes) = place else { panic!("this layer is about a real cluster") };
                    let (stage, folder) = stage(nodes).await;
                    pvmigrate_conformance::$module::$test(&stage).await;
                    take_down(nodes, stage).await;
                    drop(folder);
                });
            }
        )*
    };
}

pvmigrate_conformance::each_behaviour!(on_a_real_cluster);

/// Returns a cluster-wide kind.
fn all(client: &Client, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource(version, kind, plural))
}

fn classes(client: &Client) -> Api<DynamicObject> {
    all(client, "storage.k8s.io/v1", "StorageClass", "storageclasses")
}

/// Makes a namespace with two classes, whose pods and volumes are those of the simulated nodes.
async fn stage(nodes: &SimulatedNodes) -> (Stage, tempfile::TempDir) {
    static STAGES: AtomicU32 = AtomicU32::new(1);
    let namespace = format!("c{}", STAGES.fetch_add(1, Ordering::Relaxed));
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path().join("volumes"), find_rsync().unwrap());
    nodes.make_namespace(&namespace).await.unwrap();
    nodes.add(std::slice::from_ref(&namespace), &Arc::new(Machine::new(settings).unwrap()));
    let stage = Stage {
        client: nodes.client.clone(),
        immediate: format!("{namespace}-now"),
        waiting: format!("{namespace}-later"),
        namespace,
        nodes: NODES.map(str::to_owned),
        compact: Arc::new(|| Box::pin(compact())),
        turns: Arc::new(turn),
        turn: Mutex::default(),
    };
    for (name, mode) in [(&stage.immediate, "Immediate"), (&stage.waiting, "WaitForFirstConsumer")] {
        let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": "disks.example.com", "volumeBindingMode": mode});
        let class = serde_json::from_value(class).unwrap();
        classes(&stage.client).create(&PostParams::default(), &class).await.unwrap();
    }
    (stage, folder)
}

/// Removes the classes at once, for the sake of the next default class, and leaves the rest to the cluster.
async fn take_down(nodes: &SimulatedNodes, stage: Stage) {
    let list = classes(&stage.client).list(&Default::default()).await.unwrap();
    let names = list.items.into_iter().filter_map(|class| class.metadata.name);
    for name in names.filter(|name| name.starts_with(&stage.own(""))) {
        classes(&stage.client).delete(&name, &DeleteParams::default()).await.unwrap();
    }
    nodes.take_down(std::slice::from_ref(&stage.namespace)).await;
}

fn turn() -> BoxFuture<'static, Box<dyn Any + Send>> {
    Box::pin(async { Box::new(default_class().await) as Box<dyn Any + Send> })
}

/// Makes etcd forget all but the present, by its HTTP gateway.
async fn compact() {
    let url = std::env::var("PVMIGRATE_CLUSTER_ETCD").expect("tests/cluster/with names it");
    let etcd = Client::try_from(Config::new(url.parse().unwrap())).unwrap();
    let ask = async |path: &str, body: Value| -> Value {
        let request = http::Request::post(path).header("content-type", "application/json");
        etcd.request(request.body(body.to_string().into_bytes()).unwrap()).await.unwrap()
    };
    // Any key will do: the answer's header has the present revision.
    let present = ask("/v3/kv/range", json!({"key": "AA=="})).await;
    ask("/v3/kv/compaction", json!({"revision": present["header"]["revision"], "physical": true})).await;
}
