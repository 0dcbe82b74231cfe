//! The pure rule.
//!
//! * A claim labelled `pvmigrate.dev/keep: "true"` stays. Any other value of the label is refused, because whoever
//!   wrote `True` or `yes` meant something. About all else this policy abstains: the built-in one decides.
//! * A claim larger than the target class's annotation `pvmigrate.dev/max-size` (a quantity such as `500Gi`) blocks
//!   the run. Without the annotation there is no cap. One that cannot be read stops the run.
//! * A claim that no running pod uses is worth a warning: perhaps nobody needs it moved.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use pvmigrate_policy_sdk::types::{PolicyError, Request, StorageClass, Volume};
use pvmigrate_policy_sdk::{get, pairs, reason};

use crate::glue::exports::pvmigrate::policy::preflight::{Finding, Planned, Severity, Subject};
use crate::glue::exports::pvmigrate::policy::selection::Vote;

/// The label on a claim that is to stay.
const KEEP: &str = "pvmigrate.dev/keep";
/// The annotation on a class that caps what may move to it.
const MAX_SIZE: &str = "pvmigrate.dev/max-size";

/// Every code with what it means.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("keep-label", "the claim is labelled pvmigrate.dev/keep"),
    ("keep-label-unclear", "the label pvmigrate.dev/keep is neither true nor false, so the claim stays"),
    ("over-max-size", "the claim is larger than the target class allows"),
    ("max-size-invalid", "the target class's annotation pvmigrate.dev/max-size is no quantity"),
    ("no-running-consumer", "no running pod uses the claim"),
];

/// Says whether a claim must stay.
pub(crate) fn vote(volume: &Volume) -> Vote {
    match get(&volume.labels, KEEP) {
        None | Some("false") => Vote::Abstain,
        Some("true") => Vote::Skip(reason("keep-label", format!("it is labelled {KEEP}"))),
        Some(other) => Vote::Skip(reason(
            "keep-label-unclear",
            format!("its label {KEEP} is \"{other}\", which is neither true nor false"),
        )),
    }
}

/// The largest size that may move to a class.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cap {
    bytes: u64,
    text: String,
}

impl Cap {
    /// Reads the class's annotation; none without one.
    pub(crate) fn of(target: &StorageClass) -> Result<Option<Self>, PolicyError> {
        let Some(text) = get(&target.annotations, MAX_SIZE) else {
            return Ok(None);
        };
        match whole_bytes(text) {
            Some(bytes) => Ok(Some(Self { bytes, text: text.to_string() })),
            None => Err(PolicyError {
                code: "max-size-invalid".to_string(),
                message: format!(
                    "StorageClass {} has annotation {MAX_SIZE} with the value \"{text}\"; write a whole number and a unit, such as 500Gi",
                    target.name
                ),
                volume: None,
            }),
        }
    }
}

/// Reads a whole number with one of Kubernetes' larger units: what people write as a limit.
fn whole_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit {
        "" => 1,
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "P" => 1_000_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        "Pi" => 1 << 50,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Says what is wrong with the planned claims.
pub(crate) fn findings(request: &Request, plan: &[Planned], cap: Option<&Cap>) -> Vec<Finding> {
    let mut planned: Vec<_> = plan.iter().collect();
    planned.sort_unstable_by_key(|planned| planned.volume);
    let mut found = Vec::new();
    for volume in &request.volumes {
        let Ok(at) = planned.binary_search_by_key(&volume.id, |planned| planned.volume) else {
            continue;
        };
        found.extend(cap.and_then(|cap| over_max_size(volume, planned[at], cap, &request.target)));
        found.extend(no_running_consumer(volume));
    }
    found
}

fn over_max_size(volume: &Volume, planned: &Planned, cap: &Cap, target: &StorageClass) -> Option<Finding> {
    if planned.target_bytes <= cap.bytes {
        return None;
    }
    let size = size(planned.target_bytes);
    Some(Finding {
        code: "over-max-size".to_string(),
        severity: Severity::Blocker,
        subject: Subject::Volume(volume.id),
        message: format!("it needs {size}, but StorageClass {} takes at most {} a claim", target.name, cap.text),
        remedy: Some(format!("label the claim {KEEP}=true to leave it, or raise the class's annotation {MAX_SIZE}")),
        details: pairs(&[("max", &cap.text), ("size", &size)]),
    })
}

fn no_running_consumer(volume: &Volume) -> Option<Finding> {
    if volume.consumers.iter().any(|pod| pod.running) {
        return None;
    }
    Some(Finding {
        code: "no-running-consumer".to_string(),
        severity: Severity::Warning,
        subject: Subject::Volume(volume.id),
        message: "no running pod uses it".to_string(),
        remedy: Some(format!("make sure that it is still needed, or label it {KEEP}=true to leave it")),
        details: Vec::new(),
    })
}

/// Prints bytes in the largest unit that leaves a whole number.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];
    let mut number = bytes;
    let mut unit = 0;
    while number != 0 && number.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        number /= 1024;
        unit += 1;
    }
    format!("{number}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_whole_numbers_with_a_unit() {
        for (text, bytes) in [("0", 0), ("7", 7), ("1k", 1_000), ("500Gi", 500 << 30), ("2T", 2_000_000_000_000)] {
            assert_eq!(whole_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "Gi", "1.5Gi", "-1Gi", "1gi", "1 Gi", "99999999999999999999", "99999999999Pi"] {
            assert_eq!(whole_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_print_in_the_largest_whole_unit() {
        for (bytes, text) in
            [(0, "0"), (1, "1"), (1024, "1Ki"), (1536, "1536"), (100 << 30, "100Gi"), (1 << 60, "1024Pi")]
        {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn every_code_used_is_declared() {
        let used = include_str!("rule.rs").split("mod tests").next().unwrap_or_default();
        for (code, _) in CODES {
            assert!(used.matches(&format!("\"{code}\"")).count() >= 2, "{code} is declared but not used");
        }
    }
}
