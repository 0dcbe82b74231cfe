#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pvmigrate_core::names::{CONTAINER, container};

use super::*;
use crate::testing::yaml;

fn of(status: &str) -> Reached {
    let ours = [CONTAINER.to_owned()];
    reached(&yaml(&format!("metadata: {{name: migrate-a}}\nstatus: {status}")), CONTAINER, &ours)
}

/// Names of containers, and the state of each.
type States<'a> = &'a [(&'a str, &'a str)];

/// Reads both passes of a pod of two claims.
fn of_both(metadata: &str, status: &str, states: States<'_>) -> [String; 2] {
    let ours = [0, 1].map(|index| container(index, 2));
    let statuses: Vec<String> =
        states.iter().map(|(name, state)| format!("{{name: {name}, state: {{{state}}}}}")).collect();
    let statuses = statuses.join(", ");
    let pod = yaml(&format!(
        "metadata: {{name: migrate-a{metadata}}}\nstatus: {{{status}, containerStatuses: [{statuses}]}}"
    ));
    ours.each_ref().map(|name| short(&reached(&pod, name, &ours)))
}

const LEAVING: &str = ", deletionTimestamp: 2026-01-01T00:00:00Z";
const RUNS: &str = "running: {}";
const DONE: &str = "terminated: {exitCode: 0}";
const BROKE: &str = "terminated: {exitCode: 23, reason: Error, message: 'rsync: no space'}";
const OWN_WORDS: &str = "rsync ended with exit code 23 (some files or attributes could not be copied): rsync: no space";

fn short(reached: &Reached) -> String {
    match reached {
        Reached::Starting(trouble) => format!("starting {}", trouble.as_deref().unwrap_or("well")),
        Reached::Running => "running".to_owned(),
        Reached::Succeeded => "succeeded".to_owned(),
        Reached::Failed { why, explained, code } => format!("{code:?} {explained} {why}"),
    }
}

fn failure(status: &str) -> (String, bool) {
    match of(status) {
        Reached::Failed { why, explained, .. } => (why, explained),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_that_starts_says_what_hinders_it() {
    assert_eq!(of("{phase: Pending}"), Reached::Starting(None));
    let creating =
        "{phase: Pending, containerStatuses: [{name: pvmigrate, state: {waiting: {reason: ContainerCreating}}}]}";
    assert_eq!(of(creating), Reached::Starting(None));
    let pull = "{phase: Pending, containerStatuses: [{name: pvmigrate, state: {waiting: {reason: ImagePullBackOff, message: 'Back-off pulling image \"x\"'}}}]}";
    assert_eq!(of(pull), Reached::Starting(Some("ImagePullBackOff: Back-off pulling image \"x\"".to_owned())));
    let full = "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: 0/3 nodes are available}]}";
    assert_eq!(of(full), Reached::Starting(Some("Unschedulable: 0/3 nodes are available".to_owned())));
}

#[test]
fn a_running_and_a_finished_pod_are_told_apart() {
    let running = "{phase: Running, containerStatuses: [{name: pvmigrate, state: {running: {}}}]}";
    assert_eq!(of(running), Reached::Running);
    let ending = "{phase: Running, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 0}}}]}";
    assert_eq!(of(ending), Reached::Running, "the pod's own phase is a moment behind");
    assert_eq!(of("{phase: Succeeded}"), Reached::Succeeded);
}

#[test]
fn a_failed_copy_gives_code_meaning_and_last_words() {
    let (why, explained) = failure(
        "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 23, reason: Error, message: \"sub/\\nrsync: [receiver] write failed on /dest/a\\nrsync error: some files could not be transferred (code 23)\\n\"}}}]}",
    );
    assert!(explained);
    assert_eq!(
        why,
        "rsync ended with exit code 23 (some files or attributes could not be copied): rsync: [receiver] write failed on /dest/a; rsync error: some files could not be transferred (code 23)"
    );
    let (why, explained) = failure(
        "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
    );
    assert_eq!((why.as_str(), explained), ("rsync ended with exit code 137 (OOMKilled)", false));
    let (why, explained) = failure("{phase: Failed, reason: Evicted, message: The node was low on resource}");
    assert_eq!((why.as_str(), explained), ("Evicted: The node was low on resource", true));
    let (why, _) = failure(
        "{phase: Failed, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 128, reason: StartError, message: 'exec: \"rsync\": executable file not found in $PATH'}}}]}",
    );
    assert!(why.contains("StartError") && why.contains("not found in $PATH"), "{why}");
}

#[test]
fn an_injected_container_that_never_ends_is_named() {
    let (why, _) = failure(
        "{phase: Running, containerStatuses: [{name: pvmigrate, state: {terminated: {exitCode: 0}}}, {name: istio-proxy, state: {running: {}}}]}",
    );
    assert!(why.contains("istio-proxy"), "{why}");
}

#[test]
fn each_pass_of_several_is_judged_by_its_own_container() {
    let broke = format!("Some(23) true {OWN_WORDS}");
    let (first, second) = ("pvmigrate-0", "pvmigrate-1");
    let pull = "waiting: {reason: ErrImagePull}";
    let cases: [(&str, States<'_>, [&str; 2]); 11] = [
        ("Pending", &[], ["starting well", "starting well"]),
        ("Pending", &[(first, RUNS), (second, pull)], ["running", "starting ErrImagePull"]),
        ("Running", &[(first, DONE), (second, RUNS)], ["succeeded", "running"]),
        ("Running", &[(first, BROKE), (second, RUNS)], [&broke, "running"]),
        ("Running", &[(first, RUNS), (second, BROKE)], ["running", &broke]),
        ("Running", &[(first, DONE), (second, DONE)], ["succeeded", "succeeded"]),
        ("Running", &[(first, DONE), (second, BROKE)], ["succeeded", &broke]),
        ("Failed", &[(first, DONE), (second, BROKE)], ["succeeded", &broke]),
        ("Succeeded", &[(first, DONE), (second, DONE)], ["succeeded", "succeeded"]),
        ("Succeeded", &[], ["succeeded", "succeeded"]),
        ("Running", &[(first, DONE), (second, RUNS), ("istio-proxy", RUNS)], ["succeeded", "running"]),
    ];
    for (phase, states, expected) in cases {
        assert_eq!(of_both("", &format!("phase: {phase}"), states), expected, "{phase} {states:?}");
    }
}

#[test]
fn a_pod_of_several_that_is_lost_fails_those_that_had_not_ended() {
    let states = [("pvmigrate-0", DONE), ("pvmigrate-1", RUNS)];
    let evicted = "phase: Failed, reason: Evicted, message: low on resource";
    let lost = of_both("", evicted, &states);
    assert_eq!(lost, ["succeeded", "None true Evicted: low on resource"]);
    let killed = [("pvmigrate-0", BROKE), ("pvmigrate-1", DONE)];
    let why = format!("None true {OWN_WORDS}: Evicted: low on resource");
    assert_eq!(of_both("", evicted, &killed), [why.as_str(), "succeeded"]);
    let why = format!("None true {OWN_WORDS}");
    assert_eq!(
        of_both(LEAVING, "phase: Running", &killed),
        [why.as_str(), "succeeded"],
        "whoever deleted the pod may have caused the exit code"
    );
}

#[test]
fn an_injected_container_fails_the_passes_of_a_pod_once_all_have_ended() {
    let states = [("pvmigrate-0", DONE), ("pvmigrate-1", BROKE), ("istio-proxy", RUNS)];
    let [first, second] = of_both("", "phase: Running", &states);
    assert!(first.starts_with("None true rsync ended with exit code 0, but") && first.contains("istio-proxy"));
    assert!(second.starts_with("None true rsync ended with exit code 23, but"), "{second}");
}

#[test]
fn a_trial_that_somebody_deleted_did_not_fail_by_itself() {
    let failed = |metadata: &str, phase: &str| {
        trial_failure(Some(&yaml(&format!("metadata: {{name: a{metadata}}}\nstatus: {{phase: {phase}}}"))))
    };
    let leaving = ", deletionTimestamp: 2026-01-01T00:00:00Z";
    assert_eq!(trial_failure(None).unwrap(), "somebody deleted the pod");
    assert_eq!(failed("", "Succeeded"), None);
    assert_eq!(failed(leaving, "Succeeded"), None);
    let why = failed("", "Failed").unwrap();
    assert_eq!(failed(leaving, "Failed").unwrap(), format!("somebody deleted the pod before it had ended: {why}"));
}

#[test]
fn last_words_are_rsyncs_own_where_there_are_any() {
    assert_eq!(last_words("a\nb\n\nc\nd\n"), "b; c; d");
    assert_eq!(last_words("a\nrsync: no space\nx\n"), "rsync: no space");
    assert_eq!(last_words(""), "");
}

#[test]
fn a_destination_that_is_being_emptied_counts_as_a_pass_that_runs() {
    let with = |phase: &str, state: &str| {
        let waiting = "containerStatuses: [{name: pvmigrate, state: {waiting: {reason: PodInitializing}}}]";
        of(&format!("{{phase: {phase}, initContainerStatuses: [{{name: empty, state: {{{state}}}}}], {waiting}}}"))
    };
    assert_eq!(with("Pending", "running: {}"), Reached::Running);
    assert_eq!(with("Pending", "waiting: {reason: PodInitializing}"), Reached::Starting(None));
    assert_eq!(with("Pending", "terminated: {exitCode: 0}"), Reached::Starting(None));
    let why = "rsync ended with exit code 23 (some files or attributes could not be copied): rsync: cannot delete";
    let failed = Reached::Failed { why: why.to_owned(), explained: true, code: Some(23) };
    assert_eq!(with("Failed", "terminated: {exitCode: 23, message: 'rsync: cannot delete'}"), failed);
}
