//! Arbitrary records and observations, from few names, so that they often refer to the same objects.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::copy_report::CopyReport;
use pvmigrate_core::names;
use pvmigrate_core::observation::{
    Claim, ClaimSeen, Holder, Observation, Pod, Progress, Touch, User, Volume, WorkloadSeen,
};
use pvmigrate_core::reach::Reach;
use pvmigrate_core::record::{
    ClaimRecord, CopyFailure, DestinationVolume, Disposal, Ended, Evidence, FORMAT, Goal, Limits, MigrationOptions,
    OnFailure, Outcome, Purpose, Record, Retry, SourceVolume, Uid, Version, WarmFailure, WarmPass, WorkloadKind,
    WorkloadRecord, WorkloadRef,
};

pub(crate) fn moment() -> impl Strategy<Value = Timestamp> {
    (0_i64..2000).prop_map(|seconds| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds))
}

fn word(words: &'static [&'static str]) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(words).prop_map(str::to_owned)
}

fn claim_name() -> impl Strategy<Value = String> {
    word(&["data", "logs"])
}

fn volume_name() -> impl Strategy<Value = String> + Clone {
    word(&["old", "new", "other"])
}

fn uid() -> impl Strategy<Value = Uid> + Clone {
    word(&["1", "2", "3"]).prop_map(Uid)
}

fn version() -> impl Strategy<Value = Version> + Clone {
    word(&["1", "2"]).prop_map(Version)
}

fn run() -> impl Strategy<Value = Option<String>> + Clone {
    option::of(word(&["run", "another"]))
}

pub(crate) fn reclaim() -> impl Strategy<Value = String> + Clone {
    word(&["Retain", "Retain", "Delete"])
}

pub(crate) fn workload() -> impl Strategy<Value = WorkloadRef> {
    let kinds = prop_oneof![Just(WorkloadKind::Deployment), Just(WorkloadKind::StatefulSet)];
    (kinds, word(&["web", "db"])).prop_map(|(kind, name)| WorkloadRef { kind, name })
}

fn report() -> impl Strategy<Value = CopyReport> {
    (0_u64..9, 0_u64..9).prop_map(|(files, bytes)| CopyReport { files, bytes, ..CopyReport::default() })
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let ended = (moment(), prop_oneof![Just(Outcome::Migrated), Just(Outcome::RolledBack("why".to_owned()))]);
    (
        asked(),
        prop_oneof![3 => Just(Goal::Forward), 1 => Just(Goal::Back("why".to_owned()))],
        btree_map(claim_name(), claim_record(), 1..3),
        vec((workload(), 0_u32..4), 0..3),
        option::of(moment()),
        option::weighted(0.1, ended.prop_map(|(at, how)| Ended { at, how })),
    )
        .prop_map(|(asked, goal, claims, workloads, stopped, ended)| Record {
            format: FORMAT,
            run: "run".to_owned(),
            namespace: "ns".to_owned(),
            name: "group".to_owned(),
            begun: Timestamp::UNIX_EPOCH,
            asked,
            goal,
            claims,
            workloads: workloads
                .into_iter()
                .map(|(workload, replicas)| WorkloadRecord { workload, replicas, ready: None, when_scaled: None })
                .collect(),
            stopped,
            started: stopped,
            ready: None,
            ended,
        })
}

pub(crate) fn asked() -> impl Strategy<Value = MigrationOptions> {
    let disposal = prop_oneof![Just(Disposal::Delete), Just(Disposal::Keep), Just(Disposal::Reclaim)];
    let on_failure = prop_oneof![Just(OnFailure::RollBack), Just(OnFailure::Hold)];
    (any::<bool>(), disposal, on_failure, 0_u32..3, 1_u32..4).prop_map(
        |(binds_late, disposal, on_failure, warm_passes, attempts)| MigrationOptions {
            source_class: "slow".to_owned(),
            dest_class: "fast".to_owned(),
            binds_late,
            disposal,
            on_failure,
            warm_passes,
            warm_rate: None,
            rsync_image: "rsync".to_owned(),
            rsync_flags: vec!["--checksum".to_owned()],
            limits: Limits { attempts, ..Limits::default() },
        },
    )
}

fn claim_record() -> impl Strategy<Value = ClaimRecord> {
    let warm_failure = retry().prop_map(|retry| WarmFailure { reason: "no route".to_owned(), retry });
    let warm_pass = (1_u32..4, moment(), 0_u32..30, option::of(warm_failure));
    let evidence = prop_oneof![
        Just(Evidence::Adopted),
        (1_u32..4, report(), moment()).prop_map(|(attempt, report, at)| Evidence::Copied { attempt, report, at }),
    ];
    let failure = (1_u32..4, moment(), retry());
    (
        option::of(uid()),
        reclaim(),
        option::of((volume_name(), reclaim())),
        vec(warm_pass.prop_map(|(attempt, at, seconds, failure)| WarmPass { attempt, at, seconds, failure }), 0..3),
        vec(
            failure.prop_map(|(attempt, at, retry)| CopyFailure { attempt, at, reason: "disk full".to_owned(), retry }),
            0..3,
        ),
        option::weighted(0.3, evidence),
        any::<bool>(),
    )
        .prop_map(|(uid, reclaim, destination, warm_passes, failures, evidence, touched)| ClaimRecord {
            uid,
            manifest: serde_json::json!({ "spec": {} }),
            source: SourceVolume { name: "old".to_owned(), reclaim, handle: None, node: Some("node".to_owned()) },
            tolerations: BTreeSet::new(),
            modes: vec![AccessMode::ReadWriteOnce],
            volume_mode: VolumeMode::Filesystem,
            bytes: 1 << 30,
            verdict: None,
            destination: destination.map(|(name, reclaim)| DestinationVolume { name, reclaim }),
            warm_passes,
            failures,
            evidence,
            touched,
            strays: Vec::new(),
            lost_owners: Vec::new(),
        })
}

pub(crate) fn observation() -> impl Strategy<Value = Observation> {
    (btree_map(claim_name(), claim_seen(), 0..3), btree_map(workload(), workload_seen(), 0..3))
        .prop_map(|(claims, workloads)| Observation { claims, workloads })
}

pub(crate) fn workload_seen() -> impl Strategy<Value = WorkloadSeen> {
    let pods = (0_u32..2, 0_u32..2);
    (uid(), version(), prop_oneof![2 => Just(0_u32), 1 => 0_u32..4], option::weighted(0.7, 0_u32..4), pods).prop_map(
        |(uid, version, replicas, mark, (pods, ready))| WorkloadSeen {
            uid,
            version,
            replicas,
            mark,
            pods,
            ready,
            trouble: None,
        },
    )
}

pub(crate) fn claim_seen() -> impl Strategy<Value = ClaimSeen> {
    (
        option::of(claim()),
        option::weighted(0.7, claim()),
        option::of(claim()),
        option::weighted(0.9, volume()),
        (option::weighted(0.9, volume()), option::weighted(0.5, volume())),
        vec(user(), 0..2),
        vec(pod(), 0..3),
    )
        .prop_map(
            |(named, destination, source, source_volume, (destination_volume, other_volume), users, pods)| ClaimSeen {
                named,
                other_volume,
                destination,
                source,
                source_volume,
                destination_volume,
                users,
                pods,
            },
        )
}

fn user() -> impl Strategy<Value = User> {
    let user = |(placed, owned, since)| User { pod: "shell".to_owned(), placed, owned, since };
    (any::<bool>(), any::<bool>(), moment()).prop_map(user)
}

fn claim() -> impl Strategy<Value = Claim> {
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2), any::<bool>());
    let touch = option::of((run(), moment()))
        .prop_map(|touch| touch.map(|(run, at)| Touch { run: run.unwrap_or_default(), at }));
    (uid(), version(), option::of(volume_name()), flags, run(), touch, (any::<bool>(), any::<bool>(), moment()))
        .prop_map(
            |(
                uid,
                version,
                volume,
                (bound, placed, terminating, fits),
                run,
                touched,
                (made_by_set, complete, created),
            )| Claim {
                uid,
                version,
                volume,
                bound,
                placed,
                terminating,
                run,
                touched,
                made_by_set,
                complete,
                fits,
                created,
                trouble: None,
            },
        )
}

fn volume() -> impl Strategy<Value = Volume> {
    let holder = (word(&["data", "data-pvcmigrate", "data-pvcmigrate-src", "stranger"]), option::of(uid()));
    let phase = word(&["Available", "Bound", "Released"]);
    (volume_name(), uid(), version(), reclaim(), option::of(holder), phase, option::weighted(0.1, moment())).prop_map(
        |(name, uid, version, reclaim, holder, phase, terminating)| Volume {
            name,
            uid,
            version,
            reclaim,
            holder: holder.map(|(name, uid)| Holder { namespace: "ns".to_owned(), name, uid }),
            phase,
            terminating,
            reach: Reach::default(),
        },
    )
}

fn retry() -> impl Strategy<Value = Retry> {
    prop_oneof![Just(Retry::Again), Just(Retry::Once), Just(Retry::FromEmpty), Just(Retry::Never)]
}

fn pod() -> impl Strategy<Value = Pod> {
    let purposes = prop_oneof![Just(Purpose::Prime), Just(Purpose::Warm), Just(Purpose::Copy), Just(Purpose::Leftover)];
    let progress = prop_oneof![
        Just(Progress::Starting(None)),
        Just(Progress::Running),
        report().prop_map(|report| Progress::Succeeded(Ok(report))),
        Just(Progress::Succeeded(Err("no totals".to_owned()))),
        retry().prop_map(|retry| Progress::Failed { why: "disk full".to_owned(), retry }),
    ];
    let others = prop_oneof![3 => Just(Vec::new()), 1 => Just(vec!["logs".to_owned()])];
    (purposes, 0_u32..4, others, progress, uid(), any::<bool>(), moment()).prop_map(
        |(purpose, attempt, others, progress, uid, leaving, created)| Pod {
            name: names::pod("run", "data", purpose, attempt),
            uid,
            purpose,
            attempt,
            others,
            progress,
            leaving,
            created,
        },
    )
}
