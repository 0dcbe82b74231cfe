//! The Node objects, and the heartbeats that show that they are still there.

use std::time::Duration;

use anyhow::Result;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::{NODES, resource};

/// How often nodes report: the node-lifecycle controller gives a node up after 40 s without a heartbeat.
const NEWS: Duration = Duration::from_secs(10);

fn api(client: &Client) -> Api<DynamicObject> {
    Api::all_with(client.clone(), &resource("v1", "Node", "nodes"))
}

/// Creates both nodes; their logs are served at this port of loopback.
pub(super) async fn add(client: &Client, port: u16) -> Result<()> {
    for name in NODES {
        let node = json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
        });
        api(client).create(&PostParams::default(), &serde_json::from_value(node)?).await?;
        let room = json!({"cpu": "1000", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "10000"});
        let status = json!({
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
            "capacity": room, "allocatable": room, "conditions": [ready()],
        });
        patch(client, name, &json!({"status": status})).await?;
    }
    Ok(())
}

fn ready() -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    json!({"type": "Ready", "status": "True", "reason": "SimulatedReady", "message": "no kubelet runs here", "lastHeartbeatTime": now})
}

async fn patch(client: &Client, name: &str, patch: &Value) -> Result<(), kube::Error> {
    api(client).patch_status(name, &PatchParams::default(), &Patch::Strategic(patch)).await.map(|_| ())
}

/// Says again and again that the nodes are ready.
pub(super) async fn keep_alive(client: Client) {
    loop {
        tokio::time::sleep(NEWS).await;
        for name in NODES {
            // A lost message is made up for by the next.
            let _ = patch(&client, name, &json!({"status": {"conditions": [ready()]}})).await;
        }
    }
}
