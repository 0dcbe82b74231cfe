//! A client whose connections lead through a proxy: HTTP `CONNECT` or SOCKS5, with TLS to the API server inside.
//!
//! kube's own proxy features are not used. With them on, it reads `NO_PROXY` by rules that are not kubectl's and cannot
//! be turned off (see [`crate::proxy`]), leaves out a SOCKS proxy's credentials, and shows the cluster's client
//! certificate to a proxy with TLS, which it takes for one of the cluster.

use std::future::{Future, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use tokio::net::TcpStream;
use tower::{BoxError, Layer as _, Service, ServiceExt as _, service_fn};

use crate::causes::chain;
use crate::error::Error;
use crate::proxy::Proxy;

/// Makes a client that reaches the server of `config` through `proxy` only.
///
/// # Errors
/// [`Error::Kubeconfig`] when a certificate of the kubeconfig, or of this machine, cannot be used.
pub(crate) fn client(config: &Config, proxy: Proxy) -> Result<Client, Error> {
    let wrong = |error: kube::Error| Error::Kubeconfig { message: chain(&error) };
    let through = Through { dialer: Dialer::to(&proxy)?, proxy };
    let mut connector = TimeoutConnector::new(config.rustls_https_connector_with_connector(through).map_err(wrong)?);
    connector.set_connect_timeout(config.connect_timeout);
    connector.set_read_timeout(config.read_timeout);
    connector.set_write_timeout(config.write_timeout);
    let client: legacy::Client<_, Body> = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let client = config.extra_headers_layer().map_err(wrong)?.layer(client.map_err(BoxError::from));
    let client = tower::util::option_layer(config.auth_layer().map_err(wrong)?).layer(client);
    let client = config.base_uri_layer().layer(client);
    Ok(ClientBuilder::new(client, config.default_namespace.clone()).build())
}

/// The reason why no connection came about; the address of the proxy stands in front of it in every message.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error("the proxy cannot be reached: {cause}; {advice}")]
    Unreachable { cause: String, advice: String },
    #[error("the proxy does not connect to the API server: {cause}; {advice}")]
    Refused { cause: String, advice: String },
}

/// The connection to the proxy itself.
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// A connector to proxies.
#[derive(Clone)]
enum Dialer {
    Plain(HttpConnector),
    Tls(HttpsConnector<HttpConnector>),
}

impl Dialer {
    fn to(proxy: &Proxy) -> Result<Self, Error> {
        let mut tcp = HttpConnector::new();
        if proxy.address().scheme_str() != Some("https") {
            return Ok(Self::Plain(tcp));
        }
        tcp.enforce_http(false);
        // The proxy is not part of the cluster: its certificate is judged by this machine, and ours is not shown to it.
        let roots = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| Error::Kubeconfig {
                message: format!("no certificates for the proxy {proxy}: {error}"),
            })?;
        Ok(Self::Tls(roots.https_only().enable_http1().wrap_connector(tcp)))
    }

    async fn dial(self, proxy: &Proxy) -> Result<Stream, BoxError> {
        let address = proxy.to_dial()?;
        match self {
            Self::Plain(tcp) => Ok(MaybeHttpsStream::Http(tcp.oneshot(address).await?)),
            Self::Tls(tls) => tls.oneshot(address).await,
        }
    }
}

/// A connector to API servers through a proxy.
#[derive(Clone)]
struct Through {
    proxy: Proxy,
    dialer: Dialer,
}

impl Through {
    async fn connect(self, server: Uri) -> Result<Stream, Stuck> {
        let Self { proxy, dialer } = self;
        tracing::debug!(%server, %proxy, "connecting through a proxy");
        let stream = dialer
            .dial(&proxy)
            .await
            .map_err(|error| Stuck::Unreachable { cause: chain(error.as_ref()), advice: proxy.advice() })?;
        // Connected before the handshake, so that the two can be told apart when one fails.
        let mut stream = Some(stream);
        let dialled = service_fn(move |_proxy: Uri| {
            ready(stream.take().ok_or_else(|| io::Error::other("a connection serves one handshake")))
        });
        let refused = |cause: String| Stuck::Refused { cause, advice: proxy.advice() };
        if proxy.is_socks() {
            let mut handshake = SocksV5::new(proxy.address().clone(), dialled);
            if let Some((user, password)) = proxy.raw_auth() {
                handshake = handshake.with_auth(user.to_owned(), password.to_owned());
            }
            return handshake.oneshot(server).await.map_err(|error| refused(error.to_string()));
        }
        let mut handshake = Tunnel::new(proxy.address().clone(), dialled);
        if let Some(credentials) = proxy.basic_auth() {
            handshake = handshake.with_auth(credentials.clone());
        }
        handshake.oneshot(server).await.map_err(|error| refused(chain(&error)))
    }
}

impl Service<Uri> for Through {
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
