//! What a killed run of the reference tool leaves, wherever it was on its way: a run of ours finishes it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a check fails by panicking"
)]

use std::time::Duration;

use futures::stream::{self, StreamExt};
use serde_json::Value;

use crate::reference::states::{SET_CLAIM, STATES, State, Then, marks};
use crate::reference::{Killed, Write};
use crate::{Place, Scene, content, scenarios};

/// The claims of the scenario.
const CLAIMS: [&str; 3] = ["data", "data-db-0", "idle"];

/// How long one run may take on a machine that does a lot at once: a state that is waited on for ever is to be named.
const PATIENCE: Duration = Duration::from_secs(120);

/// Its workloads.
const WORKLOADS: [(&str, &str); 2] = [("Deployment", "one"), ("StatefulSet", "db")];

/// Finishes each state of the table.
pub async fn every_state_is_finished(place: &Place, at_once: usize) {
    let began = std::time::Instant::now();
    let each = stream::iter(STATES.iter()).map(|state| finish(place, *state));
    let ends: Vec<Result<(), String>> = each.buffer_unordered(at_once).collect().await;
    let troubles: Vec<String> = ends.into_iter().filter_map(Result::err).collect();
    assert!(troubles.is_empty(), "{}", troubles.join("\n\n"));
    println!("left by the reference: {} states finished ({:.1?})", STATES.len(), began.elapsed());
}

/// Finishes what is left by a kill after every one of the tool's writes, or after each so-manieth.
pub async fn a_kill_after_every_write_is_finished(place: &Place, every: usize, at_once: usize) {
    let began = std::time::Instant::now();
    let whole = State { killed: Killed::AfterWrites(usize::MAX), ..STATES[0] };
    let (scene, writes) = made(place, &whole).await.unwrap();
    assert_ends_well(&scene, &whole, [2, 1], "a whole run").await.unwrap();
    scene.cluster.stop().await;
    // Where only the old volume was kept, nobody can know any more that its disk was to go with it.
    let reclaim = |write: Write| if write == Write::RetainSource { "Retain" } else { "Delete" };
    let states = writes.iter().enumerate().skip(every - 1).step_by(every);
    let states: Vec<State> = states
        .map(|(at, write)| State { killed: Killed::AfterWrites(at + 1), reclaim: reclaim(*write), ..whole })
        .collect();
    let count = states.len();
    let each = stream::iter(states).map(|state| finish(place, state));
    let ends: Vec<Result<(), String>> = each.buffer_unordered(at_once).collect().await;
    let troubles: Vec<String> = ends.into_iter().filter_map(Result::err).collect();
    assert!(troubles.is_empty(), "{} of {count}: {}", troubles.len(), troubles.join("\n\n"));
    println!(
        "left by the reference: {count} kill points of {} writes finished ({:.1?})",
        writes.len(),
        began.elapsed()
    );
}

async fn made(place: &Place, state: &State) -> Result<(Scene, Vec<Write>), String> {
    let scene = scenarios::HALFWAY.start_on(place).await.map_err(|error| format!("{error:#}"))?;
    let (old, new) = (scene.cluster.named("old"), scene.cluster.named("new"));
    let made = state.make(&scene.cluster.client(), &scene.cluster.named("app"), [&old, &new], "eeacms/rsync:2.3").await;
    made.map(|writes| (scene, writes)).map_err(|error| format!("{state:?}: {error:#}"))
}

async fn finish(place: &Place, state: State) -> Result<(), String> {
    let (scene, writes) = made(place, &state).await?;
    let at = format!("{}, {:?}, after write {} {:?}", state.name, state.killed, writes.len(), writes.last());
    let scales = scales(&scene).await;
    let end =
        tokio::time::timeout(PATIENCE, scene.migrate()).await.map_err(|_| format!("{at}: no end in {PATIENCE:?}"))?;
    let (run, handle) = end.map_err(|error| format!("{at}: {error:#}"))?;
    let end = assert_ends_well(&scene, &state, scales, &at).await;
    let end = end.map_err(|wrong| {
        let groups: Vec<_> = run.report.groups.iter().map(|group| &group.end).collect();
        format!("{wrong}\n{:#?}\n{groups:#?}\n{:#?}", run.blockers(), handle.written())
    });
    scene.cluster.stop().await;
    end
}

/// Returns the scale that each workload must have at the end: the one that it has, or that its mark says while it is down.
async fn scales(scene: &Scene) -> [u64; 2] {
    let mut scales = [0; 2];
    for (scale, (kind, name)) in scales.iter_mut().zip(WORKLOADS) {
        let workload = scene.cluster.get("apps/v1", kind, Some("app"), name).await.unwrap();
        let mark = workload["metadata"]["annotations"]["kurl.sh/pvcmigrate-scale"].as_str();
        *scale = match workload["spec"]["replicas"].as_u64().unwrap() {
            0 => mark.unwrap().parse().unwrap(),
            replicas => replicas,
        };
    }
    scales
}

/// Tells whether the files are as at first, but for what the tool's own copies lose (`-a` alone): hard links and holes.
fn is_whole(content: &str) -> bool {
    let content: Value = serde_json::from_str(content).unwrap();
    let files = content["files"].as_str().unwrap();
    let is_lost = |difference: &str| difference.contains(": hard links (") || difference.contains(": sparseness (");
    files == "as at first" || files.split("; ").all(is_lost)
}

/// Looks at the end: everything moved, everything up, nothing left but what has to be named.
async fn assert_ends_well(scene: &Scene, state: &State, scales: [u64; 2], at: &str) -> Result<(), String> {
    let mut wrong = Vec::new();
    scene.cluster.settled().await;
    let objects = scene.cluster.objects().await;
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let of = |kind: &'static str| objects.iter().filter(move |object| object["kind"] == kind);
    let mut names: Vec<String> = of("PersistentVolumeClaim").map(name).collect();
    names.sort();
    let expected = (0..scales[1]).map(|at| format!("data-db-{at}"));
    let mut expected: Vec<String> = ["data", "idle"].map(str::to_owned).into_iter().chain(expected).collect();
    expected.sort();
    if names != expected {
        wrong.push(format!("claims {names:?}"));
    }
    for claim in of("PersistentVolumeClaim").filter(|claim| CLAIMS.contains(&name(claim).as_str())) {
        let volume = of("PersistentVolume").find(|volume| claim["spec"]["volumeName"] == name(volume));
        let of_tool = volume.map(|volume| &volume["metadata"]["annotations"]["kurl.sh/pvcmigrate-sourcepvc"]);
        if state.then == Then::MakesClaim && name(claim) == SET_CLAIM && of_tool.is_none_or(|of| *of != SET_CLAIM) {
            wrong.push(format!("claim {claim} is not on the volume with the data"));
        }
        let reclaim = volume.map(|volume| volume["spec"]["persistentVolumeReclaimPolicy"].clone());
        // Those that had not been begun get what they had.
        if claim["spec"]["storageClassName"] != "new" || claim["status"]["phase"] != "Bound" || !marks(claim).is_empty()
        {
            wrong.push(format!("claim {claim}"));
        }
        if reclaim.as_ref().is_none_or(|policy| *policy != "Delete" && *policy != state.reclaim) {
            wrong.push(format!("reclaim policy {reclaim:?} of {}", name(claim)));
        }
    }
    for ((kind, named), wanted) in WORKLOADS.into_iter().zip(scales) {
        let workload = of(kind).find(|workload| name(workload) == named).unwrap();
        if workload["spec"]["replicas"] != wanted
            || workload["status"]["readyReplicas"] != wanted
            || !marks(workload).is_empty()
        {
            wrong.push(format!("{kind} {}\n{}", workload["metadata"], workload["status"]));
        }
    }
    let is_copy = |pod: &String| pod.starts_with("migrate-");
    wrong.extend(of("Pod").map(name).filter(is_copy).map(|pod| format!("pod {pod}")));
    for (claim, what) in content(scene).await.0 {
        // The pods of a claim made anew have found it empty, before there was a run of ours.
        let is_remade = |known: &str| state.then == Then::MakesClaim && known == SET_CLAIM;
        let is_one = CLAIMS.iter().any(|known| claim == format!("claim app/{known}") && !is_remade(known));
        if is_one && !is_whole(&what) {
            wrong.push(format!("{claim}: {what}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{at}:\n  {}", wrong.join("\n  "))) }
}
