//! WATCH, raw and through kube's runtime.

use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    ResourceExt,
    api::{DeleteParams, ListParams, WatchEvent, WatchParams},
    runtime::{WatchStreamExt as _, reflector, watcher},
};
use serde_json::{Value, json};

use crate::stage::{Stage, create, merge};

fn config(name: &str, label: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"l": label}}})
}

fn word(event: &WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(object) => format!("added {}", object.name_any()),
        WatchEvent::Modified(object) => format!("modified {}", object.name_any()),
        WatchEvent::Deleted(object) => format!("deleted {}", object.name_any()),
        WatchEvent::Bookmark(mark) => format!("bookmark {}", mark.metadata.annotations.len()),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

async fn words(stage: &Stage, params: &WatchParams, from: &str, count: usize) -> Vec<String> {
    let stream = stage.configs().watch(params, from).await.unwrap();
    let events: Vec<_> = stream.take(count).try_collect().await.unwrap();
    events.iter().map(word).collect()
}

pub async fn a_watch_goes_on_from_a_version(stage: &Stage) {
    let from = stage.configs().list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    create(&stage.configs(), config("a", "x")).await;
    merge(&stage.configs(), "a", json!({"data": {"k": "v"}})).await.unwrap();
    stage.configs().delete("a", &DeleteParams::default()).await.unwrap();
    let params = WatchParams::default().labels("l").disable_bookmarks();
    let seen = words(stage, &params, &from, 3).await;
    assert_eq!(seen, ["added a", "modified a", "deleted a"]);
}

pub async fn an_object_that_leaves_the_selection_is_deleted_for_the_watch(stage: &Stage) {
    let made: ConfigMap = create(&stage.configs(), config("a", "x")).await;
    merge(&stage.configs(), "a", json!({"metadata": {"labels": {"l": "y"}}})).await.unwrap();
    merge(&stage.configs(), "a", json!({"metadata": {"labels": {"l": "x"}}})).await.unwrap();
    let params = WatchParams::default().labels("l=x").disable_bookmarks();
    let seen = words(stage, &params, &made.resource_version().unwrap(), 2).await;
    assert_eq!(seen, ["deleted a", "added a"]);
}

pub async fn a_streaming_list_ends_with_a_bookmark(stage: &Stage) {
    create(&stage.configs(), config("a", "x")).await;
    let params = WatchParams::default().labels("l=x").initial_events();
    let seen = words(stage, &params, "0", 2).await;
    assert_eq!(seen, ["added a", "bookmark 1"]);
}

pub async fn a_reflector_follows(stage: &Stage) {
    for at in 0..3 {
        create(&stage.configs(), config(&format!("c{at}"), "x")).await;
    }
    let (reader, writer) = reflector::store();
    let config_of = watcher::Config::default().labels("l=x").page_size(2);
    let mut stream = pin!(watcher(stage.configs(), config_of).default_backoff().reflect(writer).applied_objects());
    for _ in 0..3 {
        stream.next().await.unwrap().unwrap();
    }
    create(&stage.configs(), config("late", "x")).await;
    assert_eq!(stream.next().await.unwrap().unwrap().name_any(), "late");
    assert_eq!(reader.state().len(), 4);
}
