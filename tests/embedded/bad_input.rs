//! Bad input that only shows on a cluster: one clear message, the right exit code, nothing changed.

use pvmigrate::exit::Exit;
use pvmigrate::options::Options;
use pvmigrate::run::Run;
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_rehearsal::{Faults, Settings};
use pvmigrate_tests::{Ended, Scenario, Scene, picture};

use crate::scenarios;

/// Runs, and makes sure that the cluster is as before.
async fn unchanged(
    scenario: &Scenario,
    faults: Faults,
    before: impl FnOnce(&Scene),
) -> Result<Run, pvmigrate::failure::Failure> {
    let scene = scenario.start().await.unwrap();
    before(&scene);
    scene.cluster.settled().await;
    let first = picture(&scene);
    let (ended, _) = scene.process(faults).await;
    scene.cluster.settled().await;
    assert_eq!(first.differences(&picture(&scene)), Vec::<String>::new());
    match ended {
        Ended::ByItself(result) => *result,
        Ended::Killed => panic!("nothing kills here"),
    }
}

async fn blockers(scenario: &Scenario, before: impl FnOnce(&Scene)) -> Vec<Blocker> {
    let run = unchanged(scenario, Faults::default(), before).await.unwrap();
    assert!(run.report.groups.is_empty());
    run.blockers()
}

fn asked(ask: fn(&mut Options)) -> Scenario {
    Scenario { ask, ..scenarios::ONE_CLAIM }
}

#[tokio::test]
async fn an_unknown_class_is_named_with_those_there_are() {
    let found = blockers(&asked(|options| options.dest_class = "nowhere".to_owned()), |_| {}).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::NoSuchClass);
    assert!(found[0].to_string().contains("nowhere") && found[0].message.contains("new, old"), "{}", found[0]);
    let found = blockers(&asked(|options| options.source_class = "nowhere".to_owned()), |_| {}).await;
    assert!(found[0].hint.contains("--skip-source-validation"), "{}", found[0].hint);
}

#[tokio::test]
async fn a_class_onto_itself_is_refused() {
    let found = blockers(&asked(|options| options.dest_class = "old".to_owned()), |_| {}).await;
    assert_eq!(found[0].code, Code::SameClass);
}

#[tokio::test]
async fn an_invalid_access_mode_names_claim_namespace_and_value() {
    let found = blockers(&scenarios::ONE_CLAIM, |scene| {
        let mut claim = scene.cluster.get("v1", "PersistentVolumeClaim", Some("app"), "data").unwrap();
        claim["metadata"]["annotations"]["kurl.sh/pvcmigrate-destinationaccessmode"] = "ReadWriteSometimes".into();
        scene.cluster.put(claim).unwrap();
    })
    .await;
    let text = format!("{} {}", found[0], found[0].hint);
    for word in ["app", "data", "ReadWriteSometimes"] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
}

#[tokio::test]
async fn a_pod_without_a_workload_is_named_before_anything_stops() {
    let found = blockers(&scenarios::ONE_CLAIM, |scene| {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shell", "namespace": "app"},
            "spec": {
                "containers": [{"name": "c", "image": "example.com/sh"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        });
        scene.cluster.put(pod).unwrap();
    })
    .await;
    assert_eq!(found[0].code, Code::BarePod);
    assert!(found[0].about.contains("app/shell"), "{}", found[0]);
}

#[tokio::test]
async fn a_mode_the_class_cannot_provide_is_shown_with_the_provisioners_reason() {
    let scenario = Scenario::new("cannot-provision");
    let found = blockers(&scenario, |_| {}).await;
    let mine: Vec<&Blocker> = found.iter().filter(|blocker| blocker.code == Code::NotProvisionable).collect();
    assert_eq!(mine.len(), 2, "one a namespace and shape, all shown: {found:#?}");
    assert!(mine.iter().any(|blocker| blocker.message.contains("ReadWriteMany")), "{mine:#?}");
}

#[tokio::test]
async fn an_image_without_rsync_fails_in_the_preflight() {
    let scenario = Scenario {
        set: |settings: &mut Settings| settings.rsync = "/nonexistent/rsync".into(),
        ..scenarios::ONE_CLAIM
    };
    let found = blockers(&scenario, |_| {}).await;
    assert!(found[0].message.contains("rsync"), "{}", found[0]);
}

#[tokio::test]
async fn a_forbidden_request_names_verb_and_resource() {
    for (verb, resource) in [("list", "persistentvolumeclaims"), ("list", "pods"), ("list", "storageclasses")] {
        let faults = Faults { forbid: vec![(verb.to_owned(), resource.to_owned())], ..Faults::default() };
        let failure = unchanged(&scenarios::ONE_CLAIM, faults, |_| {}).await.expect_err("it is forbidden");
        let text = format!("{:#}", failure.error);
        assert!(text.contains(verb) && text.contains(resource), "{text}");
        assert_eq!(failure.exit, Exit::Cluster);
    }
}

#[tokio::test]
async fn a_trial_that_is_forbidden_names_verb_and_resource() {
    let faults = Faults { forbid: vec![("create".to_owned(), "pods".to_owned())], ..Faults::default() };
    let run = unchanged(&scenarios::ONE_CLAIM, faults, |_| {}).await.unwrap();
    let text = run.blockers()[0].to_string();
    assert!(text.contains("create") && text.contains("pods"), "{text}");
}

#[tokio::test]
async fn a_finished_pod_that_would_hold_the_claim_is_named() {
    let found = blockers(&scenarios::ONE_CLAIM, |scene| {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evicted", "namespace": "app"},
            "spec": {
                "nodeName": "node-1",
                "containers": [{"name": "c", "image": "example.com/sh"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
            "status": {"phase": "Failed", "reason": "Evicted"},
        });
        scene.cluster.put(pod).unwrap();
    })
    .await;
    assert_eq!(found[0].code, Code::FinishedPod);
    assert!(found[0].hint.contains("kubectl delete pod -n app evicted"), "{}", found[0].hint);
}

#[tokio::test]
async fn an_api_that_does_not_answer_is_named() {
    let faults = Faults { unreachable: true, ..Faults::default() };
    let failure = unchanged(&scenarios::ONE_CLAIM, faults, |_| {}).await.expect_err("nothing listens");
    assert_eq!(failure.exit, Exit::Cluster);
}
