//! Asks a policy about made-up clusters, looking for an answer that breaks a rule, or for none at all.
//!
//! What is made up is a test file ([`draw`], [`schema`], [`mod@write`]), and `testkit` reads and asks it: so whatever is found
//! can be kept, and `policy test` finds it again. Making up and making small is proptest's work. Each run depends on the
//! seed and its own number only.

mod draw;
mod laws;
mod schema;
mod write;

use std::sync::Arc;
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

/// Tries to make a finding smaller, at most.
const MOST_STEPS: u32 = 2_000;
/// Time for making a finding smaller.
const MOST_TIME: Duration = Duration::from_secs(60);
/// Runs without an end to them.
const USUAL_TIME: Duration = Duration::from_secs(60);

/// Says how long to look, and for what.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How many runs; without it, the clock decides.
    pub runs: Option<u64>,
    /// How long; with `runs` as well, whatever comes first.
    pub time: Option<Duration>,
    /// Where the dice start.
    pub seed: u64,
    /// These settings, in place of made-up ones.
    pub settings: Option<Value>,
    /// This environment, in place of made-up ones.
    pub environment: Option<String>,
    /// What the test file calls the policy; none leaves it to the command line.
    pub named: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fuzzed {
    /// The policy.
    pub policy: PolicyRef,
    /// Where the dice started.
    pub seed: u64,
    /// How many runs were made, the one that found something included.
    pub runs: u64,
    /// In how many of them the policy did not take the settings, so that nothing was asked.
    pub refused: u64,
    /// In how many of them it said that it cannot decide.
    pub undecided: u64,
    /// What was found; then it ends.
    pub found: Option<Found>,
}

impl Fuzzed {
    /// Tells whether no question was asked at all: then nothing found means nothing.
    pub fn tried_nothing(&self) -> bool {
        self.runs == self.refused
    }
}

/// Something found.
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

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Broken {
    /// Stable words: `fault`, `same-twice`, `order`, `per-volume`, `floor`, `skips-add`.
    pub rule: &'static str,
    /// What happened.
    pub message: String,
    /// Expectations that fail because of it, in the words of test files; any case does, where this is none.
    #[serde(skip)]
    expect: Option<String>,
}

/// What one run came to.
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
    let mut fuzzed =
        Fuzzed { policy: policy.reference(), seed: options.seed, runs: 0, refused: 0, undecided: 0, found: None };
    let strategy = draw::draws(policy.info(), options);
    let is_over =
        |runs| options.runs.is_some_and(|most| runs >= most) || time.is_some_and(|most| began.elapsed() >= most);
    // Once at least: of nothing tried, nothing is known.
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
        if is_over(fuzzed.runs) {
            break;
        }
    }
    Ok(fuzzed)
}

/// Each run has dice of its own, so that one can be repeated without those before it.
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

    /// Asks once in every way there is.
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

    /// Makes a finding as small as it gets, and a test file of it.
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
        // Whatever differs between batches differs from one volume alone in one of the two.
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
    /// Tells whether it is a fault of the policy rather than a wrong answer.
    pub fn is_fault(&self) -> bool {
        self.rule == "fault"
    }
}
