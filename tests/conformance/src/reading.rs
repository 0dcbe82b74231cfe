//! GET, LIST and discovery.

use k8s_openapi::api::core::v1::{ConfigMap, Event, Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams},
};
use serde_json::json;

use crate::stage::{Stage, create, refusal};

async fn configs(stage: &Stage, count: usize) {
    for at in 0..count {
        let parity = if at % 2 == 0 { "even" } else { "odd" };
        let config = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": format!("c{at}"), "labels": {"parity": parity, "set": "mine"}}});
        create(&stage.configs(), config).await;
    }
}

pub async fn pages_show_one_moment(stage: &Stage) {
    stage.take_turn().await;
    configs(stage, 5).await;
    let params = ListParams::default().labels("set=mine").limit(2);
    let first = stage.configs().list(&params).await.unwrap();
    assert_eq!(first.items.len(), 2);
    let token = first.metadata.continue_.clone().unwrap();
    stage.configs().delete("c4", &kube::api::DeleteParams::default()).await.unwrap();
    let second = stage.configs().list(&params.clone().continue_token(&token)).await.unwrap();
    let third =
        stage.configs().list(&params.continue_token(second.metadata.continue_.as_ref().unwrap())).await.unwrap();
    let names: Vec<String> =
        [first.items, second.items, third.items].concat().iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["c0", "c1", "c2", "c3", "c4"]);
    assert_eq!(first.metadata.resource_version, third.metadata.resource_version);
    assert_eq!(third.metadata.continue_.filter(|token| !token.is_empty()), None);
}

pub async fn selectors_pick(stage: &Stage) {
    configs(stage, 4).await;
    let count = async |params: ListParams| stage.configs().list(&params).await.unwrap().items.len();
    assert_eq!(count(ListParams::default().labels("set=mine,parity!=odd")).await, 2);
    assert_eq!(count(ListParams::default().labels("set in (mine, yours),parity notin (odd)")).await, 2);
    assert_eq!(count(ListParams::default().labels("set=mine").fields("metadata.name=c3")).await, 1);
    let everywhere: Api<ConfigMap> = Api::all(stage.client.clone());
    let mine = ListParams::default().labels("set=mine").fields(&format!("metadata.namespace={}", stage.namespace));
    assert_eq!(everywhere.list(&mine).await.unwrap().items.len(), 4);
    let pods: Api<Pod> = Api::all(stage.client.clone());
    assert_eq!(refusal(pods.list(&ListParams::default().fields("spec.nothing=x")).await).code, 400);
    pods.list(&ListParams::default().fields("spec.nodeName=node-1,status.phase!=Failed")).await.unwrap();
}

pub async fn metadata_can_be_had_alone(stage: &Stage) {
    configs(stage, 1).await;
    let found = stage.configs().get_metadata("c0").await.unwrap();
    assert_eq!(found.metadata.labels.unwrap()["set"], "mine");
    let listed = stage.configs().list_metadata(&ListParams::default().labels("set=mine")).await.unwrap();
    assert_eq!(listed.items.len(), 1);
}

pub async fn discovery_lists_the_kinds(stage: &Stage) {
    stage.client.apiserver_version().await.unwrap();
    let discovery = kube::discovery::Discovery::new(stage.client.clone()).run().await.unwrap();
    let apps = discovery.get("apps").unwrap();
    let (_, capabilities) = apps.recommended_kind("StatefulSet").unwrap();
    assert!(capabilities.subresources.iter().any(|(sub, _)| sub.plural == "scale"));
    let unknown = http::Request::get("/apis/example.com/v1/things").body(Vec::new()).unwrap();
    let status = refusal(stage.client.request::<serde_json::Value>(unknown).await);
    assert_eq!(status.code, 404);
    assert_eq!(refusal(stage.pods().get("nobody").await).message, "pods \"nobody\" not found");
}

pub async fn an_expired_page_can_be_gone_on_from(stage: &Stage) {
    stage.take_turn().await;
    // Events, because a real API server keeps no cache of theirs: the past is forgotten with etcd's compaction.
    let events: Api<Event> = stage.api();
    for name in ["e1", "e2", "e3", "e4"] {
        let about = json!({"kind": "Namespace", "name": stage.namespace, "namespace": stage.namespace});
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "labels": {"set": "mine"}},
            "involvedObject": about, "reason": "Test", "type": "Normal"});
        create(&events, event).await;
    }
    let params = ListParams::default().labels("set=mine").limit(2);
    let first = events.list(&params).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    events.delete("e3", &DeleteParams::default()).await.unwrap();
    (stage.compact)().await;
    let expired = refusal(events.list(&params.clone().continue_token(&token)).await);
    assert_eq!((expired.code, expired.reason.as_str()), (410, "Expired"));
    let words = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter, or use the continue token in this response";
    assert!(expired.message.starts_with(words), "{}", expired.message);
    // The token in the refusal goes on in the present.
    let token = expired.metadata.unwrap().continue_.unwrap();
    let rest = events.list(&params.continue_token(&token)).await.unwrap();
    assert_eq!(rest.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>(), ["e4"]);
}

pub async fn a_wrong_page_token_is_refused(stage: &Stage) {
    let status = refusal(stage.configs().list(&ListParams::default().limit(1).continue_token("nonsense")).await);
    assert_eq!((status.code, status.reason.as_str()), (400, "BadRequest"));
    assert!(status.message.starts_with("invalid continue token: continue key is not valid:"), "{}", status.message);
}
