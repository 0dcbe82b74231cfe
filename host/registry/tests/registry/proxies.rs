//! Registries through proxies: the real one, and one that is not there.

use pvmigrate_proxy::ProxyVariables;
use pvmigrate_registry::{Credentials, Error, Registry};

use crate::docker_registry::start;
use crate::servers::{Endpoint, Kind};
use crate::{MOST, artifact, credentials, reference};

/// A registry that only a proxy knows where it is.
const NAME: &str = "registry.example.test:5000";

/// Returns a client that has these variables.
fn registry(credentials: Credentials, set: &[(&str, &str)]) -> Registry {
    let lookup = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    Registry::new(credentials, ProxyVariables::of(lookup), true)
}

fn port(host: &str) -> u16 {
    host.rsplit_once(':').unwrap().1.parse().unwrap()
}

#[tokio::test]
#[ignore = "needs docker-registry: tests/run registry"]
async fn plain_http_is_handed_to_the_proxy_with_its_credentials_and_the_registrys() {
    let docker = start(true);
    let proxy = Endpoint::before(port(&docker.host), Kind::Http).await;
    let url = format!("http://you:s%40cret@127.0.0.1:{}", proxy.port);
    let registry = registry(credentials(&[NAME]), &[("HTTP_PROXY", &url)]);
    let there = reference(NAME, "policies/keep:1");
    registry.push(&there, &artifact(b"component")).await.unwrap();
    assert_eq!(registry.pull(&there, MOST).await.unwrap().bytes.as_ref(), b"component");
    let asked = proxy.asked();
    let first = format!("GET http://{NAME}/v2/policies/keep/manifests/1 HTTP/1.1, Basic eW91OnNAY3JldA==");
    assert!(asked.contains(&first), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.ends_with(", Basic eW91OnNAY3JldA==")), "{asked:?}");
}

#[tokio::test]
#[ignore = "needs docker-registry: tests/run registry"]
async fn socks_leads_to_the_registry_and_no_proxy_past_it() {
    let docker = start(false);
    let proxy = Endpoint::before(port(&docker.host), Kind::Socks { password: Some("s@cret") }).await;
    let url = format!("socks5h://me:s%40cret@127.0.0.1:{}", proxy.port);
    let there = reference(NAME, "keep:1");
    registry(Credentials::default(), &[("HTTP_PROXY", &url)]).push(&there, &artifact(b"x")).await.unwrap();
    assert!(proxy.asked().iter().all(|asked| asked == NAME) && !proxy.asked().is_empty());

    // Means this machine, but is not a loopback address: those are never reached through a proxy.
    let before = proxy.asked().len();
    let there = reference(&format!("0.0.0.0:{}", port(&docker.host)), "keep:1");
    let exempt = registry(Credentials::default(), &[("HTTP_PROXY", &url), ("NO_PROXY", "0.0.0.0")]);
    assert_eq!(exempt.pull(&there, MOST).await.unwrap().bytes.as_ref(), b"x");
    let local = registry(Credentials::default(), &[("HTTP_PROXY", &url)]);
    assert_eq!(local.pull(&reference(&docker.host, "keep:1"), MOST).await.unwrap().bytes.as_ref(), b"x");
    assert_eq!(proxy.asked().len(), before);
}

#[tokio::test]
async fn a_proxy_that_does_not_work_is_named_with_what_to_do() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refusing = Endpoint::before(1, Kind::Refusing).await.port;
    let refusing = format!("http://me:s%40cret@127.0.0.1:{refusing}");
    let advice = "correct HTTP_PROXY, or add registry.example.test to NO_PROXY";
    for (url, words) in [
        (format!("http://me:s%40cret@{unused}"), "the proxy cannot be reached: "),
        (format!("socks5://me:s%40cret@{unused}"), "the proxy cannot be reached: "),
        (refusing, "the proxy does not accept the credentials, or wants some; "),
    ] {
        let registry = registry(Credentials::default(), &[("HTTP_PROXY", &url)]);
        let error = registry.pull(&reference(NAME, "keep:1"), MOST).await.unwrap_err();
        assert!(matches!(error, Error::Proxy { .. }), "{error}");
        let error = error.to_string();
        assert!(
            error.starts_with(&format!("cannot reach http://{NAME}/v2/keep/manifests/1 through the proxy ")),
            "{error}"
        );
        assert!(error.contains(" (from HTTP_PROXY): ") && error.contains(words) && error.ends_with(advice), "{error}");
        assert!(!error.contains("cret"), "{error}");
    }
    let wrong = registry(Credentials::default(), &[("HTTP_PROXY", "ftp://me:secret@p")]);
    let error = wrong.pull(&reference(NAME, "keep:1"), MOST).await.unwrap_err();
    assert!(matches!(error, Error::InvalidProxy(_)), "{error}");
    assert!(error.to_string().starts_with("HTTP_PROXY names a proxy with the scheme ftp"), "{error}");
}

#[tokio::test]
async fn a_tunnel_that_the_proxy_refuses_is_told_apart_from_the_registry() {
    let port = Endpoint::before(1, Kind::Refusing).await.port;
    let lookup = |name: &str| (name == "HTTPS_PROXY").then(|| format!("http://127.0.0.1:{port}"));
    let registry = Registry::new(Credentials::default(), ProxyVariables::of(lookup), false);
    let error = registry.pull(&reference(NAME, "keep:1"), MOST).await.unwrap_err().to_string();
    let words = format!(
        "the proxy does not connect to {NAME}: tunnel error: proxy authorization required; correct HTTPS_PROXY, or add \
         registry.example.test to NO_PROXY"
    );
    assert!(error.starts_with(&format!("cannot reach https://{NAME}/")) && error.ends_with(&words), "{error}");
}
