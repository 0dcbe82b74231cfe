//! A client whose connections lead through a proxy, with TLS to the API server inside.
//!
//! kube's own proxy features are not used. With them on, it reads `NO_PROXY` by rules that are not kubectl's and cannot
//! be turned off, leaves out a SOCKS proxy's credentials, and shows the cluster's client certificate to a proxy with TLS,
//! which it takes for one of the cluster.

use http::header::PROXY_AUTHORIZATION;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ClientBuilder, ConfigExt as _};
use kube::{Client, Config};
use pvmigrate_proxy::{Connector, Proxy};
use tower::{BoxError, Layer as _, ServiceExt as _};

use crate::causes::chain;
use crate::error::Error;

/// Makes a client that reaches the server of `config` through `proxy` only.
///
/// # Errors
/// [`Error::Kubeconfig`] when a certificate of the kubeconfig, or of this machine, cannot be used.
pub(crate) fn client(mut config: Config, proxy: Proxy) -> Result<Client, Error> {
    let wrong = |error: kube::Error| Error::Kubeconfig { message: chain(&error) };
    if let Some(credentials) = proxy.basic_auth().filter(|_| proxy.forwards(&config.cluster_url)) {
        config.headers.push((PROXY_AUTHORIZATION, credentials.clone()));
    }
    let through = Connector::through(proxy)?;
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
