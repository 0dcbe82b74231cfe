//! What can go wrong between one client and the API: the plan of a test, and the counters of what was asked.
//!
//! Each client has its own plan and counters, so two clients of one cluster fail apart from each other.

mod chaos;
mod layer;

use std::{
    cell::Cell,
    collections::BTreeMap,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tower::BoxError;

use self::chaos::Draw;
pub use self::{
    chaos::Chaos,
    layer::{FaultLayer, Faulty, FaultyBody},
};
use crate::{
    api::{Route, failure::Failure, review, route::Verb},
    kinds::Kind,
    object,
    random::Random,
};

/// How a client's requests are to fail. The default is: never.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The write at which the client's process dies.
    pub kill: Option<Kill>,
    /// Faults drawn at random from a seed.
    pub chaos: Option<Chaos>,
    /// Pairs of an RBAC verb and a resource (`list`, `persistentvolumeclaims`; `update`, `deployments/scale`; `*` for
    /// any) that answer 403. Reviews of the account say so as well.
    pub forbid: Vec<(String, String)>,
    /// The only pairs that do not answer 403, when there are any. Reviews may always be asked for, as in any cluster, unless
    /// `forbid` names them.
    pub allow: Vec<(String, String)>,
    /// Every request ends as if nothing listened at the server's address.
    pub unreachable: bool,
}

/// The write at which a client's process dies, and on which side of it.
///
/// From then on no request of this client is answered: their futures stay pending and nothing more is written. The
/// test drops the client when [`Handle::killed`] resolves, as a killed process would be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kill {
    /// The number of the writing request, from 1 on. Refused writes count, dry runs do not.
    pub at_write: u64,
    /// Whether that write is still done.
    pub when: When,
}

/// The side of a write on which a client dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The write is not done.
    BeforeWrite,
    /// The write is done, its answer never arrives.
    AfterWrite,
}

/// What one client has asked for, and when it was killed.
#[derive(Debug, Clone)]
pub struct Handle {
    plan: std::sync::Arc<Plan>,
}

impl Handle {
    /// Returns how many writing requests this client has sent, refused ones included, dry runs not.
    pub fn writes(&self) -> u64 {
        self.plan.counters().writes
    }

    /// Returns how many reviews of its account this client has asked for; they are not among the requests.
    pub fn reviews(&self) -> u64 {
        self.plan.counters().reviews
    }

    /// Returns how many requests were sent, by verb and resource: `list persistentvolumeclaims`.
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.plan.counters().requests.clone()
    }

    /// Returns the writing requests in order: verb, resource, namespace/name.
    pub fn written(&self) -> Vec<String> {
        self.plan.counters().written.clone()
    }

    /// Waits until the kill point of this client's [`Faults`] is reached; forever when there is none.
    pub async fn killed(&self) {
        let mut killed = self.plan.killed.subscribe();
        // The sender lives in the plan that this handle holds.
        if killed.wait_for(|killed| *killed).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Tells whether the kill point was reached.
    pub fn is_killed(&self) -> bool {
        *self.plan.killed.borrow()
    }
}

#[derive(Debug, Default)]
struct Counters {
    writes: u64,
    reviews: u64,
    requests: BTreeMap<String, u64>,
    written: Vec<String>,
}

/// A client's faults at work.
#[derive(Debug)]
struct Plan {
    faults: Faults,
    counters: Mutex<Counters>,
    random: Mutex<Random>,
    killed: watch::Sender<bool>,
}

/// How a watch ends early.
#[derive(Debug, Clone)]
struct EarlyEnd {
    after_events: u64,
    after: Duration,
    how: End,
}

/// What the client sees at the early end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The stream ends as at its timeout.
    Quiet,
    /// The connection breaks.
    Broken,
    /// An ERROR event with 410: the version is too old to go on from.
    Expired,
}

/// What a plan wants done with a request.
#[derive(Debug)]
enum Verdict {
    Go,
    Refuse(Box<Failure>),
    /// The answer, in place of the server's.
    Answer(u16, serde_json::Value),
    LoseAnswer,
    DieAfter,
    EndWatchEarly(EarlyEnd),
}

impl Plan {
    fn new(faults: Faults) -> Self {
        let seed = faults.chaos.as_ref().map_or(0, |chaos| chaos.seed);
        Self {
            faults,
            counters: Mutex::default(),
            random: Mutex::new(Random::new(seed)),
            killed: watch::Sender::new(false),
        }
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a request for one of the API's documents through, when the server can be reached at all.
    async fn document(&self, segments: &[String]) -> Result<Verdict, BoxError> {
        self.unknown(&format!("/{}", segments.join("/"))).await
    }

    /// Lets a request through whose meaning does not matter, when the server can be reached at all.
    async fn unknown(&self, path: &str) -> Result<Verdict, BoxError> {
        *self.counters().requests.entry(format!("get {path}")).or_default() += 1;
        self.reach().await?;
        Ok(Verdict::Go)
    }

    /// Answers a review by what this client is forbidden; what it may do is left to the server below to say.
    async fn review(&self, kind: &Kind, body: &[u8]) -> Result<Verdict, BoxError> {
        self.counters().reviews += 1;
        self.reach().await?;
        if names(&self.faults.forbid, Verb::Create.as_str(), kind.plural) {
            return Ok(Verdict::Refuse(Box::new(forbidden(kind, Verb::Create, kind.plural, ("", "")))));
        }
        let is_refused = Cell::new(false);
        let answer = review::answer(kind, body, |access| {
            is_refused.set(self.forbids(&access.verb, &access.resource));
            !is_refused.get()
        });
        Ok(match answer {
            Ok((code, answer)) if is_refused.get() => Verdict::Answer(code, answer),
            Ok(_) | Err(_) => Verdict::Go,
        })
    }

    async fn reach(&self) -> Result<(), BoxError> {
        if self.faults.unreachable {
            let why = "tcp connect error: Connection refused (os error 111)";
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, why).into());
        }
        if *self.killed.borrow() {
            std::future::pending::<()>().await;
        }
        Ok(())
    }

    /// Counts a request and says what becomes of it. Never returns once the client is dead.
    async fn before(&self, route: &Route, body: &[u8]) -> Result<Verdict, BoxError> {
        let write = self.count(route, body);
        self.reach().await?;
        let draw = self.faults.chaos.as_ref().map_or_else(Draw::default, |chaos| {
            chaos.draw(&mut self.random.lock().unwrap_or_else(PoisonError::into_inner), route)
        });
        if let Some(latency) = draw.latency {
            tokio::time::sleep(latency).await;
            // The client may have died while this request was on its way.
            self.reach().await?;
        }
        if self.forbids(route.verb.as_str(), &route.resource()) {
            return Ok(Verdict::Refuse(Box::new(forbidden(
                route.kind,
                route.verb,
                &route.resource(),
                (&route.namespace, &route.name),
            ))));
        }
        if let (Some(kill), Some(write)) = (self.faults.kill, write)
            && write == kill.at_write
        {
            if kill.when == When::AfterWrite {
                return Ok(Verdict::DieAfter);
            }
            self.die().await;
        }
        if draw.fail_before {
            return Err(lost());
        }
        Ok(draw.verdict)
    }

    /// Ends a request that was done: its answer may be lost, or its client die.
    async fn after(&self, verdict: &Verdict) -> Result<(), BoxError> {
        match verdict {
            Verdict::DieAfter => {
                self.die().await;
                Ok(())
            }
            Verdict::LoseAnswer => Err(lost()),
            Verdict::Go | Verdict::Refuse(_) | Verdict::Answer(..) | Verdict::EndWatchEarly(_) => Ok(()),
        }
    }

    async fn die(&self) {
        self.killed.send_replace(true);
        std::future::pending::<()>().await;
    }

    /// Counts a request and, when it writes, returns its number among the writes.
    fn count(&self, route: &Route, body: &[u8]) -> Option<u64> {
        let mut counters = self.counters();
        let name = format!("{} {}", route.verb.as_str(), route.resource());
        *counters.requests.entry(name).or_default() += 1;
        if !route.verb.writes() || route.query.dry_run() {
            return None;
        }
        counters.writes += 1;
        let name = if route.name.is_empty() { name_in(body) } else { route.name.clone() };
        let line = format!("{} {} {}/{name}", route.verb.as_str(), route.resource(), route.namespace);
        counters.written.push(line);
        Some(counters.writes)
    }

    fn forbids(&self, verb: &str, resource: &str) -> bool {
        let Faults { forbid, allow, .. } = &self.faults;
        names(forbid, verb, resource) || (!allow.is_empty() && !names(allow, verb, resource))
    }
}

/// Tells whether one of the pairs means this verb on this resource.
fn names(pairs: &[(String, String)], verb: &str, resource: &str) -> bool {
    pairs.iter().any(|(listed_verb, listed)| {
        (listed_verb == "*" || listed_verb == verb) && (listed == "*" || listed == resource)
    })
}

/// Returns the name of the object in a body; empty when it has none, or the body is not an object.
fn name_in(body: &[u8]) -> String {
    let object: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    object::text(&object, "/metadata/name")
        .or_else(|| object::text(&object, "/metadata/generateName"))
        .unwrap_or_default()
        .to_owned()
}

fn lost() -> BoxError {
    io::Error::new(io::ErrorKind::ConnectionReset, "connection reset by peer").into()
}

fn forbidden(kind: &Kind, verb: Verb, resource: &str, (namespace, name): (&str, &str)) -> Failure {
    let scope = if namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {namespace:?}")
    };
    let why = format!(
        "User {:?} cannot {} resource {resource:?} in API group {:?} {scope}",
        review::USER,
        verb.as_str(),
        kind.group
    );
    Failure::forbidden(kind, name, &why)
}
