//! Hand-made values that the snapshot tests show.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::blocker::{Blocker, Code};
use pvmigrate_core::copy_report::CopyReport;
use pvmigrate_core::forecast::forecast;
use pvmigrate_core::group::Group;
use pvmigrate_core::observation::{Claim, ClaimSeen, Holder, Observation, Volume, WorkloadSeen};
use pvmigrate_core::plan::PlannedGroup;
use pvmigrate_core::policy::waiver::{Waived, Waiver};
use pvmigrate_core::policy::{
    self, About, CallCost, Decider, Decision, Judged, Judgement, LogLevel, LogLine, Pairs, PolicyRef, Question, Reason,
    Severity, Target, Verdict, VolumeId,
};
use pvmigrate_core::reach::Reach;
use pvmigrate_core::record::{
    ClaimRecord, DestinationVolume, Disposal, Evidence, Goal, Limits, MigrationOptions, OnFailure, Record,
    SourceVolume, Uid, Version, WorkloadKind, WorkloadRecord, WorkloadRef,
};

use pvmigrate_core::survey::{ClaimId, Unclaimed};

use crate::assessment::Assessment;
use crate::options::Options;
use crate::plan::Plan;
use crate::render::{Color, Form, Paint, Screen};
use crate::report::{GroupReport, Report};

/// A name that an attacker gave to an object.
pub(crate) const EVIL: &str = "data\u{1b}[2J\u{202e}";

pub(crate) fn screen(width: Option<u16>) -> Screen {
    Screen { width, paint: Paint::PLAIN, paint_err: Paint::PLAIN, ..Screen::new(Form::Text, 0, Color::Never) }
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_767_225_600 + second) // 2026-01-01
}

pub(crate) fn options() -> Options {
    Options {
        source_class: "slow".to_owned(),
        dest_class: "fast".to_owned(),
        namespace: None,
        environment: String::new(),
        waivers: Vec::new(),
        policy_flags: Vec::new(),
        rsync_image: "eeacms/rsync:2.3".to_owned(),
        rsync_flags: Vec::new(),
        set_defaults: false,
        skip_source_validation: false,
        preflight_only: false,
        skip_preflight: false,
        skip_blocked: false,
        pod_ready_timeout: std::time::Duration::from_secs(60),
        parallel: 4,
        on_failure: OnFailure::RollBack,
        disposal: Disposal::Delete,
        warm_passes: 3,
        warm_rate: None,
        limits: Limits::default(),
    }
}

fn asked() -> MigrationOptions {
    options().asked(true)
}

pub(crate) fn policy() -> PolicyRef {
    PolicyRef { name: "default".to_owned(), version: "0.1.0".to_owned(), digest: "sha256:00".to_owned() }
}

fn reason(code: &str, message: &str) -> Reason {
    Reason { code: code.to_owned(), message: message.to_owned(), details: Pairs::new() }
}

pub(crate) fn verdict(name: &str, selected: bool) -> Verdict {
    let (code, message) = if selected {
        ("source-class", "its volume has class slow")
    } else {
        ("other-class", "its volume has class nfs")
    };
    Verdict {
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: format!("uid of {name}"),
        decision: Decision { selected, by: Decider::Policy(policy()), reason: reason(code, message) },
        target: selected.then(|| Target {
            modes: vec![AccessMode::ReadWriteOnce],
            volume_mode: VolumeMode::Filesystem,
            by: Decider::Host,
            why: reason("as-before", "as before"),
        }),
        votes: Vec::new(),
        opinions: Vec::new(),
    }
}

pub(crate) fn claim(name: &str) -> ClaimRecord {
    ClaimRecord {
        uid: Some(Uid(format!("uid of {name}"))),
        manifest: serde_json::json!({}),
        source: SourceVolume {
            name: format!("pv-{name}"),
            reclaim: "Delete".to_owned(),
            handle: Some(format!("disks.example.com vol-{name}")),
            node: Some("node-1".to_owned()),
        },
        tolerations: BTreeSet::new(),
        modes: vec![AccessMode::ReadWriteOnce],
        volume_mode: VolumeMode::Filesystem,
        bytes: 20 << 30,
        verdict: Some(verdict(name, true)),
        destination: None,
        warm_passes: Vec::new(),
        failures: Vec::new(),
        evidence: None,
        touched: false,
        strays: Vec::new(),
        lost_owners: Vec::new(),
    }
}

pub(crate) fn web() -> WorkloadRef {
    WorkloadRef { kind: WorkloadKind::StatefulSet, name: "web".to_owned() }
}

/// Returns a record that was just started; `claims` of one StatefulSet, if `used`.
pub(crate) fn record(claims: &[&str], used: bool) -> Record {
    Record {
        format: 1,
        run: "0123456789".to_owned(),
        namespace: "shop".to_owned(),
        name: format!("pvmigrate-{}-0123456789", claims.first().copied().unwrap_or_default()),
        begun: at(0),
        asked: asked(),
        goal: Goal::Forward,
        claims: claims.iter().map(|name| ((*name).to_owned(), claim(name))).collect(),
        workloads: if used {
            vec![WorkloadRecord { workload: web(), replicas: 2, ready: None, when_scaled: None }]
        } else {
            Vec::new()
        },
        stopped: None,
        started: None,
        ready: None,
        ended: None,
    }
}

/// Returns the record when every copy is proven.
pub(crate) fn proven(claims: &[&str]) -> Record {
    let mut record = record(claims, true);
    record.stopped = Some(at(60));
    for (name, claim) in &mut record.claims {
        claim.destination = Some(DestinationVolume { name: format!("new-{name}"), reclaim: "Delete".to_owned() });
        let report =
            CopyReport { entries: 500, files: 421, bytes: 25_165_824, sent_files: 421, sent_bytes: 25_165_824 };
        claim.evidence = Some(Evidence::Copied { attempt: 1, report, at: at(90) });
    }
    record
}

fn first_look(record: &Record) -> Observation {
    let seen = |name: &str, claim: &ClaimRecord| ClaimSeen {
        named: Some(Claim {
            uid: Uid(format!("uid of {name}")),
            version: Version("1".to_owned()),
            volume: Some(claim.source.name.clone()),
            bound: true,
            placed: false,
            terminating: false,
            run: None,
            touched: None,
            made_by_set: false,
            complete: true,
            fits: false,
            created: at(-1000),
            trouble: None,
        }),
        source_volume: Some(Volume {
            name: claim.source.name.clone(),
            uid: Uid("v".to_owned()),
            version: Version("1".to_owned()),
            reclaim: claim.source.reclaim.clone(),
            holder: Some(Holder {
                namespace: record.namespace.clone(),
                name: name.to_owned(),
                uid: Some(Uid(format!("uid of {name}"))),
            }),
            phase: "Bound".to_owned(),
            terminating: None,
            reach: Reach::default(),
        }),
        ..ClaimSeen::default()
    };
    let workload = |it: &WorkloadRecord| {
        let seen = WorkloadSeen {
            uid: Uid("w".to_owned()),
            version: Version("1".to_owned()),
            replicas: it.replicas,
            mark: None,
            pods: it.replicas,
            ready: it.replicas,
            trouble: None,
        };
        (it.workload.clone(), seen)
    };
    Observation {
        claims: record.claims.iter().map(|(name, claim)| (name.clone(), seen(name, claim))).collect(),
        workloads: record.workloads.iter().map(workload).collect::<BTreeMap<_, _>>(),
    }
}

fn planned(record: Record, blockers: Vec<Blocker>) -> PlannedGroup {
    let group = Group {
        namespace: record.namespace.clone(),
        claims: record.claims.keys().cloned().collect(),
        workloads: record.workloads.iter().map(|it| it.workload.clone()).collect::<BTreeSet<_>>(),
    };
    let forecast = forecast(&record, &first_look(&record), at(0));
    PlannedGroup { group, record, blockers, forecast }
}

pub(crate) fn blocker() -> Blocker {
    Blocker {
        code: Code::BarePod,
        cause: None,
        about: "pod shop/debug".to_owned(),
        message: "it uses claim idle and no workload owns it, so nothing would start it again".to_owned(),
        hint: "save its manifest, delete it, and create it again afterwards".to_owned(),
    }
}

pub(crate) fn waived() -> Waived {
    let about = About::Claim { namespace: "shop".to_owned(), name: EVIL.to_owned() };
    Waived {
        finding: Judged {
            by: Decider::Policy(policy()),
            code: "too-large".to_owned(),
            severity: Severity::Blocker,
            about: about.clone(),
            message: "it is larger than most".to_owned(),
            remedy: None,
            details: Pairs::new(),
        },
        waiver: Waiver {
            code: "too-large".to_owned(),
            policy: "default".to_owned(),
            subject: about.to_string(),
            until: jiff::civil::date(2026, 12, 31),
            reason: "moved by hand\u{1b}[2J".to_owned(),
        },
    }
}

fn volume(verdict: &Verdict, id: u32) -> policy::Volume {
    policy::Volume {
        id: VolumeId(id),
        namespace: verdict.namespace.clone(),
        name: verdict.name.clone(),
        uid: verdict.uid.clone(),
        labels: Pairs::new(),
        annotations: Pairs::new(),
        phase: "Bound".to_owned(),
        created: 0,
        storage_class: Some("slow".to_owned()),
        driver: Some("disks.example.com".to_owned()),
        volume_name: Some(format!("pv-{}", verdict.name)),
        reclaim_policy: Some("Delete".to_owned()),
        volume_mode: VolumeMode::Filesystem,
        requested_modes: vec![AccessMode::ReadWriteOnce],
        effective_modes: vec![AccessMode::ReadWriteOnce],
        requested_bytes: 20 << 30,
        capacity_bytes: 20 << 30,
        used_bytes: None,
        consumers: Vec::new(),
        facts: Pairs::new(),
    }
}

pub(crate) fn call(call: &str, lines: &[&str]) -> CallCost {
    let line = |line: &&str| LogLine { level: LogLevel::Info, message: (*line).to_owned(), fields: Pairs::new() };
    CallCost {
        by: policy(),
        call: call.to_owned(),
        fuel: 1234,
        memory: 1_179_648,
        looked_up: BTreeMap::from([("ResourceQuota (v1)".to_owned(), 2)]),
        log: lines.iter().map(line).collect(),
    }
}

pub(crate) fn assessment() -> Assessment {
    let finding = Judged {
        by: Decider::Policy(policy()),
        code: "large".to_owned(),
        severity: Severity::Warning,
        about: About::Claim { namespace: "shop".to_owned(), name: EVIL.to_owned() },
        message: "it is larger than\nmost".to_owned(),
        remedy: None,
        details: Pairs::new(),
    };
    let verdicts = vec![verdict("data-web-0", true), verdict("shared", false), verdict(EVIL, false)];
    let class = |name: &str| policy::StorageClass {
        name: name.to_owned(),
        provisioner: "disks.example.com".to_owned(),
        parameters: Pairs::new(),
        annotations: Pairs::new(),
        reclaim_policy: "Delete".to_owned(),
        binding_mode: "Immediate".to_owned(),
        allow_expansion: false,
        known_modes: Vec::new(),
        facts: Pairs::new(),
    };
    let request = policy::Request {
        environment: String::new(),
        now: 1_767_225_600,
        source: Some(class("slow")),
        target: class("fast"),
        volumes: verdicts.iter().zip(1..).map(|(verdict, id)| volume(verdict, id)).collect(),
        facts: Pairs::from([(policy::facts::SOURCE_CLASS.to_owned(), "slow".to_owned())]),
    };
    let judgement = Judgement {
        verdicts,
        findings: vec![finding],
        warnings: Vec::new(),
        policies: vec![policy()],
        calls: Vec::new(),
    };
    Assessment { question: Question { request, collected: Default::default() }, judgement, waived: Vec::new() }
}

pub(crate) fn unclaimed() -> Unclaimed {
    Unclaimed {
        name: "pv-lost".to_owned(),
        claim: Some(ClaimId { namespace: "shop".to_owned(), name: "data-old-0".to_owned() }),
        phase: "Available".to_owned(),
        reclaim: "Retain".to_owned(),
        handle: Some("ebs.csi.aws.com vol-0a1".to_owned()),
    }
}

pub(crate) fn plan(blocked: bool) -> Plan {
    Plan {
        resumed: vec![record(&["begun"], true)],
        groups: vec![
            planned(record(&["data-web-0", "data-web-1"], true), Vec::new()),
            planned(record(&["logs-web-0"], true), Vec::new()),
            planned(record(&["idle"], false), if blocked { vec![blocker()] } else { Vec::new() }),
        ],
        blockers: Vec::new(),
        assessment: Some(assessment()),
        unclaimed: vec![unclaimed()],
        ..Plan::default()
    }
}

/// A plan for an account that may not even list pods.
pub(crate) fn refused() -> Plan {
    let blocker = |message: &str| Blocker {
        code: Code::MissingPermission,
        cause: None,
        about: "user ann".to_owned(),
        message: message.to_owned(),
        hint: "have an administrator run: pvmigrate rbac --user ann | kubectl apply -f -".to_owned(),
    };
    Plan {
        blockers: vec![
            blocker("it may not list, watch, create pods cluster-wide"),
            blocker("it may not patch statefulsets.apps cluster-wide"),
        ],
        permission_notes: vec![
            "the account may not list events: the provisioner's own reasons are not shown".to_owned(),
        ],
        refused: Some("not allowed to list pods: pods is forbidden: User \"ann\" cannot list\u{1b}[2J".to_owned()),
        ..Plan::default()
    }
}

pub(crate) fn report(ends: Vec<(Record, crate::driver::GroupEnd)>) -> Report {
    Report {
        groups: ends.into_iter().map(|(record, end)| GroupReport::new(&record, end, at(100))).collect(),
        defaults_changed: Vec::new(),
        unclaimed: Vec::new(),
        left_behind: Vec::new(),
    }
}
