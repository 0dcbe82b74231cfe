//! How a registry wants to be signed in to: its `WWW-Authenticate` header, and where a password may go.

use std::collections::BTreeMap;

use http::Uri;

use crate::credentials::is_hub;
use crate::reference::is_loopback;

/// Where Docker Hub gives out tokens.
const HUB_SERVICE: &str = "auth.docker.io";

/// What a registry asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// The password itself.
    Basic,
    /// A token that a token service gives out.
    Bearer {
        /// The address of the service.
        realm: String,
        /// The name that the service knows the registry by.
        service: Option<String>,
    },
}

impl Challenge {
    /// Reads a header's value.
    pub(crate) fn read(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut parameters = parameters(rest)?;
        Some(Self::Bearer { realm: parameters.remove("realm")?, service: parameters.remove("service") })
    }
}

/// Reads `key="value",key=value`.
fn parameters(mut rest: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        if rest.is_empty() {
            return Some(found);
        }
        let (key, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = after;
    }
}

/// The password that a token service may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The registry's own: the service is on the same host.
    OfRegistry,
    /// The one that the user has given for the service's own host.
    OfService,
    /// None, and the service is not even asked; the reason why.
    Never(&'static str),
}

/// Decides which password a token service may get. A registry could name any address as its token service.
pub(crate) fn trust(registry: &str, plain_http: bool, realm: &Uri) -> Trust {
    let Some(authority) = realm.authority() else { return Trust::Never("it is not an absolute address") };
    if authority.as_str().contains('@') {
        return Trust::Never("it contains a user name");
    }
    match realm.scheme_str() {
        Some("https") => {}
        Some("http") if plain_http && (authority.as_str() == registry || is_loopback(authority.as_str())) => {}
        _ => return Trust::Never("passwords and tokens are sent over TLS only"),
    }
    // Docker Hub's service has a host of its own, and no login is ever kept for that.
    let is_own = authority.as_str() == registry || (is_hub(registry) && authority.as_str() == HUB_SERVICE);
    if is_own { Trust::OfRegistry } else { Trust::OfService }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (value, expected) in [
            ("Basic realm=\"x\"", Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://a/t\",service=\"a\",scope=\"repository:x:pull,push\"",
                bearer("https://a/t", Some("a")),
            ),
            ("Bearer service=a, realm=https://a/t", bearer("https://a/t", Some("a"))),
            ("bearer realm=\"https://a/t?x=1\"", bearer("https://a/t?x=1", None)),
            ("Bearer service=\"a\"", None),
            ("Bearer realm=\"https://a", None),
            ("Negotiate", None),
        ] {
            assert_eq!(Challenge::read(value), expected, "{value}");
        }
    }

    #[test]
    fn a_password_goes_to_the_host_it_is_for_and_only_over_tls() {
        let trust = |registry: &str, plain: bool, realm: &'static str| trust(registry, plain, &Uri::from_static(realm));
        let (same, other) = ("https://r.example.com/token", "https://auth.example.com/token");
        assert_eq!(trust("r.example.com", false, same), Trust::OfRegistry);
        assert_eq!(trust("r.example.com:443", false, same), Trust::OfService);
        assert_eq!(trust("r.example.com", false, other), Trust::OfService);
        let hub = "https://auth.docker.io/token";
        assert_eq!(trust("registry-1.docker.io", false, hub), Trust::OfRegistry);
        assert_eq!(trust("r.example.com", false, hub), Trust::OfService, "not for others that name it");
        assert!(matches!(trust("r.example.com", false, "http://r.example.com/token"), Trust::Never(_)));
        assert!(matches!(trust("r.example.com", true, "http://auth.example.com/token"), Trust::Never(_)));
        assert_eq!(trust("localhost:5000", true, "http://localhost:5000/token"), Trust::OfRegistry);
        assert_eq!(trust("localhost:5000", true, "http://localhost:5001/token"), Trust::OfService);
        assert!(matches!(trust("r.example.com", false, "/token"), Trust::Never(_)));
    }
}
