//! Least privilege, both ways: no command asks for anything outside the table that `pvmigrate rbac` prints, and every row
//! of the table is used by some command. `missing_permissions` has accounts with less.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use pvmigrate::cli::flags::{ClusterArgs, WhereArgs};
use pvmigrate::commands::abort::{self, AbortArgs};
use pvmigrate::commands::status;
use pvmigrate::options::Options;
use pvmigrate::stop::Stop;
use pvmigrate_cluster::{Need, cleanup, permissions, permissions_for};
use pvmigrate_core::record::Disposal;
use pvmigrate_policy::{Configured, Limits, Policies, Policy};
use pvmigrate_rehearsal::{Faults, Handle, Kill, When};
use pvmigrate_tests::{Ended, Ground, Scenario, Scene, Silent};

use crate::scenarios::{self, ONE_CLAIM};

/// Verbs and resources.
type Pairs = BTreeSet<(String, String)>;

fn pairs(needs: &BTreeSet<Need>) -> Pairs {
    let rows = permissions_for(needs, &[]).into_iter();
    rows.flat_map(|row| row.verbs.into_iter().map(move |verb| (verb.to_owned(), row.resource.clone()))).collect()
}

fn only(needs: &[Need]) -> Faults {
    Faults { allow: pairs(&needs.iter().copied().collect()).into_iter().collect(), ..Faults::default() }
}

/// Returns what a client has asked for, after making sure that it was allowed all of it.
fn used(what: &str, needs: &[Need], handle: &Handle) -> Pairs {
    let asked: Pairs = handle
        .requests()
        .into_keys()
        .filter_map(|request| request.split_once(' ').map(|(verb, resource)| (verb.to_owned(), resource.to_owned())))
        .collect();
    let outside: Vec<_> = asked.difference(&pairs(&needs.iter().copied().collect())).cloned().collect();
    assert_eq!(outside, [], "{what}: asked for what is not in the table for {needs:?}");
    asked
}

/// Returns what the options of a scenario need.
fn needs(scenario: &Scenario) -> Vec<Need> {
    let options = scenario.options();
    let mut needs = vec![Need::Inspect, Need::Migrate];
    needs.extend((options.disposal == Disposal::Delete).then_some(Need::DeleteVolumes));
    needs.extend(options.set_defaults.then_some(Need::SetDefaults));
    needs
}

async fn migrate(scenario: &Scenario, before: impl AsyncFnOnce(&Scene)) -> (Scene, Pairs) {
    let scene = scenario.start().await.unwrap();
    before(&scene).await;
    let needs = needs(scenario);
    let (ended, handle) = scene.process(only(&needs)).await;
    let Ended::ByItself(result) = ended else { panic!("nothing kills here") };
    let run = result.unwrap_or_else(|failure| panic!("{}: {:#}", scenario.name, failure.error));
    assert!(!run.report.groups.is_empty(), "{}: {:#?}", scenario.name, run.blockers());
    let used = used(scenario.name, &needs, &handle);
    (scene, used)
}

async fn turned_back(scene: &Scene) -> Pairs {
    let needs = [Need::Inspect, Need::Migrate];
    let (client, handle) = scene.cluster.client_with(only(&needs));
    let place = WhereArgs { namespace: None, cluster: ClusterArgs::default() };
    let args = AbortArgs { records: Vec::new(), all: true, place };
    let aborted = abort::abort(&client, &args, Arc::new(Silent), &Stop::new()).await.unwrap();
    assert_eq!(aborted.report.groups.len(), 1);
    used("abort", &needs, &handle)
}

async fn looked(scene: &Scene) -> Pairs {
    let needs = [Need::Inspect];
    let (client, handle) = scene.cluster.client_with(only(&needs));
    assert_eq!(status::migrations(&client, None).await.unwrap().len(), 1);
    let options = scenarios::ONE_CLAIM.options();
    pvmigrate::run::plan(&client, pvmigrate_tests::policies(), &options).await.unwrap();
    let in_one = Options { namespace: Some("app".to_owned()), ..options };
    pvmigrate::run::plan(&client, pvmigrate_tests::policies(), &in_one).await.unwrap();
    used("status and plan", &needs, &handle)
}

/// Plans with a policy that may look at how full claims are.
async fn measured(scene: &Scene) -> Pairs {
    let Ground::Embedded(cluster) = &scene.cluster else { panic!("these tests have no other") };
    cluster.serve_summaries();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/dist/size-guard.wasm");
    let guard = Arc::new(Policy::open(&file, &Limits::default()).unwrap());
    let policies = Policies::new(vec![Configured::bare(guard).unwrap()]).unwrap();
    let found = async |needs: &[Need]| {
        let (client, handle) = scene.cluster.client_with(only(needs));
        let plan = pvmigrate::run::plan(&client, &policies, &scene.options()).await.unwrap().1;
        let question = plan.assessment.unwrap().question;
        (question.request.volumes[0].used_bytes, used("plan with a policy", needs, &handle))
    };
    assert_eq!(found(&[Need::Inspect]).await.0, None);
    let (bytes, used) = found(&[Need::Inspect, Need::UsedBytes]).await;
    assert!(bytes.is_some_and(|bytes| bytes >= 64 << 10), "{bytes:?}");
    used
}

async fn cleaned(scene: &Scene) -> Pairs {
    let needs = [Need::Inspect, Need::Migrate, Need::Cleanup];
    let (client, handle) = scene.cluster.client_with(only(&needs));
    let found = cleanup::find(&client, None).await.unwrap();
    assert!(!found.is_empty());
    for left in found {
        assert!(cleanup::remove(&client, &left).await.unwrap());
    }
    used("cleanup", &needs, &handle)
}

/// Makes the class keep its volumes: the preflight gives the volume of its trial back all the same.
async fn keeps_volumes(scene: &Scene) {
    let mut class = scene.cluster.get("storage.k8s.io/v1", "StorageClass", None, "new").await.unwrap();
    class["reclaimPolicy"] = "Retain".into();
    scene.cluster.put(class).await.unwrap();
}

#[tokio::test]
async fn every_command_keeps_to_the_table_and_uses_all_of_it() {
    use scenarios::{
        FAILS_ONCE, HOLDS, IDLE, KEEP, LEFT_BY_REFERENCE, RECLAIM, ROLLS_BACK, SHARED, STATEFUL_SET,
        SWAPPED_BY_REFERENCE, WARM,
    };
    let mut all = Pairs::new();
    let scenarios = [
        WARM,
        KEEP,
        RECLAIM,
        STATEFUL_SET,
        SHARED,
        IDLE,
        LEFT_BY_REFERENCE,
        SWAPPED_BY_REFERENCE,
        FAILS_ONCE,
        ROLLS_BACK,
        HOLDS,
    ];
    let count = scenarios.len();
    for scenario in scenarios {
        all.extend(migrate(&scenario, async |_: &Scene| {}).await.1);
    }
    let (scene, used) = migrate(&ONE_CLAIM, keeps_volumes).await;
    all.extend(used);
    all.extend(cleaned(&scene).await);

    let scene = ONE_CLAIM.start().await.unwrap();
    let kill = Kill { at_write: 12, when: When::AfterWrite };
    scene.process(Faults { kill: Some(kill), ..Faults::default() }).await;
    all.extend(looked(&scene).await);
    all.extend(measured(&ONE_CLAIM.start().await.unwrap()).await);
    all.extend(turned_back(&scene).await);

    let table = pairs(&Need::ALL.into());
    // What is watched here by a list that is streamed has to be listed on a server that cannot stream.
    let listed = all.iter().filter(|(verb, _)| verb == "watch").map(|(_, kind)| ("list".to_owned(), kind.clone()));
    let used: Pairs = listed.chain(all.iter().cloned()).collect();
    let superfluous: Vec<_> = table.difference(&used).collect();
    assert!(superfluous.is_empty(), "no command has used {superfluous:?}");
    println!(
        "permissions: {} rows of {} verbs, all used, none missed by {} runs, plan, status, abort and cleanup",
        permissions().len(),
        table.len(),
        count + 1
    );
}
