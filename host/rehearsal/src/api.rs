//! The Kubernetes API of the embedded cluster: a tower service over the store.
//!
//! One request is one lock of the store, so a request is done wholly or not at all, whatever becomes of its future.

pub(crate) mod admit;
mod discovery;
pub(crate) mod failure;
mod logs;
mod patch;
mod read;
mod route;
mod scale;
pub(crate) mod selector;
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

use self::{
    failure::Failure,
    route::{Target, Verb},
};
pub(crate) use self::{
    route::Route,
    watch::{EarlyEnd, End},
};
use crate::{
    cluster::Inner,
    faults::{Plan, Verdict},
};

/// What the service answers with.
pub(crate) type ReplyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// Speaks the Kubernetes API to one client; the client's fault plan lies in between.
#[derive(Clone)]
pub(crate) struct Api {
    inner: Arc<Inner>,
    plan: Arc<Plan>,
}

impl Api {
    pub(crate) fn new(inner: Arc<Inner>, plan: Arc<Plan>) -> Self {
        Self { inner, plan }
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
        let route = match route::parse(&parts) {
            Ok(Target::Stored(route)) => route,
            Ok(Target::Document(segments)) => {
                self.plan.document(&segments).await?;
                return Ok(answer(discovery::document(&segments).map(|document| (200, document))));
            }
            Err(failure) => return Ok(refusal(&failure)),
        };
        let verdict = self.plan.before(&route, &body).await?;
        let early_end = match &verdict {
            Verdict::Refuse(failure) => return Ok(refusal(failure)),
            Verdict::EndWatchEarly(end) => Some(end.clone()),
            Verdict::Go | Verdict::LoseAnswer | Verdict::DieAfter => None,
        };
        let reply = self.dispatch(&route, &body, early_end);
        self.plan.after(&verdict).await?;
        Ok(reply)
    }

    fn dispatch(&self, route: &Route, body: &[u8], early_end: Option<EarlyEnd>) -> Response<ReplyBody> {
        match (route.verb, route.subresource.as_deref()) {
            (Verb::Get, Some("log")) => match logs::open(&self.inner, route) {
                Ok(lines) => streaming("text/plain", lines),
                Err(failure) => refusal(&failure),
            },
            (Verb::Get, Some("scale")) => answer(scale::get(&self.inner.store(), route).map(|scale| (200, scale))),
            (Verb::Get, _) => answer(read::get(&self.inner.store(), route).map(|object| (200, object))),
            (Verb::List, _) => answer(read::list(&mut self.inner.store(), route).map(|list| (200, list))),
            (Verb::Watch, _) => match watch::open(&self.inner, route, early_end) {
                Ok(events) => streaming("application/json", events),
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
    let body = Full::new(Bytes::from(body.to_string())).map_err(|never| match never {}).boxed_unsync();
    shaped(code, "application/json", body)
}

fn refusal(failure: &Failure) -> Response<ReplyBody> {
    let mut response = reply(failure.code, &failure.body());
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(http::header::RETRY_AFTER, seconds.into());
    }
    response
}

fn streaming(
    content_type: &'static str,
    lines: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static,
) -> Response<ReplyBody> {
    use futures::StreamExt as _;
    let frames = lines.map(|line| line.map(Frame::data));
    shaped(200, content_type, BodyExt::boxed_unsync(StreamBody::new(frames)))
}

fn shaped(code: u16, content_type: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    *response.status_mut() = http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}
