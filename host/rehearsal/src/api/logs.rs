//! `pods/log`: what a container has written, and what it goes on writing.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use serde_json::Value;

use super::{failure::Failure, route::Route};
use crate::{
    cluster::Inner,
    kinds,
    node::log::{self, Log},
    object,
};

/// Opens a container's log as a stream of bytes.
pub(super) fn open(
    inner: &Arc<Inner>,
    route: &Route,
) -> Result<impl Stream<Item = Result<Bytes, std::io::Error>> + Send + use<>, Failure> {
    let log = find(inner, route)?;
    let asked = log::LogOptions::of_query(|key| route.query.get(key))
        .ok_or_else(|| Failure::bad_request("the query of the log is not understood"))?;
    Ok(log::read(log, &asked).map(Ok))
}

fn find(inner: &Inner, route: &Route) -> Result<Arc<Log>, Failure> {
    let pod = inner
        .store()
        .find(&kinds::PODS, &route.namespace, &route.name)
        .ok_or_else(|| Failure::not_found(&kinds::PODS, &route.name))?;
    let container = container_of(&pod, route)?;
    inner.node.log(object::uid(&pod), &container).ok_or_else(|| {
        Failure::bad_request(format!(
            "container {container:?} in pod {:?} is waiting to start: ContainerCreating",
            route.name
        ))
    })
}

/// Returns the asked-for container, or the only one.
fn container_of(pod: &Value, route: &Route) -> Result<String, Failure> {
    let names: Vec<&str> = ["/spec/containers", "/spec/initContainers"]
        .iter()
        .flat_map(|list| object::items(pod, list))
        .filter_map(|container| object::text(container, "/name"))
        .collect();
    if let Some(asked) = route.query.get("container") {
        return names
            .contains(&asked)
            .then(|| asked.to_owned())
            .ok_or_else(|| Failure::bad_request(format!("container {asked} is not valid for pod {}", route.name)));
    }
    match object::items(pod, "/spec/containers") {
        [one] => Ok(object::text(one, "/name").unwrap_or_default().to_owned()),
        _ => Err(Failure::bad_request(format!(
            "a container name must be specified for pod {}, choose one of: [{}]",
            route.name,
            names.join(" ")
        ))),
    }
}
