//! Records on a cluster: compare-and-swap, with watches and without.

use pvmigrate_cluster::{Error, RecordStore, Watched};
use pvmigrate_core::ports::{RecordId, Records, Saved};
use pvmigrate_core::record::{Fact, Record, Version, WorkloadKind};
use serde_json::json;

use crate::stage::{SHOP, Stage, record, survey};

async fn scene() -> (Stage, RecordStore, Record) {
    let stage = Stage::new().await;
    let connection = stage.connection();
    let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    (stage, RecordStore::new(connection.client), record)
}

fn stored(saved: Result<Saved, Error>) -> Version {
    match saved.unwrap() {
        Saved::Stored(version) => version,
        Saved::Conflict => panic!("a conflict"),
    }
}

#[tokio::test]
async fn a_record_is_created_once_and_replaced_by_version() {
    let (stage, records, record) = scene().await;
    assert_eq!(records.load(&record.id()).await.unwrap(), None);
    let first = stored(records.save(&record, None).await);
    assert_eq!(records.save(&record, None).await.unwrap(), Saved::Conflict);
    let next = record.clone().with(Fact::Stopping { at: jiff::Timestamp::UNIX_EPOCH, ready: Vec::new() }).unwrap();
    let second = stored(records.save(&next, Some(&first)).await);
    assert_eq!(records.save(&record, Some(&first)).await.unwrap(), Saved::Conflict);
    assert_eq!(records.load(&record.id()).await.unwrap(), Some((next, second.clone())));
    let object = stage.object("ConfigMap", &record.name).unwrap();
    assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "pvmigrate");
    assert_eq!(object["metadata"]["annotations"]["pvmigrate.dev/run"], "run-data");
    assert!(!records.delete(&record.id(), &first).await.unwrap(), "it has changed since");
    assert!(records.delete(&record.id(), &second).await.unwrap());
    assert_eq!(records.load(&record.id()).await.unwrap(), None);
}

#[tokio::test]
async fn watched_records_cost_no_request_and_show_ones_own_writes_at_once() {
    let (stage, direct, record) = scene().await;
    let connection = stage.connection();
    let watched = Watched::start(connection.client.clone(), None).await.unwrap();
    let records = watched.records();
    let first = stored(records.save(&record, None).await);
    let before = connection.requests.total();
    assert_eq!(records.load(&record.id()).await.unwrap(), Some((record.clone(), first.clone())));
    assert_eq!(connection.requests.total(), before);
    // Another process stores something else: the conflict is met once, then its record is seen.
    let theirs = record.clone().with(Fact::TurnedBack { why: "abort".to_owned() }).unwrap();
    stored(direct.save(&theirs, Some(&first)).await);
    assert_eq!(records.save(&record, Some(&first)).await.unwrap(), Saved::Conflict);
    assert_eq!(records.load(&record.id()).await.unwrap().unwrap().0, theirs);
}

#[tokio::test]
async fn all_records_are_listed_and_a_newer_one_is_named() {
    let (stage, records, record) = scene().await;
    records.save(&record, None).await.unwrap();
    assert_eq!(records.list(Some(SHOP)).await.unwrap(), [record]);
    assert_eq!(records.list(None).await.unwrap().len(), 1);
    let newer = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "pvmigrate-newer", "namespace": SHOP, "labels": {"app.kubernetes.io/managed-by": "pvmigrate"}},
        "data": {"record": "{\"format\": 9}"}});
    stage.cluster.put(newer).unwrap();
    let error = records.list(None).await.unwrap_err();
    assert!(matches!(&error, Error::RecordTooNew { name, format: 9, .. } if name == "pvmigrate-newer"), "{error}");
    let id = RecordId { namespace: SHOP.to_owned(), name: "pvmigrate-newer".to_owned() };
    assert!(matches!(records.load(&id).await, Err(Error::RecordTooNew { .. })));
}
