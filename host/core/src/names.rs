//! Names and annotation keys that are written on the cluster.
//!
//! Those under `kurl.sh/` belong to the reference tool and are a contract with half-finished runs of it and with
//! scripts; those under `pvmigrate.dev/` are ours. Nothing here looks at a cluster.

use sha2::{Digest, Sha256};

use crate::record::Purpose;

/// On a temporary claim and on a copy pod: the claim it serves.
pub const CLAIM: &str = "kurl.sh/pvcmigrate";
/// On a temporary claim and on a copy pod: what it is for (`dest`, `source`, `migrate`).
pub const KIND: &str = "kurl.sh/pvcmigrate-kind";
/// In [`KIND`]: a temporary claim on the destination class. The reference tool's word.
pub const KIND_DESTINATION: &str = "dest";
/// In [`KIND`]: the temporary claim that holds the source volume.
pub const KIND_SOURCE: &str = "source";
/// In [`KIND`]: a copy pod. The reference tool's word.
pub const KIND_COPY: &str = "migrate";
/// On a workload while it is down: its scale before, a decimal number.
pub const SCALE: &str = "kurl.sh/pvcmigrate-scale";
/// On the source volume: the node of the pod that used it.
pub const SOURCE_NODE: &str = "kurl.sh/pvcmigrate-sourcenode";
/// On the new volume: the namespace of the claim it is for.
pub const SOURCE_NAMESPACE: &str = "kurl.sh/pvcmigrate-sourcens";
/// On the new volume: the name of the claim it is for.
pub const SOURCE_CLAIM: &str = "kurl.sh/pvcmigrate-sourcepvc";
/// On the new volume: the reclaim policy it gets at the end.
pub const RECLAIM: &str = "kurl.sh/pvcmigrate-reclaim";
/// On a claim, written by the user: the access mode wanted on the destination.
pub const DESTINATION_ACCESS_MODE: &str = "kurl.sh/pvcmigrate-destinationaccessmode";
/// On a StorageClass: it is the cluster's default.
pub const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// On what one run makes (claims, pods, records): that run's id, [`crate::record::Record::run`]. Taken off a claim that has
/// the original name once it is bound.
pub const RUN: &str = "pvmigrate.dev/run";
/// On a copy pod of several claims, in place of [`CLAIM`]: their names, with a comma in between.
pub const CLAIMS: &str = "pvmigrate.dev/claims";
/// On a copy pod: its [`Purpose`].
pub const PURPOSE: &str = "pvmigrate.dev/purpose";
/// On a copy pod: which attempt it is, a decimal number.
pub const ATTEMPT: &str = "pvmigrate.dev/attempt";
/// On a claim that was written to only to change it: when, and by which run ([`crate::observation::Touch`]).
pub const TOUCHED: &str = "pvmigrate.dev/touched";
/// On a StatefulSet while it is down: its `persistentVolumeClaimRetentionPolicy.whenScaled` before.
pub const WHEN_SCALED: &str = "pvmigrate.dev/when-scaled";
/// Finalizer of a copy pod: keeps a finished pod, and so its result, until we have read it.
pub const TOMBSTONE: &str = "pvmigrate.dev/tombstone";
/// Label of everything we make, so that one selector finds it.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "pvmigrate");

/// The name of the container that runs rsync in a copy pod of one claim.
pub const CONTAINER: &str = "pvmigrate";

/// Names the container of a pass in a copy pod of `count` claims; `index` is its claim's place among them.
pub fn container(index: usize, count: usize) -> String {
    if count == 1 { CONTAINER.to_owned() } else { format!("{CONTAINER}-{index}") }
}

const DESTINATION_SUFFIX: &str = "-pvcmigrate";
const SOURCE_SUFFIX: &str = "-pvcmigrate-src";

/// Names the temporary claim on the destination class for `claim`, as the reference tool does.
pub fn destination_claim(claim: &str) -> String {
    cut_in_the_middle(claim, DESTINATION_SUFFIX)
}

/// Names the temporary claim that holds the source volume behind the fence.
pub fn source_claim(claim: &str) -> String {
    cut_in_the_middle(claim, SOURCE_SUFFIX)
}

/// Keeps the first 100 and the last 153 characters: Kubernetes allows 253, and the end carries the suffix.
fn cut_in_the_middle(claim: &str, suffix: &str) -> String {
    let whole = format!("{claim}{suffix}");
    if whole.len() <= 253 {
        return whole;
    }
    // Claim names are ASCII (DNS-1123), so byte positions are characters; anything else keeps its characters whole.
    let head = whole.char_indices().take_while(|(at, c)| at + c.len_utf8() <= 100);
    let head: String = head.map(|(_, c)| c).collect();
    let from = (whole.len() - 153..whole.len()).find(|at| whole.is_char_boundary(*at));
    format!("{head}{}", from.map_or("", |at| &whole[at..]))
}

/// Names the pod of one attempt; 63 characters at most, because a pod's name is its host name too.
///
/// The hash keeps apart what the cut makes equal: other claims, purposes and runs.
pub fn pod(run: &str, claim: &str, purpose: Purpose, attempt: u32) -> String {
    let hash = short_hash(&[run, claim, purpose.as_str()]);
    let tail = format!("-{hash}-{attempt}");
    let room = 63_usize.saturating_sub("migrate-".len() + tail.len());
    let head: String = claim.chars().take(room).collect();
    // A dot or dash before the tail would start an invalid DNS label.
    format!("migrate-{}{tail}", head.trim_end_matches(['.', '-']).replace('.', "-"))
}

/// Names the record (a ConfigMap) of the group with these claims, the same in every run.
pub fn record<'a>(claims: impl IntoIterator<Item = &'a str>) -> String {
    let mut claims: Vec<&str> = claims.into_iter().collect();
    claims.sort_unstable();
    let head: String = claims.first().copied().unwrap_or_default().chars().take(100).collect();
    format!("pvmigrate-{}-{}", head.trim_end_matches(['.', '-']), short_hash(&claims))
}

/// Hashes the parts to ten hexadecimal digits: short enough for names, long enough to be unique in one cluster.
pub fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]); // so that ("a", "bc") and ("ab", "c") differ
    }
    hash.finalize().iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_claim_keeps_its_whole_name() {
        assert_eq!(destination_claim("data"), "data-pvcmigrate");
        assert_eq!(source_claim("data"), "data-pvcmigrate-src");
    }

    #[test]
    fn a_long_claim_is_cut_in_the_middle() {
        let long = format!("{}{}", "a".repeat(150), "b".repeat(103));
        let name = destination_claim(&long);
        assert_eq!(name.len(), 253);
        assert!(name.starts_with(&"a".repeat(100)));
        assert!(name.ends_with(&format!("{}-pvcmigrate", "b".repeat(103))));
        assert_ne!(name, source_claim(&long));
    }

    #[test]
    fn pods_of_claims_with_the_same_beginning_differ() {
        let long = "c".repeat(100);
        let a = pod("run", &format!("{long}a"), Purpose::Copy, 1);
        let b = pod("run", &format!("{long}b"), Purpose::Copy, 1);
        assert!(a.len() <= 63 && b.len() <= 63, "{a} {b}");
        assert_ne!(a, b);
        assert_ne!(a, pod("other", &format!("{long}a"), Purpose::Copy, 1));
        assert_ne!(a, pod("run", &format!("{long}a"), Purpose::Copy, 2));
    }

    #[test]
    fn a_pod_name_is_one_dns_label() {
        let name = pod("run", "data.", Purpose::Warm, 0);
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
    }

    #[test]
    fn a_record_is_named_by_its_claims_in_any_order() {
        assert_eq!(record(["b", "a"]), record(["a", "b"]));
        assert_ne!(record(["a", "b"]), record(["ab"]));
    }
}
