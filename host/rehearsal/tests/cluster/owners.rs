//! Owners and what they own.

use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::json;

use crate::stage::Embedded;

#[tokio::test]
async fn a_deletion_may_ask_in_its_query_to_orphan() {
    let embedded = Embedded::new().await;
    let configs = embedded.stage.configs();
    let make = async |name: &str, owners: serde_json::Value| {
        let config =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": owners}});
        configs.create(&PostParams::default(), &serde_json::from_value(config).unwrap()).await.unwrap()
    };
    let owner = make("owner", json!([])).await;
    make("child", json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.uid()}])).await;
    let path = "/api/v1/namespaces/test/configmaps/owner?propagationPolicy=Orphan";
    let request = http::Request::delete(path).body(Vec::new()).unwrap();
    embedded.stage.client.request::<serde_json::Value>(request).await.unwrap();
    embedded.cluster.settled().await;
    assert!(configs.get_opt("owner").await.unwrap().is_none());
    assert!(configs.get("child").await.unwrap().owner_references().is_empty());
}
