//! Taints: what keeps pods off a node, and what drives them away.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::pods;
use crate::{
    kinds,
    object::{self, flag, items, number, text},
    store::{Key, Store},
};

/// On a node that says of itself that it is not ready.
pub(crate) const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// On a node that has not been heard of for a while.
pub(crate) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// On a node that was cordoned.
pub(crate) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

const NO_SCHEDULE: &str = "NoSchedule";
const NO_EXECUTE: &str = "NoExecute";

/// Returns the status of a node's Ready condition; a node that has none, as in hand-written files, is ready.
pub(crate) fn readiness(node: &Value) -> &str {
    let ready = items(node, "/status/conditions").iter().find(|one| text(one, "/type") == Some("Ready"));
    ready.and_then(|one| text(one, "/status")).unwrap_or("True")
}

/// Returns a node's taints, with those that the node controllers would have added for its state.
fn of_node(node: &Value) -> Vec<Value> {
    let mut taints = items(node, "/spec/taints").to_vec();
    let mut add = |key: &str, effect: &str| {
        if !taints.iter().any(|one| text(one, "/key") == Some(key) && text(one, "/effect") == Some(effect)) {
            taints.push(json!({"key": key, "effect": effect}));
        }
    };
    if flag(node, "/spec/unschedulable") {
        add(UNSCHEDULABLE, NO_SCHEDULE);
    }
    let lost = match readiness(node) {
        "True" => None,
        "False" => Some(NOT_READY),
        _ => Some(UNREACHABLE),
    };
    for effect in lost.iter().flat_map(|_| [NO_SCHEDULE, NO_EXECUTE]) {
        add(lost.unwrap_or_default(), effect);
    }
    taints
}

fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let fits = |field: &str| text(toleration, field).is_none_or(|value| Some(value) == text(taint, field));
    let by_value = match text(toleration, "/operator") {
        None | Some("Equal") => text(toleration, "/value") == text(taint, "/value"),
        Some(operator) => operator == "Exists",
    };
    fits("/effect") && fits("/key") && by_value
}

fn is_tolerated(taint: &Value, tolerations: &[Value]) -> bool {
    tolerations.iter().any(|one| tolerates(one, taint))
}

/// Tells whether a pod with these tolerations may be put on a node as far as its taints go.
pub(super) fn admit(node: &Value, tolerations: &[Value]) -> bool {
    of_node(node)
        .iter()
        .filter(|taint| matches!(text(taint, "/effect"), Some(NO_SCHEDULE | NO_EXECUTE)))
        .all(|taint| is_tolerated(taint, tolerations))
}

/// Tells whether a pod with these tolerations is driven away from a node at once.
pub(super) fn drive_away(node: &Value, tolerations: &[Value]) -> bool {
    stay(node, tolerations) == Stay::Not
}

/// Tells whether a cordon keeps a pod with these tolerations away.
pub(super) fn is_cordoned_for(node: &Value, tolerations: &[Value]) -> bool {
    let cordon = json!({"key": UNSCHEDULABLE, "effect": NO_SCHEDULE});
    flag(node, "/spec/unschedulable") && !is_tolerated(&cordon, tolerations)
}

/// How long a node's `NoExecute` taints let a pod stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stay {
    Ever,
    For(Duration),
    Not,
}

fn stay(node: &Value, tolerations: &[Value]) -> Stay {
    let mut shortest = Stay::Ever;
    for taint in of_node(node).iter().filter(|taint| text(taint, "/effect") == Some(NO_EXECUTE)) {
        let Some(toleration) = tolerations.iter().find(|one| tolerates(one, taint)) else { return Stay::Not };
        let Some(seconds) = number(toleration, "/tolerationSeconds") else { continue };
        let time = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
        shortest = match shortest {
            _ if time.is_zero() => return Stay::Not,
            Stay::For(earlier) => Stay::For(earlier.min(time)),
            _ => Stay::For(time),
        };
    }
    shortest
}

/// The pods that have to leave their nodes after a while, by uid, with when that began.
#[derive(Debug, Default)]
pub(super) struct Evictions(BTreeMap<String, Instant>);

impl Evictions {
    /// Deletes a pod that its node's taints drive away; returns when to look again at one that may stay for a while.
    pub(super) fn look(&mut self, store: &mut Store, key: &Key, pod: &Value) -> Option<Instant> {
        let uid = object::uid(pod);
        let node = text(pod, "/spec/nodeName").and_then(|name| store.find(&kinds::NODES, "", name));
        let tolerations = items(pod, "/spec/tolerations");
        let time = match node.map_or(Stay::Ever, |node| stay(&node, tolerations)) {
            Stay::Ever => {
                self.0.remove(uid);
                return None;
            }
            Stay::For(time) => time,
            Stay::Not => Duration::ZERO,
        };
        let due = self.0.get(uid).copied().unwrap_or_else(Instant::now).checked_add(time)?;
        if due > Instant::now() {
            self.0.entry(uid.to_owned()).or_insert(due - time);
            return Some(due);
        }
        self.0.remove(uid);
        let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
        store.record_event(pod, "Normal", "TaintManagerEviction", &message, "taint-eviction-controller");
        pods::delete(store, key, pod);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(taints: Value) -> Value {
        json!({"metadata": {"name": "n"}, "spec": {"taints": taints}})
    }

    #[test]
    fn a_toleration_fits_by_key_value_and_effect() {
        let taint = json!({"key": "dedicated", "value": "db", "effect": "NoExecute"});
        let cases = [
            (json!({"key": "dedicated", "value": "db"}), true),
            (json!({"key": "dedicated", "operator": "Equal", "value": "db", "effect": "NoExecute"}), true),
            (json!({"key": "dedicated", "operator": "Exists"}), true),
            (json!({"operator": "Exists"}), true),
            (json!({"operator": "Exists", "effect": "NoExecute"}), true),
            (json!({"operator": "Exists", "effect": "NoSchedule"}), false),
            (json!({"key": "dedicated"}), false),
            (json!({"key": "dedicated", "value": "web"}), false),
            (json!({"key": "other", "operator": "Exists"}), false),
            (json!({"key": "dedicated", "operator": "Like", "value": "db"}), false),
        ];
        for (toleration, fits) in cases {
            assert_eq!(tolerates(&toleration, &taint), fits, "{toleration}");
        }
    }

    #[test]
    fn a_preference_keeps_nobody_away() {
        assert!(admit(&node(json!([{"key": "a", "effect": "PreferNoSchedule"}])), &[]));
        assert!(!admit(&node(json!([{"key": "a", "effect": "NoSchedule"}])), &[]));
        assert!(!drive_away(&node(json!([{"key": "a", "effect": "NoSchedule"}])), &[]));
        assert!(drive_away(&node(json!([{"key": "a", "effect": "NoExecute"}])), &[]));
    }

    #[test]
    fn the_shortest_toleration_counts() {
        let both = node(json!([{"key": "a", "effect": "NoExecute"}, {"key": "b", "effect": "NoExecute"}]));
        let a = json!({"key": "a", "operator": "Exists", "tolerationSeconds": 60});
        let b = |seconds: i64| json!({"key": "b", "operator": "Exists", "tolerationSeconds": seconds});
        assert_eq!(stay(&both, &[a.clone(), b(30)]), Stay::For(Duration::from_secs(30)));
        assert_eq!(stay(&both, &[a.clone(), b(0)]), Stay::Not);
        assert_eq!(stay(&both, &[a]), Stay::Not);
        assert_eq!(stay(&both, &[json!({"operator": "Exists"})]), Stay::Ever);
    }

    #[test]
    fn the_state_of_a_node_is_a_taint() {
        let ready = |status: &str| json!({"status": {"conditions": [{"type": "Ready", "status": status}]}});
        let no_schedule = [json!({"operator": "Exists", "effect": "NoSchedule"})];
        assert!(admit(&ready("True"), &[]));
        assert_eq!(stay(&ready("False"), &no_schedule), Stay::Not);
        assert_eq!(of_node(&ready("Unknown"))[1], json!({"key": UNREACHABLE, "effect": "NoExecute"}));
        let cordoned = json!({"spec": {"unschedulable": true}});
        assert!(!admit(&cordoned, &[]) && is_cordoned_for(&cordoned, &[]));
        assert!(admit(&cordoned, &no_schedule) && !is_cordoned_for(&cordoned, &no_schedule));
    }
}
