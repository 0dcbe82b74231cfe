//! Which proxy leads to a server, as the environment or a setting has it.
//!
//! kube's own rules differ: it compares `NO_PROXY` with the name of the proxy instead of the server's, applies it to a
//! kubeconfig's `proxy-url` too, refuses an empty entry, and knows neither `HTTP_PROXY` nor a suffix without a dot.

use std::fmt;
use std::net::IpAddr;

use http::Uri;
use ipnet::IpNet;

use crate::proxy::{InvalidProxy, Origin, Proxy, parse};

/// What the environment says about proxies.
#[derive(Clone, Debug, Default)]
pub struct ProxyVariables {
    /// For servers with TLS: which variable, and its text.
    https: Option<(&'static str, Text)>,
    /// For servers without.
    http: Option<(&'static str, Text)>,
    /// Servers that are reached directly.
    exempt: String,
}

/// The text of a variable, which may hold a password and is therefore not shown.
#[derive(Clone)]
struct Text(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(set)")
    }
}

/// A proxy that a configuration asks for, other than through the environment.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// What messages call it, such as `proxy-url of the kubeconfig`.
    pub name: &'static str,
    /// The address of the proxy.
    pub text: &'a str,
}

impl ProxyVariables {
    /// Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or the same in lower case.
    pub fn from_env() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// Reads the variables with `lookup`. Of the two spellings the upper case one wins, and an empty text counts as unset.
    pub fn of(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| Some((name, lookup(name).filter(|text| !text.is_empty())?)))
        };
        let secret = |found: Option<(&'static str, String)>| found.map(|(name, text)| (name, Text(text)));
        Self {
            https: secret(first(["HTTPS_PROXY", "https_proxy"])),
            http: secret(first(["HTTP_PROXY", "http_proxy"])),
            exempt: first(["NO_PROXY", "no_proxy"]).map(|(_, list)| list).unwrap_or_default(),
        }
    }

    /// Checks the form of the setting, or without one of `HTTPS_PROXY`: kube reads both by itself when it loads a
    /// kubeconfig, and its error would not say which text is wrong.
    ///
    /// # Errors
    /// When it is not a URL.
    pub fn check(&self, setting: Option<Setting<'_>>) -> Result<(), InvalidProxy> {
        let setting = setting.map(|Setting { name, text }| (Origin::Setting(name), text));
        let variable = self.https.as_ref().map(|(name, text)| (Origin::Variable(name), text.0.as_str()));
        setting.or(variable).map_or(Ok(()), |(origin, text)| parse(text, origin).map(drop))
    }
}

/// Returns the proxy to `server`: the setting's, to which no exemption applies, else the environment's.
///
/// # Errors
/// When the proxy to use cannot be used; the error names who asked for it.
pub fn choose(
    server: &Uri,
    setting: Option<Setting<'_>>,
    variables: &ProxyVariables,
) -> Result<Option<Proxy>, InvalidProxy> {
    if let Some(Setting { name, text }) = setting {
        return Proxy::read(text, Origin::Setting(name)).map(Some);
    }
    let is_tls = server.scheme_str() == Some("https");
    let variable = if is_tls { &variables.https } else { &variables.http };
    let Some((name, text)) = variable else { return Ok(None) };
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
    let port = server.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    if is_local(&host) || is_exempt(&variables.exempt, &host, port) {
        return Ok(None);
    }
    Proxy::read(&text.0, Origin::Variable(name)).map(Some)
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

    fn setting(text: &str) -> Setting<'_> {
        Setting { name: "proxy-url of the kubeconfig", text }
    }

    fn chosen(server: &str, of_kubeconfig: Option<&str>, set: &[(&str, &str)]) -> Option<String> {
        let proxy = choose(&server.parse().unwrap(), of_kubeconfig.map(setting), &variables(set)).unwrap();
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
                let said = choose(&server, kubeconfig.map(setting), &variables(&set)).unwrap_err().to_string();
                assert!(said.starts_with(&format!("{origin} {words}")), "{text}: {said}");
                assert!(!said.contains("secret"), "{said}");
            }
        }
        let unused = [("HTTPS_PROXY", "ftp://p"), ("NO_PROXY", "k8s.example.com")];
        assert_eq!(chosen("https://k8s.example.com", None, &unused), None, "nobody asks for that proxy");
    }
}
