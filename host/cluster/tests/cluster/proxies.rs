//! The way to an API server through proxies, and past them. Each case runs in a process of its own, which has the variables
//! of the case and no others: they belong to a whole process, and kube reads some of them by itself.

#[path = "../../../proxy/tests/support/proxies.rs"]
mod servers;

use std::process::Stdio;

use pvmigrate_cluster::{ConnectOptions, Error, connect, survey};
use pvmigrate_core::survey::Scope;
use serde_json::json;

use servers::{CERTIFICATE, Endpoint, Kind, acceptor, head, serve};
use tokio::io::AsyncWriteExt as _;

/// The variable by which the process of a case knows that it is one.
const CASE: &str = "PVMIGRATE_TEST_PROXIES";

/// The server's name; only a proxy knows where it is.
const SERVER: &str = "https://api.example.test:6443";

const NOTHING: &str = r#"{"apiVersion":"v1","kind":"List","metadata":{"resourceVersion":"1"},"items":[]}"#;

/// Starts an API server that has no objects.
async fn api() -> Endpoint {
    let tls = acceptor();
    serve(move |stream, _asked| {
        let tls = tls.clone();
        async move {
            let mut stream = tls.accept(stream).await?;
            loop {
                head(&mut stream).await?;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{NOTHING}",
                    NOTHING.len()
                );
                stream.write_all(answer.as_bytes()).await?;
                stream.flush().await?;
            }
        }
    })
    .await
}

/// What a case is about: the kubeconfig's server and proxy, and the environment.
struct Case<'a> {
    server: String,
    proxy_url: Option<&'a str>,
    variables: Vec<(&'a str, &'a str)>,
}

impl<'a> Case<'a> {
    fn of(server: &str, variables: &[(&'a str, &'a str)]) -> Self {
        Self { server: server.to_owned(), proxy_url: None, variables: variables.to_vec() }
    }

    /// Surveys the cluster in a process of its own; returns `ok`, or the error as a user reads it.
    async fn run(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let (kubeconfig, certificate) = (folder.path().join("kubeconfig"), folder.path().join("ca.pem"));
        std::fs::write(&certificate, CERTIFICATE).unwrap();
        let mut cluster = json!({"server": self.server, "certificate-authority": certificate,
            "tls-server-name": "api.example.test"});
        if let Some(url) = self.proxy_url {
            cluster["proxy-url"] = json!(url);
        }
        let text = json!({"apiVersion": "v1", "kind": "Config", "current-context": "one",
            "clusters": [{"name": "one", "cluster": cluster}],
            "contexts": [{"name": "one", "context": {"cluster": "one"}}]});
        std::fs::write(&kubeconfig, text.to_string()).unwrap();
        let mut process = tokio::process::Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "proxies::the_process_of_a_case", "--nocapture"]);
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"] {
            process.env_remove(name).env_remove(name.to_lowercase());
        }
        process.env(CASE, "1").env("KUBECONFIG", &kubeconfig).env("SSL_CERT_FILE", &certificate);
        process.envs(self.variables.iter().copied()).stderr(Stdio::inherit()).kill_on_drop(true);
        let output = String::from_utf8(process.output().await.unwrap().stdout).unwrap();
        let (_, answer) = output.split_once("answer: ").unwrap_or_else(|| panic!("no answer: {output}"));
        answer.lines().next().unwrap().to_owned()
    }
}

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the other end is the test that started this process")]
async fn the_process_of_a_case() {
    if std::env::var_os(CASE).is_none() {
        return;
    }
    let look = async {
        let connection = connect(&ConnectOptions::default()).await?;
        let scope = Scope {
            namespace: None,
            source_class: "slow".to_owned(),
            dest_class: "fast".to_owned(),
            skip_source_validation: false,
        };
        survey(&connection.client, &scope).await
    };
    let answer = look.await.map_or_else(|error: Error| error.to_string(), |_survey| "ok".to_owned());
    println!("answer: {answer}");
}

#[tokio::test]
async fn https_proxy_leads_to_the_server_with_its_credentials() {
    let proxy = Endpoint::before(api().await.port, Kind::Http).await;
    let url = format!("http://me:s%40cret@127.0.0.1:{}", proxy.port);
    for name in ["HTTPS_PROXY", "https_proxy"] {
        assert_eq!(Case::of(SERVER, &[(name, &url)]).run().await, "ok");
    }
    let asked = proxy.asked();
    assert!(asked.len() >= 2);
    for asked in asked {
        assert_eq!(asked, "CONNECT api.example.test:6443 HTTP/1.1, Basic bWU6c0BjcmV0");
    }
}

#[tokio::test]
async fn no_proxy_is_compared_with_the_server() {
    let api = api().await;
    // Means this machine, but is not a loopback address: those are never reached through a proxy of the environment.
    let server = format!("https://0.0.0.0:{}", api.port);
    let proxy = Endpoint::before(api.port, Kind::Http).await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    // The last is what kube would refuse to read.
    for list in ["0.0.0.0", "0.0.0.0/8", "*", "example.test,0.0.0.0,"] {
        assert_eq!(Case::of(&server, &[("HTTPS_PROXY", &url), ("NO_PROXY", list)]).run().await, "ok", "{list}");
        assert_eq!(proxy.asked().len(), 0, "{list}");
    }
    // Names the proxy, and not the server.
    assert_eq!(Case::of(&server, &[("HTTPS_PROXY", &url), ("NO_PROXY", "127.0.0.1")]).run().await, "ok");
    assert!(!proxy.asked().is_empty());
}

#[tokio::test]
async fn the_kubeconfigs_proxy_comes_first_and_nothing_exempts_from_it() {
    let proxy = Endpoint::before(api().await.port, Kind::Http).await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let variables = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", "*")];
    let case = Case { proxy_url: Some(&url), ..Case::of(SERVER, &variables) };
    assert_eq!(case.run().await, "ok");
    assert!(!proxy.asked().is_empty());
}

#[tokio::test]
async fn socks_leads_to_the_server_with_its_credentials() {
    let api = api().await;
    let open = Endpoint::before(api.port, Kind::Socks { password: None }).await;
    let closed = Endpoint::before(api.port, Kind::Socks { password: Some("s@cret") }).await;
    let url = format!("socks5://127.0.0.1:{}", open.port);
    assert_eq!(Case { proxy_url: Some(&url), ..Case::of(SERVER, &[]) }.run().await, "ok");
    assert!(open.asked().iter().all(|asked| asked == "api.example.test:6443") && !open.asked().is_empty());
    let url = format!("socks5h://me:s%40cret@127.0.0.1:{}", closed.port);
    assert_eq!(Case::of(SERVER, &[("HTTPS_PROXY", &url)]).run().await, "ok");
    assert!(!closed.asked().is_empty());
}

#[tokio::test]
async fn a_proxy_may_have_tls_of_its_own() {
    let proxy = Endpoint::before(api().await.port, Kind::Https).await;
    let url = format!("https://localhost:{}", proxy.port);
    assert_eq!(Case::of(SERVER, &[("HTTPS_PROXY", &url)]).run().await, "ok");
    assert!(!proxy.asked().is_empty());
}

#[tokio::test]
async fn a_proxy_that_cannot_be_reached_is_named_with_who_asked_for_it() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "https", "socks5"] {
        let url = format!("{scheme}://me:s%40cret@{unused}");
        let said = Case::of(SERVER, &[("HTTPS_PROXY", &url)]).run().await;
        let begins = format!(
            "cannot reach the API server {SERVER}/ through the proxy {scheme}://{unused} (from HTTPS_PROXY): client error \
             (Connect): the proxy cannot be reached: "
        );
        assert!(said.starts_with(&begins) && said.contains("refused"), "{said}");
        assert!(said.contains("; correct HTTPS_PROXY, or add api.example.test to NO_PROXY"), "{said}");
        let said = Case { proxy_url: Some(&url), ..Case::of(SERVER, &[]) }.run().await;
        assert!(said.contains(&format!("{scheme}://{unused} (from proxy-url of the kubeconfig): ")), "{said}");
        assert!(said.contains("; correct proxy-url of the kubeconfig"), "{said}");
        assert!(!said.contains("cret"), "{said}");
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_and_a_setting_that_is_wrong_are_told_apart_from_the_server() {
    let api = api().await;
    let (picky, socks) = (
        Endpoint::before(api.port, Kind::Refusing).await,
        Endpoint::before(api.port, Kind::Socks { password: Some("other") }).await,
    );
    let picky = format!("http://me:s%40cret@127.0.0.1:{}", picky.port);
    let socks = format!("socks5://me:s%40cret@127.0.0.1:{}", socks.port);
    for (url, words) in [
        (
            picky.as_str(),
            "the proxy does not connect to api.example.test:6443: tunnel error: proxy authorization required",
        ),
        (socks.as_str(), "the proxy does not connect to api.example.test:6443: SOCKS error: "),
        ("http://me:s%40cret@p:x", "determine how to reach the cluster: HTTPS_PROXY is not a proxy URL (invalid"),
        ("ftp://me:s%40cret@p", "HTTPS_PROXY names a proxy with the scheme ftp, which is not supported"),
    ] {
        let said = Case::of(SERVER, &[("HTTPS_PROXY", url)]).run().await;
        assert!(said.contains(words) && !said.contains("cret"), "{said}");
    }
}
