//! Accounts that may not do all that a run needs: they are told what they lack before anything is written.

use std::sync::Arc;

use pvmigrate::exit::Exit;
use pvmigrate::failure::Failure;
use pvmigrate::options::Options;
use pvmigrate::plan::Plan;
use pvmigrate::run::Run;
use pvmigrate::stop::Stop;
use pvmigrate_cluster::Need;
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::record::Disposal;
use pvmigrate_rehearsal::{Faults, Handle, Kill, When};
use pvmigrate_tests::{Ended, Scene, Silent};

use crate::scenarios::ONE_CLAIM;

async fn lacking(scene: &Scene, lacks: &[(&str, &str)], options: &Options) -> (Result<Plan, Failure>, Handle) {
    let (client, handle) = scene.cluster.client_with(without(lacks));
    let planned = pvmigrate::run::plan(&client, pvmigrate_tests::policies(), options).await;
    (planned.map(|(_, plan)| plan), handle)
}

fn without(pairs: &[(&str, &str)]) -> Faults {
    let forbid = pairs.iter().map(|(verb, resource)| ((*verb).to_owned(), (*resource).to_owned())).collect();
    Faults { forbid, ..Faults::default() }
}

async fn run(scene: &Scene, faults: Faults) -> (Run, Handle) {
    let (Ended::ByItself(result), handle) = scene.process(faults).await else { panic!("nothing kills here") };
    (result.unwrap_or_else(|failure| panic!("{:#}", failure.error)), handle)
}

/// Returns the messages of the blockers, all of which are about permissions.
fn messages(blockers: &[Blocker]) -> Vec<&str> {
    assert!(blockers.iter().all(|blocker| blocker.code == Code::MissingPermission), "{blockers:#?}");
    blockers.iter().map(|blocker| blocker.message.as_str()).collect()
}

#[tokio::test]
async fn what_the_account_lacks_is_named_before_anything_is_written() {
    let scene = ONE_CLAIM.start().await.unwrap();
    let lacks = [("patch", "statefulsets"), ("delete", "persistentvolumes"), ("create", "pods"), ("delete", "pods")];
    let expected = [
        "it may not create, delete pods cluster-wide",
        "it may not patch statefulsets.apps cluster-wide",
        "it may not delete persistentvolumes cluster-wide",
    ];
    let began = std::time::Instant::now();
    let (plan, handle) = lacking(&scene, &lacks, &scene.options()).await;
    println!("missing permissions: a plan with {} reviews took {:?}", handle.reviews(), began.elapsed());
    let plan = plan.unwrap();
    assert_eq!(messages(&plan.blockers), expected);
    assert_eq!((plan.groups.len(), plan.startable(true).count()), (1, 0), "the plan is there all the same");
    for blocker in &plan.blockers {
        assert_eq!(blocker.about, "user rehearsal");
        let command = "have an administrator run: pvmigrate rbac --user rehearsal | kubectl apply -f -";
        assert_eq!(blocker.hint, command);
    }

    let (stopped, handle) = run(&scene, without(&lacks)).await;
    assert_eq!(messages(&stopped.blockers()).len(), expected.len());
    assert_eq!((stopped.report.groups.len(), stopped.trials.len(), handle.writes()), (0, 0, 0));

    let checks = Options { preflight_only: true, ..scene.options() };
    let (client, handle) = scene.cluster.client_with(without(&lacks));
    let (policies, stop) = (pvmigrate_tests::policies(), Stop::default());
    let checked = pvmigrate::run::migrate(&client, policies, &checks, Arc::new(Silent), &stop).await.unwrap();
    assert_eq!((messages(&checked.blockers()).len(), handle.writes()), (expected.len(), 0));

    let (migrated, _) = run(&scene, Faults::default()).await;
    assert!(migrated.report.groups[0].is_migrated());
    let (done, _) = lacking(&scene, &lacks, &scene.options()).await;
    assert_eq!(messages(&done.unwrap().blockers), [""; 0], "where nothing is left to do, nothing is missing");
}

#[tokio::test]
async fn what_is_asked_for_follows_the_options() {
    let scene = ONE_CLAIM.start().await.unwrap();
    let lacks = [("delete", "persistentvolumes"), ("patch", "storageclasses"), ("update", "configmaps")];
    let in_one = Options { namespace: Some("app".to_owned()), disposal: Disposal::Keep, ..scene.options() };
    let plan = lacking(&scene, &lacks, &in_one).await.0.unwrap();
    assert_eq!(messages(&plan.blockers), ["it may not update configmaps in namespace app"]);
    let command = "pvmigrate rbac --user rehearsal --namespace app --source-volumes keep-pv | kubectl apply -f -";
    assert!(plan.blockers[0].hint.ends_with(command), "{}", plan.blockers[0].hint);
    let sets_default = Options { set_defaults: true, ..in_one };
    let plan = lacking(&scene, &lacks, &sets_default).await.0.unwrap();
    assert!(messages(&plan.blockers).contains(&"it may not patch storageclasses.storage.k8s.io cluster-wide"));
    assert!(plan.blockers[0].hint.contains(" --set-defaults | "), "{}", plan.blockers[0].hint);
}

#[tokio::test]
async fn an_account_that_may_not_even_look_learns_of_all_it_lacks_at_once() {
    let scene = ONE_CLAIM.start().await.unwrap();
    let lacks = [("list", "pods"), ("list", "persistentvolumes"), ("patch", "deployments")];
    let (plan, _) = lacking(&scene, &lacks, &scene.options()).await;
    let plan = plan.unwrap();
    let found = messages(&plan.blockers).join("\n");
    for part in ["list pods", "list persistentvolumes", "patch deployments.apps"] {
        assert!(found.contains(part), "{part}: {found}");
    }
    assert!(plan.refused.unwrap().starts_with("not allowed to list p"));
    // Where no review can be had, the refusal is all there is.
    let lacks = [lacks.as_slice(), &[("create", "selfsubjectaccessreviews")]].concat();
    let failure = lacking(&scene, &lacks, &scene.options()).await.0.unwrap_err();
    assert_eq!(failure.exit, Exit::Cluster);
    assert!(failure.error.to_string().starts_with("not allowed to list p"), "{:#}", failure.error);
}

#[tokio::test]
async fn what_a_run_can_do_without_is_only_noted() {
    let scene = ONE_CLAIM.start().await.unwrap();
    let (plan, _) = lacking(&scene, &[("list", "events"), ("list", "namespaces")], &scene.options()).await;
    let plan = plan.unwrap();
    assert_eq!(plan.all_blockers(), []);
    assert_eq!(
        plan.permission_notes,
        [
            "the account may not list namespaces cluster-wide: a namespace that is being deleted is noticed only when it \
             refuses a new claim",
            "the account may not list events cluster-wide: the provisioner's own reasons are not shown",
        ]
    );
    let (run, _) = run(&scene, without(&[("create", "selfsubjectaccessreviews")])).await;
    let [note] = run.plan.permission_notes.as_slice() else { panic!("{:?}", run.plan.permission_notes) };
    assert!(note.starts_with("permissions could not be checked: not allowed to create selfsubject"), "{note}");
    assert!(run.report.groups[0].is_migrated());
}

#[tokio::test]
async fn a_started_migration_goes_on_as_far_as_the_account_may() {
    let scene = ONE_CLAIM.start().await.unwrap();
    let kill = Kill { at_write: 12, when: When::AfterWrite };
    scene.process(Faults { kill: Some(kill), ..Faults::default() }).await;
    let (blind, handle) = run(&scene, without(&[("watch", "pods")])).await;
    assert_eq!(messages(&blind.blockers()), ["it may not watch pods cluster-wide"]);
    assert_eq!((blind.report.groups.len(), handle.writes()), (0, 0));
    // Nothing of what is left to do takes this.
    let (seeing, _) = run(&scene, without(&[("patch", "replicasets")])).await;
    assert_eq!(messages(&seeing.blockers()), ["it may not patch replicasets.apps cluster-wide"]);
    assert!(seeing.report.groups[0].is_migrated());
}

#[tokio::test]
async fn an_account_that_may_only_look_plans_all_the_same() {
    let scene = ONE_CLAIM.start().await.unwrap();
    let rows = pvmigrate_cluster::permissions_for(&[Need::Migrate, Need::DeleteVolumes].into(), &[]);
    let changes = rows.iter().flat_map(|row| row.verbs.iter().map(|verb| (*verb, row.resource.as_str())));
    let changes: Vec<_> = changes.filter(|(verb, _)| !["get", "list", "watch"].contains(verb)).collect();
    let planned = lacking(&scene, &changes, &scene.options()).await.0.unwrap();
    assert!(!planned.blockers.is_empty(), "whoever migrates with it has to know");
    let plan = planned.for_looking();
    assert_eq!((messages(&plan.blockers), plan.groups.len()), (vec![], 1));
    let note =
        "this account may only look; to make a service account that may migrate: pvmigrate rbac | kubectl apply -f -";
    assert_eq!(plan.permission_notes, [note]);
    // One that may do a part is not meant for plans: what it lacks is a finding.
    let planned = lacking(&scene, &changes[1..], &scene.options()).await.0.unwrap();
    assert!(!planned.for_looking().blockers.is_empty());
}
