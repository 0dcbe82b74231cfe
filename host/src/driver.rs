//! The loop: load, observe, decide, execute, forget everything, repeat.
//!
//! Crash, resume, retry, a second operator and an abort are all this one path. It chooses nothing itself: that is
//! [`pvmigrate_core::decide`]'s part. It knows no Kubernetes either, only the ports.

use std::future::Future;
use std::time::Duration;

use futures::future::{Either, select};
use futures::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};
use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::decide::{Decision, decide};
use pvmigrate_core::observation::{Observation, Pod, Progress};
use pvmigrate_core::ports::{Done, PortError, RecordId, Records, Saved, World};
use pvmigrate_core::record::{Ended, Fact, Goal, OnFailure, Purpose, Record, Uid, Version};
use pvmigrate_core::step::Step;
use pvmigrate_core::waiting::Waiting;

use crate::stop::Stop;

/// Maximum number of writes of one group at once: enough to keep a large group's downtime short, few enough for the API
/// server's fair queueing to let them all in.
const WRITES_AT_ONCE: usize = 8;

/// How long calls to an API that does not answer are retried. The cluster keeps everything meanwhile, so waiting costs
/// nothing, and a control plane's upgrade is finished by then.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// How long a blocker must last before it is believed.
const SETTLING: SignedDuration = SignedDuration::from_secs(2);

/// A world that signals its changes, so that the driver never polls.
pub trait Watch: World {
    /// A memory of the changes that were signalled already.
    type Wake;

    /// Returns a wake for the namespace that knows of all changes until now.
    fn wake(&self, namespace: &str) -> Self::Wake;

    /// Returns once anything has changed since the wake was made, or since this last returned.
    fn changed(wake: &mut Self::Wake) -> impl Future<Output = ()>;
}

/// A listener to events.
pub trait Reporter {
    /// Takes one event of the group.
    fn report(&self, group: &RecordId, event: Event<'_>);

    /// Hears that trial volumes of the class are being made, before any group starts.
    fn checking(&self, class: &str, trials: usize) {
        let _ = (class, trials);
    }

    /// Takes one line of the output of the rsync that copies `claim`.
    fn rsync(&self, group: &RecordId, claim: &str, line: &str);

    /// Returns whether it wants every line from the first on; otherwise it gets only those of copies that last.
    fn wants_every_line(&self) -> bool {
        false
    }
}

/// An event in the life of a group.
#[derive(Debug)]
pub enum Event<'a> {
    /// The group's record as just loaded, when it has changed.
    Loaded(&'a Record),
    /// A step is done, or was found stale.
    Stepped(&'a Step, Done),
    /// The group waits, for other things than before.
    Waiting(&'a [Waiting]),
    /// A pod of ours runs rsync for this claim.
    Copying {
        /// The claim.
        claim: &'a str,
        /// The pod.
        pod: &'a Pod,
    },
    /// A call failed in a way that may pass; it is retried after the pause.
    Trouble {
        /// What failed.
        error: &'a dyn std::error::Error,
        /// How long until the next try.
        pause: Duration,
    },
    /// The group has ended for this process.
    Over(&'a GroupEnd),
}

/// The end of a group, for this process.
#[derive(Debug)]
pub enum GroupEnd {
    /// For good.
    Ended(Ended),
    /// It needs a person's attention.
    Blocked(Vec<Blocker>),
    /// What was found since the plan keeps it from starting; nothing of it was touched.
    NotBegun(Vec<Blocker>),
    /// The user asked to stop. Another run continues from here.
    Interrupted,
    /// The cluster refuses, or has not answered for too long. Another run continues from here.
    Failed(anyhow::Error),
}

/// The loop that drives groups through their migrations.
pub struct Driver<'a, W, R, P> {
    /// The cluster.
    pub world: &'a W,
    /// The records.
    pub records: &'a R,
    /// The listener.
    pub reporter: &'a P,
    /// The user's request to stop.
    pub stop: &'a Stop,
}

/// The outcome of one turn of the loop.
enum Turn {
    Again,
    Wait(Option<Timestamp>),
    Over(GroupEnd),
}

/// The loop's memory between turns: what it has reported already, and nothing that decisions depend on.
#[derive(Default)]
struct Reported {
    record: Option<Record>,
    waiting: Vec<Waiting>,
    /// Pod and claim of each pass that was seen to run.
    copying: Vec<(Uid, String)>,
    blocked: Option<(Vec<Blocker>, Timestamp)>,
}

impl Reported {
    /// Believes in a blocker once it has lasted for a moment: the caches may lag behind another process's last writes,
    /// and show two objects at different times.
    fn blocked(&mut self, blockers: Vec<Blocker>) -> Turn {
        let now = Timestamp::now();
        match &self.blocked {
            Some((known, since)) if *known == blockers => {
                let stands = since.checked_add(SETTLING).unwrap_or(now);
                if now >= stands { Turn::Over(GroupEnd::Blocked(blockers)) } else { Turn::Wait(Some(stands)) }
            }
            Some(_) | None => {
                self.blocked = Some((blockers, now));
                Turn::Wait(now.checked_add(SETTLING).ok())
            }
        }
    }
}

impl<W, R, P> Driver<'_, W, R, P>
where
    W: Watch,
    R: Records,
    P: Reporter,
    W::Error: Send + Sync + 'static,
    R::Error: Send + Sync + 'static,
{
    /// Drives one group to its end, as far as this process gets; returns that end and the record as last loaded.
    pub async fn run(&self, id: &RecordId) -> (GroupEnd, Option<Record>) {
        let mut reported = Reported::default();
        let mut troubles = Troubles::default();
        let mut wake = self.world.wake(&id.namespace);
        let end = loop {
            if self.stop.requested() {
                break GroupEnd::Interrupted;
            }
            match self.turn(id, &mut reported).await {
                Ok(Turn::Again) => troubles = Troubles::default(),
                Ok(Turn::Over(end)) => break end,
                Ok(Turn::Wait(deadline)) => {
                    troubles = Troubles::default();
                    self.wait(&mut wake, deadline).await;
                }
                Err(error) => {
                    let pause = troubles.next_pause();
                    match pause.filter(|_| error.transient) {
                        None => break GroupEnd::Failed(error.error),
                        Some(pause) => {
                            self.reporter.report(id, Event::Trouble { error: error.error.as_ref(), pause });
                            self.pause(pause).await;
                        }
                    }
                }
            }
        };
        self.reporter.report(id, Event::Over(&end));
        (end, reported.record)
    }

    async fn turn(&self, id: &RecordId, reported: &mut Reported) -> Result<Turn, Trouble> {
        let Some((record, version)) = self.records.load(id).await.map_err(Trouble::of)? else {
            let gone = anyhow::anyhow!("the record {}/{} was deleted", id.namespace, id.name);
            return Ok(Turn::Over(GroupEnd::Failed(gone)));
        };
        if reported.record.as_ref() != Some(&record) {
            self.reporter.report(id, Event::Loaded(&record));
            reported.record = Some(record.clone());
        }
        if let Some(ended) = &record.ended {
            return Ok(Turn::Over(GroupEnd::Ended(ended.clone())));
        }
        let seen = self.world.observe(&record).await.map_err(Trouble::of)?;
        self.report_copying(id, &seen, reported);
        match decide(&record, &seen, Timestamp::now()) {
            Decision::Act(steps) => self.act(&record, &version, steps).await.map(|()| Turn::Again),
            Decision::Wait(waiting) => {
                let deadline = waiting.iter().filter_map(|waiting| waiting.deadline).min();
                if waiting != reported.waiting {
                    self.reporter.report(id, Event::Waiting(&waiting));
                    reported.waiting = waiting;
                }
                Ok(Turn::Wait(deadline))
            }
            Decision::Blocked(blockers) => Ok(reported.blocked(blockers)),
            Decision::Finished(ended) => Ok(Turn::Over(GroupEnd::Ended(ended))),
        }
    }

    /// Facts go first, in one write: a look that learns something and a later step that relies on it never race.
    async fn act(&self, record: &Record, version: &Version, steps: Vec<Step>) -> Result<(), Trouble> {
        let id = record.id();
        let is_note = |step: &Step| matches!(step, Step::Note(_));
        let (notes, steps): (Vec<Step>, Vec<Step>) = steps.into_iter().partition(is_note);
        if !notes.is_empty() && !self.note(record, version, &notes).await? {
            return Ok(()); // another process has changed the record: look again
        }
        let mut results = stream::iter(&steps)
            .map(|step| async move { (step, self.world.execute(record, step).await) })
            .buffer_unordered(WRITES_AT_ONCE);
        let mut trouble = None;
        while let Some((step, result)) = results.next().await {
            match result {
                Ok(done) => self.reporter.report(&id, Event::Stepped(step, done)),
                Err(error) => trouble = Some(Trouble::at(step, error)),
            }
        }
        drop(results);
        match trouble {
            None => Ok(()),
            Some(trouble) if trouble.transient => Err(trouble),
            Some(trouble) => self.refused(&id, trouble).await,
        }
    }

    async fn note(&self, record: &Record, version: &Version, notes: &[Step]) -> Result<bool, Trouble> {
        let mut next = record.clone();
        for step in notes {
            if let Step::Note(fact) = step {
                next = next.with(fact.clone()).map_err(|error| Trouble { error: error.into(), transient: false })?;
            }
        }
        let saved = self.records.save(&next, Some(version)).await.map_err(Trouble::of)?;
        let done = if saved == Saved::Conflict { Done::Stale } else { Done::Applied };
        for step in notes {
            self.reporter.report(&record.id(), Event::Stepped(step, done));
        }
        Ok(done == Done::Applied)
    }

    /// Handles a refused step, which will be refused again. While there is a way back, the group takes it rather than
    /// staying down. Without one the step is retried all the same: a quota counts deletions with a delay, a webhook
    /// comes up again, and giving up would leave the workload down.
    async fn refused(&self, id: &RecordId, trouble: Trouble) -> Result<(), Trouble> {
        let loaded = self.records.load(id).await.map_err(Trouble::of)?;
        let Some((record, version)) = loaded else { return Err(trouble) };
        if record.goal != Goal::Forward || record.proven() {
            let is_down = record.stopped.is_some() && record.ready.is_none();
            return Err(Trouble { transient: is_down, ..trouble });
        }
        if record.asked.on_failure == OnFailure::Hold {
            return Err(trouble);
        }
        let why = format!("{:#}", trouble.error);
        let note = [Step::Note(Fact::TurnedBack { why })];
        self.note(&record, &version, &note).await.map(|_| ())
    }

    fn report_copying(&self, id: &RecordId, seen: &Observation, reported: &mut Reported) {
        for (claim, seen) in &seen.claims {
            let copying =
                |pod: &&Pod| matches!(pod.purpose, Purpose::Copy | Purpose::Warm) && pod.progress == Progress::Running;
            for pod in seen.pods.iter().filter(copying) {
                let pass = (pod.uid.clone(), claim.clone());
                if !reported.copying.contains(&pass) {
                    reported.copying.push(pass);
                    self.reporter.report(id, Event::Copying { claim, pod });
                }
            }
        }
    }

    async fn wait(&self, wake: &mut W::Wake, deadline: Option<Timestamp>) {
        let changed = std::pin::pin!(W::changed(wake));
        let Some(deadline) = deadline else {
            select(changed, std::pin::pin!(self.stop.wait())).await;
            return;
        };
        let left = deadline.duration_since(Timestamp::now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        let alarm = std::pin::pin!(tokio::time::sleep(left));
        let either = std::pin::pin!(select(changed, alarm));
        select(either, std::pin::pin!(self.stop.wait())).await;
    }

    async fn pause(&self, pause: Duration) {
        let stop = std::pin::pin!(self.stop.wait());
        if let Either::Right(((), _)) = select(std::pin::pin!(tokio::time::sleep(pause)), stop).await {
            tracing::debug!("the pause was cut short");
        }
    }
}

/// An error of a port, and whether it may pass.
struct Trouble {
    error: anyhow::Error,
    transient: bool,
}

impl Trouble {
    fn of<E: PortError + Send + Sync + 'static>(error: E) -> Self {
        Self { transient: error.is_transient(), error: error.into() }
    }

    fn at<E: PortError + Send + Sync + 'static>(step: &Step, error: E) -> Self {
        let place = match step.claims().as_slice() {
            [] => String::new(),
            [claim] => format!(" of claim {claim}"),
            claims => format!(" of claims {}", claims.join(", ")),
        };
        let Self { error, transient } = Self::of(error);
        Self { error: error.context(format!("cannot {}{place}", step.describe())), transient }
    }
}

/// The pace of retries against an API in trouble.
#[derive(Default)]
struct Troubles {
    tries: u32,
    waited: Duration,
}

impl Troubles {
    /// Returns the next pause, doubled each time up to 30 s; `None` once patience has run out.
    fn next_pause(&mut self) -> Option<Duration> {
        let pause = Duration::from_millis(250).saturating_mul(2_u32.saturating_pow(self.tries));
        let pause = pause.min(Duration::from_secs(30));
        self.tries += 1;
        self.waited += pause;
        (self.waited <= PATIENCE).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_end_after_the_patience() {
        let mut troubles = Troubles::default();
        let pauses: Vec<Duration> = std::iter::from_fn(|| troubles.next_pause()).collect();
        assert_eq!(pauses[0], Duration::from_millis(250));
        assert_eq!(pauses[1], Duration::from_millis(500));
        assert_eq!(pauses.iter().max(), Some(&Duration::from_secs(30)));
        let all: Duration = pauses.iter().sum();
        assert!(all <= PATIENCE && all > PATIENCE / 2, "{all:?}");
    }
}
