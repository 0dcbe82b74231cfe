//! P7: Nothing is kept from one call to the next.

use pvmigrate_core::policy::Vote;
use pvmigrate_policy::Function;

use super::super::support::all;
use super::hostile::{described, functions, hostile, limits, misbehaving, problems};

/// Returns what the policy has counted in its own memory, call by call.
fn counted(call: Function) -> String {
    let policy = hostile();
    let question = misbehaving(call, "remember");
    match call {
        Function::DESCRIBE => {
            described("remember", &limits()).unwrap_or_else(|failure| panic!("{failure}")).info().summary.clone()
        }
        Function::VALIDATE => problems(policy.policy(), "remember")[0].message.clone(),
        Function::SELECT => {
            let answered = policy.select(&question).expect("an answer").expect("selection is exported");
            let Vote::Migrate(reason) = &answered.items[0].vote else { panic!("{:?}", answered.items) };
            reason.message.clone()
        }
        Function::MAP_MODES => {
            let answered = policy.map_modes(&question, &all(&question)).expect("an answer").expect("exported");
            answered.items[0].shape.as_ref().expect("an opinion").why.message.clone()
        }
        Function::CHECK => {
            let answered = policy.check(&question, &[]).expect("an answer").expect("preflight is exported");
            answered.items[0].message.clone()
        }
        other => panic!("{other} is not known here; let the hostile policy count in it too"),
    }
}

#[test]
fn a_count_starts_from_zero_in_every_call() {
    for _ in 0..2 {
        for call in functions() {
            assert_eq!(counted(call), "1", "{call}: a count from an earlier call showed up");
        }
    }
}
