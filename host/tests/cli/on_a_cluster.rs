//! `status` and `abort` on the embedded cluster, in this process: what they need of a cluster is a client.

use std::sync::Arc;

use pvmigrate::assessment::saved;
use pvmigrate::cli::flags::{ClusterArgs, WhereArgs};
use pvmigrate::commands::abort::{self, AbortArgs};
use pvmigrate::commands::status;
use pvmigrate::driver::{Event, GroupEnd, Reporter};
use pvmigrate::exit::Exit;
use pvmigrate::options::Options;
use pvmigrate::run::{self, Run};
use pvmigrate::stop::Stop;
use pvmigrate_core::decide::Decision;
use pvmigrate_core::ports::{Done, RecordId};
use pvmigrate_core::record::{Disposal, Ended, Fact, Limits, OnFailure, Outcome};
use pvmigrate_core::step::Step;
use pvmigrate_objects::input::read_objects;
use pvmigrate_policy::Policies;
use pvmigrate_rehearsal::{Cluster, Settings, find_rsync};

/// A listener that asks the run to stop once the step has been done.
struct StopAt {
    stop: Stop,
    is_it: fn(&Step) -> bool,
}

impl Reporter for StopAt {
    fn report(&self, _: &RecordId, event: Event<'_>) {
        if let Event::Stepped(step, Done::Applied) = event
            && (self.is_it)(step)
        {
            self.stop.request();
        }
    }

    fn rsync(&self, _: &RecordId, _: &str, _: &str) {}
}

/// A listener that has another process migrate everything while this one makes its checks, which is after its plan.
struct Overtaken {
    cluster: Cluster,
}

impl Reporter for Overtaken {
    fn report(&self, _: &RecordId, _: Event<'_>) {}

    fn checking(&self, _: &str, _: usize) {
        let stop = Stop::new();
        let nobody = Arc::new(StopAt { stop: stop.clone(), is_it: |_| false });
        let policies = Policies::builtin().unwrap();
        let (client, options) = (self.cluster.client(), options());
        let other = run::migrate(&client, &policies, &options, nobody, &stop);
        let run = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(other)).unwrap();
        assert!(run.report.groups[0].is_migrated());
    }

    fn rsync(&self, _: &RecordId, _: &str, _: &str) {}
}

struct Scene {
    cluster: Cluster,
    _directory: tempfile::TempDir,
}

async fn scene() -> Scene {
    let objects = read_objects(&crate::repository("tests/embedded/scenarios/one-claim.yaml")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let settings = Settings::new(directory.path(), find_rsync().unwrap());
    let cluster = Cluster::start(objects, settings).await.unwrap();
    cluster.settled().await;
    cluster.fill_all(7).unwrap();
    Scene { cluster, _directory: directory }
}

pub(crate) fn options() -> Options {
    Options {
        source_class: "old".to_owned(),
        dest_class: "new".to_owned(),
        namespace: None,
        environment: String::new(),
        waivers: Vec::new(),
        policy_flags: Vec::new(),
        rsync_image: "eeacms/rsync:2.3".to_owned(),
        rsync_flags: Vec::new(),
        set_defaults: false,
        skip_source_validation: false,
        preflight_only: false,
        skip_preflight: true,
        skip_blocked: false,
        pod_ready_timeout: std::time::Duration::from_secs(20),
        parallel: 4,
        on_failure: OnFailure::RollBack,
        disposal: Disposal::Delete,
        warm_passes: 0,
        warm_rate: None,
        limits: Limits::default(),
    }
}

/// Runs a migration until the step has been done.
async fn interrupted_after(scene: &Scene, is_it: fn(&Step) -> bool) -> Run {
    let stop = Stop::new();
    let reporter = Arc::new(StopAt { stop: stop.clone(), is_it });
    let policies = Policies::builtin().unwrap();
    let run = run::migrate(&scene.cluster.client(), &policies, &options(), reporter, &stop).await.unwrap();
    assert!(matches!(run.report.groups[0].end, GroupEnd::Interrupted), "{:?}", run.report.groups[0].end);
    run
}

fn all() -> AbortArgs {
    let place = WhereArgs { namespace: None, cluster: ClusterArgs::default() };
    AbortArgs { records: Vec::new(), all: true, place }
}

async fn abort_with(scene: &Scene, args: &AbortArgs) -> Result<abort::Aborted, pvmigrate::failure::Failure> {
    let stop = Stop::new();
    let reporter = Arc::new(StopAt { stop: stop.clone(), is_it: |_| false });
    abort::abort(&scene.cluster.client(), args, reporter, &stop).await
}

fn claim(scene: &Scene) -> serde_json::Value {
    scene.cluster.get("v1", "PersistentVolumeClaim", Some("app"), "data").unwrap()
}

#[tokio::test]
async fn status_shows_an_interrupted_migration_and_what_comes_next() {
    let scene = scene().await;
    assert!(status::migrations(&scene.cluster.client(), None).await.unwrap().is_empty());
    let is_down = |step: &Step| matches!(step, Step::StopWorkload { .. });
    let run = interrupted_after(&scene, is_down).await;
    scene.cluster.settled().await;
    let migrations = status::migrations(&scene.cluster.client(), Some("app")).await.unwrap();
    assert_eq!(migrations.len(), 1);
    assert_eq!(migrations[0].record.name, run.report.groups[0].record);
    assert!(migrations[0].record.stopped.is_some());
    let Decision::Act(steps) = &migrations[0].next else { panic!("{:?}", migrations[0].next) };
    assert!(matches!(steps[0], Step::DeleteOriginalClaim { .. }), "{steps:?}");
}

#[tokio::test]
async fn checks_that_are_cut_short_leave_nothing() {
    let scene = scene().await;
    let class = ("storage.k8s.io/v1", "StorageClass");
    scene.cluster.edit(class.0, class.1, None, "new", |class| {
        class["metadata"]["annotations"] = serde_json::json!({"rehearsal.pvmigrate.dev/provision": "no room"});
    });
    let of_trial = || {
        let name = |object: &serde_json::Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let names = scene.cluster.objects().iter().map(name).collect::<Vec<_>>();
        names.into_iter().filter(|name| name.contains("pf-p")).collect::<Vec<_>>()
    };
    let stop = Stop::new();
    let (client, policies) = (scene.cluster.client(), Policies::builtin().unwrap());
    let options = Options { skip_preflight: false, ..options() };
    let reporter = Arc::new(StopAt { stop: stop.clone(), is_it: |_| false });
    let interrupt = async {
        while of_trial().len() < 2 {
            tokio::task::yield_now().await;
        }
        stop.request();
    };
    let (run, ()) = tokio::join!(run::migrate(&client, &policies, &options, reporter, &stop), interrupt);
    let run = run.unwrap();
    assert!(run.cut_short && run.trials.is_empty());
    assert!(run.report.groups.iter().all(|group| matches!(group.end, GroupEnd::Interrupted)));
    scene.cluster.settled().await;
    assert_eq!(of_trial(), Vec::<String>::new());
}

#[tokio::test]
async fn an_aborted_migration_is_back_where_it_was() {
    let scene = scene().await;
    let before = claim(&scene);
    interrupted_after(&scene, |step| matches!(step, Step::DeleteOriginalClaim { .. })).await;
    let aborted = abort_with(&scene, &all()).await.unwrap();
    assert!(aborted.refused.is_empty());
    let GroupEnd::Ended(Ended { how: Outcome::RolledBack(why), .. }) = &aborted.report.groups[0].end else {
        panic!("{:?}", aborted.report.groups[0].end)
    };
    assert!(why.contains("aborted"), "{why}");
    scene.cluster.settled().await;
    let after = claim(&scene);
    assert_eq!(after["spec"]["volumeName"], before["spec"]["volumeName"]);
    assert_eq!(after["metadata"]["labels"], before["metadata"]["labels"]);
    let deployment = scene.cluster.get("apps/v1", "Deployment", Some("app"), "one").unwrap();
    assert_eq!(deployment["status"]["readyReplicas"], 1);
    let migrations = status::migrations(&scene.cluster.client(), None).await.unwrap();
    assert!(matches!(migrations[0].next, Decision::Finished(_)), "{:?}", migrations[0].next);
}

#[tokio::test]
async fn a_proven_migration_is_not_aborted_and_the_reason_is_shown() {
    let scene = scene().await;
    interrupted_after(&scene, |step| matches!(step, Step::Note(Fact::Copied { .. }))).await;
    let aborted = abort_with(&scene, &all()).await.unwrap();
    assert!(aborted.report.groups.is_empty());
    assert_eq!(aborted.refused.len(), 1);
    assert_eq!(aborted.refused[0].exit, Exit::Finding);
    assert!(format!("{:#}", aborted.refused[0].error).contains("only go forward"), "{:#}", aborted.refused[0].error);
}

#[tokio::test]
async fn a_record_that_is_missing_or_has_ended_is_named() {
    let scene = scene().await;
    let named = |name: &str| AbortArgs { records: vec![name.to_owned()], all: false, ..all() };
    let failure = abort_with(&scene, &named("nosuch")).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert!(failure.error.to_string().contains("nosuch"), "{}", failure.error);
    let run = interrupted_after(&scene, |step| matches!(step, Step::StopWorkload { .. })).await;
    let record = run.report.groups[0].record.clone();
    abort_with(&scene, &named(&format!("app/{record}"))).await.unwrap();
    let failure = abort_with(&scene, &named(&record)).await.unwrap_err();
    assert!(failure.error.to_string().contains("already ended"), "{}", failure.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_has_migrated_since_the_plan_is_not_started_again() {
    let scene = scene().await;
    let reporter = Arc::new(Overtaken { cluster: scene.cluster.clone() });
    let policies = Policies::builtin().unwrap();
    let options = Options { skip_preflight: false, ..options() };
    let run = run::migrate(&scene.cluster.client(), &policies, &options, reporter, &Stop::new()).await.unwrap();
    let GroupEnd::NotBegun(blockers) = &run.report.groups[0].end else { panic!("{:?}", run.report.groups[0].end) };
    assert!(blockers[0].message.contains("changed since the plan"), "{}", blockers[0]);
    assert_eq!(claim(&scene)["spec"]["storageClassName"], "new");
    let migrations = status::migrations(&scene.cluster.client(), None).await.unwrap();
    assert!(matches!(migrations[0].next, Decision::Finished(_)), "{:?}", migrations[0].next);
}

#[tokio::test]
async fn what_the_policies_were_asked_is_kept_and_can_be_judged_again() {
    let scene = scene().await;
    let file = scene._directory.path().join("question.json");
    let policies = Policies::builtin().unwrap();
    let (_, plan) = run::plan(&scene.cluster.client(), &policies, &options()).await.unwrap();
    saved::keep(Some(&file), &plan, &policies, &[]).unwrap();
    let ran = crate::pvmigrate(&["policy", "replay", crate::path_text(&file)]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("No changes: 1 claim"), "{}", ran.out);
}
