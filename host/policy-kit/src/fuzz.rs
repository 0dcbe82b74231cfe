//! Asks a policy about made-up clusters, looking for an answer that breaks a rule, or for no answer at all.
//!
//! What is made up is a test file ([`draw`], [`schema`], [`mod@write`]), of words that the policy knows ([`words`],
//! [`literals`]), and `testkit` reads it and asks about it: so a finding can be kept, and `policy test` finds it again.
//! Generating and shrinking is proptest's work. Each run depends on the policy, the seed and its own number only.

mod draw;
mod laws;
mod literals;
mod schema;
mod words;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use pvmigrate_core::policy::PolicyRef;
use serde::Serialize;
use serde_json::Value;

use crate::testkit::{ExitMeaning, MadeUp, Probed, TestkitError};
use draw::Draw;
use pvmigrate_policy::FailureKind;
use pvmigrate_policy::Policies;
use pvmigrate_policy::Policy;
use pvmigrate_policy::SettingsError;

/// Maximum number of attempts to make a finding smaller.
const MOST_STEPS: u32 = 2_000;
/// Maximum time for making a finding smaller.
const MOST_TIME: Duration = Duration::from_secs(60);
/// How long to look when no limit is given.
const USUAL_TIME: Duration = Duration::from_secs(60);

/// How long to look, and for what.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many runs; without it, the clock decides.
    pub runs: Option<u64>,
    /// How long; with `runs` as well, whatever comes first.
    pub time: Option<Duration>,
    /// The seed of the random generator.
    pub seed: u64,
    /// These settings, in place of made-up ones.
    pub settings: Option<Value>,
    /// This environment, in place of made-up ones.
    pub environment: Option<String>,
    /// What the test file calls the policy; `None` leaves it to the command line.
    pub named: Option<String>,
    /// Set by whoever wants the search to end after the run that it is in.
    pub stop: Arc<AtomicBool>,
}

/// The result of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fuzzed {
    /// The policy.
    pub policy: PolicyRef,
    /// The seed of the random generator.
    pub seed: u64,
    /// How many runs were made, the one that found something included.
    pub runs: u64,
    /// Whether it was stopped before its time.
    pub interrupted: bool,
    /// In how many of them the policy did not take the settings, so that nothing was asked.
    pub refused: u64,
    /// In how many of them it said that it cannot decide.
    pub undecided: u64,
    /// What was found; the search ends with it.
    pub found: Option<Found>,
}

impl Fuzzed {
    /// Returns whether no question was asked at all: then finding nothing means nothing.
    pub fn tried_nothing(&self) -> bool {
        self.runs == self.refused
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// What is wrong.
    pub broken: Broken,
    /// In which run.
    pub run: u64,
    /// How many times it was made smaller.
    pub smaller: u32,
    /// A test file with this one case.
    pub test: String,
    /// Whether the testkit, which has run that file, finds something wrong with it, too.
    pub reproduced: bool,
}

/// A rule that an answer breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// Its stable name: `fault`, `same-twice`, `order`, `per-volume`, `floor`, `skips-add`.
    pub rule: &'static str,
    /// What happened.
    pub message: String,
    /// Expectations that fail because of it, in the words of test files; `None` when any case fails.
    #[serde(skip)]
    expect: Option<String>,
}

/// The outcome of one run.
enum Came {
    Fine,
    Refused,
    Undecided,
    Broken(Broken),
}

impl Came {
    fn failed(undecided: bool, message: String) -> Self {
        match undecided {
            true => Self::Undecided,
            false => Self::Broken(Broken { rule: "fault", message, expect: None }),
        }
    }
}

/// Looks for something wrong with a policy.
///
/// # Errors
/// When the engine does not start, or the policy does not take the settings given.
pub fn run(policy: &Arc<Policy>, options: &Options) -> Result<Fuzzed, TestkitError> {
    let mut fuzzer = Fuzzer::new(policy, options)?;
    let time = options.time.or(options.runs.is_none().then_some(USUAL_TIME));
    let began = Instant::now();
    let mut fuzzed = Fuzzed {
        policy: policy.reference(),
        seed: options.seed,
        runs: 0,
        interrupted: false,
        refused: 0,
        undecided: 0,
        found: None,
    };
    let strategy = draw::draws(policy, options);
    let is_over =
        |runs| options.runs.is_some_and(|most| runs >= most) || time.is_some_and(|most| began.elapsed() >= most);
    // At least once: without a try, nothing is known.
    loop {
        fuzzed.runs += 1;
        let mut runner = TestRunner::new_with_rng(Config::default(), rng(options.seed, fuzzed.runs));
        let mut tree = strategy.new_tree(&mut runner).map_err(|why| TestkitError::MadeUp(why.to_string()))?;
        match fuzzer.ask(&tree.current())? {
            Came::Fine => {}
            Came::Refused => fuzzed.refused += 1,
            Came::Undecided => fuzzed.undecided += 1,
            Came::Broken(broken) => {
                fuzzed.found = Some(fuzzer.found(&mut tree, broken, fuzzed.runs)?);
                break;
            }
        }
        fuzzed.interrupted = options.stop.load(Ordering::Relaxed);
        if fuzzed.interrupted || is_over(fuzzed.runs) {
            break;
        }
    }
    Ok(fuzzed)
}

/// Returns a random generator of this run's own, so that one run can be repeated without those before it.
fn rng(seed: u64, run: u64) -> TestRng {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..16].copy_from_slice(&run.to_le_bytes());
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

struct Fuzzer<'a> {
    policy: &'a Arc<Policy>,
    options: &'a Options,
    made_up: MadeUp,
    /// The built-in policy alone.
    without: Policies,
}

impl<'a> Fuzzer<'a> {
    fn new(policy: &'a Arc<Policy>, options: &'a Options) -> Result<Self, TestkitError> {
        let without = Policies::builtin().map_err(unsettled)?;
        Ok(Self { policy, options, made_up: MadeUp::new(policy)?, without })
    }

    /// Asks about a cluster in every way there is.
    fn ask(&mut self, draw: &Draw) -> Result<Came, TestkitError> {
        match self.policy.check_settings(&draw.settings()) {
            Err(SettingsError::Wrong { .. }) => return Ok(Came::Refused),
            Err(SettingsError::Policy(failure)) => {
                let undecided = matches!(failure.kind, FailureKind::Undecided(_));
                return Ok(Came::failed(undecided, failure.to_string()));
            }
            Ok(_) => {}
        }
        let text = write::test(draw, &write::Head::default());
        Ok(match self.made_up.probe(&text)? {
            Probed::Failed { undecided, message } => Came::failed(undecided, message),
            Probed::Differs { rule, message } => Came::Broken(Broken { rule, message, expect: None }),
            Probed::Same { question, judgement } => {
                let alone = || self.without.judge(&question, &pvmigrate_core::policy::Planned::of);
                let broken = laws::broken(&question.request, &judgement, &self.policy.reference(), alone);
                broken.map_or(Came::Fine, Came::Broken)
            }
        })
    }

    /// Makes a finding as small as possible, and a test file of it.
    fn found(
        &mut self,
        tree: &mut dyn ValueTree<Value = Draw>,
        first: Broken,
        run: u64,
    ) -> Result<Found, TestkitError> {
        let (began, mut broken, mut draw, mut smaller) = (Instant::now(), first, tree.current(), 0);
        let mut steps = 0;
        let mut moved = tree.simplify();
        while moved && steps < MOST_STEPS && began.elapsed() < MOST_TIME {
            steps += 1;
            let candidate = tree.current();
            match self.ask(&candidate)? {
                // Another rule would be another finding.
                Came::Broken(other) if other.rule == broken.rule => {
                    (broken, draw) = (other, candidate);
                    smaller += 1;
                    moved = tree.simplify();
                }
                _ => moved = tree.complicate(),
            }
        }
        let mut test = self.test(&draw, &broken, run);
        let mut reproduced = self.fails(&test)?;
        // Where two batches differ about a volume, one of them differs from the answer about that volume alone.
        for part in draw.parts() {
            if reproduced {
                break;
            }
            test = self.test(&part, &broken, run);
            reproduced = self.fails(&test)?;
        }
        Ok(Found { broken, run, smaller, test, reproduced })
    }

    fn test(&self, draw: &Draw, broken: &Broken, run: u64) -> String {
        let head = write::Head {
            about: vec![
                format!("Found by pvmigrate policy fuzz: {}", broken.message),
                format!("policy {}, seed {}, run {run}", self.policy.reference(), self.options.seed),
            ],
            policy: self.options.named.clone(),
            name: format!("{}, seed {}, run {run}", broken.rule, self.options.seed),
            expect: broken.expect.clone(),
        };
        write::test(draw, &head)
    }

    fn fails(&mut self, test: &str) -> Result<bool, TestkitError> {
        Ok(self.made_up.run(test)?.meaning() != ExitMeaning::Passed)
    }
}

fn unsettled(error: SettingsError) -> TestkitError {
    match error {
        SettingsError::Policy(failure) => failure.into(),
        wrong @ SettingsError::Wrong { .. } => TestkitError::MadeUp(wrong.to_string()),
    }
}

impl Broken {
    /// Returns whether it is a fault of the policy rather than a wrong answer.
    pub fn is_fault(&self) -> bool {
        self.rule == "fault"
    }
}
