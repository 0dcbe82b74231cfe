//! A plan of faults as a tower layer: it lies over the service of any Kubernetes client, embedded or real.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::{Bytes, BytesMut};
use futures::{Stream, future::BoxFuture, stream};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service};

use super::{EarlyEnd, End, Faults, Handle, Plan, Verdict};
use crate::api::{
    JSON,
    failure::Failure,
    route::{self, Target},
    shaped,
};
use crate::kinds;

/// What a client with faults is answered.
pub type FaultyBody = UnsyncBoxBody<Bytes, BoxError>;

/// A layer that makes the requests of one client fail by a plan; see [`Faults::layer`].
#[derive(Debug, Clone)]
pub struct FaultLayer {
    plan: Arc<Plan>,
}

impl Faults {
    /// Returns the layer that brings these faults about, and the handle that counts the requests going through it.
    pub fn layer(self) -> (FaultLayer, Handle) {
        let plan = Arc::new(Plan::new(self));
        (FaultLayer { plan: Arc::clone(&plan) }, Handle { plan })
    }

    /// Lays these faults over an existing client, and returns the new client with the handle that counts its requests.
    pub fn over(self, client: &kube::Client) -> (kube::Client, Handle) {
        let (layer, handle) = self.layer();
        let below = client.clone();
        let service = tower::service_fn(move |request| {
            let below = below.clone();
            async move { below.send(request).await }
        });
        (kube::Client::new(layer.layer(service), client.default_namespace()), handle)
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = Faulty<S>;

    fn layer(&self, inner: S) -> Faulty<S> {
        Faulty { inner, plan: Arc::clone(&self.plan) }
    }
}

/// A service that carries a client's requests to the service below, or not; see [`FaultLayer`].
#[derive(Debug, Clone)]
pub struct Faulty<S> {
    inner: S,
    plan: Arc<Plan>,
}

impl<S, B> Service<Request<Body>> for Faulty<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<FaultyBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone waits for the next request.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        Box::pin(carry(inner, Arc::clone(&self.plan), request))
    }
}

async fn carry<S, B>(mut inner: S, plan: Arc<Plan>, request: Request<Body>) -> Result<Response<FaultyBody>, BoxError>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = request.into_parts();
    let body = body.collect_bytes().await?;
    let verdict = match route::parse(&parts, kinds::by_path) {
        Ok(Target::Stored(route)) => plan.before(&route, &body).await?,
        Ok(Target::Review(kind)) => plan.review(kind, &body).await?,
        Ok(Target::Document(segments)) => plan.document(&segments).await?,
        // A request that is not for a known kind is left to the server below to refuse.
        Err(_) => plan.unknown(parts.uri.path()).await?,
    };
    match &verdict {
        Verdict::Refuse(failure) => return Ok(refusal(failure)),
        Verdict::Answer(code, body) => return Ok(answer(*code, body)),
        Verdict::Go | Verdict::LoseAnswer | Verdict::DieAfter | Verdict::EndWatchEarly(_) => {}
    }
    let response = inner.call(Request::from_parts(parts, Body::from(body.to_vec()))).await.map_err(Into::into)?;
    plan.after(&verdict).await?;
    let (head, body) = response.into_parts();
    let body = match verdict {
        Verdict::EndWatchEarly(end) if head.status.is_success() => {
            let frames = shortened(body, end);
            BodyExt::boxed_unsync(StreamBody::new(frames))
        }
        _ => body.map_err(Into::into).boxed_unsync(),
    };
    Ok(Response::from_parts(head, body))
}

fn refusal(failure: &Failure) -> Response<FaultyBody> {
    failure.response().map(whole)
}

fn answer(code: u16, body: &serde_json::Value) -> Response<FaultyBody> {
    shaped(code, JSON, whole(Bytes::from(body.to_string())))
}

fn whole(body: Bytes) -> FaultyBody {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

/// A watch's answer that is cut off between two lines.
struct Shortened<B> {
    body: std::pin::Pin<Box<B>>,
    /// The beginning of a line whose end has not come yet.
    rest: BytesMut,
    lines: u64,
    early: EarlyEnd,
    deadline: Instant,
    over: bool,
}

fn shortened<B>(body: B, early: EarlyEnd) -> impl Stream<Item = Result<Frame<Bytes>, BoxError>> + Send
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let deadline = Instant::now() + early.after;
    let body = Box::pin(body);
    let watch = Shortened { body, rest: BytesMut::new(), lines: 0, early, deadline, over: false };
    stream::unfold(watch, |mut watch| async move {
        let line = watch.next().await?;
        Some((line.map(Frame::data), watch))
    })
}

impl<B> Shortened<B>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// Returns the next whole line; `None` ends the answer.
    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            if self.over {
                return None;
            }
            if self.lines >= self.early.after_events {
                return self.end();
            }
            if let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
                self.lines += 1;
                return Some(Ok(self.rest.split_to(at + 1).freeze()));
            }
            tokio::select! {
                frame = self.body.frame() => match frame {
                    None => return None,
                    Some(Err(error)) => return Some(Err(error.into())),
                    Some(Ok(frame)) => if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    },
                },
                () = tokio::time::sleep_until(self.deadline) => return self.end(),
            }
        }
    }

    fn end(&mut self) -> Option<Result<Bytes, BoxError>> {
        self.over = true;
        match self.early.how {
            End::Quiet => None,
            End::Broken => Some(Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())),
            End::Expired => {
                let expired = Failure::expired("too old resource version: a fault drawn by the rehearsal");
                let event = serde_json::json!({"type": "ERROR", "object": expired.body()});
                Some(Ok(Bytes::from(format!("{event}\n"))))
            }
        }
    }
}
