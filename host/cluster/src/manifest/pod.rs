//! The pods that run rsync, and the one that only has a destination provisioned.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, EmptyDirVolumeSource, EnvVar, NodeAffinity, NodeSelector,
    NodeSelectorRequirement, NodeSelectorTerm, PersistentVolumeClaimVolumeSource, Pod, PodSpec,
    PreferredSchedulingTerm, ResourceRequirements, SeccompProfile, SecurityContext, Toleration, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use pvmigrate_core::names;
use pvmigrate_core::record::{ClaimRecord, Purpose, Record};
use pvmigrate_core::toleration;

use super::{labels, map};

/// Where the source is mounted. The slash at the end makes rsync copy what is in it.
const SOURCE: &str = "/source";
/// Where the destination is mounted.
const DESTINATION: &str = "/dest";
/// Where there is nothing.
const EMPTY: &str = "/empty";

/// rsync must not be cut off while it writes, but it needs no longer than this to notice a SIGTERM.
pub(crate) const GRACE_SECONDS: i64 = 5;

/// What the reference tool always gives rsync.
const REFERENCE_FLAGS: [&str; 4] = ["-a", "-v", "-P", "--delete"];

/// What `-a` loses, and what makes the outcome readable. The user's own flags come after and may take any of it back.
const FLAGS: [&str; 12] = [
    // What a pass that was cut off has left of a file is worth nothing, and the next one would need room beside it.
    "--no-partial",
    // Two names of one file stay one file.
    "--hard-links",
    "--acls",
    "--xattrs",
    // A label of the old mount, which the node sets itself on the new one; a container is not allowed to set it.
    "--filter=-x security.selinux",
    // With a filter of xattrs rsync drops its own, so that is repeated: ACLs are copied as such, by --acls.
    "--filter=-x system.*",
    // Holes stay holes: a file of 1 TiB with 1 GiB in it must fit where it fitted before.
    "--sparse",
    // The image's users are not the workload's.
    "--numeric-ids",
    // Times to the nanosecond: a file changed twice within a second is copied twice.
    "--modify-window=-1",
    // The closing totals are the evidence.
    "--stats",
    "--info=progress2",
    LOST_AND_FOUND,
];

/// Made by ext4 itself on either side; not the workload's.
const LOST_AND_FOUND: &str = "--exclude=/lost+found";

/// The minimum that `rsync -aHAX` needs as root with everything else dropped. All are in Pod Security's `baseline`.
///
/// `trusted.` xattrs would need `SYS_ADMIN`, which is all but root of the node; no workload without it can have made any.
const CAPABILITIES: [&str; 6] = [
    "CHOWN",        // give files to their owners
    "DAC_OVERRIDE", // read and write files of others whatever their mode
    "FOWNER",       // set mode, times, ACLs and xattrs on them
    "FSETID",       // keep setuid and setgid bits on them
    "MKNOD",        // create device nodes
    "SETFCAP",      // keep file capabilities, an xattr
];

/// The place of a pass among those of its pod, which gives its container and its volumes their names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    index: usize,
    count: usize,
}

impl Place {
    /// The place of the only one.
    pub(crate) const ONLY: Self = Self { index: 0, count: 1 };

    fn volume(self, name: &str) -> String {
        if self.count == 1 { name.to_owned() } else { format!("{name}-{}", self.index) }
    }

    /// Divides what a pod asks for among its passes, but leaves each of them at least `least`.
    fn share(self, whole: usize, least: usize) -> usize {
        (whole / self.count.max(1)).max(least)
    }
}

/// Builds the pod of one attempt, with a pass for each claim; `None` if no claim is given.
pub(crate) fn of(record: &Record, claims: &[(&str, &ClaimRecord)], purpose: Purpose, attempt: u32) -> Option<Pod> {
    let (_, first) = claims.first()?;
    // Of two limits rsync takes the last one.
    let limit = record.asked.warm_rate.as_ref().map(|rate| format!("--bwlimit={rate}"));
    let (mut containers, mut all_volumes, mut emptying) = (Vec::new(), Vec::new(), Vec::new());
    for (index, (claim, facts)) in claims.iter().enumerate() {
        let place = Place { index, count: claims.len() };
        let source = match purpose {
            // With the source in it the pod lands where the copy can mount both. Where a node is known the source is not
            // needed, and one that only one pod may mount is not ours to take.
            Purpose::Prime => (facts.source.node.is_none() && !facts.is_for_one_pod()).then(|| (*claim).to_owned()),
            Purpose::Warm => Some((*claim).to_owned()),
            Purpose::Copy | Purpose::Leftover => Some(names::source_claim(claim)),
        };
        let args = match purpose {
            Purpose::Prime => vec!["--version".to_owned()],
            Purpose::Warm => copy_args(record.asked.rsync_flags.iter().chain(&limit)),
            Purpose::Copy | Purpose::Leftover => copy_args(&record.asked.rsync_flags),
        };
        containers.push(container(&record.asked.rsync_image, args, source.is_some(), place));
        all_volumes.extend(volumes(source.as_deref(), &names::destination_claim(claim), place));
        if facts.begins_empty(purpose) {
            emptying.push(emptier(&record.asked.rsync_image, place));
        }
    }
    if !emptying.is_empty() {
        all_volumes.push(Volume {
            name: "empty".to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        });
    }
    Some(Pod {
        metadata: metadata(record, claims, purpose, attempt)?,
        spec: Some(PodSpec {
            init_containers: Some(emptying).filter(|emptying| !emptying.is_empty()),
            containers,
            volumes: Some(all_volumes),
            // Claims that are on different nodes are not put into one pod.
            affinity: Some(affinity(purpose, first.source.node.as_deref())),
            ..bare_spec(claims.iter().flat_map(|(_, facts)| &facts.tolerations))
        }),
        status: None,
    })
}

/// Returns rsync's arguments: the reference tool's, ours, the user's, then from and to.
pub(crate) fn copy_args<'a>(user: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let ours = REFERENCE_FLAGS.iter().chain(&FLAGS).map(|flag| (*flag).to_owned());
    let ends = [format!("{SOURCE}/"), DESTINATION.to_owned()];
    ours.chain(user.into_iter().cloned()).chain(ends).collect()
}

/// Returns the arguments with which a trial asks rsync whether it knows all flags of the copies, while it copies nothing. What
/// the user's flags name on the volumes of a copy is not there; then rsync is only asked for its version.
pub(crate) fn trial_args(user: &[String]) -> Vec<String> {
    if user.iter().any(|flag| flag.contains(SOURCE) || flag.contains(DESTINATION)) {
        return vec!["--version".to_owned()];
    }
    let mut args = copy_args(user);
    args.truncate(args.len() - 2);
    args.extend(["--dry-run".to_owned(), format!("{DESTINATION}/"), DESTINATION.to_owned()]);
    args
}

fn metadata(record: &Record, claims: &[(&str, &ClaimRecord)], purpose: Purpose, attempt: u32) -> Option<ObjectMeta> {
    let (first, _) = claims.first()?;
    let attempt_text = attempt.to_string();
    let all: Vec<&str> = claims.iter().map(|(claim, _)| *claim).collect();
    let all = all.join(",");
    let serves = if claims.len() == 1 { names::CLAIM } else { names::CLAIMS };
    let mut annotations = no_sidecar_annotations();
    annotations.extend(map([
        (serves, all.as_str()),
        (names::KIND, names::KIND_COPY),
        (names::RUN, &record.run),
        (names::PURPOSE, purpose.as_str()),
        (names::ATTEMPT, &attempt_text),
    ]));
    Some(ObjectMeta {
        name: Some(names::pod(&record.run, first, purpose, attempt)),
        namespace: Some(record.namespace.clone()),
        labels: Some(pod_labels()),
        annotations: Some(annotations),
        // Only the copy that counts leaves a result that must not vanish unread.
        finalizers: (purpose == Purpose::Copy).then(|| vec![names::TOMBSTONE.to_owned()]),
        ..ObjectMeta::default()
    })
}

/// Keeps service meshes from injecting a sidecar, which would never end.
pub(crate) fn no_sidecar_annotations() -> BTreeMap<String, String> {
    map([("sidecar.istio.io/inject", "false"), ("linkerd.io/inject", "disabled")])
}

/// Labels of every pod of ours. Newer Istio reads its switch from a label.
pub(crate) fn pod_labels() -> BTreeMap<String, String> {
    let mut all = labels();
    all.extend(map([("sidecar.istio.io/inject", "false")]));
    all
}

/// Returns what all pods of ours have in common; they tolerate what is given as well.
pub(crate) fn bare_spec<'a>(given: impl Iterator<Item = &'a toleration::Toleration>) -> PodSpec {
    // The volume may be bound to a node that is kept free of ordinary pods.
    let every = Toleration {
        operator: Some("Exists".to_owned()),
        effect: Some("NoSchedule".to_owned()),
        ..Toleration::default()
    };
    let given: BTreeSet<&toleration::Toleration> = given.collect();
    let given = given.into_iter().map(|one| Toleration {
        key: one.key.clone(),
        operator: one.operator.clone(),
        value: one.value.clone(),
        effect: Some("NoExecute".to_owned()),
        toleration_seconds: None,
    });
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        // rsync looks up no names, so it works in a cluster without DNS, or while DNS itself is moved.
        dns_policy: Some("Default".to_owned()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        tolerations: Some([every].into_iter().chain(given).collect()),
        affinity: Some(Affinity { node_affinity: Some(not_on_windows()), ..Affinity::default() }),
        ..PodSpec::default()
    }
}

/// Keeps the pod off Windows nodes: tolerating every taint must not put a Linux image there.
fn not_on_windows() -> NodeAffinity {
    let os = NodeSelectorRequirement {
        key: "kubernetes.io/os".to_owned(),
        operator: "NotIn".to_owned(),
        values: Some(vec!["windows".to_owned()]),
    };
    let term = NodeSelectorTerm { match_expressions: Some(vec![os]), match_fields: None };
    NodeAffinity {
        required_during_scheduling_ignored_during_execution: Some(NodeSelector { node_selector_terms: vec![term] }),
        preferred_during_scheduling_ignored_during_execution: None,
    }
}

/// Returns where a copy is to run. A warm copy must run where the workload has the source mounted. The copy that counts
/// prefers that node, where the source needs no new attachment, but the destination may lie elsewhere.
fn affinity(purpose: Purpose, node: Option<&str>) -> Affinity {
    let mut affinity = not_on_windows();
    if let Some(node) = node {
        // By the node's name: the host name label may differ from it.
        let name = NodeSelectorRequirement {
            key: "metadata.name".to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![node.to_owned()]),
        };
        match purpose {
            Purpose::Warm => {
                let required = affinity.required_during_scheduling_ignored_during_execution.iter_mut();
                for term in required.flat_map(|required| &mut required.node_selector_terms) {
                    term.match_fields = Some(vec![name.clone()]);
                }
            }
            Purpose::Copy | Purpose::Prime | Purpose::Leftover => {
                let preference = NodeSelectorTerm { match_fields: Some(vec![name]), match_expressions: None };
                affinity.preferred_during_scheduling_ignored_during_execution =
                    Some(vec![PreferredSchedulingTerm { weight: 100, preference }]);
            }
        }
    }
    Affinity { node_affinity: Some(affinity), ..Affinity::default() }
}

/// Builds the container that runs rsync.
pub(crate) fn container(image: &str, args: Vec<String>, has_source: bool, place: Place) -> Container {
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: place.volume(name),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let mut mounts = vec![mount("dest", DESTINATION, false)];
    if has_source {
        mounts.insert(0, mount("source", SOURCE, true));
    }
    Container {
        name: names::container(place.index, place.count),
        image: Some(image.to_owned()),
        command: Some(vec!["rsync".to_owned()]),
        args: Some(args),
        // rsync writes its numbers in the locale's form.
        env: Some(vec![EnvVar { name: "LC_ALL".to_owned(), value: Some("C".to_owned()), value_from: None }]),
        volume_mounts: Some(mounts),
        // So that a failed pod's last words are in its object, and need no further request.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        security_context: Some(security()),
        // Enough for the scheduler to count it. No limits: rsync's memory grows with the number of files.
        resources: Some(ResourceRequirements {
            requests: Some(BTreeMap::from([
                ("cpu".to_owned(), Quantity(format!("{}m", place.share(100, 10)))),
                ("memory".to_owned(), Quantity(format!("{}Mi", place.share(64, 16)))),
            ])),
            ..ResourceRequirements::default()
        }),
        ..Container::default()
    }
}

/// Builds the container that empties a destination before its pass.
fn emptier(image: &str, place: Place) -> Container {
    let args = ["-a", "--delete", LOST_AND_FOUND, &format!("{EMPTY}/"), DESTINATION].map(str::to_owned);
    let mut emptier = container(image, args.to_vec(), false, place);
    emptier.name = place.volume("empty");
    let nothing = VolumeMount {
        name: "empty".to_owned(),
        mount_path: EMPTY.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    };
    emptier.volume_mounts.get_or_insert_default().insert(0, nothing);
    emptier
}

/// Returns what rsync needs: root, because files of any owner are copied, but with hardly anything else that root has.
///
/// No `fsGroup` anywhere: the node would give the volumes' files to that group.
fn security() -> SecurityContext {
    SecurityContext {
        run_as_user: Some(0),
        run_as_group: Some(0),
        run_as_non_root: Some(false),
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: Some(CAPABILITIES.iter().map(|capability| (*capability).to_owned()).collect()),
        }),
        seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
        ..SecurityContext::default()
    }
}

fn volumes(source: Option<&str>, destination: &str, place: Place) -> Vec<Volume> {
    let mut volumes = vec![volume(&place.volume("dest"), destination, false)];
    if let Some(source) = source {
        volumes.insert(0, volume(&place.volume("source"), source, true));
    }
    volumes
}

pub(crate) fn volume(name: &str, claim: &str, read_only: bool) -> Volume {
    Volume {
        name: name.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            read_only: read_only.then_some(true),
        }),
        ..Volume::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
