//! GET and LIST.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{failure::Failure, route::Route, selector::Selector};
use crate::{
    kinds::Kind,
    store::{Key, Pages, Store},
};

/// Answers a GET of one object.
pub(crate) fn get(store: &Store, route: &Route) -> Result<Value, Failure> {
    let key = Key::new(route.kind, &route.namespace, &route.name);
    let object = store.get(&key).ok_or_else(|| Failure::not_found(route.kind, &route.name))?;
    Ok(shaped(route, &object))
}

/// Answers a LIST: all of it, or one page when `limit` asks for pages.
pub(crate) fn list(store: &mut Store, route: &Route) -> Result<Value, Failure> {
    let selector = Selector::parse(route.kind, route.query.get("labelSelector"), route.query.get("fieldSelector"))?;
    let limit = route.query.number("limit")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let (pages, number, offset) = if let Some(token) = route.query.get("continue") {
        let (number, offset) = parse_token(token)?;
        let expired = "The provided continue parameter is too old to display a consistent list result. You can start \
                       a new list without the continue parameter.";
        (store.pages(number).ok_or_else(|| Failure::expired(expired))?, Some(number), offset)
    } else {
        check_version(store, route)?;
        let items = store
            .list(route.kind, &route.namespace)
            .filter(|(_, object)| selector.matches(object))
            .map(|(_, object)| Arc::clone(object))
            .collect();
        (Pages { revision: store.revision(), items: Arc::new(items) }, None, 0)
    };
    let total = pages.items.len();
    let end = limit.map_or(total, |limit| total.min(offset.saturating_add(limit)));
    let start = offset.min(end);
    let items: Vec<Value> = pages.items[start..end].iter().map(|object| shaped(route, object)).collect();
    let mut metadata = json!({"resourceVersion": pages.revision.to_string()});
    if end < total {
        let number = number.unwrap_or_else(|| store.keep_pages(pages.clone()));
        metadata["continue"] = json!(format!("{number}.{end}"));
        if selector.is_empty() {
            metadata["remainingItemCount"] = json!(total - end);
        }
    }
    Ok(envelope(route, &metadata, items))
}

fn envelope(route: &Route, metadata: &Value, items: Vec<Value>) -> Value {
    if route.query.metadata_only {
        return json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items,
        });
    }
    let kind: &Kind = route.kind;
    json!({
        "kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items,
    })
}

/// Returns the object, or only its metadata when that was asked for.
pub(crate) fn shaped(route: &Route, object: &Value) -> Value {
    if route.query.metadata_only {
        return json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
        });
    }
    object.clone()
}

/// Refuses a version that this cluster has not reached yet, or, for `Exact`, no longer has.
fn check_version(store: &Store, route: &Route) -> Result<(), Failure> {
    let Some(asked) = route.query.number("resourceVersion")? else { return Ok(()) };
    let present = store.revision();
    if asked > present {
        return Err(Failure::too_large_version(asked, present));
    }
    if route.query.get("resourceVersionMatch") == Some("Exact") && asked != present && asked != 0 {
        return Err(Failure::expired(format!("too old resource version: {asked} ({present})")));
    }
    Ok(())
}

fn parse_token(token: &str) -> Result<(u64, usize), Failure> {
    let parsed = token.split_once('.').and_then(|(number, at)| Some((number.parse().ok()?, at.parse().ok()?)));
    parsed.ok_or_else(|| Failure::bad_request(format!("continue key is not valid: {token:?}")))
}
