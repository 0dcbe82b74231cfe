//! Requests with a bound on what comes back, in bytes and in time, directly or through a proxy. No redirect is followed here.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use pvmigrate_proxy::{Connector, Proxy, ProxyVariables, choose};

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
    proxies: Arc<ProxyVariables>,
    plain: OnceLock<Client<Connector, Full<Bytes>>>,
    tls: OnceLock<Client<HttpsConnector<Connector>, Full<Bytes>>>,
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
    pub(crate) fn new(proxies: ProxyVariables) -> Self {
        Self { proxies: Arc::new(proxies), ..Self::default() }
    }

    /// Sends one request.
    pub(crate) async fn send(&self, url: &Uri, ask: &Ask) -> Result<Answer, Error> {
        let proxy = choose(url, None, &self.proxies)?;
        let answer = tokio::time::timeout(ask.time, self.exchange(url, ask, proxy.as_ref())).await;
        answer.unwrap_or_else(|_| {
            let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
            Err(Error::Slow { url: format!("{url}{through}"), seconds: ask.time.as_secs() })
        })
    }

    async fn exchange(&self, url: &Uri, ask: &Ask, proxy: Option<&Proxy>) -> Result<Answer, Error> {
        let unreachable = |why: String| match proxy {
            Some(proxy) => Error::Proxy { url: url.to_string(), proxy: proxy.to_string(), why },
            None => Error::Unreachable { url: url.to_string(), why },
        };
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = url.clone();
        *request.headers_mut() = ask.headers.clone();
        let forwarding = proxy.filter(|proxy| proxy.forwards(url));
        if let Some(credentials) = forwarding.and_then(Proxy::basic_auth) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, credentials.clone());
        }
        let agent = concat!("pvmigrate/", env!("CARGO_PKG_VERSION"));
        request.headers_mut().insert(http::header::USER_AGENT, http::HeaderValue::from_static(agent));
        let answer = if url.scheme_str() == Some("https") {
            self.tls()?.request(request).await
        } else {
            self.plain().request(request).await
        };
        let answer = answer.map_err(|error| unreachable(causes(&error)))?;
        let (head, mut body) = answer.into_parts();
        if let Some(proxy) = forwarding.filter(|_| head.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED) {
            let advice = proxy.advice(url.host().unwrap_or_default());
            return Err(unreachable(format!("the proxy does not accept the credentials, or wants some; {advice}")));
        }
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

    fn plain(&self) -> &Client<Connector, Full<Bytes>> {
        self.plain.get_or_init(|| Client::builder(TokioExecutor::new()).build(self.connector()))
    }

    fn tls(&self) -> Result<&Client<HttpsConnector<Connector>, Full<Bytes>>, Error> {
        if let Some(client) = self.tls.get() {
            return Ok(client);
        }
        let https = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Error::Tls(error.to_string()))?;
        let https = https.https_only().enable_http1().wrap_connector(self.connector());
        Ok(self.tls.get_or_init(|| Client::builder(TokioExecutor::new()).build(https)))
    }

    fn connector(&self) -> Connector {
        Connector::by_environment(Arc::clone(&self.proxies)).connect_timeout(CONNECT)
    }
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
