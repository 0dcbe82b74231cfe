//! Misbehaves on request, to show that the sandbox holds. Not a policy for anybody.
//!
//! The request's `environment` names the misbehaviour: `<call>:<what>`, such as `select:loop`. The hosts' tests
//! keep this as one committed component, so that they need no compiler for WebAssembly.
#![no_std]

extern crate alloc;

mod deeds;
mod glue;

use alloc::string::ToString;
use alloc::vec::Vec;

use glue::exports::pvmigrate::policy::access_modes::{self, Mapping, TargetShape};
use glue::exports::pvmigrate::policy::manifest::{self, CodeDoc, Info, Scope};
use glue::exports::pvmigrate::policy::preflight::{self, Finding, Planned, Severity, Subject};
use glue::exports::pvmigrate::policy::selection::{self, Ballot, Vote};
use pvmigrate_policy_sdk::reason;
use pvmigrate_policy_sdk::types::{AccessMode, PolicyError, Request, VolumeMode};

struct Hostile;

glue::export!(Hostile with_types_in glue);

/// The one code that this policy declares.
const CODE: &str = "declared";

/// An id that no request of the tests has.
const UNASKED: u32 = 999_999;

impl manifest::Guest for Hostile {
    fn describe() -> Info {
        Info {
            name: "hostile".to_string(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            summary: "misbehaves on request".to_string(),
            scope: Scope::WholeBatch,
            codes: Vec::from([CodeDoc { code: CODE.to_string(), summary: "the only one".to_string(), docs_url: None }]),
        }
    }
}

impl selection::Guest for Hostile {
    fn select(request: Request) -> Result<Vec<Ballot>, PolicyError> {
        let deed = request.environment.strip_prefix("select:").unwrap_or_default();
        deeds::act(deed)?;
        let ballot = |volume, code: &str, message: &str| Ballot { volume, vote: Vote::Migrate(reason(code, message)) };
        let first = request.volumes.first().map_or(UNASKED, |volume| volume.id);
        Ok(match deed {
            "undeclared-code" => Vec::from([ballot(first, "undeclared", "")]),
            "unasked" => Vec::from([ballot(UNASKED, CODE, "")]),
            "twice" => Vec::from([ballot(first, CODE, "one"), ballot(first, CODE, "two")]),
            "escape" => Vec::from([ballot(first, CODE, deeds::ESCAPES)]),
            "long-string" => Vec::from([ballot(first, CODE, &"x".repeat(5_000))]),
            "many-answers" => (0..20_000).map(|id| ballot(id, CODE, "")).collect(),
            "remember" => Vec::from([ballot(first, CODE, &deeds::times_called().to_string())]),
            _ => Vec::new(),
        })
    }
}

impl access_modes::Guest for Hostile {
    fn map_modes(request: Request) -> Result<Vec<Mapping>, PolicyError> {
        let deed = request.environment.strip_prefix("map-modes:").unwrap_or_default();
        deeds::act(deed)?;
        let modes = match deed {
            "no-modes" => Vec::new(),
            "rwop-and-rwx" => Vec::from([AccessMode::ReadWriteOncePod, AccessMode::ReadWriteMany]),
            "narrow" => Vec::from([AccessMode::ReadWriteOncePod]),
            "block" => Vec::from([AccessMode::ReadWriteOnce]),
            _ => return Ok(Vec::new()),
        };
        let volume_mode = match deed {
            "block" => VolumeMode::Block,
            _ => VolumeMode::Filesystem,
        };
        let mapping = |volume| Mapping {
            volume,
            shape: Some(TargetShape { modes: modes.clone(), volume_mode, why: reason(CODE, "") }),
        };
        Ok(request.volumes.iter().map(|volume| mapping(volume.id)).collect())
    }
}

impl preflight::Guest for Hostile {
    fn check(request: Request, _plan: Vec<Planned>) -> Result<Vec<Finding>, PolicyError> {
        let deed = request.environment.strip_prefix("check:").unwrap_or_default();
        deeds::act(deed)?;
        let finding = |subject, code: &str, message: &str| Finding {
            code: code.to_string(),
            severity: Severity::Info,
            subject,
            message: message.to_string(),
            remedy: None,
            details: Vec::new(),
        };
        Ok(match deed {
            "undeclared-code" => Vec::from([finding(Subject::Plan, "undeclared", "")]),
            "unasked" => Vec::from([finding(Subject::Volume(UNASKED), CODE, "")]),
            "escape" => Vec::from([finding(Subject::Plan, CODE, deeds::ESCAPES)]),
            "many-answers" => (0..20_000).map(|_| finding(Subject::Plan, CODE, "")).collect(),
            _ => Vec::new(),
        })
    }
}
