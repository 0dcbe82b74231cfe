//! Migrations on their way: a group at its start, and any moment after, where one thing may not be as it should.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use pvmigrate_core::access::{AccessMode, VolumeMode};
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::imagined::Imagined;
use pvmigrate_core::observation::{Claim, ClaimSeen, Holder, Observation, Volume, WorkloadSeen};
use pvmigrate_core::reach::Reach;
use pvmigrate_core::record::{ClaimRecord, FORMAT, Goal, Record, SourceVolume, Uid, Version, WorkloadRecord};
use pvmigrate_core::step::Step;

use crate::arbitrary::{asked, claim_seen, moment, observation, reclaim, record, workload, workload_seen};

/// Generates a record at its start, and what is seen of its group then: claims bound, workloads at some scale.
pub(crate) fn begun() -> impl Strategy<Value = (Record, Observation)> {
    let workloads = btree_map(workload(), (0_u32..4, option::of(1_u32..4)), 0..3);
    (asked(), prop::sample::subsequence(vec!["data", "logs", "more"], 1..=3), workloads, reclaim()).prop_map(
        |(asked, claims, workloads, reclaim)| {
            let mut seen = Observation::default();
            let mut recorded = BTreeMap::new();
            for name in claims {
                let (claim, claim_seen) = begun_claim(name, &reclaim);
                recorded.insert(name.to_owned(), claim);
                seen.claims.insert(name.to_owned(), claim_seen);
            }
            let mut records = Vec::new();
            for (workload, (replicas, mark)) in workloads {
                let it = WorkloadSeen {
                    uid: Uid("1".to_owned()),
                    version: Version("1".to_owned()),
                    replicas,
                    mark,
                    pods: replicas,
                    ready: replicas,
                    trouble: None,
                };
                seen.workloads.insert(workload.clone(), it);
                let replicas = mark.unwrap_or(replicas);
                records.push(WorkloadRecord { workload, replicas, ready: None, when_scaled: None });
            }
            let record = Record {
                format: FORMAT,
                run: "run".to_owned(),
                namespace: "ns".to_owned(),
                name: "group".to_owned(),
                begun: Timestamp::UNIX_EPOCH,
                asked,
                goal: Goal::Forward,
                claims: recorded,
                workloads: records,
                stopped: None,
                started: None,
                ready: None,
                ended: None,
            };
            (record, seen)
        },
    )
}

fn begun_claim(name: &str, reclaim: &str) -> (ClaimRecord, ClaimSeen) {
    let (uid, volume) = (Uid(format!("{name}-uid")), format!("old-{name}"));
    let record = ClaimRecord {
        uid: Some(uid.clone()),
        manifest: serde_json::Value::Null,
        source: SourceVolume { name: volume.clone(), reclaim: reclaim.to_owned(), handle: None, node: None },
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
    };
    let version = Version("1".to_owned());
    let holder = Holder { namespace: "ns".to_owned(), name: name.to_owned(), uid: Some(uid.clone()) };
    let seen = ClaimSeen {
        named: Some(Claim {
            uid,
            version: version.clone(),
            volume: Some(volume.clone()),
            bound: true,
            placed: false,
            terminating: false,
            run: None,
            touched: None,
            made_by_set: false,
            complete: true,
            fits: true,
            created: Timestamp::UNIX_EPOCH,
            trouble: None,
        }),
        source_volume: Some(Volume {
            uid: Uid(volume.clone()),
            name: volume,
            version,
            reclaim: reclaim.to_owned(),
            holder: Some(holder),
            phase: "Bound".to_owned(),
            terminating: None,
            reach: Reach::default(),
        }),
        ..ClaimSeen::default()
    };
    (record, seen)
}

/// Generates a record and what is seen beside it: any at all, or one on a migration's way where one thing is not as it
/// should be.
pub(crate) fn situation() -> impl Strategy<Value = (Record, Observation, Timestamp)> {
    prop_oneof![(record(), observation(), moment()), midway()]
}

fn accident() -> impl Strategy<Value = Option<Accident>> {
    option::of((any::<prop::sample::Index>(), claim_seen(), workload_seen()))
}

type Accident = (prop::sample::Index, ClaimSeen, WorkloadSeen);

fn midway() -> impl Strategy<Value = (Record, Observation, Timestamp)> {
    (begun(), 0_usize..60, accident(), moment()).prop_map(|((record, seen), rounds, accident, now)| {
        let mut left = rounds;
        let (record, mut seen) = migrate(record, &seen, |_| {
            left = left.saturating_sub(1);
            left == 0
        });
        happen(&mut seen, accident);
        (record, seen, now)
    })
}

/// Generates the moment at which the original claims are deleted, or one where a single thing is not as it should be.
pub(crate) fn at_the_fence() -> impl Strategy<Value = (Record, Observation, Timestamp)> {
    (begun(), accident(), moment()).prop_map(|((record, seen), accident, now)| {
        let is_fence = |steps: &[Step]| steps.iter().any(|step| matches!(step, Step::DeleteOriginalClaim { .. }));
        let (record, mut seen) = migrate(record, &seen, is_fence);
        happen(&mut seen, accident);
        (record, seen, now)
    })
}

/// Lets a migration run until steps are decided that are to be stopped at; those are not carried out.
fn migrate(mut record: Record, seen: &Observation, mut stops_at: impl FnMut(&[Step]) -> bool) -> (Record, Observation) {
    let mut world = Imagined::of(&record, seen, record.begun);
    loop {
        match decide(&record, &world.observe(&record), world.now) {
            Decision::Act(steps) if stops_at(&steps) => break,
            Decision::Act(steps) => {
                for step in steps {
                    world.execute(&record, &step);
                    if let Step::Note(fact) = step {
                        record = record.with(fact).expect("a fact just decided");
                    }
                }
            }
            Decision::Wait(_) => match world.moves().first() {
                Some(next) => world.make(next),
                None => break,
            },
            Decision::Blocked(_) | Decision::Finished(_) => break,
        }
    }
    let seen = world.observe(&record);
    (record, seen)
}

/// Replaces one thing that is seen.
fn happen(seen: &mut Observation, accident: Option<Accident>) {
    let Some((index, claim, workload)) = accident else { return };
    let at = index.index(8);
    for seen in seen.claims.values_mut().take(1) {
        match at {
            0 => seen.named.clone_from(&claim.named),
            1 => seen.destination.clone_from(&claim.destination),
            2 => seen.source.clone_from(&claim.source),
            3 => seen.source_volume.clone_from(&claim.source_volume),
            4 => seen.destination_volume.clone_from(&claim.destination_volume),
            5 => seen.users.clone_from(&claim.users),
            6 => seen.pods.clone_from(&claim.pods),
            _ => {}
        }
    }
    if at == 7 {
        seen.workloads.values_mut().take(1).for_each(|seen| *seen = workload.clone());
    }
}
