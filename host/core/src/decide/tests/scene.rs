//! A scene: a record and what is seen beside it, changed from one moment of a migration to the next.
//!
//! Every object has the uid `<name>-uid` and the version 7, so that a decision shows which preconditions it carries.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::line::step;
use crate::access::{AccessMode, VolumeMode};
use crate::blocker::Blocker;
use crate::copy_report::CopyReport;
use crate::decide::{Decision, decide};
use crate::names;
use crate::observation::{
    Claim, ClaimSeen, Holder, Observation, Pod, Progress, RETAIN, Touch, User, Volume, WorkloadSeen,
};
use crate::reach::Reach;
use crate::record::{
    ClaimRecord, CopyFailure, DestinationVolume, Disposal, Evidence, FORMAT, Goal, Limits, MigrationOptions, OnFailure,
    Purpose, Record, Retry, SourceVolume, Uid, Version, WorkloadKind, WorkloadRecord, WorkloadRef,
};

pub(crate) struct Scene {
    pub(crate) record: Record,
    pub(crate) seen: Observation,
    pub(crate) now: Timestamp,
}

/// Returns the moment this many seconds after the beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

pub(crate) fn app() -> WorkloadRef {
    WorkloadRef { kind: WorkloadKind::StatefulSet, name: "app".to_owned() }
}

impl Scene {
    /// Returns a running workload `app` of 3 with the claim `data`; nothing has been done yet.
    pub(crate) fn begun() -> Self {
        Self::of(&["data"])
    }

    /// Returns the same with these claims.
    pub(crate) fn of(claims: &[&str]) -> Self {
        let record = Record {
            format: FORMAT,
            run: "run".to_owned(),
            namespace: "ns".to_owned(),
            name: "group".to_owned(),
            begun: at(0),
            asked: asked(),
            goal: Goal::Forward,
            claims: claims.iter().map(|name| ((*name).to_owned(), recorded(name))).collect(),
            workloads: vec![WorkloadRecord {
                workload: app(),
                replicas: 3,
                ready: None,
                when_scaled: Some("Delete".to_owned()),
            }],
            stopped: None,
            started: None,
            ready: None,
            ended: None,
        };
        let mut seen = Observation::default();
        for name in claims {
            let claim = ClaimSeen {
                named: Some(claim(name, Some(&format!("old-{name}")), None)),
                source_volume: Some(volume(&format!("old-{name}"), "Delete", name, Some(&format!("{name}-uid")))),
                ..ClaimSeen::default()
            };
            seen.claims.insert((*name).to_owned(), claim);
        }
        let workload = WorkloadSeen {
            uid: Uid("app-uid".to_owned()),
            version: Version("7".to_owned()),
            replicas: 3,
            mark: None,
            pods: 3,
            ready: 3,
            trouble: None,
        };
        seen.workloads.insert(app(), workload);
        Self { record, seen, now: at(0) }
    }

    /// Returns it with source volumes kept, destinations bound, noted and kept.
    pub(crate) fn prepared(self) -> Self {
        self.each(|name, record, seen| {
            let temp = names::destination_claim(name);
            let new = format!("new-{name}");
            retain(&mut seen.source_volume);
            seen.destination = Some(claim(&temp, Some(&new), Some("run")));
            seen.destination_volume = Some(volume(&new, RETAIN, &temp, Some(&format!("{temp}-uid"))));
            record.destination = Some(DestinationVolume { name: new, reclaim: "Delete".to_owned() });
        })
    }

    /// Returns it with workloads noted as stopping, marked and down, without pods.
    pub(crate) fn quiet(self) -> Self {
        let mut scene = self.prepared();
        scene.record.stopped = Some(at(0));
        let app = scene.app();
        (app.replicas, app.mark, app.pods, app.ready) = (0, Some(3), 0, 0);
        scene.record.workloads[0].ready = Some(3);
        scene
    }

    /// Returns it with original claims gone, names kept by the final ones, source volumes held by their temporary claims.
    pub(crate) fn fenced(self) -> Self {
        self.quiet().each(|name, _, seen| {
            let temp = names::source_claim(name);
            seen.named = Some(pending(name));
            seen.source_volume = Some(volume(&format!("old-{name}"), RETAIN, &temp, Some(&format!("{temp}-uid"))));
            seen.source = Some(claim(&temp, Some(&format!("old-{name}")), Some("run")));
        })
    }

    /// Returns it with copies made and noted; temporary claims and pods still there.
    pub(crate) fn proven(self) -> Self {
        let pod = succeeded();
        self.fenced().each(|_, record, seen| {
            seen.pods = vec![pod.clone()];
            record.evidence = Some(Evidence::Copied { attempt: 1, report: CopyReport::default(), at: at(1) });
        })
    }

    /// Returns it with temporary claims and pods gone, new claims bound.
    pub(crate) fn bound(self) -> Self {
        self.proven().each(|name, _, seen| {
            let new = format!("new-{name}");
            (seen.source, seen.destination, seen.pods) = (None, None, Vec::new());
            seen.named = Some(Claim { bound: true, ..pending(name) });
            seen.destination_volume = Some(volume(&new, RETAIN, name, Some("new-uid")));
            seen.source_volume.as_mut().unwrap().phase = "Released".to_owned();
        })
    }

    /// Returns it with workloads up, unmarked and Ready, reclaim policies restored: nothing left but the source volumes.
    pub(crate) fn settled(self) -> Self {
        let mut scene = self.bound().each(|_, _, seen| {
            seen.destination_volume.as_mut().unwrap().reclaim = "Delete".to_owned();
            seen.named.as_mut().unwrap().run = None;
        });
        (scene.record.started, scene.record.ready) = (Some(at(2)), Some(at(3)));
        scene.app_is(3, None, 3)
    }

    /// Returns it with workloads up and unmarked, nothing else.
    pub(crate) fn started(self) -> Self {
        let scene = self.bound().each(|_, _, seen| seen.named.as_mut().unwrap().run = None);
        scene.app_is(3, None, 0)
    }

    /// Turns the group back, with its original claims touched.
    pub(crate) fn turned_back(mut self) -> Self {
        self.record.goal = Goal::Back("why".to_owned());
        self.each(|_, record, seen| {
            let original = seen.named.as_mut().filter(|named| record.uid.as_ref() == Some(&named.uid));
            if let Some(original) = original {
                original.touched = touched(0);
                record.touched = true;
            }
        })
    }

    pub(crate) fn each(mut self, change: impl Fn(&str, &mut ClaimRecord, &mut ClaimSeen)) -> Self {
        for (name, seen) in &mut self.seen.claims {
            change(name, self.record.claims.get_mut(name).unwrap(), seen);
        }
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut ClaimSeen)) -> Self {
        change(self.seen.claims.get_mut("data").unwrap());
        self
    }

    pub(crate) fn recorded(mut self, change: impl FnOnce(&mut ClaimRecord)) -> Self {
        change(self.record.claims.get_mut("data").unwrap());
        self
    }

    pub(crate) fn app_is(mut self, replicas: u32, mark: Option<u32>, pods: u32) -> Self {
        let app = self.app();
        (app.replicas, app.mark, app.pods, app.ready) = (replicas, mark, pods, pods);
        self
    }

    fn app(&mut self) -> &mut WorkloadSeen {
        self.seen.workloads.get_mut(&app()).unwrap()
    }

    pub(crate) fn hold(mut self) -> Self {
        self.record.asked.on_failure = OnFailure::Hold;
        self
    }

    pub(crate) fn disposal(mut self, disposal: Disposal) -> Self {
        self.record.asked.disposal = disposal;
        self
    }

    pub(crate) fn later(mut self, seconds: i64) -> Self {
        self.now = at(seconds);
        self
    }

    /// Returns what is decided, one short line each.
    pub(crate) fn says(&self) -> Vec<String> {
        match decide(&self.record, &self.seen, self.now) {
            Decision::Act(steps) => steps.iter().map(step).collect(),
            Decision::Wait(waits) => waits
                .iter()
                .map(|waiting| {
                    let until = waiting.deadline.map(|deadline| format!(" until {}", deadline.as_second()));
                    format!("wait {:?} of {}{}", waiting.on, waiting.of, until.unwrap_or_default())
                })
                .collect(),
            Decision::Blocked(blockers) => blockers.iter().map(|blocker| format!("blocked {}", blocker.code)).collect(),
            Decision::Finished(ended) => vec![format!("finished {:?}", ended.how)],
        }
    }

    pub(crate) fn blockers(&self) -> Vec<Blocker> {
        match decide(&self.record, &self.seen, self.now) {
            Decision::Blocked(blockers) => blockers,
            other @ (Decision::Act(_) | Decision::Wait(_) | Decision::Finished(_)) => panic!("not blocked: {other:?}"),
        }
    }
}

fn asked() -> MigrationOptions {
    MigrationOptions {
        source_class: "slow".to_owned(),
        dest_class: "fast".to_owned(),
        binds_late: false,
        disposal: Disposal::Delete,
        on_failure: OnFailure::RollBack,
        warm_passes: 0,
        warm_rate: None,
        rsync_image: "rsync".to_owned(),
        rsync_flags: Vec::new(),
        limits: Limits::default(),
    }
}

fn recorded(name: &str) -> ClaimRecord {
    ClaimRecord {
        uid: Some(Uid(format!("{name}-uid"))),
        manifest: serde_json::Value::Null,
        source: SourceVolume { name: format!("old-{name}"), reclaim: "Delete".to_owned(), handle: None, node: None },
        tolerations: BTreeSet::new(),
        modes: vec![AccessMode::ReadWriteOnce],
        volume_mode: VolumeMode::Filesystem,
        bytes: 1,
        verdict: None,
        destination: None,
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: None,
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    }
}

/// Returns a claim bound to `volume`.
pub(crate) fn claim(name: &str, volume: Option<&str>, run: Option<&str>) -> Claim {
    Claim {
        uid: Uid(format!("{name}-uid")),
        version: Version("7".to_owned()),
        volume: volume.map(str::to_owned),
        bound: volume.is_some(),
        placed: false,
        terminating: false,
        run: run.map(str::to_owned),
        touched: None,
        made_by_set: false,
        complete: true,
        fits: true,
        created: at(0),
        trouble: None,
    }
}

/// Returns the final claim, which waits for its volume.
pub(crate) fn pending(name: &str) -> Claim {
    let new = format!("new-{name}");
    Claim { uid: Uid("new-uid".to_owned()), bound: false, ..claim(name, Some(&new), Some("run")) }
}

/// Returns a touch of our run.
pub(crate) fn touched(seconds: i64) -> Option<Touch> {
    Some(Touch { run: "run".to_owned(), at: at(seconds) })
}

/// Returns a claim that the StatefulSet has made, on this volume.
pub(crate) fn stray(volume: Option<&str>) -> Claim {
    Claim { uid: Uid("stray-uid".to_owned()), made_by_set: true, complete: false, ..claim("data", volume, None) }
}

pub(crate) fn volume(name: &str, reclaim: &str, holder: &str, uid: Option<&str>) -> Volume {
    Volume {
        name: name.to_owned(),
        uid: Uid(format!("{name}-uid")),
        version: Version("7".to_owned()),
        reclaim: reclaim.to_owned(),
        holder: Some(Holder {
            namespace: "ns".to_owned(),
            name: holder.to_owned(),
            uid: uid.map(|uid| Uid(uid.to_owned())),
        }),
        phase: if uid.is_some() { "Bound" } else { "Available" }.to_owned(),
        terminating: None,
        reach: Reach::default(),
    }
}

fn retain(volume: &mut Option<Volume>) {
    volume.as_mut().unwrap().reclaim = RETAIN.to_owned();
}

pub(crate) fn pod(purpose: Purpose, attempt: u32, progress: Progress) -> Pod {
    let name = format!("{}{attempt}", purpose.as_str());
    Pod {
        uid: Uid(format!("{name}-uid")),
        name,
        purpose,
        attempt,
        others: Vec::new(),
        progress,
        leaving: false,
        created: at(0),
    }
}

pub(crate) fn succeeded() -> Pod {
    pod(Purpose::Copy, 1, Progress::Succeeded(Ok(CopyReport::default())))
}

pub(crate) fn failed(attempt: u32) -> Pod {
    pod(Purpose::Copy, attempt, Progress::Failed { why: "disk full".to_owned(), retry: Retry::Again })
}

pub(crate) fn failure(attempt: u32) -> CopyFailure {
    CopyFailure { attempt, at: at(100), reason: "disk full".to_owned(), retry: Retry::Again }
}

pub(crate) fn user(placed: bool) -> User {
    User { pod: "shell".to_owned(), placed, owned: true, since: at(0) }
}
