//! The rules that pvmigrate follows when no other policy is given. The rule is in [`rule`]; here is what it answers.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::prelude::*;

mod rule;

#[derive(Settings)]
struct Default;

impl Policy for Default {
    type Code = rule::Code;
    const NAME: &'static str = "default";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "selects by StorageClass and namespace; access modes from the claim's annotation";
}

impl Selection for Default {
    fn vote(&self, request: &Request, volume: &Volume) -> Result<Vote, PolicyError> {
        Ok(rule::vote(request, volume))
    }
}

impl AccessModes for Default {
    fn shape(&self, _: &Request, volume: &Volume) -> Result<Option<TargetShape>, PolicyError> {
        Ok(rule::shape(volume))
    }
}

impl Preflight for Default {
    fn check(&self, request: &Request, plan: &[Planned]) -> Result<Vec<Finding>, PolicyError> {
        Ok(rule::findings(request, plan))
    }
}

pvmigrate_policy_sdk::export!(Default: Selection, AccessModes, Preflight);
