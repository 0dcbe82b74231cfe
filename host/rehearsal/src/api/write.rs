//! POST, PUT, PATCH and DELETE.

use serde_json::{Value, json};

use super::{
    admit,
    failure::{Answer, Failure},
    patch,
    read::shaped,
    route::{Route, Verb},
    scale,
    selector::Selector,
    validate,
};
use crate::{
    kinds, object,
    store::{
        Key, Store,
        lifecycle::{self, DeleteRequest, Deleted, Propagation},
    },
};

/// Does what a writing request asks for, or nothing at all.
pub(crate) fn write(store: &mut Store, route: &Route, body: &[u8]) -> Result<Answer, Failure> {
    match route.verb {
        Verb::Create => create(store, route, decode(body)?),
        Verb::Update => update(store, route, decode(body)?),
        Verb::Patch => patch(store, route, &decode(body)?),
        Verb::Delete => delete(store, route, body),
        Verb::DeleteCollection => delete_collection(store, route, body),
        Verb::Get | Verb::List | Verb::Watch => Err(Failure::method_not_allowed()),
    }
}

fn decode(body: &[u8]) -> Result<Value, Failure> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}")))?;
    Ok(value)
}

/// Checks that a body is of the path's kind and place, and says so in its own fields.
fn place(route: &Route, new: &mut Value) -> Result<(), Failure> {
    let kind = route.kind;
    if !new.is_object() || new.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
        return Err(Failure::bad_request("the body of the request is not a Kubernetes object"));
    }
    let (found_version, found_kind) = (object::text(new, "/apiVersion"), object::text(new, "/kind"));
    if found_version.is_some_and(|found| found != kind.api_version()) || found_kind.is_some_and(|f| f != kind.kind) {
        return Err(Failure::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}",
            found_kind.unwrap_or_default(),
            found_version.unwrap_or_default(),
            kind.kind
        )));
    }
    new["apiVersion"] = json!(kind.api_version());
    new["kind"] = json!(kind.kind);
    if kind.namespaced {
        let found = object::namespace(new);
        if !found.is_empty() && found != route.namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        object::set(new, &["metadata", "namespace"], json!(route.namespace));
    }
    let name = object::name(new);
    if !route.name.is_empty() && !name.is_empty() && name != route.name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            route.name
        )));
    }
    if !route.name.is_empty() {
        object::set(new, &["metadata", "name"], json!(route.name));
    }
    Ok(())
}

fn create(store: &mut Store, route: &Route, mut new: Value) -> Result<Answer, Failure> {
    let kind = route.kind;
    place(route, &mut new)?;
    validate::form(kind, &new)?;
    if kind.namespaced && store.find(&kinds::NAMESPACES, "", &route.namespace).is_none() {
        return Err(Failure::not_found(&kinds::NAMESPACES, &route.namespace));
    }
    admit::creation(store, kind, &mut new)?;
    validate::object(kind, &new)?;
    let key = Key::of(kind, &new);
    if store.contains(&key) {
        return Err(Failure::already_exists(kind, &key.name));
    }
    if route.query.dry_run() {
        return Ok((201, shaped(route, &new)));
    }
    Ok((201, shaped(route, &store.write(&key, new))))
}

fn update(store: &mut Store, route: &Route, mut new: Value) -> Result<Answer, Failure> {
    if route.subresource.as_deref() == Some("scale") {
        return scale::replace(store, route, &new);
    }
    place(route, &mut new)?;
    replace(store, route, new)
}

/// Puts a new form of an existing object in place of the present one.
fn replace(store: &mut Store, route: &Route, mut new: Value) -> Result<Answer, Failure> {
    let (kind, key) = (route.kind, Key::new(route.kind, &route.namespace, &route.name));
    let present = store.get(&key).ok_or_else(|| Failure::not_found(kind, &key.name))?;
    validate::identity(&key, &present, &new, route.verb)?;
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        match present["metadata"].get(field) {
            Some(value) => object::set(&mut new, &["metadata", field], value.clone()),
            None => object::remove(&mut new, &["metadata", field]),
        }
    }
    object::remove(&mut new, &["metadata", "managedFields"]);
    let kept = if route.subresource.as_deref() == Some("status") { "spec" } else { "status" };
    if kind.status {
        match present.get(kept) {
            Some(value) => new[kept] = value.clone(),
            None => object::remove(&mut new, &[kept]),
        }
    }
    admit::defaults(kind, &mut new);
    validate::form(kind, &new)?;
    validate::object(kind, &new)?;
    validate::changes(kind, &present, &new)?;
    if route.query.dry_run() {
        return Ok((200, shaped(route, &new)));
    }
    Ok((200, shaped(route, &lifecycle::update(store, &key, new))))
}

fn patch(store: &mut Store, route: &Route, body: &Value) -> Result<Answer, Failure> {
    if route.subresource.as_deref() == Some("scale") {
        return scale::patch(store, route, body);
    }
    let key = Key::new(route.kind, &route.namespace, &route.name);
    let content_type = route.query.content_type.as_str();
    let Some(present) = store.get(&key) else {
        if content_type == patch::APPLY {
            return create(store, &Route { verb: Verb::Create, ..route.clone() }, body.clone());
        }
        return Err(Failure::not_found(route.kind, &route.name));
    };
    let mut new = patch::apply(content_type, &present, body)?;
    place(route, &mut new)?;
    replace(store, route, new)
}

fn delete(store: &mut Store, route: &Route, body: &[u8]) -> Result<Answer, Failure> {
    if route.subresource.is_some() {
        return Err(Failure::method_not_allowed());
    }
    let (request, dry_run) = delete_request(route, body)?;
    let key = Key::new(route.kind, &route.namespace, &route.name);
    if dry_run {
        let present = store.get(&key).ok_or_else(|| Failure::not_found(route.kind, &route.name))?;
        return Ok((200, shaped(route, &present)));
    }
    match lifecycle::delete(store, &key, &request)? {
        Deleted::Terminating(object) => Ok((200, shaped(route, &object))),
        Deleted::Gone(last) => {
            let kind = route.kind;
            let details = json!({
                "name": key.name, "group": kind.group, "kind": kind.plural, "uid": object::uid(&last),
            });
            Ok((
                200,
                json!({
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
                }),
            ))
        }
    }
}

fn delete_collection(store: &mut Store, route: &Route, body: &[u8]) -> Result<Answer, Failure> {
    let selector = Selector::parse(route.kind, route.query.get("labelSelector"), route.query.get("fieldSelector"))?;
    let (request, dry_run) = delete_request(route, body)?;
    let meant: Vec<_> =
        store.listed(route.kind, &route.namespace).into_iter().filter(|(_, object)| selector.matches(object)).collect();
    if !dry_run {
        for (key, _) in &meant {
            lifecycle::delete(store, key, &request)?;
        }
    }
    let items: Vec<Value> = meant.iter().map(|(_, object)| shaped(route, object)).collect();
    Ok((
        200,
        json!({
            "kind": format!("{}List", route.kind.kind), "apiVersion": route.kind.api_version(),
            "metadata": {"resourceVersion": store.revision().to_string()}, "items": items,
        }),
    ))
}

/// Reads the DeleteOptions, from the body or from the query.
fn delete_request(route: &Route, body: &[u8]) -> Result<(DeleteRequest, bool), Failure> {
    let options = if body.is_empty() { json!({}) } else { decode(body)? };
    let owned = |pointer| object::text(&options, pointer).map(str::to_owned);
    let from_query = route.query.number("gracePeriodSeconds")?.and_then(|seconds| i64::try_from(seconds).ok());
    let propagation = owned("/propagationPolicy").or_else(|| route.query.get("propagationPolicy").map(str::to_owned));
    let propagation = match propagation.as_deref() {
        Some("Orphan") => Propagation::Orphan,
        None | Some("Background" | "Foreground") => Propagation::Background,
        Some(other) => {
            return Err(Failure::unprocessable(format!(
                "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: {other:?}: \
                 supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
            )));
        }
    };
    let dry_run = route.query.dry_run() || object::texts(&options, "/dryRun").contains(&"All");
    let request = DeleteRequest {
        uid: owned("/preconditions/uid"),
        resource_version: owned("/preconditions/resourceVersion"),
        grace: object::number(&options, "/gracePeriodSeconds").or(from_query),
        propagation,
    };
    Ok((request, dry_run))
}
