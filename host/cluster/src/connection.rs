//! Finds the cluster and connects to it, with the credentials kubectl would use.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderValue;
use http::header::USER_AGENT;
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use pvmigrate_proxy::{InvalidProxy, ProxyVariables, Setting, choose};

use crate::causes::chain;
use crate::error::Error;
use crate::requests::Requests;
use crate::transport::Compression;
use crate::{transport, tunnel};

/// Long enough for a slow link, short enough that a wrong address is noticed.
const CONNECT: Duration = Duration::from_secs(10);

/// The credentials to use.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// The kubeconfig; without it `KUBECONFIG`, then `~/.kube/config`, then the pod's own service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; without it its current one.
    pub context: Option<String>,
}

/// A client and what is known of it.
#[derive(Clone)]
pub struct Connection {
    /// The client. Everything sent through it is counted.
    pub client: Client,
    /// The count of requests.
    pub requests: Requests,
    /// The address of the API server, for messages.
    pub server: String,
    /// The namespace of the kubeconfig's context.
    pub namespace: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("server", &self.server).field("requests", &self.requests).finish()
    }
}

/// Reads the credentials and makes a client. Sends nothing yet.
///
/// Connects through the kubeconfig's `proxy-url`, else through what `HTTPS_PROXY` (for a server without TLS,
/// `HTTP_PROXY`) names, unless `NO_PROXY` exempts the server, as kubectl does. Long answers come compressed unless the
/// kubeconfig's `disable-compression` says otherwise, also as with kubectl.
///
/// # Errors
/// [`Error::Kubeconfig`] names the file, the context, the certificate or the proxy setting that is wrong.
pub async fn connect(options: &ConnectOptions) -> Result<Connection, Error> {
    let variables = ProxyVariables::from_env();
    let (mut config, proxy_url) = config(options, &variables).await?;
    config.connect_timeout = Some(CONNECT);
    // Repeats are made by our own layer, which counts each.
    config.default_retry = false;
    let agent = concat!("pvmigrate/", env!("CARGO_PKG_VERSION"));
    config.headers.push((USER_AGENT, HeaderValue::from_static(agent)));
    // Our choice of a proxy replaces kube's.
    config.proxy_url = None;
    let server = config.cluster_url.to_string();
    let compression = if config.disable_compression { Compression::None } else { Compression::Gzip };
    let Some(proxy) = choose(&config.cluster_url, proxy_url.as_deref().map(setting), &variables)? else {
        let client = ClientBuilder::try_from(config).map_err(|error| wrong(chain(&error)))?.build();
        return Ok(over(client, &server, &server, compression));
    };
    let way = format!("{server} through the proxy {proxy}");
    Ok(over(tunnel::client(config, proxy)?, &server, &way, compression))
}

/// Counts, bounds and repeats the requests of an existing client, as [`connect`] does.
pub fn wrap(client: Client) -> Connection {
    over(client, "(embedded)", "(embedded)", Compression::None)
}

/// Wraps a client. `way` is what messages call the server: with the proxy that stands in front of it.
fn over(client: Client, server: &str, way: &str, compression: Compression) -> Connection {
    let requests = Requests::default();
    let namespace = client.default_namespace().to_owned();
    let client = transport::wrap(client, way, &requests, compression);
    Connection { client, requests, server: server.to_owned(), namespace }
}

/// Reads the credentials, and the `proxy-url` that the kubeconfig has for this cluster.
async fn config(options: &ConnectOptions, variables: &ProxyVariables) -> Result<(Config, Option<String>), Error> {
    let Some(kubeconfig) = kubeconfig(options)? else {
        return in_cluster(options).map(|config| (config, None));
    };
    let proxy_url = proxy_url(&kubeconfig, options.context.as_deref());
    variables.check(proxy_url.as_deref().map(setting))?;
    let choice = KubeConfigOptions { context: options.context.clone(), cluster: None, user: None };
    let config = Config::from_custom_kubeconfig(kubeconfig, &choice).await.map_err(|error| {
        let which = match &options.context {
            Some(context) => format!("context {context}: "),
            None => String::new(),
        };
        wrong(format!("{which}{}", chain(&error)))
    })?;
    Ok((config, proxy_url))
}

/// Returns the `proxy-url` of the context's cluster. A context or cluster that is missing is reported by kube.
fn proxy_url(kubeconfig: &Kubeconfig, context: Option<&str>) -> Option<String> {
    let name = context.or(kubeconfig.current_context.as_deref())?;
    let context = kubeconfig.contexts.iter().find(|known| known.name == name)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|known| known.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.clone().filter(|url| !url.is_empty())
}

/// Reads the kubeconfig; `None` when the user did not name one and none exists.
///
/// A file that is named but cannot be read is an error, never a reason to look elsewhere: that would be another cluster.
fn kubeconfig(options: &ConnectOptions) -> Result<Option<Kubeconfig>, Error> {
    if let Some(path) = &options.kubeconfig {
        return Kubeconfig::read_from(path).map(Some).map_err(|error| wrong(chain(&error)));
    }
    if let Some(named) = Kubeconfig::from_env().map_err(|error| wrong(format!("KUBECONFIG: {}", chain(&error))))? {
        return Ok(Some(named));
    }
    let Some(path) = std::env::home_dir().map(|home| home.join(".kube").join("config")) else { return Ok(None) };
    if path.exists() { Kubeconfig::read_from(path).map(Some).map_err(|error| wrong(chain(&error))) } else { Ok(None) }
}

fn in_cluster(options: &ConnectOptions) -> Result<Config, Error> {
    if let Some(context) = &options.context {
        return Err(wrong(format!(
            "context {context} was given, but no kubeconfig was found; name one with --kubeconfig"
        )));
    }
    Config::incluster().map_err(|error| {
        wrong(format!(
            "~/.kube/config was not found, KUBECONFIG is not set, and this is not a pod in a cluster ({}); name a file with --kubeconfig",
            chain(&error)
        ))
    })
}

fn setting(text: &str) -> Setting<'_> {
    Setting { name: "proxy-url of the kubeconfig", text }
}

fn wrong(message: String) -> Error {
    Error::Kubeconfig { message }
}

impl From<InvalidProxy> for Error {
    fn from(invalid: InvalidProxy) -> Self {
        wrong(invalid.to_string())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn write(name: &str, text: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("pvmigrate-connection-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    const GOOD: &str = "
apiVersion: v1
kind: Config
clusters: [{name: one, cluster: {server: 'http://127.0.0.1:1'}}]
contexts:
- {name: one, context: {cluster: one, namespace: shop}}
- {name: lost, context: {cluster: gone}}
current-context: one
";

    fn options(kubeconfig: PathBuf, context: Option<&str>) -> ConnectOptions {
        ConnectOptions { kubeconfig: Some(kubeconfig), context: context.map(str::to_owned) }
    }

    #[tokio::test]
    async fn a_kubeconfig_gives_server_and_namespace() {
        let connection = connect(&options(write("good", GOOD), None)).await.unwrap();
        assert_eq!(connection.server, "http://127.0.0.1:1/");
        assert_eq!(connection.namespace, "shop");
        assert_eq!(connection.requests.total(), 0);
    }

    #[tokio::test]
    async fn what_is_wrong_with_a_kubeconfig_is_named() {
        let path = write("good2", GOOD);
        for (options, words) in [
            (options(PathBuf::from("/nowhere/kubeconfig"), None), "/nowhere/kubeconfig"),
            (options(path.clone(), Some("other")), "context other"),
            (options(path, Some("lost")), "gone"),
            (options(write("broken", "clusters: ["), None), "YAML"),
        ] {
            let error = connect(&options).await.unwrap_err();
            assert!(matches!(error, Error::Kubeconfig { .. }));
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_the_cause() {
        let connection = connect(&options(write("good3", GOOD), None)).await.unwrap();
        let pods: kube::Api<k8s_openapi::api::core::v1::Pod> = kube::Api::all(connection.client.clone());
        let error = pods.list(&kube::api::ListParams::default()).await.unwrap_err();
        let error = Error::of(&crate::error::Action::new("list", "pods", None), &error);
        assert!(matches!(&error, Error::Unreachable { server, .. } if server == "http://127.0.0.1:1/"), "{error:?}");
        assert!(error.to_string().to_lowercase().contains("refused"), "{error}");
        assert_eq!(connection.requests.total(), 1);
    }
}
