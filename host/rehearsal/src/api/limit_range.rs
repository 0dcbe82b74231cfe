//! LimitRanges: what they fill into pods, and the refusal of claims and containers beyond their bounds.

use serde_json::{Map, Value};

use super::{failure::Failure, quota::shown};
use crate::{
    kinds::{self, Kind},
    object::{self, text, thousandths_of_quantity},
    store::Store,
};

/// Fills in a namespace's defaults and checks the object against its bounds.
pub(super) fn admit(store: &Store, kind: &Kind, new: &mut Value) -> Result<(), Failure> {
    let ranges = store.list(&kinds::LIMIT_RANGES, object::namespace(new));
    let ranges: Vec<Value> = ranges.flat_map(|(_, range)| object::items(range, "/spec/limits").to_vec()).collect();
    let mut refusals = Vec::new();
    if *kind == kinds::CLAIMS {
        for range in ranges.iter().filter(|range| text(range, "/type") == Some("PersistentVolumeClaim")) {
            let size = text(new, "/spec/resources/requests/storage");
            refusals.extend(bounds(range, "storage", "PersistentVolumeClaim", size, None));
        }
    }
    if *kind == kinds::PODS {
        let ranges: Vec<&Value> = ranges.iter().filter(|range| text(range, "/type") == Some("Container")).collect();
        for container in new.pointer_mut("/spec/containers").and_then(Value::as_array_mut).into_iter().flatten() {
            ranges.iter().for_each(|range| fill_in(container, range));
            let found = |list: &str, name: &str| text(container, &format!("/resources/{list}/{name}"));
            for (range, name) in ranges.iter().flat_map(|range| bounded(range).map(move |name| (range, name))) {
                let (request, limit) = (found("requests", name), found("limits", name));
                refusals.extend(bounds(range, name, "Container", request, Some(limit)));
            }
        }
    }
    match refusals.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::forbidden(kind, object::name(new), one)),
        all => Err(Failure::forbidden(kind, object::name(new), &format!("[{}]", all.join(", ")))),
    }
}

fn bounded(range: &Value) -> impl Iterator<Item = &'static str> + use<> {
    let has = ["cpu", "memory"].map(|name| {
        let bound = |list: &str| text(range, &format!("/{list}/{name}")).is_some();
        (bound("min") || bound("max")).then_some(name)
    });
    has.into_iter().flatten()
}

/// Gives a container the limits and requests it does not name: the default limit is the maximum where none is given, the
/// default request is the default limit, or else the minimum.
fn fill_in(container: &mut Value, range: &Value) {
    let list = |name: &str| range.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let limits = merged(list("default"), &list("max"));
    let requests = merged(merged(list("defaultRequest"), &limits), &list("min"));
    for (place, defaults) in [("limits", limits), ("requests", requests)] {
        for (name, amount) in defaults {
            if container.pointer(&format!("/resources/{place}/{name}")).is_none() {
                object::set(container, &["resources", place, &name], amount);
            }
        }
    }
}

fn merged(mut first: Map<String, Value>, second: &Map<String, Value>) -> Map<String, Value> {
    for (key, value) in second {
        first.entry(key.clone()).or_insert_with(|| value.clone());
    }
    first
}

/// Returns how an object's request, and its limit where the kind has one, goes beyond a range.
fn bounds(range: &Value, name: &str, what: &str, request: Option<&str>, limit: Option<Option<&str>>) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut check = |list: &str, word: &str, amount: Option<&str>, subject: &str, beyond: fn(u128, u128) -> bool| {
        let Some(bound) = text(range, &format!("/{list}/{name}")).and_then(thousandths_of_quantity) else { return };
        let start = format!("{word} {name} usage per {what} is {}", shown(name, bound));
        match amount.and_then(thousandths_of_quantity) {
            None => refusals.push(format!("{start}.  No {subject} is specified")),
            Some(amount) if beyond(amount, bound) => {
                refusals.push(format!("{start}, but {subject} is {}", shown(name, amount)));
            }
            Some(_) => {}
        }
    };
    check("min", "minimum", request, "request", |amount, bound| amount < bound);
    match limit {
        Some(limit) => check("max", "maximum", limit, "limit", |amount, bound| amount > bound),
        None => check("max", "maximum", request, "request", |amount, bound| amount > bound),
    }
    refusals
}
