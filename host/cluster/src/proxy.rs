//! Chooses the proxy on the way to the API server by the rules of kubectl, which are those of Go's `net/http`.
//!
//! kube's own rules differ: it compares `NO_PROXY` with the name of the proxy instead of the server's, applies it to a
//! kubeconfig's `proxy-url` too, refuses an empty entry, and knows neither `HTTP_PROXY` nor a suffix without a dot.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use ipnet::IpNet;

use crate::error::Error;

/// The default port of SOCKS, as in Go; those of the other schemes are the client's.
const SOCKS_PORT: u16 = 1080;

/// What the environment says about proxies.
#[derive(Clone, Default)]
pub(crate) struct ProxyVariables {
    /// For servers with TLS: which variable, and its text.
    https: Option<(&'static str, String)>,
    /// For servers without.
    http: Option<(&'static str, String)>,
    /// Servers that are reached directly.
    exempt: String,
}

impl ProxyVariables {
    pub(crate) fn from_env() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Reads the variables with `lookup`. Of the two spellings the upper case one wins, and an empty text counts as unset.
    fn of(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| Some((name, lookup(name).filter(|text| !text.is_empty())?)))
        };
        Self {
            https: first(["HTTPS_PROXY", "https_proxy"]),
            http: first(["HTTP_PROXY", "http_proxy"]),
            exempt: first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default(),
        }
    }

    /// Checks what kube reads by itself when it loads a kubeconfig: its error would not say which text is wrong.
    pub(crate) fn check(&self, of_kubeconfig: Option<&str>) -> Result<(), Error> {
        let kubeconfig = of_kubeconfig.map(|text| (Origin::Kubeconfig, text));
        let variable = self.https.as_ref().map(|(name, text)| (Origin::Variable(name), text.as_str()));
        kubeconfig.or(variable).map_or(Ok(()), |(origin, text)| parse(text, origin).map(drop))
    }
}

/// Who asked for a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Variable(&'static str),
    Kubeconfig,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::Kubeconfig => f.write_str("proxy-url of the kubeconfig"),
        }
    }
}

/// A proxy and who asked for it. What it shows of itself contains no password.
#[derive(Clone)]
pub(crate) struct Proxy {
    intercept: Intercept,
    origin: Origin,
}

impl Proxy {
    fn read(text: &str, origin: Origin) -> Result<Self, Error> {
        let url = parse(text, origin)?;
        if let Some(scheme) = url.scheme_str().filter(|scheme| !["http", "https", "socks5", "socks5h"].contains(scheme))
        {
            return Err(wrong(format!(
                "{origin} names a proxy with the scheme {scheme}, which is not supported; use http, https or socks5"
            )));
        }
        // The rules of this matcher are not Go's; it only takes the URL apart, and the password out of it.
        let intercept = Matcher::builder().all(text).build().intercept(&Uri::from_static("https://any"));
        let intercept = intercept.filter(|intercept| intercept.uri().host().is_some_and(|host| !host.is_empty()));
        intercept.map(|intercept| Self { intercept, origin }).ok_or_else(|| malformed(origin, "it names no host"))
    }

    /// Returns its address without credentials.
    pub(crate) fn address(&self) -> &Uri {
        self.intercept.uri()
    }

    pub(crate) fn is_socks(&self) -> bool {
        self.address().scheme_str().is_some_and(|scheme| scheme.starts_with("socks"))
    }

    /// Returns what to connect to. A SOCKS URL gets its port here: the client would take it for an HTTP one, with HTTP's
    /// port.
    pub(crate) fn to_dial(&self) -> Result<Uri, http::Error> {
        let host = self.address().host().unwrap_or_default();
        if self.is_socks() {
            let port = self.address().port_u16().unwrap_or(SOCKS_PORT);
            return Uri::builder().scheme("http").authority(format!("{host}:{port}")).path_and_query("/").build();
        }
        Ok(self.address().clone())
    }

    /// Returns the credentials for the header `Proxy-Authorization`.
    pub(crate) fn basic_auth(&self) -> Option<&http::HeaderValue> {
        self.intercept.basic_auth()
    }

    /// Returns the credentials of a SOCKS proxy.
    pub(crate) fn raw_auth(&self) -> Option<(&str, &str)> {
        self.intercept.raw_auth()
    }

    /// Says what to do about a proxy that does not work.
    pub(crate) fn advice(&self) -> String {
        match self.origin {
            Origin::Variable(name) => format!("correct {name}, or name the API server in NO_PROXY"),
            Origin::Kubeconfig => format!("correct {}", self.origin),
        }
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (from {})", self.address().to_string().trim_end_matches('/'), self.origin)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

fn parse(text: &str, origin: Origin) -> Result<Uri, Error> {
    let url: Uri = text.parse().map_err(|error: http::uri::InvalidUri| malformed(origin, &error.to_string()))?;
    // `Uri` accepts any text as a port, and then has none.
    let rest = url.authority().and_then(|known| known.as_str().rsplit('@').next()?.strip_prefix(known.host()));
    if url.port_u16().is_none() && rest.is_some_and(|rest| !rest.is_empty()) {
        return Err(malformed(origin, "invalid port"));
    }
    Ok(url)
}

/// Builds the error about a malformed proxy, without its text, which may hold a password.
fn malformed(origin: Origin, why: &str) -> Error {
    wrong(format!(
        "{origin} is not a proxy URL ({why}); write it as http://proxy.example.com:3128, with special characters of \
         a password as %40"
    ))
}

fn wrong(message: String) -> Error {
    Error::Kubeconfig { message }
}

/// Returns the proxy to `server`: the kubeconfig's, to which no exemption applies, else the environment's.
///
/// # Errors
/// [`Error::Kubeconfig`] when the proxy to use cannot be used; it names who asked for it.
pub(crate) fn choose(
    server: &Uri,
    of_kubeconfig: Option<&str>,
    variables: &ProxyVariables,
) -> Result<Option<Proxy>, Error> {
    if let Some(text) = of_kubeconfig {
        return Proxy::read(text, Origin::Kubeconfig).map(Some);
    }
    let is_tls = server.scheme_str() == Some("https");
    let variable = if is_tls { &variables.https } else { &variables.http };
    let Some((name, text)) = variable else { return Ok(None) };
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    if is_local(&host) || is_exempt(&variables.exempt, &host, port) {
        return Ok(None);
    }
    Proxy::read(text, Origin::Variable(name)).map(Some)
}

/// Tells whether the host is this machine, which is never reached through a proxy of the environment.
fn is_local(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Tells whether `NO_PROXY` names the server: `*`, an address, a network, or a domain, which includes its hosts; an
/// address and a domain may have a port. A domain with a leading dot includes its hosts alone.
fn is_exempt(list: &str, host: &str, port: u16) -> bool {
    let ip = host.parse::<IpAddr>().ok();
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let Ok(network) = entry.parse::<IpNet>() {
            return ip.is_some_and(|ip| network.contains(&ip));
        }
        let (name, wanted) = split_port(&entry);
        if wanted.is_some_and(|wanted| wanted != port.to_string()) {
            return false;
        }
        if let Ok(address) = name.parse::<IpAddr>() {
            return ip == Some(address);
        }
        match name.strip_prefix('*').unwrap_or(name) {
            "" => false,
            suffix if suffix.starts_with('.') => host.ends_with(suffix),
            domain => host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

/// Splits `host:port` and `[address]:port`; a bare IPv6 address has no port.
fn split_port(entry: &str) -> (&str, Option<&str>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, port) = rest.split_once(']').unwrap_or((rest, ""));
        return (address, port.strip_prefix(':'));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (entry, None),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn variables(set: &[(&str, &str)]) -> ProxyVariables {
        ProxyVariables::of(|name| set.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned()))
    }

    fn chosen(server: &str, of_kubeconfig: Option<&str>, set: &[(&str, &str)]) -> Option<String> {
        let proxy = choose(&server.parse().unwrap(), of_kubeconfig, &variables(set)).unwrap();
        proxy.map(|proxy| proxy.to_string())
    }

    const HTTPS: (&str, &str) = ("HTTPS_PROXY", "http://p:3128");

    #[test]
    fn the_scheme_of_the_server_chooses_the_variable_and_the_kubeconfig_comes_first() {
        let (tls, plain) = ("https://k8s.example.com:6443", "http://k8s.example.com");
        let lower = ("https_proxy", "q:1");
        for (server, kubeconfig, set, expected) in [
            (tls, None, vec![], None),
            (tls, None, vec![HTTPS], Some("http://p:3128 (from HTTPS_PROXY)")),
            (tls, None, vec![lower], Some("http://q:1 (from https_proxy)")),
            (tls, None, vec![lower, HTTPS], Some("http://p:3128 (from HTTPS_PROXY)")),
            (tls, None, vec![lower, ("HTTPS_PROXY", "")], Some("http://q:1 (from https_proxy)")),
            (tls, None, vec![("HTTP_PROXY", "http://p"), ("ALL_PROXY", "http://p")], None),
            (plain, None, vec![HTTPS], None),
            (plain, None, vec![("HTTP_PROXY", "http://p")], Some("http://p (from HTTP_PROXY)")),
            (tls, Some("socks5://s"), vec![HTTPS], Some("socks5://s (from proxy-url of the kubeconfig)")),
            // Nothing exempts a server from the kubeconfig's own proxy.
            (tls, Some("http://s"), vec![("NO_PROXY", "*")], Some("http://s (from proxy-url of the kubeconfig)")),
            ("https://127.0.0.1:6443", Some("http://s"), vec![], Some("http://s (from proxy-url of the kubeconfig)")),
            ("https://127.0.0.1:6443", None, vec![HTTPS], None),
            ("https://[::1]:6443", None, vec![HTTPS], None),
            ("https://localhost:6443", None, vec![HTTPS], None),
        ] {
            assert_eq!(chosen(server, kubeconfig, &set).as_deref(), expected, "{server} {kubeconfig:?} {set:?}");
        }
    }

    /// Compared with what Go's `golang.org/x/net/http/httpproxy` answers; where we differ, it says so.
    #[test]
    fn no_proxy_names_hosts_suffixes_addresses_and_networks() {
        for (list, server, direct) in [
            ("*", "https://k8s.example.com", true),
            ("k8s.example.com", "https://k8s.example.com:6443", true),
            ("K8S.Example.COM", "https://k8s.example.com", true),
            ("example.com", "https://k8s.example.com:6443", true),
            ("example.com", "https://example.com", true),
            ("ample.com", "https://example.com", false),
            (".example.com", "https://k8s.example.com", true),
            (".example.com", "https://example.com", false),
            ("*.example.com", "https://k8s.example.com", true),
            ("*.example.com", "https://example.com", false),
            ("example.com:6443", "https://k8s.example.com:6443", true),
            ("example.com:6443", "https://k8s.example.com", false),
            ("example.com:443", "https://k8s.example.com", true),
            ("10.0.0.0/8", "https://10.1.2.3:6443", true),
            ("10.1.2.3/8", "https://10.9.9.9", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("10.0.0.0/8", "https://k8s.example.com", false),
            ("10.1.2.3", "https://10.1.2.3:6443", true),
            ("10.1.2.3:6443", "https://10.1.2.3:6443", true),
            ("10.1.2.3:443", "https://10.1.2.3:6443", false),
            ("10.1.2.3", "https://10.1.2.30", false),
            ("fd00::/8", "https://[fd00::1]:6443", true),
            ("fd00::1", "https://[fd00::1]:6443", true),
            // Go takes this one for the name of a host, which is never what is meant.
            ("[fd00::1]", "https://[fd00::1]:6443", true),
            ("[fd00::1]:443", "https://[fd00::1]:6443", false),
            ("other.org, ,example.com,", "https://k8s.example.com", true),
            ("other.org,", "https://k8s.example.com", false),
            (",", "https://k8s.example.com", false),
            ("no/host", "https://k8s.example.com", false),
        ] {
            let found = chosen(server, None, &[HTTPS, ("NO_PROXY", list)]);
            assert_eq!(found.is_none(), direct, "NO_PROXY={list} {server}");
        }
        assert_eq!(chosen("https://a.b", None, &[HTTPS, ("no_proxy", "a.b")]), None);
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_by_who_asked_for_it_and_without_its_password() {
        let server = Uri::from_static("https://k8s.example.com");
        for (text, words) in [
            ("http://u:secret@p:3128:1", "is not a proxy URL ("),
            ("http://u:secret@p:x", "is not a proxy URL (invalid port)"),
            ("http://u:secret@", "is not a proxy URL ("),
            ("http://u:se cret@p", "is not a proxy URL ("),
            ("p:3128/", "is not a proxy URL ("),
            (
                "ftp://u:secret@p",
                "names a proxy with the scheme ftp, which is not supported; use http, https or socks5",
            ),
            ("socks4://p", "names a proxy with the scheme socks4, which is not supported; use http, https or socks5"),
        ] {
            for (kubeconfig, set, origin) in [
                (Some(text), vec![], "proxy-url of the kubeconfig"),
                (None, vec![("https_proxy", text)], "https_proxy"),
            ] {
                let said = choose(&server, kubeconfig, &variables(&set)).unwrap_err().to_string();
                assert!(said.contains(&format!(": {origin} {words}")), "{text}: {said}");
                assert!(!said.contains("secret"), "{said}");
            }
        }
        let unused = [("HTTPS_PROXY", "ftp://p"), ("NO_PROXY", "k8s.example.com")];
        assert_eq!(chosen("https://k8s.example.com", None, &unused), None, "nobody asks for that proxy");
    }

    #[test]
    fn credentials_are_kept_apart_from_what_is_shown() {
        let proxy = |text: &str| Proxy::read(text, Origin::Kubeconfig).unwrap();
        let http = proxy("http://me:s%40cret@p:3128");
        assert_eq!(http.basic_auth().unwrap().to_str().unwrap(), "Basic bWU6c0BjcmV0");
        let socks = proxy("socks5h://me:s%40cret@p");
        assert_eq!(socks.raw_auth(), Some(("me", "s@cret")));
        assert_eq!(socks.to_dial().unwrap().to_string(), "http://p:1080/");
        for shown in [format!("{http} {http:?} {}", http.advice()), format!("{socks} {socks:?}")] {
            assert!(!shown.contains("cret") && !shown.contains("me:"), "{shown}");
        }
    }
}
