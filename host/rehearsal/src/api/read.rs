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
    let token = route.query.get("continue").map(Token::parse).transpose()?;
    let (pages, number, offset) = match token {
        Some(Token { number: Some(number), offset, after }) => {
            let pages = store.pages(number).ok_or_else(|| Failure::expired_page(&Token::renewed(after)))?;
            (pages, Some(number), offset)
        }
        other => {
            check_version(store, route)?;
            let after = other.map(|token| token.after);
            let items = store
                .list(route.kind, &route.namespace)
                .filter(|(key, object)| {
                    after.as_ref().is_none_or(|after| place(key) > *after) && selector.matches(object)
                })
                .map(|(_, object)| Arc::clone(object))
                .collect();
            (Pages { revision: store.revision(), items: Arc::new(items) }, None, 0)
        }
    };
    let total = pages.items.len();
    let end = limit.map_or(total, |limit| total.min(offset.saturating_add(limit)));
    let start = offset.min(end);
    let items: Vec<Value> = pages.items[start..end].iter().map(|object| shaped(route, object)).collect();
    let mut metadata = json!({"resourceVersion": pages.revision.to_string()});
    if end < total {
        let number = number.unwrap_or_else(|| store.keep_pages(pages.clone()));
        let after = items.last().map(|last| place(&Key::of(route.kind, last))).unwrap_or_default();
        metadata["continue"] = json!(Token { number: Some(number), offset: end, after }.to_string());
        if selector.is_empty() {
            metadata["remainingItemCount"] = json!(total - end);
        }
    }
    Ok(envelope(route, &metadata, items))
}

/// Returns where a page ends, in the order of the list.
fn place(key: &Key) -> String {
    format!("{}/{}", key.namespace, key.name)
}

/// What `continue` carries: a kept list and a place in it, or only the place, to go on from in the present.
struct Token {
    number: Option<u64>,
    offset: usize,
    after: String,
}

impl Token {
    fn parse(text: &str) -> Result<Self, Failure> {
        let parsed = || {
            let (number, rest) = text.split_once('.')?;
            let (offset, after) = rest.split_once('.')?;
            let number = if number == "now" { None } else { Some(number.parse().ok()?) };
            Some(Self { number, offset: offset.parse().ok()?, after: after.to_owned() })
        };
        parsed()
            .ok_or_else(|| Failure::bad_request(format!("invalid continue token: continue key is not valid: {text:?}")))
    }

    fn renewed(after: String) -> String {
        Self { number: None, offset: 0, after }.to_string()
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let number = self.number.map_or_else(|| "now".to_owned(), |number| number.to_string());
        write!(f, "{number}.{}.{}", self.offset, self.after)
    }
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
