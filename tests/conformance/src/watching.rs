//! WATCH, raw and through kube's runtime.

use std::pin::pin;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Event};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, WatchEvent, WatchParams},
    runtime::{WatchStreamExt as _, reflector, watcher},
};
use serde_json::{Value, json};

use crate::stage::{Stage, create, merge, refusal};

fn config(name: &str, label: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"l": label}}})
}

fn word(event: &WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(object) => format!("added {}", object.name_any()),
        WatchEvent::Modified(object) => format!("modified {}", object.name_any()),
        WatchEvent::Deleted(object) => format!("deleted {}", object.name_any()),
        WatchEvent::Bookmark(mark) => format!("bookmark {}", mark.metadata.annotations.len()),
        WatchEvent::Error(status) => format!("error {} {}", status.code, status.message),
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
    // An API server over an etcd before 3.5.8, as Debian's is, has no streaming lists, and says so.
    let without = |word: &String| word.starts_with("error 500") && word.contains("RequestWatchProgress is disabled");
    assert!(seen == ["added a", "bookmark 1"] || seen.iter().any(without), "{seen:?}");
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

pub async fn a_quiet_watch_gets_bookmarks(stage: &Stage) {
    let list = stage.configs().list(&ListParams::default()).await.unwrap();
    // A watch that is about to reach its time limit says how far it has seen.
    let params = WatchParams::default().labels("l=nothing").timeout(5);
    let from = list.metadata.resource_version.unwrap();
    let stream = stage.configs().watch(&params, &from).await.unwrap();
    create(&stage.configs(), config("elsewhere", "x")).await;
    let events: Vec<_> = stream.try_collect().await.unwrap();
    let Some(WatchEvent::Bookmark(mark)) = events.last() else { panic!("no bookmark: {events:?}") };
    let seen: u64 = mark.metadata.resource_version.parse().unwrap();
    assert!(seen >= from.parse().unwrap(), "{seen} is before {from}");
}

pub async fn a_compacted_version_answers_410(stage: &Stage) {
    stage.take_turn().await;
    // Events, because a real API server keeps no cache of theirs: the past is forgotten with etcd's compaction.
    let events: Api<Event> = stage.api();
    let note = |name: &str| {
        json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "reason": "Test", "type": "Normal",
            "involvedObject": {"kind": "Namespace", "name": stage.namespace, "namespace": stage.namespace}})
    };
    let old: Event = create(&events, note("a")).await;
    // Two more: a watch from the version just before the oldest that is kept still misses nothing.
    create(&events, note("b")).await;
    create(&events, note("c")).await;
    (stage.compact)().await;
    let stream = events.watch(&WatchParams::default(), &old.resource_version().unwrap()).await;
    let seen = match stream {
        // A real one may say so at once or as the first event.
        Err(error) => refusal::<()>(Err(error)),
        Ok(stream) => match stream.take(1).try_collect::<Vec<_>>().await.unwrap().remove(0) {
            WatchEvent::Error(status) => *status,
            other => panic!("not gone: {other:?}"),
        },
    };
    assert_eq!((seen.code, seen.reason.as_str()), (410, "Expired"), "{}", seen.message);
}
