//! Makes connections: directly, by HTTP `CONNECT` or SOCKS5 through a proxy, or to a proxy that forwards plain HTTP.

use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use crate::proxy::{InvalidProxy, Proxy};
use crate::stream::{Inner, Stream};
use crate::variables::{ProxyVariables, choose};

/// The reason why no connection came about. What stands in front of it in a message names the server and the proxy.
#[derive(Debug, thiserror::Error)]
pub enum Stuck {
    /// The server is reached directly, and was not.
    #[error(transparent)]
    Direct(BoxError),
    /// The proxy is not there.
    #[error("the proxy cannot be reached: {cause}; {advice}")]
    Unreachable {
        /// What the network says.
        cause: String,
        /// What to do.
        advice: String,
    },
    /// The proxy is there, and does not connect.
    #[error("the proxy does not connect to {server}: {cause}; {advice}")]
    Refused {
        /// Host and port of the server.
        server: String,
        /// What the proxy says.
        cause: String,
        /// What to do.
        advice: String,
    },
    /// The proxy that the environment names cannot be used.
    #[error(transparent)]
    Invalid(#[from] InvalidProxy),
}

/// Where the way to a server is looked up.
#[derive(Clone, Debug)]
enum Way {
    Always(Proxy),
    Environment(Arc<ProxyVariables>),
}

/// A connector to servers, without TLS to them.
#[derive(Clone, Debug)]
pub struct Connector {
    way: Way,
    tcp: HttpConnector,
    /// Connects to proxies that have TLS of their own. Made when it is needed: it reads this machine's certificates.
    tls: Arc<OnceLock<HttpsConnector<HttpConnector>>>,
}

impl Connector {
    /// Connects through this proxy only.
    ///
    /// # Errors
    /// When the proxy has TLS, and this machine has no certificates to judge it by.
    pub fn through(proxy: Proxy) -> Result<Self, InvalidProxy> {
        let connector = Self::by(Way::Always(proxy.clone()));
        if proxy.address().scheme_str() == Some("https") {
            connector.tls(&proxy)?;
        }
        Ok(connector)
    }

    /// Connects to each server as the environment has it.
    #[must_use]
    pub fn by_environment(variables: Arc<ProxyVariables>) -> Self {
        Self::by(Way::Environment(variables))
    }

    fn by(way: Way) -> Self {
        let mut tcp = HttpConnector::new();
        // The scheme is that of the server, and TLS is laid over this by the caller.
        tcp.enforce_http(false);
        Self { way, tcp, tls: Arc::default() }
    }

    /// Limits the time in which a TCP connection comes about.
    #[must_use]
    pub fn connect_timeout(mut self, time: Duration) -> Self {
        self.tcp.set_connect_timeout(Some(time));
        self
    }

    /// The proxy is part of no cluster and no registry: its certificate is judged by this machine, and ours is not shown
    /// to it.
    fn tls(&self, proxy: &Proxy) -> Result<HttpsConnector<HttpConnector>, InvalidProxy> {
        if let Some(known) = self.tls.get() {
            return Ok(known.clone());
        }
        let roots = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| InvalidProxy(format!("no certificates for the proxy {proxy}: {error}")))?;
        let tls = roots.https_only().enable_http1().wrap_connector(self.tcp.clone());
        Ok(self.tls.get_or_init(|| tls).clone())
    }

    async fn connect(self, server: Uri) -> Result<Stream, Stuck> {
        let proxy = match &self.way {
            Way::Always(proxy) => Some(proxy.clone()),
            Way::Environment(variables) => choose(&server, None, variables)?,
        };
        let Some(proxy) = proxy else {
            let stream = self.tcp.oneshot(server).await.map_err(|error| Stuck::Direct(error.into()))?;
            return Ok(Stream { inner: MaybeHttpsStream::Http(stream), is_forwarded: false });
        };
        tracing::debug!(%server, %proxy, "connecting through a proxy");
        let advice = proxy.advice(server.host().unwrap_or_default());
        let stream = self.dial(&proxy).await.map_err(|error| match error.downcast::<InvalidProxy>() {
            Ok(invalid) => Stuck::Invalid(*invalid),
            Err(error) => Stuck::Unreachable { cause: causes(error.as_ref()), advice: advice.clone() },
        })?;
        if proxy.forwards(&server) {
            return Ok(Stream { inner: stream, is_forwarded: true });
        }
        let authority = server.authority().map_or_else(String::new, ToString::to_string);
        let inner = open(stream, &proxy, server).await;
        let inner = inner.map_err(|cause| Stuck::Refused { server: authority, cause, advice })?;
        Ok(Stream { inner, is_forwarded: false })
    }

    async fn dial(&self, proxy: &Proxy) -> Result<Inner, BoxError> {
        let address = proxy.to_dial()?;
        if address.scheme_str() == Some("https") {
            return self.tls(proxy)?.oneshot(address).await;
        }
        Ok(MaybeHttpsStream::Http(self.tcp.clone().oneshot(address).await?))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Stuck;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, Stuck>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Stuck>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        Box::pin(self.clone().connect(server))
    }
}

/// Has a proxy connect to a server; the error says why it does not. The proxy is connected to before, so that the two can be
/// told apart when one fails.
async fn open(stream: Inner, proxy: &Proxy, server: Uri) -> Result<Inner, String> {
    let mut stream = Some(stream);
    let dialled = service_fn(move |_proxy: Uri| {
        ready(stream.take().ok_or_else(|| io::Error::other("a connection serves one handshake")))
    });
    if proxy.is_socks() {
        let mut handshake = SocksV5::new(proxy.address().clone(), dialled);
        if let Some((user, password)) = proxy.raw_auth() {
            handshake = handshake.with_auth(user.to_owned(), password.to_owned());
        }
        return handshake.oneshot(server).await.map_err(|error| error.to_string());
    }
    let mut handshake = Tunnel::new(proxy.address().clone(), dialled);
    if let Some(credentials) = proxy.basic_auth() {
        handshake = handshake.with_auth(credentials.clone());
    }
    handshake.oneshot(server).await.map_err(|error| causes(&error))
}

/// Joins an error with its causes; causes that repeat what was said are left out.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        next = cause.source();
    }
    said
}
