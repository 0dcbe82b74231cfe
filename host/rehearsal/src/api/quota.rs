//! ResourceQuotas: what a namespace's objects take up, and the refusal of what would be too much.
//!
//! Claims and pods are counted by number and by what they request, all other kinds by number. Scopes are not read: a
//! quota with scopes counts everything.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::failure::Failure;
use crate::{
    kinds::{self, Kind},
    object::{self, text, thousandths_of_quantity},
    store::{Key, Store, lifecycle},
};

/// Amounts in thousandths, by the name a quota has for them.
type Amounts = BTreeMap<String, u128>;

/// Refuses an object that would go beyond a quota of its namespace.
pub(super) fn check(store: &Store, kind: &Kind, new: &Value) -> Result<(), Failure> {
    for (key, quota) in store.list(&kinds::QUOTAS, object::namespace(new)) {
        let hard = hard(quota);
        let missing = unnamed(kind, new, &hard);
        if !missing.is_empty() {
            let why = format!("failed quota: {}: must specify {}", key.name, missing.join("; "));
            return Err(Failure::forbidden(kind, object::name(new), &why));
        }
        let (wanted, used) = (amounts(kind, new), used(store, &key.namespace, &hard));
        let exceeded: Vec<&String> = hard
            .keys()
            .filter(|name| wanted.get(*name).is_some_and(|wanted| *wanted > 0 && used[*name] + wanted > hard[*name]))
            .collect();
        if !exceeded.is_empty() {
            let list = |amounts: &Amounts| {
                let each = exceeded.iter().map(|name| format!("{name}={}", shown(name, amounts[*name])));
                each.collect::<Vec<_>>().join(",")
            };
            let (name, requested, used, limited) = (&key.name, list(&wanted), list(&used), list(&hard));
            let why = format!("exceeded quota: {name}, requested: {requested}, used: {used}, limited: {limited}");
            return Err(Failure::forbidden(kind, object::name(new), &why));
        }
    }
    Ok(())
}

/// Writes into a quota what is used of it.
pub(crate) fn recount(store: &mut Store, key: &Key, quota: &Value) {
    let hard = hard(quota);
    let used: BTreeMap<String, String> = used(store, &key.namespace, &hard)
        .into_iter()
        .map(|(name, amount)| (name.clone(), shown(&name, amount)))
        .collect();
    lifecycle::edit(store, key, |quota| quota["status"] = json!({"hard": quota["spec"]["hard"], "used": used}));
}

fn hard(quota: &Value) -> Amounts {
    let pairs = object::pairs(quota, "/spec/hard").into_iter();
    pairs.filter_map(|(name, bound)| Some((name, thousandths_of_quantity(&bound)?))).collect()
}

fn used(store: &Store, namespace: &str, hard: &Amounts) -> Amounts {
    let mut used: Amounts = hard.keys().map(|name| (name.clone(), 0)).collect();
    for (key, object) in kinds::all().filter(|kind| kind.namespaced).flat_map(|kind| store.list(kind, namespace)) {
        for (name, amount) in amounts(key.kind, object) {
            if let Some(sum) = used.get_mut(&name) {
                *sum += amount;
            }
        }
    }
    used
}

/// Returns what one object takes up.
fn amounts(kind: &Kind, object: &Value) -> Amounts {
    let mut amounts = Amounts::from([(format!("count/{}", kind.resource()), 1000)]);
    if kind.group.is_empty() {
        amounts.insert(kind.plural.to_owned(), 1000);
    }
    if *kind == kinds::CLAIMS {
        let size = text(object, "/spec/resources/requests/storage").and_then(thousandths_of_quantity).unwrap_or(0);
        amounts.insert("requests.storage".to_owned(), size);
        if let Some(class) = text(object, "/spec/storageClassName") {
            amounts.insert(format!("{class}.storageclass.storage.k8s.io/requests.storage"), size);
            amounts.insert(format!("{class}.storageclass.storage.k8s.io/persistentvolumeclaims"), 1000);
        }
    }
    if *kind == kinds::PODS {
        if object::is_finished_pod(object) {
            return Amounts::from([("count/pods".to_owned(), 1000)]);
        }
        for resource in ["cpu", "memory"] {
            let (requests, limits) = (sum(object, "requests", resource), sum(object, "limits", resource));
            amounts.insert(resource.to_owned(), requests);
            amounts.insert(format!("requests.{resource}"), requests);
            amounts.insert(format!("limits.{resource}"), limits);
        }
    }
    amounts
}

fn sum(pod: &Value, list: &str, resource: &str) -> u128 {
    let place = format!("/resources/{list}/{resource}");
    let containers = object::items(pod, "/spec/containers").iter();
    containers.filter_map(|container| thousandths_of_quantity(text(container, &place)?)).sum()
}

/// Returns what a pod must name because a quota counts it, as `limits.memory for: one,two`.
fn unnamed(kind: &Kind, pod: &Value, hard: &Amounts) -> Vec<String> {
    if *kind != kinds::PODS {
        return Vec::new();
    }
    let mut missing = Vec::new();
    for name in hard.keys() {
        let (list, resource) = match name.split_once('.') {
            Some((list @ ("requests" | "limits"), resource @ ("cpu" | "memory"))) => (list, resource),
            None if matches!(name.as_str(), "cpu" | "memory") => ("requests", name.as_str()),
            _ => continue,
        };
        let place = format!("/resources/{list}/{resource}");
        let without: Vec<&str> = object::items(pod, "/spec/containers")
            .iter()
            .filter(|container| text(container, &place).is_none())
            .filter_map(|container| text(container, "/name"))
            .collect();
        if !without.is_empty() {
            missing.push(format!("{name} for: {}", without.join(",")));
        }
    }
    missing
}

/// Writes an amount as Kubernetes would: sizes in powers of 1024 where they are whole.
pub(super) fn shown(name: &str, amount: u128) -> String {
    if !amount.is_multiple_of(1000) {
        return format!("{amount}m");
    }
    let whole = amount / 1000;
    if name.ends_with("storage") || name.ends_with("memory") {
        for (at, unit) in ["Ki", "Mi", "Gi", "Ti", "Pi"].iter().enumerate().rev() {
            let size = 1024u128.pow(u32::try_from(at + 1).unwrap_or(1));
            if whole > 0 && whole.is_multiple_of(size) {
                return format!("{}{unit}", whole / size);
            }
        }
    }
    whole.to_string()
}
