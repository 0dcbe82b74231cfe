//! The pure rule.
//!
//! * A claim labelled `pvmigrate.dev/keep: "true"` (the setting `label` names another label) stays. Any other value of the label is refused, because whoever
//!   wrote `True` or `yes` meant something. About all else this policy abstains: the built-in one decides.
//! * A claim larger than the target class's annotation `pvmigrate.dev/max-size` (a quantity such as `500Gi`) blocks
//!   the run. Without the annotation there is no cap. One that cannot be read stops the run.
//! * A claim that no running pod uses is worth a warning: perhaps nobody needs it moved.

use pvmigrate_policy_sdk::prelude::*;

/// The annotation on a class that caps what may move to it.
const MAX_SIZE: &str = "pvmigrate.dev/max-size";

/// Everything that this policy may say.
#[derive(Codes)]
pub(crate) enum Code {
    /// the claim is labelled so
    KeepLabel,
    /// the label is neither true nor false, so the claim stays
    KeepLabelUnclear,
    /// the claim is larger than the target class allows
    OverMaxSize,
    /// the target class's annotation pvmigrate.dev/max-size is not a quantity
    MaxSizeInvalid,
    /// no running pod uses the claim
    NoRunningConsumer,
}

/// Says whether a claim must stay.
pub(crate) fn vote(label: &str, volume: &Volume) -> Vote {
    match volume.label(label) {
        None | Some("false") => Vote::Abstain,
        Some("true") => Vote::skip(Code::KeepLabel, format!("it is labelled {label}")),
        Some(other) => Vote::skip(
            Code::KeepLabelUnclear,
            format!("its label {label} is \"{other}\", which is neither true nor false"),
        ),
    }
}

/// Reads the largest size that may move to a class; none without the annotation.
pub(crate) fn cap(target: &StorageClass) -> Result<Option<Bytes>, PolicyError> {
    let Some(text) = target.annotation(MAX_SIZE) else {
        return Ok(None);
    };
    let message = || {
        format!(
            "StorageClass {} has annotation {MAX_SIZE} with the value \"{text}\"; write a whole number and a unit, such as 500Gi",
            target.name
        )
    };
    Bytes::parse(text).map(Some).ok_or_else(|| PolicyError::new(Code::MaxSizeInvalid, message()))
}

/// Says what is wrong with the planned claims.
pub(crate) fn findings(label: &str, request: &Request, plan: &[Planned], cap: Option<Bytes>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (volume, planned) in request.planned(plan) {
        found.extend(cap.and_then(|cap| over_max_size(label, volume, planned, cap, &request.target)));
        found.extend(no_running_consumer(label, volume));
    }
    found
}

fn over_max_size(
    label: &str,
    volume: &Volume,
    planned: &Planned,
    cap: Bytes,
    target: &StorageClass,
) -> Option<Finding> {
    let size = Bytes(planned.target_bytes);
    if size <= cap {
        return None;
    }
    let message = format!("it needs {size}, but StorageClass {} takes at most {cap} a claim", target.name);
    let remedy = format!("label the claim {label}=true to leave it, or raise the class's annotation {MAX_SIZE}");
    Some(Finding::blocker(Code::OverMaxSize, volume, message).remedy(remedy).detail("max", cap).detail("size", size))
}

fn no_running_consumer(label: &str, volume: &Volume) -> Option<Finding> {
    if volume.consumers.iter().any(|pod| pod.running) {
        return None;
    }
    let remedy = format!("make sure that it is still needed, or label it {label}=true to leave it");
    Some(Finding::warning(Code::NoRunningConsumer, volume, "no running pod uses it").remedy(remedy))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
    use super::*;
    use pvmigrate_policy_sdk::{pairs, testing};

    fn target(max: &str) -> StorageClass {
        StorageClass { annotations: pairs(&[(MAX_SIZE, max)]), ..testing::class("new") }
    }

    #[test]
    fn a_cap_is_read_or_refused() {
        assert_eq!(cap(&testing::class("new")), Ok(None));
        assert_eq!(cap(&target("2Gi")), Ok(Some(Bytes(2 << 30))));
        let refused = cap(&target("2 Gi")).unwrap_err();
        assert_eq!(refused.code, "max-size-invalid");
        assert!(refused.message.contains("\"2 Gi\""));
    }

    #[test]
    fn as_much_as_the_cap_moves() {
        let request = testing::request(vec![testing::volume(1, "app", "data")]);
        let plan = [testing::planned(&request.volumes[0])];
        let codes = |cap: u64| -> Vec<String> {
            findings("keep", &request, &plan, Some(Bytes(cap))).into_iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes(1 << 30), ["no-running-consumer"]);
        assert_eq!(codes((1 << 30) - 1), ["over-max-size", "no-running-consumer"]);
    }

    #[test]
    fn another_label_can_be_named() {
        let volume = Volume { labels: pairs(&[("acme.io/stay", "true")]), ..testing::volume(1, "app", "data") };
        assert_eq!(vote("pvmigrate.dev/keep", &volume), Vote::Abstain);
        assert!(matches!(vote("acme.io/stay", &volume), Vote::Skip(reason) if reason.code == "keep-label"));
    }
}
