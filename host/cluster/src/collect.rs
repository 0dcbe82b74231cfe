//! Collects the objects that policies look up. Reads only, before any policy is asked.

use futures::future::try_join_all;
use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::discovery::{ApiCapabilities, Scope, pinned_kind};
use kube::{Api, Client};
use pvmigrate_core::policy::{Collected, Kind, Need};
use serde_json::Value;

use crate::error::{Action, Error};
use crate::permissions::{Permission, listing};

/// Objects on one page of a list.
const PAGE: u32 = 500;
/// How often a list is started again because its page token has expired.
const LISTS: usize = 3;

/// Collects the objects of every needed kind, of one namespace or of all; objects of the whole cluster in any case.
///
/// A kind that a policy can do without, and that does not exist or may not be listed, is noted as missing with the reason.
///
/// # Errors
/// When a kind that a policy cannot do without cannot be collected, or the API server cannot be reached.
pub async fn collect(client: &Client, needs: &[Need], namespace: Option<&str>) -> Result<Collected, Error> {
    let found = needs.iter().map(async |need| match of_kind(client, &need.kind, namespace).await {
        Ok(objects) => Ok((need, Ok(objects))),
        Err(error @ (Error::Forbidden { .. } | Error::NotFound { .. })) if need.optional => {
            Ok((need, Err(error.to_string())))
        }
        Err(error) => Err(error),
    });
    let mut collected = Collected::default();
    for (need, found) in try_join_all(found).await? {
        match found {
            Ok(objects) => collected.put(need.kind.clone(), objects),
            Err(why) => collected.put_missing(need.kind.clone(), why),
        }
    }
    Ok(collected)
}

async fn of_kind(client: &Client, kind: &Kind, namespace: Option<&str>) -> Result<Vec<Value>, Error> {
    let (resource, capabilities) = discover(client, kind).await?;
    let is_namespaced = capabilities.scope == Scope::Namespaced;
    let namespace = namespace.filter(|_| is_namespaced);
    let api: Api<DynamicObject> = match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let action = Action::new("list", &*resource.plural, namespace);
    let mut tries = 0;
    loop {
        tries += 1;
        match pages(&api, &action, kind).await {
            // Only a new list is whole.
            Err(Error::Server { code: 410, .. }) if tries < LISTS => {}
            other => return other,
        }
    }
}

/// Returns the permission that collecting a kind takes on this cluster.
pub(crate) async fn permission(client: &Client, kind: &Kind) -> Result<Permission, Error> {
    let (resource, capabilities) = discover(client, kind).await?;
    Ok(listing(&resource.group, &resource.plural, capabilities.scope == Scope::Namespaced))
}

/// Asks the API server for the resource that a kind is served as.
async fn discover(client: &Client, kind: &Kind) -> Result<(ApiResource, ApiCapabilities), Error> {
    let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
    let wanted = GroupVersionKind::gvk(group, version, &kind.kind);
    let action = Action::new("get", format!("the resources of {}", kind.api_version), None);
    let missing = || Error::NotFound { action: action.clone(), message: format!("the cluster has no kind {kind}") };
    pinned_kind(client, &wanted).await.map_err(|error| match &error {
        kube::Error::Discovery(_) => missing(),
        kube::Error::Api(refusal) if refusal.code == 404 => missing(),
        other => Error::of(&action, other),
    })
}

async fn pages(api: &Api<DynamicObject>, action: &Action, kind: &Kind) -> Result<Vec<Value>, Error> {
    let mut objects = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = api.list(&params).await.map_err(|error| Error::of(action, &error))?;
        for object in page.items {
            objects.push(plain(object, kind)?);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(objects),
        }
    }
}

/// Turns an object into what a policy sees: with its kind, without what tools keep for themselves.
fn plain(mut object: DynamicObject, kind: &Kind) -> Result<Value, Error> {
    object.metadata.managed_fields = None;
    if let Some(annotations) = &mut object.metadata.annotations {
        annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
    }
    let mut value = serde_json::to_value(object)
        .map_err(|error| Error::Unreadable { about: kind.to_string(), message: error.to_string() })?;
    if let Value::Object(entries) = &mut value {
        // Items of a list lack both.
        entries.insert("apiVersion".to_owned(), Value::from(&*kind.api_version));
        entries.insert("kind".to_owned(), Value::from(&*kind.kind));
    }
    Ok(value)
}
