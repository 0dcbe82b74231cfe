//! The way to the API server: every request is counted, bounded in time, and tried again when the server is too busy; long
//! answers come compressed.
//!
//! Lies over an existing client, so that a real cluster and an embedded one go the same way.

use std::io::{self, Read as _};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use kube::client::retry::RetryPolicy;
use tower::retry::RetryLayer;
use tower::{BoxError, Layer, service_fn};

use crate::causes::chain;
use crate::requests::{Requests, is_on};

/// The API server itself gives up a request after 60 s; a little more lets its own message through.
const ANSWER: Duration = Duration::from_secs(65);

/// The reason why a request got no answer at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("cannot reach {server}: {cause}")]
    Unreachable { server: String, cause: String },
    #[error("{server} did not answer in time")]
    Timeout { server: String },
}

/// Whether the server is asked for compressed answers. It compresses those of more than 128 KiB; a page of 500 claims has
/// about eight times that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    None,
}

/// Wraps a client: counts, bounds and repeats what goes through it.
///
/// Repeating a write after 429, 503 or 504 is safe, because all of ours are conditional or create-if-absent.
pub(crate) fn wrap(client: Client, server: &str, requests: &Requests, compression: Compression) -> Client {
    let namespace = client.default_namespace().to_owned();
    let (server, requests) = (server.to_owned(), requests.clone());
    let service = service_fn(move |request: Request<Body>| {
        requests.count(request.method(), request.uri());
        send(client.clone(), server.clone(), request, compression)
    });
    // Four tries within a few seconds: what lasts longer is the caller's business, who can say so to the user.
    let policy = RetryPolicy::new(Duration::from_millis(250), Duration::from_secs(5), 4, true).unwrap_or_default();
    Client::new(RetryLayer::new(policy).layer(service), namespace)
}

async fn send(
    client: Client,
    server: String,
    mut request: Request<Body>,
    compression: Compression,
) -> Result<Response<Body>, BoxError> {
    let query = request.uri().query().unwrap_or_default();
    let (is_watch, is_follow) = (is_on(query, "watch"), is_on(query, "follow"));
    if is_follow {
        // The server sends nothing, not even headers, before the container's first output.
        return client.send(request).await.map_err(|error| broken(&server, error));
    }
    // A watch is not: what the compression of a stream holds back would come late.
    if compression == Compression::Gzip && !is_watch {
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let whole = async {
        let response = client.send(request).await?;
        // A watch's body never ends; any other is read here, so that the bound holds for all of it.
        if is_watch || response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let (mut head, body) = response.into_parts();
        let body = body.collect_bytes().await?;
        let body = inflated(&mut head.headers, body).map_err(|error| kube::Error::Service(error.into()))?;
        Ok(Response::from_parts(head, body))
    };
    match tokio::time::timeout(ANSWER, whole).await {
        Ok(answer) => answer.map_err(|error| broken(&server, error)),
        Err(_elapsed) => Err(Box::new(Broken::Timeout { server })),
    }
}

/// Returns a body as the server had it before it compressed it, and leaves no header that says otherwise.
fn inflated(headers: &mut HeaderMap, body: impl Into<Body> + AsRef<[u8]>) -> io::Result<Body> {
    if headers.get(CONTENT_ENCODING).is_none_or(|coding| coding != "gzip") {
        return Ok(body.into());
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    let mut bytes = Vec::new();
    MultiGzDecoder::new(body.as_ref()).read_to_end(&mut bytes)?;
    Ok(bytes.into())
}

/// Distinguishes a lost connection from an error about the credentials, which passes through unchanged.
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write as _;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Arc, Mutex};

    use flate2::write::GzEncoder;
    use k8s_openapi::api::core::v1::Pod;
    use kube::Api;
    use kube::api::{ListParams, WatchParams};
    use pvmigrate_core::ports::PortError;

    use super::*;
    use crate::error::{Action, Error};

    const EMPTY: &str = r#"{"apiVersion":"v1","kind":"PodList","metadata":{"resourceVersion":"1"},"items":[]}"#;

    /// Answers the first requests with `code`, and the next with an empty list.
    async fn list(code: u16, times: u32) -> (Result<usize, Error>, u64) {
        let asked = Arc::new(AtomicU32::new(0));
        let service = service_fn(move |_request: Request<Body>| {
            let is_refused = asked.fetch_add(1, Ordering::Relaxed) < times;
            async move {
                let (code, body) = if is_refused { (code, "{}") } else { (200, EMPTY) };
                Ok::<_, BoxError>(Response::builder().status(code).body(Body::from(body.as_bytes().to_vec())).unwrap())
            }
        });
        let requests = Requests::default();
        let client = wrap(Client::new(service, "default"), "here", &requests, Compression::Gzip);
        let listed = Api::<Pod>::all(client).list(&ListParams::default()).await;
        let action = Action::new("list", "pods", None);
        (listed.map(|list| list.items.len()).map_err(|error| Error::of(&action, &error)), requests.total())
    }

    const LONG: &str = r#"{"apiVersion":"v1","kind":"PodList","metadata":{},"items":[{"metadata":{"name":"web-0"}}]}"#;

    fn gzipped(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    /// Lists the pods of a server that compresses its answer to this when it may.
    async fn listed(compression: Compression, body: fn() -> Vec<u8>) -> Result<usize, Error> {
        let service = service_fn(move |request: Request<Body>| async move {
            let response = Response::builder();
            let response = match request.headers().get(ACCEPT_ENCODING) {
                Some(_) => response.header(CONTENT_ENCODING, "gzip").body(Body::from(body())),
                None => response.body(Body::from(LONG.as_bytes().to_vec())),
            };
            Ok::<_, BoxError>(response.unwrap())
        });
        let client = wrap(Client::new(service, "default"), "here", &Requests::default(), compression);
        let listed = Api::<Pod>::all(client).list(&ListParams::default()).await;
        listed.map(|list| list.items.len()).map_err(|error| Error::of(&Action::new("list", "pods", None), &error))
    }

    #[tokio::test]
    async fn a_compressed_answer_is_read_and_a_damaged_one_is_not_taken_for_another() {
        assert_eq!(listed(Compression::Gzip, || gzipped(LONG)).await, Ok(1));
        assert_eq!(listed(Compression::None, || gzipped(LONG)).await, Ok(1));
        let damaged = listed(Compression::Gzip, || gzipped(LONG)[..40].to_vec()).await.unwrap_err();
        assert!(matches!(&damaged, Error::Unreachable { server, .. } if server == "here"), "{damaged:?}");
    }

    #[tokio::test]
    async fn a_watch_is_never_compressed() {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let service = service_fn(move |request: Request<Body>| {
            noted.lock().unwrap().push(request.headers().get(ACCEPT_ENCODING).cloned());
            async { Ok::<_, BoxError>(Response::new(Body::empty())) }
        });
        let client = wrap(Client::new(service, "default"), "here", &Requests::default(), Compression::Gzip);
        let _stream = Api::<Pod>::all(client).watch(&WatchParams::default(), "1").await.unwrap();
        let asked = asked.lock().unwrap();
        assert!(asked.iter().all(|coding| coding.as_ref().is_none_or(|coding| coding == "identity")), "{asked:?}");
        assert_eq!(asked.len(), 1);
    }

    #[tokio::test]
    async fn a_busy_server_is_asked_again_and_each_try_counts() {
        assert_eq!(list(429, 2).await, (Ok(0), 3));
    }

    #[tokio::test]
    async fn other_failures_are_the_callers_business() {
        let (error, requests) = list(500, 1).await;
        assert!(error.unwrap_err().is_transient());
        assert_eq!(requests, 1);
    }

    #[tokio::test]
    async fn a_broken_connection_names_the_server() {
        let service = service_fn(|_request: Request<Body>| async {
            Err::<Response<Body>, BoxError>(std::io::Error::other("connection reset by peer").into())
        });
        let client = wrap(Client::new(service, "default"), "https://k8s:6443", &Requests::default(), Compression::Gzip);
        let error = Api::<Pod>::all(client).list(&ListParams::default()).await.unwrap_err();
        let error = Error::of(&Action::new("list", "pods", None), &error);
        let expected =
            Error::Unreachable { server: "https://k8s:6443".to_owned(), cause: "connection reset by peer".to_owned() };
        assert_eq!(error, expected);
    }
}
