//! Bad input that only shows on a cluster: one clear message, the right exit code, nothing changed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check fails by panicking"
)]
#![allow(missing_docs, reason = "each check's name says what it holds")]

use pvmigrate::exit::Exit;
use pvmigrate::options::Options;
use pvmigrate::run::Run;
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::cause::Cause;
use pvmigrate_rehearsal::{Faults, Settings};

use crate::{Ended, Place, Scenario, Scene, content, scenarios};

/// Runs, and makes sure that the cluster is as before.
async fn unchanged(
    place: &Place,
    scenario: &Scenario,
    faults: Faults,
    before: impl AsyncFnOnce(&Scene),
) -> Result<Run, pvmigrate::failure::Failure> {
    let scene = scenario.start_on(place).await.unwrap();
    before(&scene).await;
    scene.cluster.settled().await;
    let first = content(&scene).await;
    let (ended, _) = scene.process(faults).await;
    scene.cluster.settled().await;
    assert_eq!(first.differences(&scene.content_like(&first).await), Vec::<String>::new());
    scene.cluster.stop().await;
    match ended {
        Ended::ByItself(result) => *result,
        Ended::Killed => panic!("nothing kills here"),
    }
}

async fn blockers(place: &Place, scenario: &Scenario, before: impl AsyncFnOnce(&Scene)) -> Vec<Blocker> {
    let run = unchanged(place, scenario, Faults::default(), before).await.unwrap();
    assert!(run.report.groups.is_empty());
    run.blockers()
}

fn asked(ask: fn(&mut Options)) -> Scenario {
    Scenario { ask, ..scenarios::ONE_CLAIM }
}

pub async fn an_unknown_class_is_named_with_those_there_are(place: &Place) {
    let found =
        blockers(place, &asked(|options| options.dest_class = "nowhere".to_owned()), async |_: &Scene| {}).await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, Code::NoSuchClass);
    assert!(
        found[0].to_string().contains("nowhere") && ["new", "old"].iter().all(|class| found[0].message.contains(class)),
        "{}",
        found[0]
    );
    let found =
        blockers(place, &asked(|options| options.source_class = "nowhere".to_owned()), async |_: &Scene| {}).await;
    assert!(found[0].hint.contains("--skip-source-validation"), "{}", found[0].hint);
}

pub async fn a_class_onto_itself_is_refused(place: &Place) {
    let found = blockers(place, &asked(|options| options.dest_class = "old".to_owned()), async |_: &Scene| {}).await;
    assert_eq!(found[0].code, Code::SameClass);
}

pub async fn an_invalid_access_mode_names_claim_namespace_and_value(place: &Place) {
    let found = blockers(place, &scenarios::ONE_CLAIM, async |scene: &Scene| {
        let mut claim = scene.cluster.get("v1", "PersistentVolumeClaim", Some("app"), "data").await.unwrap();
        claim["metadata"]["annotations"]["kurl.sh/pvcmigrate-destinationaccessmode"] = "ReadWriteSometimes".into();
        scene.cluster.put(claim).await.unwrap();
    })
    .await;
    let text = format!("{} {}", found[0], found[0].hint);
    for word in ["app", "data", "ReadWriteSometimes"] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
}

pub async fn a_pod_without_a_workload_is_named_before_anything_stops(place: &Place) {
    let found = blockers(place, &scenarios::ONE_CLAIM, async |scene: &Scene| {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shell", "namespace": "app"},
            "spec": {
                "containers": [{"name": "c", "image": "example.com/sh"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
        });
        scene.cluster.put(pod).await.unwrap();
    })
    .await;
    assert_eq!(found[0].code, Code::BarePod);
    assert!(found[0].about.contains("app/shell"), "{}", found[0]);
}

pub async fn a_mode_the_class_cannot_provide_is_shown_with_the_provisioners_reason(place: &Place) {
    let scenario = Scenario::new("cannot-provision");
    let found = blockers(place, &scenario, async |_: &Scene| {}).await;
    let mine: Vec<&Blocker> = found.iter().filter(|blocker| blocker.code == Code::NotProvisionable).collect();
    assert_eq!(mine.len(), 2, "one a namespace and shape, all shown: {found:#?}");
    assert!(mine.iter().any(|blocker| blocker.message.contains("ReadWriteMany")), "{mine:#?}");
    assert!(mine.iter().all(|blocker| blocker.cause == Some(Cause::AccessModeUnsupported)), "{mine:#?}");
}

pub async fn an_image_without_rsync_fails_in_the_preflight(place: &Place) {
    let scenario = Scenario {
        set: |settings: &mut Settings| settings.rsync = "/nonexistent/rsync".into(),
        ..scenarios::ONE_CLAIM
    };
    let found = blockers(place, &scenario, async |_: &Scene| {}).await;
    assert!(found[0].message.contains("rsync"), "{}", found[0]);
    assert_eq!(found[0].cause, Some(Cause::ImageWithoutRsync), "{}", found[0]);
}

/// Returns a client that is refused this, and that may ask beforehand what it is refused, or may not.
fn forbidden(verb: &str, resource: &str, may_ask: bool) -> Faults {
    let mut forbid = vec![(verb.to_owned(), resource.to_owned())];
    if !may_ask {
        forbid.push(("create".to_owned(), "selfsubjectaccessreviews".to_owned()));
    }
    Faults { forbid, ..Faults::default() }
}

pub async fn a_forbidden_request_names_verb_and_resource(place: &Place) {
    for resource in ["persistentvolumeclaims", "pods", "storageclasses"] {
        let unchanged = async |may_ask: bool| {
            let faults = forbidden("list", resource, may_ask);
            unchanged(place, &scenarios::ONE_CLAIM, faults, async |_: &Scene| {}).await
        };
        let run = unchanged(true).await.unwrap();
        let found = run.blockers();
        assert_eq!((found.len(), found[0].code), (1, Code::MissingPermission), "{found:#?}");
        assert!(found[0].message.starts_with(&format!("it may not list {resource}")), "{}", found[0]);
        let failure = unchanged(false).await.expect_err("it is forbidden");
        let text = format!("{:#}", failure.error);
        assert!(text.contains("list") && text.contains(resource), "{text}");
        assert_eq!(failure.exit, Exit::Cluster);
    }
}

pub async fn a_trial_that_is_forbidden_names_verb_and_resource(place: &Place) {
    let faults = forbidden("create", "pods", false);
    let run = unchanged(place, &scenarios::ONE_CLAIM, faults, async |_: &Scene| {}).await.unwrap();
    let found = run.blockers();
    assert_eq!(found[0].code, Code::NotProvisionable);
    assert!(found[0].message.contains("create") && found[0].message.contains("pods"), "{}", found[0]);
}

pub async fn a_finished_pod_that_would_hold_the_claim_is_named(place: &Place) {
    let found = blockers(place, &scenarios::ONE_CLAIM, async |scene: &Scene| {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "evicted", "namespace": "app"},
            "spec": {
                "nodeName": "node-1",
                "containers": [{"name": "c", "image": "example.com/sh"}],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            },
            "status": {"phase": "Failed", "reason": "Evicted"},
        });
        scene.cluster.put(pod).await.unwrap();
    })
    .await;
    assert_eq!(found[0].code, Code::FinishedPod);
    assert!(
        ["kubectl delete pod -n ", "app evicted"].iter().all(|part| found[0].hint.contains(part)),
        "{}",
        found[0].hint
    );
}

pub async fn an_api_that_does_not_answer_is_named(place: &Place) {
    let faults = Faults { unreachable: true, ..Faults::default() };
    let failure =
        unchanged(place, &scenarios::ONE_CLAIM, faults, async |_: &Scene| {}).await.expect_err("nothing listens");
    assert_eq!(failure.exit, Exit::Cluster);
}

/// Hands the name of each check of this module to a macro.
#[macro_export]
macro_rules! each_bad_input {
    ($run:ident) => {
        $run! {
            an_unknown_class_is_named_with_those_there_are,
            a_class_onto_itself_is_refused,
            an_invalid_access_mode_names_claim_namespace_and_value,
            a_pod_without_a_workload_is_named_before_anything_stops,
            a_mode_the_class_cannot_provide_is_shown_with_the_provisioners_reason,
            an_image_without_rsync_fails_in_the_preflight,
            a_forbidden_request_names_verb_and_resource,
            a_trial_that_is_forbidden_names_verb_and_resource,
            a_finished_pod_that_would_hold_the_claim_is_named,
            an_api_that_does_not_answer_is_named,
        }
    };
}
