//! What kube-scheduler says when no node takes a pod: `0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient
//! cpu. preemption: ...`. Each clause counts the nodes that have refused for one reason.

use super::Cause;

/// Reasons of single nodes, in lower case; the first match counts. `None` follows from something that other messages name.
const REASONS: &[(&str, Option<Cause>)] = &[
    ("unbound immediate persistentvolumeclaims", None),
    ("were unschedulable", Some(Cause::NodesCordoned)),
    ("persistentvolume's node affinity", Some(Cause::VolumeNode)),
    ("volume node affinity conflict", Some(Cause::VolumeNode)),
    ("no available volume zone", Some(Cause::VolumeNode)),
    ("bound to non-existent p", Some(Cause::VolumeNode)),
    ("available persistent volumes to bind", Some(Cause::NoProvisioner)),
    ("enough free storage", Some(Cause::BackendFull)),
    ("max volume count", Some(Cause::AttachLimit)),
    ("pod's node affinity", Some(Cause::NodeSelector)),
    ("match node selector", Some(Cause::NodeSelector)),
    ("insufficient ", Some(Cause::InsufficientResources)),
    ("too many pods", Some(Cause::InsufficientResources)),
    ("pressure", Some(Cause::NodesNotReady)),
    ("were not ready", Some(Cause::NodesNotReady)),
];

/// Taints that Kubernetes itself puts on a node that is not in order.
const NOT_READY: [&str; 9] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/out-of-service",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cloudprovider.kubernetes.io/shutdown",
];

/// Taints of nodes that are not meant for ordinary pods: a refusal by these is expected.
const CONTROL_PLANE: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// One reason, and how many nodes have given it.
struct Clause {
    nodes: u64,
    cause: Cause,
    is_by_design: bool,
}

/// Tells whether words in lower case are the scheduler's.
pub(super) fn is_of_scheduler(words: &str) -> bool {
    words.contains("nodes are available") || words.contains("no nodes available to schedule pods")
}

/// Returns the reason that keeps the most nodes from taking the pod, in words in lower case.
pub(super) fn cause(words: &str) -> Option<Cause> {
    if words.contains("no nodes available to schedule pods") || words.contains("0/0 nodes are available") {
        return Some(Cause::NoNodes);
    }
    let (_, reasons) = words.split_once("nodes are available:")?;
    // What follows is about making room by ending other pods, or about other resources.
    let ends = [". preemption:", ". no new claims", ", preemption:"];
    let end = ends.iter().filter_map(|end| reasons.find(end)).min().unwrap_or(reasons.len());
    let clauses = reasons[..end].split(", ").filter_map(clause);
    clauses.max_by_key(|clause| (!clause.is_by_design, clause.nodes)).map(|clause| clause.cause)
}

fn clause(text: &str) -> Option<Clause> {
    let text = text.trim();
    let count = text.split_once(' ').and_then(|(count, _)| count.parse().ok());
    let cause = if text.contains("taint") { Some(of_taint(text)) } else { of_reason(text) };
    Some(Clause { nodes: count.unwrap_or(0), cause: cause?, is_by_design: is_any(text, &CONTROL_PLANE) })
}

fn of_reason(text: &str) -> Option<Cause> {
    REASONS.iter().find(|(reason, _)| text.contains(reason)).and_then(|(_, cause)| *cause)
}

fn of_taint(text: &str) -> Cause {
    if text.contains("node.kubernetes.io/unschedulable") {
        Cause::NodesCordoned
    } else if is_any(text, &NOT_READY) {
        Cause::NodesNotReady
    } else {
        Cause::UntoleratedTaint
    }
}

fn is_any(text: &str, keys: &[&str]) -> bool {
    keys.iter().any(|key| text.contains(key))
}

/// Returns the taints that a message names, such as `dedicated: gpu`; newer schedulers name none.
pub(super) fn taints(words: &str) -> Vec<&str> {
    let mut found: Vec<&str> = words
        .split("taint")
        .skip(1)
        .filter_map(|rest| rest.trim_start_matches("(s)").trim_start().strip_prefix('{')?.split_once('}'))
        .map(|(taint, _)| taint.trim().trim_end_matches(':'))
        .filter(|taint| !is_any(taint, &CONTROL_PLANE))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}
