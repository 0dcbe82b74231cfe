//! Each step is one conditional write: refused when the object has changed, harmless when repeated, seen at once.

use pvmigrate_cluster::{ClusterWorld, Error, Watched};
use pvmigrate_core::observation::Observation;
use pvmigrate_core::ports::{Done, World};
use pvmigrate_core::record::{DestinationVolume, Fact, Record, Uid, Version, WorkloadKind};
use pvmigrate_core::step::{Side, Step, Target};
use pvmigrate_rehearsal::{Faults, Handle};
use serde_json::json;

use crate::stage::{SHOP, Stage, record, survey};

struct Scene {
    stage: Stage,
    world: ClusterWorld,
    record: Record,
    handle: Handle,
    _watched: Watched,
}

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let (connection, handle) = stage.faulty(Faults::default());
        let record = record(&survey(&connection, "fast").await, "data", WorkloadKind::StatefulSet, "web", "fast");
        let watched = Watched::start(connection.client.clone(), Some(SHOP)).await.unwrap();
        Self { stage, world: watched.world(), record, handle, _watched: watched }
    }

    async fn look(&self) -> Observation {
        self.world.observe(&self.record).await.unwrap()
    }

    async fn source(&self) -> Target {
        let seen = self.look().await.claims["data"].source_volume.clone().unwrap();
        Target { name: seen.name, uid: seen.uid, version: seen.version }
    }

    async fn original(&self) -> Target {
        let seen = self.look().await.claims["data"].named.clone().unwrap();
        Target { name: "data".to_owned(), uid: seen.uid, version: seen.version }
    }

    async fn execute(&self, step: &Step) -> Done {
        self.world.execute(&self.record, step).await.unwrap()
    }
}

fn claim() -> String {
    "data".to_owned()
}

fn old(target: &Target) -> Target {
    Target { version: Version("1".to_owned()), ..target.clone() }
}

#[tokio::test]
async fn a_write_is_seen_by_the_very_next_look() {
    let scene = Scene::new().await;
    let volume = scene.source().await;
    assert_eq!(scene.execute(&Step::RetainSource { claim: claim(), volume: volume.clone() }).await, Done::Applied);
    let seen = scene.look().await.claims["data"].source_volume.clone().unwrap();
    assert!(seen.is_retained());
    assert_ne!(seen.version, volume.version);
    let object = scene.stage.object("PersistentVolume", &volume.name).unwrap();
    assert!(object["metadata"]["annotations"]["kurl.sh/pvcmigrate-sourcenode"].is_string(), "{object}");
    assert_eq!(scene.execute(&Step::CreateDestination { claim: claim(), volume: None }).await, Done::Applied);
    assert!(scene.look().await.claims["data"].destination.is_some());
}

#[tokio::test]
async fn an_old_version_is_refused_without_a_request_where_the_cache_knows() {
    let scene = Scene::new().await;
    let volume = old(&scene.source().await);
    let writes = scene.handle.writes();
    let steps = [
        Step::RetainSource { claim: claim(), volume: volume.clone() },
        Step::RestoreReclaim {
            claim: claim(),
            side: Side::Source,
            volume: volume.clone(),
            policy: "Delete".to_owned(),
        },
    ];
    for step in steps {
        assert_eq!(scene.execute(&step).await, Done::Stale, "{step:?}");
    }
    assert_eq!(scene.handle.writes(), writes);
    let object = scene.stage.object("PersistentVolume", &volume.name).unwrap();
    assert_eq!(object["spec"]["persistentVolumeReclaimPolicy"], "Delete");
}

#[tokio::test]
async fn the_fence_is_refused_when_the_claim_has_changed() {
    let scene = Scene::new().await;
    let target = scene.original().await;
    let touch = |target: &Target| Step::Touch { claim: claim(), target: target.clone(), at: jiff::Timestamp::now() };
    let fence = |target: Target| Step::DeleteOriginalClaim { claim: claim(), target };
    assert_eq!(scene.execute(&fence(old(&target))).await, Done::Stale);
    let other = Target { uid: Uid("other".to_owned()), ..target.clone() };
    assert_eq!(scene.execute(&fence(other)).await, Done::Stale);
    assert!(!scene.look().await.claims["data"].named.as_ref().unwrap().terminating);
    // The touch of a turn back is such a change.
    assert_eq!(scene.execute(&touch(&target)).await, Done::Applied);
    assert_eq!(scene.execute(&fence(target)).await, Done::Stale);
    let touched = scene.original().await;
    assert_eq!(
        scene.execute(&Step::Unmark { claim: claim(), target: touched, owners: Vec::new() }).await,
        Done::Applied
    );
    let seen = scene.look().await.claims["data"].named.clone().unwrap();
    assert_eq!(seen.touched, None);
    // The claim is in use, so that it stays on as terminating.
    assert_eq!(scene.execute(&fence(scene.original().await)).await, Done::Applied);
    assert!(scene.look().await.claims["data"].named.as_ref().unwrap().terminating);
}

#[tokio::test]
async fn creating_and_deleting_twice_is_harmless() {
    let scene = Scene::new().await;
    for _ in 0..2 {
        assert_eq!(scene.execute(&Step::CreateDestination { claim: claim(), volume: None }).await, Done::Applied);
    }
    let seen = scene.look().await.claims["data"].destination.clone().unwrap();
    let target = Target { name: "data-pvcmigrate".to_owned(), uid: seen.uid, version: seen.version };
    for _ in 0..2 {
        let step = Step::DeleteTemp { claim: claim(), side: Side::Destination, target: target.clone() };
        assert_eq!(scene.execute(&step).await, Done::Applied);
        scene.stage.cluster.settled().await;
    }
    assert!(scene.stage.object("PersistentVolumeClaim", "data-pvcmigrate").is_none());
}

#[tokio::test]
async fn a_set_that_deletes_its_claims_is_kept_from_it_while_it_is_down() {
    let scene = Scene::new().await;
    let workload = scene.record.workloads[0].workload.clone();
    let version = async || scene.look().await.workloads[&workload].version.clone();
    let policy = || {
        let set = scene.stage.object("StatefulSet", "web").unwrap();
        set["spec"]["persistentVolumeClaimRetentionPolicy"].clone()
    };
    let stop = Step::StopWorkload { workload: workload.clone(), version: version().await, replicas: 1 };
    assert_eq!(scene.execute(&stop).await, Done::Applied);
    assert_eq!(policy(), json!({"whenDeleted": "Retain", "whenScaled": "Retain"}));
    assert_eq!(scene.look().await.workloads[&workload].mark, Some(1));
    let mut wake = scene.world.wake(SHOP);
    while scene.look().await.workloads[&workload].pods > 0 {
        wake.changed().await;
    }
    loop {
        let start = Step::StartWorkload { workload: workload.clone(), version: version().await, replicas: 1 };
        if scene.execute(&start).await == Done::Applied {
            break;
        }
    }
    assert_eq!(policy()["whenScaled"], "Delete");
    assert_eq!(scene.look().await.workloads[&workload].mark, None);
}

#[tokio::test]
async fn the_destination_is_marked_with_the_run_so_that_it_is_never_taken_for_a_finished_swap() {
    let mut scene = Scene::new().await;
    scene.execute(&Step::CreateDestination { claim: claim(), volume: None }).await;
    scene.stage.cluster.settled().await;
    let mut wake = scene.world.wake(SHOP);
    let volume = loop {
        if let Some(volume) = scene.look().await.claims["data"].destination_volume.clone() {
            break volume;
        }
        wake.changed().await;
    };
    let noted = DestinationVolume { name: volume.name.clone(), reclaim: volume.reclaim.clone() };
    scene.record = scene.record.clone().with(Fact::Destination { claim: claim(), volume: noted }).unwrap();
    let target = Target { name: volume.name.clone(), uid: volume.uid, version: volume.version };
    assert_eq!(scene.execute(&Step::RetainDestination { claim: claim(), volume: target }).await, Done::Applied);
    let object = scene.stage.object("PersistentVolume", &volume.name).unwrap();
    let annotations = &object["metadata"]["annotations"];
    assert_eq!(annotations["kurl.sh/pvcmigrate-sourcepvc"], "data");
    assert_eq!(annotations["kurl.sh/pvcmigrate-reclaim"], "Delete");
    let connection = scene.stage.connection();
    assert!(survey(&connection, "fast").await.swapped.is_empty());
}

#[tokio::test]
async fn a_step_that_does_not_fit_the_record_is_a_defect_and_writes_nothing() {
    let scene = Scene::new().await;
    let writes = scene.handle.writes();
    let step = Step::CreateDestination { claim: "nobodys".to_owned(), volume: None };
    assert!(matches!(scene.world.execute(&scene.record, &step).await, Err(Error::Misuse { .. })));
    let note = Step::Note(Fact::Touched { claim: claim() });
    assert!(matches!(scene.world.execute(&scene.record, &note).await, Err(Error::Misuse { .. })));
    assert_eq!(scene.handle.writes(), writes);
}

/// A driver runs groups as tasks, so that looking and writing must be able to move between threads.
#[tokio::test]
async fn looks_and_writes_can_be_tasks() {
    let scene = Scene::new().await;
    let (world, record) = (scene.world.clone(), scene.record.clone());
    let look = tokio::spawn(async move {
        let seen = world.observe(&record).await.unwrap();
        let step = Step::CreateDestination { claim: claim(), volume: None };
        (seen.claims.len(), world.execute(&record, &step).await.unwrap())
    });
    assert_eq!(look.await.unwrap(), (1, Done::Applied));
}
