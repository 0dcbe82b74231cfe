//! Requests with a bound on what comes back, in bytes and in time. No redirect is followed here.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::error::Error;

/// Time for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Largest answer that is not an artifact: a manifest, a token, an error.
pub(crate) const SMALL: usize = 1 << 20;
/// Time for such an answer.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A client that sends requests.
#[derive(Debug, Default)]
pub(crate) struct Http {
    plain: OnceLock<Client<HttpConnector, Full<Bytes>>>,
    tls: OnceLock<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
}

/// One request, without its address.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Maximum size of a good answer, in bytes.
    pub(crate) most: usize,
    /// Time for all of it.
    pub(crate) time: Duration,
}

impl Ask {
    /// Asks for something small.
    pub(crate) fn new(method: Method) -> Self {
        Self { method, headers: HeaderMap::new(), body: Bytes::new(), most: SMALL, time: SOON }
    }
}

/// An answer in full.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Returns a header that is text.
    pub(crate) fn header(&self, name: http::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Http {
    /// Sends one request.
    pub(crate) async fn send(&self, url: &Uri, ask: &Ask) -> Result<Answer, Error> {
        let answer = tokio::time::timeout(ask.time, self.exchange(url, ask)).await;
        answer.unwrap_or_else(|_| Err(Error::Slow { url: url.to_string(), seconds: ask.time.as_secs() }))
    }

    async fn exchange(&self, url: &Uri, ask: &Ask) -> Result<Answer, Error> {
        let unreachable = |why: String| Error::Unreachable { url: url.to_string(), why };
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = url.clone();
        *request.headers_mut() = ask.headers.clone();
        let agent = concat!("pvmigrate/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(agent));
        let answer = if url.scheme_str() == Some("https") {
            self.tls()?.request(request).await
        } else {
            self.plain().request(request).await
        };
        let answer = answer.map_err(|error| unreachable(causes(&error)))?;
        let (head, mut body) = answer.into_parts();
        let most = if head.status.is_success() { ask.most } else { SMALL };
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| unreachable(causes(&error)))?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > most {
                return Err(Error::TooLarge { url: url.to_string(), limit: most });
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Answer { code: head.status, headers: head.headers, body: bytes.freeze() })
    }

    fn plain(&self) -> &Client<HttpConnector, Full<Bytes>> {
        self.plain.get_or_init(|| Client::builder(TokioExecutor::new()).build(connector()))
    }

    fn tls(&self) -> Result<&Client<HttpsConnector<HttpConnector>, Full<Bytes>>, Error> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let mut tcp = connector();
        tcp.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Error::Tls(error.to_string()))?;
        let https = https.https_only().enable_http1().wrap_connector(tcp);
        Ok(self.tls.get_or_init(|| Client::builder(TokioExecutor::new()).build(https)))
    }
}

fn connector() -> HttpConnector {
    let mut tcp = HttpConnector::new();
    tcp.set_connect_timeout(Some(CONNECT));
    tcp
}

/// Joins an error with its causes: "client error (Connect)" alone helps nobody.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text.push_str(": ");
        text.push_str(&deeper.to_string());
        cause = deeper.source();
    }
    text
}
