//! What policies say never gets into an object of the cluster, except the record of the migration: P9 of `wit/README.md`,
//! on whole runs.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pvmigrate::run;
use pvmigrate::stop::Stop;
use pvmigrate_policy::{Configured, Limits, Policies, Policy};
use pvmigrate_tests::{Scene, Silent};
use serde_json::Value;

use crate::scenarios;

/// In every text of the hostile policy's deed `escape`, raw or escaped.
const MARK: &str = "[2Jgone";

fn hostile() -> Policies {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/dist/hostile.wasm");
    let policy = Policy::open(&file, &Limits::default()).unwrap_or_else(|failure| panic!("{failure}"));
    let policy = Configured::bare(Arc::new(policy)).unwrap_or_else(|error| panic!("{error}"));
    Policies::new(vec![policy]).unwrap_or_else(|error| panic!("{error}"))
}

/// Finds objects with the policy's text in them, and the keys of the objects where it is.
async fn marked(scene: &Scene, found: &mut BTreeSet<String>) {
    for object in scene.cluster.objects().await {
        let Value::Object(parts) = &object else { panic!("{object}") };
        let parts = parts.iter().filter(|(_, part)| part.to_string().contains(MARK));
        found.extend(parts.map(|(part, _)| format!("{} {part}", object["kind"].as_str().unwrap())));
    }
}

#[tokio::test]
async fn what_a_policy_says_gets_into_the_record_and_nowhere_else() {
    let policies = hostile();
    let mut recorded = 0;
    for deed in ["select:escape", "map-modes:escape", "check:escape", "check:escape-object"] {
        let scene = scenarios::ONE_CLAIM.start().await.unwrap();
        let mut options = scene.options();
        options.environment = deed.to_owned();
        let client = pvmigrate_cluster::wrap(scene.cluster.client()).client;
        let (stop, mut found) = (Stop::default(), BTreeSet::new());
        let run = {
            let mut migrate = std::pin::pin!(run::migrate(&client, &policies, &options, Arc::new(Silent), &stop));
            loop {
                tokio::select! {
                    run = &mut migrate => break run,
                    () = tokio::time::sleep(Duration::from_millis(2)) => marked(&scene, &mut found).await,
                }
            }
        };
        let run = run.unwrap_or_else(|failure| panic!("{deed}: {:#}", failure.error));
        assert!(!run.report.groups.is_empty(), "{deed}: {:#?}", run.blockers());
        marked(&scene, &mut found).await;
        recorded += usize::from(!found.is_empty());
        assert!(found.is_subset(&BTreeSet::from(["ConfigMap data".to_owned()])), "{deed}: {found:?}");
        scene.cluster.stop().await;
    }
    assert!(recorded > 0, "the text was nowhere at all, so this has shown nothing");
}
