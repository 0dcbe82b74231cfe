//! What a user reads when the cluster refuses, or is not there. Nothing is changed by any of it.

use pvmigrate_cluster::{Error, Watched, survey};
use pvmigrate_core::ports::{PortError, World};
use pvmigrate_core::record::WorkloadKind;
use pvmigrate_core::step::Step;
use pvmigrate_core::survey::Scope;
use pvmigrate_rehearsal::Faults;

use crate::stage::{SHOP, Stage, record};

fn forbid(verb: &str, resource: &str) -> Faults {
    Faults { forbid: vec![(verb.to_owned(), resource.to_owned())], ..Faults::default() }
}

fn scope() -> Scope {
    Scope {
        namespace: None,
        source_class: "slow".to_owned(),
        dest_class: "fast".to_owned(),
        skip_source_validation: false,
    }
}

#[tokio::test]
async fn a_missing_permission_names_verb_and_resource() {
    let stage = Stage::new().await;
    for resource in ["persistentvolumes", "configmaps", "deployments", "storageclasses"] {
        let (connection, handle) = stage.faulty(forbid("list", resource));
        let error = survey(&connection.client, &scope()).await.unwrap_err();
        assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
        assert!(error.to_string().starts_with(&format!("not allowed to list {resource}: ")), "{error}");
        assert!(!error.is_transient());
        assert_eq!(handle.writes(), 0);
    }
}

#[tokio::test]
async fn a_run_that_may_not_watch_pods_does_not_start_and_one_that_may_not_watch_events_does() {
    let stage = Stage::new().await;
    let (connection, _) = stage.faulty(forbid("watch", "pods"));
    let error = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap_err();
    assert!(error.to_string().starts_with("not allowed to watch pods in namespace shop"), "{error}");

    let (connection, _) = stage.faulty(forbid("*", "events"));
    let record =
        record(&crate::stage::survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let world = watched.world();
    world.execute(&record, &Step::CreateDestination { claim: "data".to_owned(), volume: None }).await.unwrap();
    // Seen before it is bound: the trouble says why no more is known.
    let seen = world.observe(&record).await.unwrap().claims["data"].destination.clone().unwrap();
    if !seen.bound {
        assert!(seen.trouble.unwrap().contains("may not list events"));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_reported() {
    let stage = Stage::new().await;
    let (connection, _) = stage.faulty(Faults { unreachable: true, ..Faults::default() });
    let error = survey(&connection.client, &scope()).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }) && error.is_transient(), "{error:?}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    let error = Watched::start(connection.client.clone(), None).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_refused_write_says_what_may_not_be_done() {
    let stage = Stage::new().await;
    let (connection, handle) = stage.faulty(forbid("create", "persistentvolumeclaims"));
    let record =
        record(&crate::stage::survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
    let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
    let step = Step::CreateDestination { claim: "data".to_owned(), volume: None };
    let error = watched.world().execute(&record, &step).await.unwrap_err();
    let words = "not allowed to create persistentvolumeclaims data-pvcmigrate in namespace shop: ";
    assert!(error.to_string().starts_with(words), "{error}");
    assert!(stage.object("PersistentVolumeClaim", "data-pvcmigrate").is_none());
    assert_eq!(handle.writes(), 1);
}
