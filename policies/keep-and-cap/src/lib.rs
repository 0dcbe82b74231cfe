//! Keeps claims labelled so where they are, and caps the size of what may move to a class. The rule is in [`rule`];
//! here is what the policy answers.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::prelude::*;

mod rule;

/// What stays, and how large a claim may be.
#[derive(Settings)]
struct KeepAndCap {
    /// Claims with this label stay when it is "true".
    #[setting(default = "pvmigrate.dev/keep", min_length = 1)]
    label: String,
}

impl Policy for KeepAndCap {
    type Code = rule::Code;
    const NAME: &'static str = "keep-and-cap";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "keeps claims labelled so, caps the size of a claim by the target class";
}

impl Selection for KeepAndCap {
    fn vote(&self, _: &Request, volume: &Volume) -> Result<Vote, PolicyError> {
        Ok(rule::vote(&self.label, volume))
    }
}

impl Preflight for KeepAndCap {
    fn check(&self, request: &Request, plan: &[Planned]) -> Result<Vec<Finding>, PolicyError> {
        Ok(rule::findings(&self.label, request, plan, rule::cap(&request.target)?))
    }
}

pvmigrate_policy_sdk::export!(KeepAndCap: Settings, Selection, Preflight);
