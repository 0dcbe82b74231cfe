//! The misbehaviours that are the same in every call.

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use pvmigrate_policy_sdk::prelude::*;
use pvmigrate_policy_sdk::serde_json::Value;
use pvmigrate_policy_sdk::snapshot::LookupError;

/// The one code that this policy declares.
pub(crate) const CODE: &str = "declared";

/// An id that no request of the tests has.
pub(crate) const UNASKED: u32 = 999_999;

/// Text that would clear a terminal and forge a line.
pub(crate) const ESCAPES: &str = "\u{1b}[2Jgone\r\nforged\u{9b}31m\u{202e}";

static CALLS: AtomicU32 = AtomicU32::new(0);

/// Counts its calls in memory that a fresh instance does not share.
pub(crate) fn times_called() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

/// Finds the deed in `{"deed":"..."}`.
pub(crate) fn in_settings(settings: &str) -> &str {
    let after = settings.split_once("\"deed\":\"").map_or("", |(_, after)| after);
    after.split('"').next().unwrap_or_default()
}

/// Does the named thing; returns when it is none of these.
pub(crate) fn act(deed: &str) -> Result<(), PolicyError> {
    match deed {
        "loop" => loop {
            black_box(());
        },
        "recurse" => {
            black_box(descend(0));
        }
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(black_box(Vec::<u8>::with_capacity(1 << 20)));
            }
        }
        "log-flood" => {
            for _ in 0..1_000 {
                log::info(&"flood ".repeat(100), &[]);
            }
        }
        // Lines of no bytes at all.
        "log-empty" => loop {
            log::info("", &[]);
        },
        "log-escape" => log::warn(ESCAPES, &[(ESCAPES, ESCAPES)]),
        "log-long-line" => log::debug(&"x".repeat(5_000), &[]),
        "panic" => {
            let nothing: &[u32] = &[];
            black_box(nothing[black_box(3)]);
        }
        "panic-escape" => panic!("{ESCAPES}"),
        "trap" => trap(),
        "error" => return Err(undecided("declared", "cannot tell")),
        "undeclared-error" => return Err(undecided("undeclared", "cannot tell")),
        "escape-error" => return Err(undecided("declared", ESCAPES)),
        "long-error" => return Err(undecided("declared", &"x".repeat(5_000))),
        "unasked-error" => return Err(PolicyError { volume: Some(UNASKED), ..undecided("declared", "cannot tell") }),
        _ => {}
    }
    Ok(())
}

/// Fails over some questions only: those with one label, or with many volumes.
pub(crate) fn fault_over(deed: &str, volumes: &[Volume]) {
    match deed {
        "literal" if volumes.iter().any(|volume| volume.label("acme.io/poison") == Some("yes")) => trap(),
        "crowd" if volumes.len() >= 9 => trap(),
        _ => {}
    }
}

/// Looks up what the deed says, and returns what came of it in words; none when it is no look-up.
///
/// Declared, and optional, are config maps. Nothing else is.
pub(crate) fn look_up(deed: &str) -> Option<String> {
    let object = |api_version: &str, kind: &str| ObjectRef {
        api_version: api_version.to_string(),
        kind: kind.to_string(),
        namespace: Some("app".to_string()),
        name: "settings".to_string(),
    };
    let get = |object: &ObjectRef, fields: &[&str]| match snapshot::get::<Value>(object, fields) {
        Ok(Some(found)) => found.to_string(),
        Ok(None) => "absent".to_string(),
        Err(error) => said(&error),
    };
    let find = |selector: &str| match snapshot::find::<Value>("v1", "ConfigMap", None, selector, &[]) {
        Ok(found) => format!("{} found", found.len()),
        Err(error) => said(&error),
    };
    Some(match deed {
        "get" => get(&object("v1", "ConfigMap"), &[]),
        "get-undeclared" => get(&object("v1", "Node"), &[]),
        "get-secret" => get(&object("v1", "Secret"), &[]),
        "get-other-version" => get(&object("v2", "ConfigMap"), &[]),
        "get-bad-field" => get(&object("v1", "ConfigMap"), &["data..x", ""]),
        "get-many-fields" => {
            let fields: Vec<String> = (0..20_000).map(|at| format!("data.k{at}")).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            get(&object("v1", "ConfigMap"), &fields)
        }
        "find" => find(""),
        "find-undeclared" => match snapshot::find::<Value>("v1", "Secret", None, "", &[]) {
            Ok(found) => format!("{} found", found.len()),
            Err(error) => said(&error),
        },
        "find-bad-selector" => find("a in (b"),
        "find-long-selector" => find(&"a=b,".repeat(100_000)),
        "many-look-ups" => {
            let target = object("v1", "ConfigMap");
            let mut refused = 0_u32;
            for _ in 0..100_000 {
                if matches!(snapshot::get::<Value>(&target, &[]), Err(LookupError::Refused(_))) {
                    refused += 1;
                }
            }
            format!("{refused} of 100000 refused")
        }
        "many-finds" => {
            let mut bytes = 0;
            for _ in 0..100_000 {
                match snapshot::find::<Value>("v1", "ConfigMap", None, "", &[]) {
                    Ok(found) => bytes += found.iter().map(|object| object.to_string().len()).sum::<usize>(),
                    Err(error) => return Some(format!("{} after {bytes} bytes", said(&error))),
                }
            }
            format!("{bytes} bytes")
        }
        _ => return None,
    })
}

fn said(error: &LookupError) -> String {
    match error {
        LookupError::NotDeclared => "not declared".to_string(),
        LookupError::NotCollected(why) => format!("not collected: {why}"),
        LookupError::Refused(why) => format!("refused: {why}"),
        LookupError::Unreadable(how) => format!("unreadable: {how}"),
    }
}

fn undecided(code: &str, message: &str) -> PolicyError {
    PolicyError { code: code.to_string(), message: message.to_string(), volume: None }
}

/// Uses a stack frame and fuel at every level, and cannot be turned into a loop.
#[allow(unconditional_recursion, reason = "that is the deed")]
fn descend(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    black_box(descend(depth + 1)) + frame[(depth % 64) as usize]
}

#[cfg(target_arch = "wasm32")]
fn trap() {
    core::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() {}
