//! The rules that pvmigrate follows when no other policy is given. The rule is in [`rule`]; here are only the exports.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod glue;
mod rule;

use alloc::string::ToString;
use alloc::vec::Vec;

use glue::exports::pvmigrate::policy::access_modes::{self, Mapping};
use glue::exports::pvmigrate::policy::manifest::{self, CodeDoc, Info, Scope};
use glue::exports::pvmigrate::policy::preflight::{self, Finding, Planned};
use glue::exports::pvmigrate::policy::selection::{self, Ballot};
use pvmigrate_policy_sdk::types::{PolicyError, Request};

struct Default;

glue::export!(Default with_types_in glue);

impl manifest::Guest for Default {
    fn describe() -> Info {
        let code = |(code, summary): &(&str, &str)| CodeDoc {
            code: code.to_string(),
            summary: summary.to_string(),
            docs_url: None,
        };
        Info {
            name: "default".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            summary: "selects by StorageClass and namespace; access modes from the claim's annotation".to_string(),
            scope: Scope::PerVolume,
            codes: rule::CODES.iter().map(code).collect(),
        }
    }
}

impl selection::Guest for Default {
    fn select(request: Request) -> Result<Vec<Ballot>, PolicyError> {
        let ballots =
            request.volumes.iter().map(|volume| Ballot { volume: volume.id, vote: rule::vote(&request, volume) });
        Ok(ballots.collect())
    }
}

impl access_modes::Guest for Default {
    fn map_modes(request: Request) -> Result<Vec<Mapping>, PolicyError> {
        let mappings = request.volumes.iter().map(|volume| Mapping { volume: volume.id, shape: rule::shape(volume) });
        Ok(mappings.collect())
    }
}

impl preflight::Guest for Default {
    fn check(request: Request, plan: Vec<Planned>) -> Result<Vec<Finding>, PolicyError> {
        Ok(rule::findings(&request, &plan))
    }
}
