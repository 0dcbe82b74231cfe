//! The limits that no policy may loosen.
//!
//! Two kinds: claims that never move whatever policies vote ([`scope`]), and shapes that would break what runs
//! or cannot work ([`check`]). A policy may tighten; it cannot reach this code.

use std::collections::BTreeSet;

use super::answer::{Reason, Severity};
use super::facts;
use super::object::Pairs;
use super::question::{ClassMode, Request, Volume};
use super::verdict::{About, Decider, Judged, Target};
use crate::access::{AccessMode, VolumeMode};

/// A claim outside the one namespace that the user asked for.
pub const OUTSIDE_NAMESPACE: &str = "outside-namespace";
/// A claim that is on the target class already.
pub const ALREADY_ON_TARGET: &str = "already-on-target";
/// A claim whose class is not the one that the user asked to migrate from.
pub const OUTSIDE_SOURCE_CLASS: &str = "outside-source-class";
/// A claim that asks for an access mode which this version does not know.
pub const UNKNOWN_MODE: &str = "unknown-access-mode";
/// A shape without access modes.
pub const NO_MODES: &str = "no-access-modes";
/// `ReadWriteOncePod` beside another mode.
pub const RWOP_NOT_ALONE: &str = "rwop-not-alone";
/// Modes that do not cover what the running pods do with the claim.
pub const NARROWER_THAN_USED: &str = "narrower-than-used";
/// A mode that the target class is known not to offer.
pub const UNSUPPORTED_MODE: &str = "unsupported-mode";
/// A directory that would become a device, or the other way round.
pub const VOLUME_MODE_CHANGED: &str = "volume-mode-changed";

/// Returns why a claim must stay whatever the policies vote; `None` means that they decide.
pub fn scope(request: &Request, volume: &Volume) -> Option<Reason> {
    let only = request.facts.get(facts::NAMESPACE);
    if let Some(only) = only.filter(|only| **only != volume.namespace) {
        return Some(reason(OUTSIDE_NAMESPACE, format!("only namespace {only} was asked for")));
    }
    if volume.storage_class.as_ref() == Some(&request.target.name) {
        return Some(reason(ALREADY_ON_TARGET, format!("it is on StorageClass {} already", request.target.name)));
    }
    let source = request.facts.get(facts::SOURCE_CLASS);
    if let Some(source) = source.filter(|source| volume.storage_class.as_ref() != Some(*source)) {
        return Some(reason(OUTSIDE_SOURCE_CLASS, format!("only StorageClass {source} was asked for")));
    }
    let code = volume.facts.get(facts::STAYS)?;
    Some(reason(code, volume.facts.get(facts::STAYS_WHY).cloned().unwrap_or_default()))
}

/// Checks a decided shape, and returns one blocker for each limit that it breaks.
pub fn check(request: &Request, volume: &Volume, target: &Target) -> Vec<Judged> {
    let broken = [
        unknown_mode(volume),
        no_modes(volume, target),
        rwop_not_alone(target),
        volume_mode_changed(volume, target),
        narrower_than_used(volume, target),
        unsupported_mode(request, target),
    ];
    broken.into_iter().flatten().map(|broken| broken.judged(volume, target)).collect()
}

/// One limit broken, before it is tied to a claim.
struct Broken {
    code: &'static str,
    message: String,
    remedy: String,
}

impl Broken {
    fn judged(self, volume: &Volume, target: &Target) -> Judged {
        Judged {
            by: Decider::Host,
            code: self.code.to_owned(),
            severity: Severity::Blocker,
            about: About::Claim { namespace: volume.namespace.clone(), name: volume.name.clone() },
            message: self.message,
            remedy: Some(self.remedy),
            details: Pairs::from([
                ("decidedBy".to_owned(), target.by.to_string()),
                ("modes".to_owned(), list(&target.modes)),
            ]),
        }
    }
}

fn unknown_mode(volume: &Volume) -> Option<Broken> {
    let modes = volume.facts.get(facts::UNKNOWN_MODES)?;
    Some(Broken {
        code: UNKNOWN_MODE,
        message: format!("it asks for access mode {modes}, which this version of pvmigrate does not know"),
        remedy: "see whether a newer pvmigrate knows it, or leave the claim out with a policy".into(),
    })
}

fn no_modes(volume: &Volume, target: &Target) -> Option<Broken> {
    // What cannot be understood is reported as that.
    let is_missing = target.modes.is_empty() && !volume.facts.contains_key(facts::UNKNOWN_MODES);
    is_missing.then(|| Broken {
        code: NO_MODES,
        message: format!("{} gave the new claim no access modes", target.by),
        remedy: "make the policy name at least one access mode, or none at all to keep the claim's own".into(),
    })
}

fn rwop_not_alone(target: &Target) -> Option<Broken> {
    let alone = target.modes.len() <= 1 || !target.modes.contains(&AccessMode::ReadWriteOncePod);
    (!alone).then(|| Broken {
        code: RWOP_NOT_ALONE,
        message: format!(
            "{} gave the new claim {}, but Kubernetes allows no mode beside ReadWriteOncePod",
            target.by,
            list(&target.modes)
        ),
        remedy: "drop ReadWriteOncePod, or drop the others".into(),
    })
}

fn volume_mode_changed(volume: &Volume, target: &Target) -> Option<Broken> {
    (volume.volume_mode != target.volume_mode).then(|| Broken {
        code: VOLUME_MODE_CHANGED,
        message: format!(
            "{} gave the new claim volume mode {}, but the data is a {} volume",
            target.by, target.volume_mode, volume.volume_mode
        ),
        remedy: format!("keep volume mode {}", volume.volume_mode),
    })
}

fn narrower_than_used(volume: &Volume, target: &Target) -> Option<Broken> {
    let use_now = Use::of(volume)?;
    let enough = target.modes.is_empty() || use_now.is_covered_by(&target.modes);
    (!enough).then(|| Broken {
        code: NARROWER_THAN_USED,
        message: format!("{} gave the new claim {}, but {}", target.by, list(&target.modes), use_now.description()),
        remedy: format!("choose {}, or scale the workload down to what the mode allows first", list(use_now.enough())),
    })
}

fn unsupported_mode(request: &Request, target: &Target) -> Option<Broken> {
    let known = &request.target.known_modes;
    if known.is_empty() || request.is_on(facts::FORCE_MODES) {
        return None;
    }
    let offered =
        |mode: &AccessMode| known.contains(&ClassMode { volume_mode: target.volume_mode, access_mode: *mode });
    let missing: Vec<_> = target.modes.iter().copied().filter(|mode| !offered(mode)).collect();
    (!missing.is_empty()).then(|| Broken {
        code: UNSUPPORTED_MODE,
        message: format!(
            "StorageClass {} (provisioner {}) is not known to offer {} for {} volumes",
            request.target.name,
            request.target.provisioner,
            list(&missing),
            target.volume_mode
        ),
        remedy: known_remedy(known, target.volume_mode),
    })
}

fn known_remedy(known: &[ClassMode], volume_mode: VolumeMode) -> String {
    let offered: Vec<_> =
        known.iter().filter(|offer| offer.volume_mode == volume_mode).map(|offer| offer.access_mode).collect();
    let annotation = super::known_modes::ANNOTATION;
    if offered.is_empty() {
        return format!("choose another class; if this one can, say so in its annotation {annotation}");
    }
    format!(
        "choose {} through the claim's annotation kurl.sh/pvcmigrate-destinationaccessmode; if the class can more, say so in its annotation {annotation}",
        list(&offered)
    )
}

/// What the running pods do with a claim.
struct Use {
    pods: usize,
    nodes: usize,
    writes: bool,
}

impl Use {
    /// Sums up the running pods; `None` when there are none.
    fn of(volume: &Volume) -> Option<Self> {
        let running: Vec<_> = volume.consumers.iter().filter(|pod| pod.running).collect();
        let nodes: BTreeSet<_> = running.iter().filter_map(|pod| pod.node.as_ref()).collect();
        (!running.is_empty()).then(|| Self {
            pods: running.len(),
            nodes: nodes.len(),
            writes: running.iter().any(|pod| !pod.read_only),
        })
    }

    /// Lists the modes of which any one is enough. A mode that only readers can use is not enough for a writer,
    /// and one node's or one pod's mode is not enough for several.
    fn enough(&self) -> &'static [AccessMode] {
        use AccessMode::{ReadOnlyMany, ReadWriteMany, ReadWriteOnce, ReadWriteOncePod};
        match (self.nodes > 1, self.pods > 1, self.writes) {
            (true, _, true) => &[ReadWriteMany],
            (true, _, false) => &[ReadWriteMany, ReadOnlyMany],
            (false, true, true) => &[ReadWriteOnce, ReadWriteMany],
            (false, true, false) => &[ReadWriteOnce, ReadWriteMany, ReadOnlyMany],
            (false, false, true) => &[ReadWriteOnce, ReadWriteMany, ReadWriteOncePod],
            (false, false, false) => &AccessMode::ALL,
        }
    }

    fn is_covered_by(&self, modes: &[AccessMode]) -> bool {
        modes.iter().any(|mode| self.enough().contains(mode))
    }

    fn description(&self) -> String {
        let verb = if self.writes { "write to" } else { "read" };
        match (self.pods, self.nodes) {
            (1, _) => format!("a running pod may {verb} the claim"),
            (pods, nodes) if nodes > 1 => {
                format!("{pods} running pods on {nodes} nodes may {verb} the claim")
            }
            (pods, _) => format!("{pods} running pods may {verb} the claim"),
        }
    }
}

fn reason(code: &str, message: String) -> Reason {
    Reason { code: code.to_owned(), message, details: Pairs::new() }
}

fn list(modes: &[AccessMode]) -> String {
    let words: Vec<_> = modes.iter().map(|mode| mode.as_str()).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::Use;
    use crate::access::AccessMode::{self, ReadOnlyMany, ReadWriteMany, ReadWriteOnce, ReadWriteOncePod};

    /// Each row: pods, nodes, whether any writes, and the modes of which one is enough.
    #[test]
    fn what_running_pods_need() {
        let table: &[(usize, usize, bool, &[AccessMode])] = &[
            (1, 1, true, &[ReadWriteOnce, ReadWriteMany, ReadWriteOncePod]),
            (1, 1, false, &[ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod]),
            (2, 1, true, &[ReadWriteOnce, ReadWriteMany]),
            (2, 1, false, &[ReadWriteOnce, ReadOnlyMany, ReadWriteMany]),
            (2, 2, true, &[ReadWriteMany]),
            (2, 2, false, &[ReadOnlyMany, ReadWriteMany]),
            // A pod without a node yet counts as a pod, not as another node.
            (2, 0, true, &[ReadWriteOnce, ReadWriteMany]),
        ];
        for (pods, nodes, writes, enough) in table {
            let used = Use { pods: *pods, nodes: *nodes, writes: *writes };
            for mode in AccessMode::ALL {
                let row = (pods, nodes, writes, mode);
                assert_eq!(used.is_covered_by(&[mode]), enough.contains(&mode), "{row:?}");
            }
        }
    }

    #[test]
    fn one_sufficient_mode_among_several_is_enough() {
        let used = Use { pods: 2, nodes: 2, writes: true };
        assert!(used.is_covered_by(&[ReadWriteOnce, ReadWriteMany]));
        assert!(!used.is_covered_by(&[ReadWriteOnce, ReadOnlyMany]));
    }
}
