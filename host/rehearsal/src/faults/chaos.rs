//! Faults drawn from a seed.

use std::time::Duration;

use super::{EarlyEnd, End, Verdict};
use crate::{
    api::{Route, failure::Failure},
    random::Random,
};

/// How often which fault happens; each rate is a probability from 0.0 to 1.0 for one request.
///
/// The draws follow the order in which requests arrive, so a single-threaded test with one seed sees one schedule.
#[derive(Debug, Clone)]
pub struct Chaos {
    /// Where the drawing starts.
    pub seed: u64,
    /// An update, patch or delete is not done and answers 409 Conflict.
    pub conflict: f64,
    /// The request is not done and answers 429 with `Retry-After: 1`.
    pub too_many: f64,
    /// The request is not done and answers 500.
    pub internal: f64,
    /// The request is not done and the connection breaks.
    pub fail_before: f64,
    /// The request is done and the connection breaks before the answer.
    pub answer_lost: f64,
    /// The request is delayed by up to `latency_limit` first.
    pub latency: f64,
    /// The longest delay.
    pub latency_limit: Duration,
    /// A watch ends early: quietly, by a broken connection, or as too old (410).
    pub watch_drop: f64,
}

impl Chaos {
    /// Returns only delays, which shift several clients' requests against each other.
    pub fn latency(seed: u64) -> Self {
        Self {
            seed,
            conflict: 0.0,
            too_many: 0.0,
            internal: 0.0,
            fail_before: 0.0,
            answer_lost: 0.0,
            latency: 0.7,
            latency_limit: Duration::from_millis(5),
            watch_drop: 0.0,
        }
    }

    /// Returns a mix of all faults in which about one request in eight fails.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            conflict: 0.03,
            too_many: 0.01,
            internal: 0.02,
            fail_before: 0.03,
            answer_lost: 0.03,
            latency: 0.2,
            latency_limit: Duration::from_millis(5),
            watch_drop: 0.5,
        }
    }

    /// Draws one request's faults. The number of draws does not depend on their outcome.
    pub(super) fn draw(&self, random: &mut Random, route: &Route) -> Draw {
        let conflict = random.chance(self.conflict);
        let too_many = random.chance(self.too_many);
        let internal = random.chance(self.internal);
        let fail_before = random.chance(self.fail_before);
        let answer_lost = random.chance(self.answer_lost);
        let late = random.chance(self.latency);
        let micros = u64::try_from(self.latency_limit.as_micros()).unwrap_or(u64::MAX);
        let latency = Duration::from_micros(random.below(micros.saturating_add(1)));
        let watch_drop = random.chance(self.watch_drop);
        let early = EarlyEnd {
            after_events: 1 + random.below(20),
            after: Duration::from_millis(5 + random.below(200)),
            how: match random.below(3) {
                0 => End::Quiet,
                1 => End::Broken,
                _ => End::Expired,
            },
        };
        let can_conflict = matches!(route.verb.as_str(), "update" | "patch" | "delete");
        let verdict = if conflict && can_conflict {
            Verdict::Refuse(Box::new(Failure::modified(route.kind, &route.name)))
        } else if too_many {
            Verdict::Refuse(Box::new(Failure::too_many_requests(1)))
        } else if internal {
            Verdict::Refuse(Box::new(Failure::internal("a fault drawn by the rehearsal")))
        } else if answer_lost {
            Verdict::LoseAnswer
        } else if watch_drop && route.verb.as_str() == "watch" {
            Verdict::EndWatchEarly(early)
        } else {
            Verdict::Go
        };
        Draw { latency: late.then_some(latency), fail_before, verdict }
    }
}

/// What was drawn for one request.
pub(super) struct Draw {
    pub(super) latency: Option<Duration>,
    pub(super) fail_before: bool,
    pub(super) verdict: Verdict,
}

impl Default for Draw {
    fn default() -> Self {
        Self { latency: None, fail_before: false, verdict: Verdict::Go }
    }
}
