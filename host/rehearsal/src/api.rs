//! The Kubernetes API of the embedded cluster: a tower service over the store.
//!
//! One request locks the store once, so a request is done wholly or not at all, whatever becomes of its future.

pub(crate) mod admit;
mod discovery;
pub(crate) mod failure;
mod limit_range;
mod logs;
mod patch;
mod pod_security;
pub(crate) mod quota;
mod read;
pub(crate) mod review;
pub(crate) mod route;
mod scale;
pub(crate) mod selector;
mod summary;
pub(crate) mod validate;
mod watch;
pub(crate) mod write;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{Stream, future::BoxFuture};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use serde_json::Value;
use tower::{BoxError, Service};

pub(crate) use self::route::Route;
use self::{
    failure::Failure,
    route::{Target, Verb},
};
use crate::cluster::Inner;

pub(crate) const JSON: &str = "application/json";

/// What the service answers with.
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// The Kubernetes API as a service for clients.
#[derive(Clone)]
pub(crate) struct Api {
    inner: Arc<Inner>,
}

impl Api {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }
}

impl Service<Request<kube::client::Body>> for Api {
    type Response = Response<ReplyBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { api.serve(request).await })
    }
}

impl Api {
    async fn serve(&self, request: Request<kube::client::Body>) -> Result<Response<ReplyBody>, BoxError> {
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let target = {
            let store = self.inner.store();
            route::parse(&parts, |group, version, plural| store.kind_by_path(group, version, plural))
        };
        Ok(match target {
            Ok(Target::Stored(route)) => self.dispatch(&route, &body),
            Ok(Target::Review(kind)) => answer(review::answer(kind, &body, |_| true)),
            Ok(Target::Document(segments)) => {
                let document = discovery::document(&self.inner.store(), &segments);
                answer(document.map(|document| (200, document)))
            }
            Err(failure) => refusal(&failure),
        })
    }

    fn dispatch(&self, route: &Route, body: &[u8]) -> Response<ReplyBody> {
        match (route.verb, route.subresource.as_deref()) {
            (Verb::Get, Some("log")) => match logs::open(&self.inner, route) {
                Ok(lines) => streaming("text/plain", lines),
                Err(failure) => refusal(&failure),
            },
            (Verb::Get, Some("proxy")) => answer(summary::get(&self.inner, route).map(|summary| (200, summary))),
            (Verb::Get, Some("scale")) => answer(scale::get(&self.inner.store(), route).map(|scale| (200, scale))),
            (Verb::Get, _) => answer(read::get(&self.inner.store(), route).map(|object| (200, object))),
            (Verb::List, _) => answer(read::list(&mut self.inner.store(), route).map(|list| (200, list))),
            (Verb::Watch, _) => match watch::open(&self.inner, route) {
                Ok(events) => streaming(JSON, events),
                Err(failure) => refusal(&failure),
            },
            _ => answer(write::write(&mut self.inner.store(), route, body)),
        }
    }
}

fn answer(result: Result<(u16, Value), Failure>) -> Response<ReplyBody> {
    match result {
        Ok((code, body)) => reply(code, &body),
        Err(failure) => refusal(&failure),
    }
}

fn reply(code: u16, body: &Value) -> Response<ReplyBody> {
    shaped(code, JSON, whole(Bytes::from(body.to_string())))
}

fn refusal(failure: &Failure) -> Response<ReplyBody> {
    failure.response().map(whole)
}

fn whole(bytes: Bytes) -> ReplyBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn streaming(
    content_type: &'static str,
    lines: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response<ReplyBody> {
    use futures::StreamExt as _;
    let frames = lines.map(|line| line.map(Frame::data));
    shaped(200, content_type, BodyExt::boxed_unsync(StreamBody::new(frames)))
}

/// Builds an answer with the head that all answers have.
pub(crate) fn shaped<B>(code: u16, content_type: &'static str, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
