//! P7: Nothing is kept from one call to the next.

use pvmigrate_core::policy::Vote;
use pvmigrate_policy::Call;

use super::super::support::all;
use super::hostile::{described, hostile, limits, misbehaving, problems};

/// What the policy has counted in its own memory, call by call.
fn counted(call: Call) -> String {
    let policy = hostile();
    let question = misbehaving(call, "remember");
    match call {
        Call::Describe => {
            described("remember", &limits()).unwrap_or_else(|failure| panic!("{failure}")).info().summary.clone()
        }
        Call::Validate => problems(policy.policy(), "remember")[0].message.clone(),
        Call::Select => {
            let answered = policy.select(&question).expect("an answer").expect("selection is exported");
            let Vote::Migrate(reason) = &answered.items[0].vote else { panic!("{:?}", answered.items) };
            reason.message.clone()
        }
        Call::MapModes => {
            let answered = policy.map_modes(&question, &all(&question)).expect("an answer").expect("exported");
            answered.items[0].shape.as_ref().expect("an opinion").why.message.clone()
        }
        Call::Check => {
            let answered = policy.check(&question, &[]).expect("an answer").expect("preflight is exported");
            answered.items[0].message.clone()
        }
    }
}

#[test]
fn a_count_begins_anew_in_every_call() {
    for _ in 0..2 {
        for call in [Call::Describe, Call::Validate, Call::Select, Call::MapModes, Call::Check] {
            assert_eq!(counted(call), "1", "{call}: a count from an earlier call showed up");
        }
    }
}
