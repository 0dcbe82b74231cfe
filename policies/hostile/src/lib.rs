//! Misbehaves on request, to show that the sandbox holds. Not a policy for anybody.
//!
//! * `select`, `map-modes` and `check` do what the request's `environment` says: `<call>:<what>`, such as `select:loop`.
//! * `validate` does what the settings say: `{"deed": "loop"}`.
//! * `describe` is asked nothing, so it does what 32 bytes in the component say that begin with `describe:`
//!   ([`describe::DEED`]): tests write another word over them.
//!
//! The host's tests keep this as one committed component, so that they need no compiler for WebAssembly.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::bindings::{access_modes, manifest, preflight, selection, settings};
use pvmigrate_policy_sdk::prelude::*;
use pvmigrate_policy_sdk::{Ballot, Mapping, Reason};

mod deeds;
mod describe;

use deeds::{CODE, ESCAPES, UNASKED};

struct Hostile;

manifest::generated::export_manifest!(Hostile with_types_in manifest::generated);
settings::generated::export_settings!(Hostile with_types_in settings::generated);
selection::generated::export_selection!(Hostile with_types_in selection::generated);
access_modes::generated::export_access_modes!(Hostile with_types_in access_modes::generated);
preflight::generated::export_preflight!(Hostile with_types_in preflight::generated);

impl manifest::Guest for Hostile {
    fn describe() -> manifest::Info {
        describe::info()
    }
}

impl settings::Guest for Hostile {
    fn validate(settings: String) -> Vec<Problem> {
        let deed = deeds::in_settings(&settings);
        // An error is none of the answers here; the deeds that give one are for the other calls.
        let _none = deeds::act(deed);
        match deed {
            "unasked-key" => vec![Problem::at("/nowhere/0", "a place that is not there")],
            "problem" => vec![Problem::at("/deed", "not this one")],
            "escape" => vec![Problem::at(ESCAPES, ESCAPES)],
            "long-string" => vec![Problem::at("", "x".repeat(5_000))],
            "many-answers" => (0..20_000).map(|_| Problem::at("/deed", "")).collect(),
            "bad-pointer" => vec![Problem::at("deed~2", "no pointer")],
            "remember" => vec![Problem::at("", deeds::times_called().to_string())],
            _ => Vec::new(),
        }
    }
}

fn why(code: &str, message: &str) -> Reason {
    Reason { code: code.to_string(), message: message.to_string(), details: Vec::new() }
}

impl selection::Guest for Hostile {
    fn select(request: Request) -> Result<Vec<Ballot>, PolicyError> {
        let deed = request.environment.strip_prefix("select:").unwrap_or_default();
        deeds::act(deed)?;
        deeds::fault_over(deed, &request.volumes);
        let ballot = |volume, code: &str, message: &str| Ballot { volume, vote: Vote::Migrate(why(code, message)) };
        let first = request.volumes.first().map_or(UNASKED, |volume| volume.id);
        let escaping = Reason { details: vec![(ESCAPES.to_string(), ESCAPES.to_string())], ..why(CODE, ESCAPES) };
        Ok(match deed {
            "undeclared-code" => vec![ballot(first, "undeclared", "")],
            "escape-code" => vec![ballot(first, ESCAPES, "")],
            "unasked" => vec![ballot(UNASKED, CODE, "")],
            "twice" => vec![ballot(first, CODE, "one"), ballot(first, CODE, "two")],
            "escape" => vec![Ballot { volume: first, vote: Vote::Migrate(escaping) }],
            "long-string" => vec![ballot(first, CODE, &"x".repeat(5_000))],
            "many-answers" => (0..20_000).map(|id| ballot(id, CODE, "")).collect(),
            "many-details" => {
                let details = (0..20_000).map(|at| (at.to_string(), String::new())).collect();
                vec![Ballot { volume: first, vote: Vote::Migrate(Reason { details, ..why(CODE, "") }) }]
            }
            "remember" => vec![ballot(first, CODE, &deeds::times_called().to_string())],
            _ => deeds::look_up(deed).map(|answer| ballot(first, CODE, &answer)).into_iter().collect(),
        })
    }
}

impl access_modes::Guest for Hostile {
    fn map_modes(request: Request) -> Result<Vec<Mapping>, PolicyError> {
        let deed = request.environment.strip_prefix("map-modes:").unwrap_or_default();
        deeds::act(deed)?;
        let mut reason = why(CODE, "");
        let modes = match deed {
            "no-modes" => Vec::new(),
            "rwop-and-rwx" => vec![AccessMode::ReadWriteOncePod, AccessMode::ReadWriteMany],
            "narrow" => vec![AccessMode::ReadWriteOncePod],
            "block" | "unasked" | "twice" | "undeclared-code" | "escape" | "remember" => {
                vec![AccessMode::ReadWriteOnce]
            }
            "many-modes" => vec![AccessMode::ReadWriteOnce; 20_000],
            _ => return Ok(Vec::new()),
        };
        match deed {
            "undeclared-code" => reason.code = "undeclared".to_string(),
            "escape" => reason.message = ESCAPES.to_string(),
            "remember" => reason.message = deeds::times_called().to_string(),
            _ => {}
        }
        let volume_mode = match deed {
            "block" => VolumeMode::Block,
            _ => VolumeMode::Filesystem,
        };
        let mapping = |volume| Mapping {
            volume,
            shape: Some(TargetShape { modes: modes.clone(), volume_mode, why: reason.clone() }),
        };
        let asked = request.volumes.iter().map(|volume| mapping(volume.id));
        Ok(match deed {
            "unasked" => vec![mapping(UNASKED)],
            "twice" => asked.flat_map(|mapping| [mapping.clone(), mapping]).collect(),
            _ => asked.collect(),
        })
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
        let object = ObjectRef {
            api_version: ESCAPES.to_string(),
            kind: ESCAPES.to_string(),
            namespace: Some(ESCAPES.to_string()),
            name: ESCAPES.to_string(),
        };
        Ok(match deed {
            "undeclared-code" => vec![finding(Subject::Plan, "undeclared", "")],
            "unasked" => vec![finding(Subject::Volume(UNASKED), CODE, "")],
            "escape" => {
                let finding = finding(Subject::Plan, CODE, ESCAPES);
                vec![finding.remedy(ESCAPES).detail(ESCAPES, ESCAPES)]
            }
            "escape-object" => vec![finding(Subject::Object(object), CODE, "")],
            "long-string" => vec![finding(Subject::Plan, CODE, &"x".repeat(5_000))],
            "many-answers" => (0..20_000).map(|_| finding(Subject::Plan, CODE, "")).collect(),
            "remember" => vec![finding(Subject::Plan, CODE, &deeds::times_called().to_string())],
            _ => deeds::look_up(deed).map(|answer| finding(Subject::Plan, CODE, &answer)).into_iter().collect(),
        })
    }
}
