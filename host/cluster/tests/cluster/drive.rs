//! The driver's loop in its shortest form, on the real `decide`.

use std::time::Duration;

use jiff::Timestamp;
use pvmigrate_cluster::{ClusterWorld, Error, RecordStore};
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::ports::{PortError, RecordId, Records, Saved, World};
use pvmigrate_core::record::{Ended, Record};
use pvmigrate_core::step::Step;

/// Starts a migration, and takes it to its end.
pub(crate) async fn migrate(world: &ClusterWorld, records: &RecordStore, record: &Record) -> Ended {
    assert!(matches!(records.save(record, None).await, Ok(Saved::Stored(_))));
    finish(world, records, &record.id()).await
}

/// Takes a migration to its end, trying again after what may pass by itself.
pub(crate) async fn finish(world: &ClusterWorld, records: &RecordStore, id: &RecordId) -> Ended {
    let mut steps = 0;
    let drive = async {
        loop {
            match drive(world, records, id, &mut steps).await {
                Ok(ended) => return ended,
                Err(error) if error.is_transient() => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), drive).await.expect("the migration is stuck")
}

async fn drive(world: &ClusterWorld, records: &RecordStore, id: &RecordId, steps: &mut u32) -> Result<Ended, Error> {
    let mut wake = world.wake(&id.namespace);
    loop {
        let (record, mut version) = records.load(id).await?.expect("the record is there");
        let seen = world.observe(&record).await?;
        match decide(&record, &seen, Timestamp::now()) {
            Decision::Finished(ended) => return Ok(ended),
            Decision::Blocked(blockers) => panic!("{blockers:?}"),
            Decision::Wait(waits) => {
                let deadline = waits.iter().filter_map(|wait| wait.deadline).min();
                let pause = deadline.map_or(Duration::from_secs(3600), |deadline| {
                    Duration::try_from(deadline.duration_since(Timestamp::now())).unwrap_or_default()
                });
                let _woken = tokio::time::timeout(pause, wake.changed()).await;
            }
            Decision::Act(decided) => {
                let mut record = record;
                for step in decided {
                    *steps += 1;
                    assert!(*steps < 500, "the migration goes round in circles: {step:?}");
                    match step {
                        Step::Note(fact) => {
                            record = record.with(fact).expect("the fact fits");
                            match records.save(&record, Some(&version)).await? {
                                Saved::Stored(stored) => version = stored,
                                Saved::Conflict => break,
                            }
                        }
                        step => {
                            world.execute(&record, &step).await?;
                        }
                    }
                }
            }
        }
    }
}
