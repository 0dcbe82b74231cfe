//! Keeps claims labelled so where they are, and caps the size of what may move to a class. The rule is in [`rule`];
//! here are only the exports.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod glue;
mod rule;

use alloc::string::ToString;
use alloc::vec::Vec;

use glue::exports::pvmigrate::policy::manifest::{self, CodeDoc, Info, Scope};
use glue::exports::pvmigrate::policy::preflight::{self, Finding, Planned};
use glue::exports::pvmigrate::policy::selection::{self, Ballot};
use pvmigrate_policy_sdk::types::{PolicyError, Request};

struct KeepAndCap;

glue::export!(KeepAndCap with_types_in glue);

impl manifest::Guest for KeepAndCap {
    fn describe() -> Info {
        let code = |(code, summary): &(&str, &str)| CodeDoc {
            code: code.to_string(),
            summary: summary.to_string(),
            docs_url: None,
        };
        Info {
            name: "keep-and-cap".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            summary: "keeps claims labelled pvmigrate.dev/keep, caps the size of a claim by the target class"
                .to_string(),
            scope: Scope::PerVolume,
            codes: rule::CODES.iter().map(code).collect(),
        }
    }
}

impl selection::Guest for KeepAndCap {
    fn select(request: Request) -> Result<Vec<Ballot>, PolicyError> {
        let ballots = request.volumes.iter().map(|volume| Ballot { volume: volume.id, vote: rule::vote(volume) });
        Ok(ballots.collect())
    }
}

impl preflight::Guest for KeepAndCap {
    fn check(request: Request, plan: Vec<Planned>) -> Result<Vec<Finding>, PolicyError> {
        let cap = rule::Cap::of(&request.target)?;
        Ok(rule::findings(&request, &plan, cap.as_ref()))
    }
}
