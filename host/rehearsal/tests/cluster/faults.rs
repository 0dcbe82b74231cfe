//! Faults: one client fails, the cluster does not.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use kube::{
    Api, Client, Error, ResourceExt,
    api::{ListParams, PostParams, WatchEvent, WatchParams},
    runtime::{WatchStreamExt as _, watcher},
};
use pvmigrate_rehearsal::{Chaos, Faults, Kill, When};
use serde_json::json;

use crate::stage::{Embedded, merge, refusal};

fn configs(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), "test")
}

fn config(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})).unwrap()
}

/// Writes three objects until it is killed; returns which of them are there.
async fn write_until_killed(when: When) -> Vec<String> {
    let embedded = Embedded::new().await;
    let kill = Kill { at_write: 2, when };
    let (client, handle) = embedded.cluster.client_with(Faults { kill: Some(kill), ..Faults::default() });
    let process = async {
        for name in ["a", "b", "c"] {
            configs(&client).create(&PostParams::default(), &config(name)).await.unwrap();
        }
    };
    tokio::select! {
        () = process => panic!("the process was not killed"),
        () = handle.killed() => {}
    }
    assert_eq!(handle.writes(), 2);
    assert_eq!(handle.written(), ["create configmaps test/a", "create configmaps test/b"]);
    // A dead process gets no answers, not even to a read.
    let api = configs(&client);
    let everything = ListParams::default();
    let read = api.list(&everything);
    assert!(tokio::time::timeout(Duration::from_millis(30), read).await.is_err());
    let all = configs(&embedded.stage.client).list(&ListParams::default()).await.unwrap();
    all.items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test]
async fn killed_before_a_write_it_is_not_done() {
    assert_eq!(write_until_killed(When::BeforeWrite).await, ["a"]);
}

#[tokio::test]
async fn killed_after_a_write_it_is_done() {
    assert_eq!(write_until_killed(When::AfterWrite).await, ["a", "b"]);
}

#[tokio::test]
async fn a_forbidden_request_names_verb_resource_and_namespace() {
    let embedded = Embedded::new().await;
    let forbid = vec![("list".to_owned(), "persistentvolumeclaims".to_owned())];
    let (client, _) = embedded.cluster.client_with(Faults { forbid, ..Faults::default() });
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), "test");
    let status = refusal(claims.list(&ListParams::default()).await);
    assert_eq!((status.code, status.reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        status.message,
        "persistentvolumeclaims is forbidden: User \"rehearsal\" cannot list resource \"persistentvolumeclaims\" in \
         API group \"\" in the namespace \"test\""
    );
    let everywhere: Api<PersistentVolumeClaim> = Api::all(client);
    let status = refusal(everywhere.list(&ListParams::default()).await);
    assert!(status.message.ends_with("at the cluster scope"), "{}", status.message);
    assert_eq!(refusal(claims.get("x").await).code, 404, "other verbs are allowed");
}

#[tokio::test]
async fn an_unreachable_server_is_a_connection_error() {
    let embedded = Embedded::new().await;
    let (client, _) = embedded.cluster.client_with(Faults { unreachable: true, ..Faults::default() });
    let error = configs(&client).list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(&error, Error::Service(inner) if inner.to_string().contains("Connection refused")), "{error:?}");
}

#[tokio::test]
async fn requests_are_counted_by_verb_and_resource() {
    let embedded = Embedded::new().await;
    let (client, handle) = embedded.cluster.client_with(Faults::default());
    configs(&client).create(&PostParams::default(), &config("a")).await.unwrap();
    configs(&client).create(&PostParams::default(), &config("a")).await.unwrap_err();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    configs(&client).create(&dry, &config("b")).await.unwrap();
    configs(&client).list(&ListParams::default()).await.unwrap();
    assert_eq!(handle.writes(), 2);
    let requests: Vec<_> = handle.requests().into_iter().collect();
    assert_eq!(requests, [("create configmaps".to_owned(), 3), ("list configmaps".to_owned(), 1)]);
}

/// Tries writes under chaos, and counts the outcomes.
async fn outcomes(seed: u64) -> Vec<String> {
    let embedded = Embedded::new().await;
    let chaos = Chaos { too_many: 0.1, internal: 0.1, conflict: 0.1, ..Chaos::new(seed) };
    let (client, _) = embedded.cluster.client_with(Faults { chaos: Some(chaos), ..Faults::default() });
    embedded.cluster.client();
    configs(&embedded.stage.client).create(&PostParams::default(), &config("a")).await.unwrap();
    let mut outcomes = Vec::new();
    for at in 0..60 {
        let written = merge(&configs(&client), "a", json!({"data": {"at": at.to_string()}})).await;
        let there = configs(&embedded.stage.client).get("a").await.unwrap();
        let done = there.data.and_then(|data| data.get("at").cloned()) == Some(at.to_string());
        outcomes.push(match written {
            Ok(_) => format!("ok {done}"),
            Err(Error::Api(status)) => format!("{} {done}", status.code),
            Err(_) => format!("broken {done}"),
        });
    }
    outcomes
}

#[tokio::test]
async fn chaos_is_the_same_for_the_same_seed_and_honest_about_what_was_done() {
    let first = outcomes(3).await;
    assert_eq!(first, outcomes(3).await);
    assert_ne!(first, outcomes(4).await);
    let mut kinds = [outcomes(5).await, outcomes(6).await, first].concat();
    kinds.sort();
    kinds.dedup();
    assert_eq!(kinds, ["409 false", "429 false", "500 false", "broken false", "broken true", "ok true"]);
}

#[tokio::test]
async fn a_compacted_history_answers_410_and_a_watcher_recovers() {
    let embedded = Embedded::new().await;
    let api = configs(&embedded.stage.client);
    let old = api.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let page = api.list(&ListParams::default().limit(1)).await.unwrap();
    api.create(&PostParams::default(), &config("a")).await.unwrap();
    api.create(&PostParams::default(), &config("b")).await.unwrap();
    let first = api.list(&ListParams::default().limit(1)).await.unwrap();
    embedded.cluster.compact();
    let events: Vec<_> = api.watch(&WatchParams::default(), &old).await.unwrap().try_collect().await.unwrap();
    assert!(matches!(events.as_slice(), [WatchEvent::Error(status)] if status.code == 410), "{events:?}");
    let next = ListParams::default().limit(1).continue_token(first.metadata.continue_.as_ref().unwrap());
    assert_eq!(refusal(api.list(&next).await).code, 410);
    assert!(page.metadata.continue_.is_none());
}

#[tokio::test]
async fn a_watcher_survives_dropped_watches() {
    let embedded = Embedded::new().await;
    let chaos = Chaos { watch_drop: 1.0, ..Chaos::latency(1) };
    let (client, handle) = embedded.cluster.client_with(Faults { chaos: Some(chaos), ..Faults::default() });
    let mut stream = std::pin::pin!(watcher(configs(&client), watcher::Config::default()).touched_objects());
    let api = configs(&embedded.stage.client);
    let mut last = 0;
    for at in 1..=60 {
        let name = format!("c{at}");
        api.create(&PostParams::default(), &config(&name)).await.unwrap();
        // Errors are part of a watcher's stream; it goes on by itself when it is polled again.
        while last < at {
            match stream.next().await.unwrap() {
                Ok(object) if object.name_any() == name => last = at,
                Ok(_) | Err(_) => {}
            }
        }
    }
    assert!(handle.requests()["watch configmaps"] > 3, "{:?}", handle.requests());
}
