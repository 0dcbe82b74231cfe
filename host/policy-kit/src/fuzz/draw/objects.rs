//! Made-up objects, for what a policy looks up.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, prop_oneof};
use proptest::sample::select;
use pvmigrate_objects::kinds;
use pvmigrate_policy::PolicyInfo;
use serde_json::{Value, json};

use super::super::words::Words;
use super::{annotations, name, namespace};

/// Makes up objects of the kinds that a policy looks up, with fields that such objects may have, and some that they
/// should not.
pub(super) fn objects(info: &PolicyInfo, words: &Words) -> BoxedStrategy<BTreeMap<String, Value>> {
    let kinds: Vec<_> = info
        .needs
        .iter()
        .map(|need| {
            let namespaced = kinds::is_namespaced(&need.kind.api_version, &need.kind.kind);
            (need.kind.kind.clone(), need.optional, namespaced)
        })
        .collect();
    if kinds.is_empty() {
        return Just(BTreeMap::new()).boxed();
    }
    let namespaced = (select(kinds.clone()), namespace(words), name(words));
    let object = (namespaced, body(words)).prop_map(|(((kind, _, namespaced), namespace, name), body)| {
        // The API server keeps odd objects out of its own kinds.
        let body = if namespaced.is_some() && body["data"].is_string() { json!({}) } else { body };
        match namespaced {
            Some(false) => (format!("{kind} {name}"), body),
            Some(true) | None => (format!("{kind} {namespace}/{name}"), body),
        }
    });
    let optional: Vec<_> = kinds.iter().filter(|(_, optional, _)| *optional).map(|(kind, ..)| kind.clone()).collect();
    let missing: BoxedStrategy<Option<String>> = match optional.is_empty() {
        true => Just(None).boxed(),
        false => option::weighted(0.2, select(optional)).boxed(),
    };
    (vec(object, 0..4), missing)
        .prop_map(|(objects, missing)| {
            let missing = missing.map(|kind| (kind, Value::from("forbidden")));
            objects.into_iter().chain(missing).collect()
        })
        .boxed()
}

fn body(words: &Words) -> BoxedStrategy<Value> {
    let quantity = || select(vec!["0", "1Gi", "10Gi", "1Ti", "9223372036854775807", "1e3", "much", ""]);
    let storage = || {
        btree_map(select(vec!["requests.storage", "persistentvolumeclaims"]), quantity(), 0..3)
            .prop_map(|pairs| json!(pairs))
    };
    let of_quota = (storage(), storage()).prop_map(|(hard, used)| json!({"status": {"hard": hard, "used": used}}));
    let data = prop_oneof![1 => Just(json!({})), 4 => annotations(words)];
    prop_oneof![
        Just(json!({})),
        of_quota,
        storage().prop_map(|hard| json!({"spec": {"hard": hard}})),
        data.clone().prop_map(|data| json!({"data": data})),
        data.prop_map(|labels| json!({"metadata": {"labels": labels}})),
        Just(json!({"spec": null, "status": [], "data": "x"})),
    ]
    .boxed()
}
