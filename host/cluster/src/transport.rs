//! The way to the API server: every request is counted, bounded in time, and tried again when the server is too busy.
//!
//! Lies over an existing client, so that a real cluster and an embedded one go the same way.

use std::time::Duration;

use http::{Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use kube::client::retry::RetryPolicy;
use tower::retry::RetryLayer;
use tower::{BoxError, Layer, service_fn};

use crate::error::chain;
use crate::requests::{Requests, is_on};

/// The API server itself gives a request up after 60 s; a little more lets its own words through.
const ANSWER: Duration = Duration::from_secs(65);

/// Says why a request got no answer at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("cannot reach {server}: {cause}")]
    Unreachable { server: String, cause: String },
    #[error("{server} did not answer in time")]
    Timeout { server: String },
}

/// Wraps a client: counts, bounds and repeats what goes through it.
///
/// Repeating a write after 429, 503 or 504 is safe, because all of ours are conditional or create-if-absent.
pub(crate) fn wrap(client: Client, server: &str, requests: &Requests) -> Client {
    let namespace = client.default_namespace().to_owned();
    let (server, requests) = (server.to_owned(), requests.clone());
    let service = service_fn(move |request: Request<Body>| {
        requests.count(request.method(), request.uri());
        send(client.clone(), server.clone(), request)
    });
    // Four tries within a few seconds: what lasts longer is the caller's business, who can say so to the user.
    let policy = RetryPolicy::new(Duration::from_millis(250), Duration::from_secs(5), 4, true).unwrap_or_default();
    Client::new(RetryLayer::new(policy).layer(service), namespace)
}

async fn send(client: Client, server: String, request: Request<Body>) -> Result<Response<Body>, BoxError> {
    let query = request.uri().query().unwrap_or_default();
    let (is_watch, is_follow) = (is_on(query, "watch"), is_on(query, "follow"));
    if is_follow {
        // The server sends nothing, not even headers, before the container's first words.
        return client.send(request).await.map_err(|error| broken(&server, error));
    }
    let whole = async {
        let response = client.send(request).await?;
        // A watch's body never ends; any other is read here, so that the bound holds for all of it.
        if is_watch || response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, Body::from(body.collect_bytes().await?)))
    };
    match tokio::time::timeout(ANSWER, whole).await {
        Ok(answer) => answer.map_err(|error| broken(&server, error)),
        Err(_elapsed) => Err(Box::new(Broken::Timeout { server })),
    }
}

/// Tells a lost connection from what the credentials' side has to say, which passes through unchanged.
fn broken(server: &str, error: kube::Error) -> BoxError {
    let cause = match &error {
        kube::Error::Service(inner) if inner.is::<Broken>() => return Box::new(error),
        kube::Error::Service(inner) => chain(inner.as_ref()),
        kube::Error::HyperError(inner) => chain(inner),
        kube::Error::ReadEvents(inner) => chain(inner),
        _ => return Box::new(error),
    };
    Box::new(Broken::Unreachable { server: server.to_owned(), cause })
}
