//! A proxy: its address, its credentials, and who asked for it.

use std::fmt;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

/// The default port of SOCKS, as in Go; those of the other schemes are the client's.
const SOCKS_PORT: u16 = 1080;

/// Who asked for a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Variable(&'static str),
    Setting(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Variable(name) | Self::Setting(name)) = self;
        f.write_str(name)
    }
}

/// A proxy and who asked for it. What it shows of itself contains no password.
#[derive(Clone)]
pub struct Proxy {
    intercept: Intercept,
    origin: Origin,
}

impl Proxy {
    pub(crate) fn read(text: &str, origin: Origin) -> Result<Self, InvalidProxy> {
        let url = parse(text, origin)?;
        if let Some(scheme) = url.scheme_str().filter(|scheme| !["http", "https", "socks5", "socks5h"].contains(scheme))
        {
            return Err(InvalidProxy(format!(
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

    /// Tells whether requests to `server` are handed to the proxy itself, and not sent through a connection that it makes:
    /// the way of a server without TLS. Such requests have the header `Proxy-Authorization` if the proxy has credentials.
    pub fn forwards(&self, server: &Uri) -> bool {
        server.scheme_str() == Some("http") && !self.is_socks()
    }

    /// Returns the credentials for the header `Proxy-Authorization`.
    pub fn basic_auth(&self) -> Option<&http::HeaderValue> {
        self.intercept.basic_auth()
    }

    /// Returns the credentials of a SOCKS proxy.
    pub(crate) fn raw_auth(&self) -> Option<(&str, &str)> {
        self.intercept.raw_auth()
    }

    /// Says what to do about a proxy that does not work for this host.
    pub fn advice(&self, host: &str) -> String {
        match self.origin {
            Origin::Variable(name) => format!("correct {name}, or add {host} to NO_PROXY"),
            Origin::Setting(name) => format!("correct {name}"),
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

/// The error of a proxy that cannot be used, by who asked for it; without its text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidProxy(pub(crate) String);

pub(crate) fn parse(text: &str, origin: Origin) -> Result<Uri, InvalidProxy> {
    let url: Uri = text.parse().map_err(|error: http::uri::InvalidUri| malformed(origin, &error.to_string()))?;
    // `Uri` accepts any text as a port, and then has none.
    let rest = url.authority().and_then(|known| known.as_str().rsplit('@').next()?.strip_prefix(known.host()));
    if url.port_u16().is_none() && rest.is_some_and(|rest| !rest.is_empty()) {
        return Err(malformed(origin, "invalid port"));
    }
    Ok(url)
}

fn malformed(origin: Origin, why: &str) -> InvalidProxy {
    InvalidProxy(format!(
        "{origin} is not a proxy URL ({why}); write it as http://proxy.example.com:3128, with special characters of \
         a password as %40"
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_kept_apart_from_what_is_shown() {
        let proxy = |text: &str| Proxy::read(text, Origin::Setting("it")).unwrap();
        let http = proxy("http://me:s%40cret@p:3128");
        assert_eq!(http.basic_auth().unwrap().to_str().unwrap(), "Basic bWU6c0BjcmV0");
        let socks = proxy("socks5h://me:s%40cret@p");
        assert_eq!(socks.raw_auth(), Some(("me", "s@cret")));
        assert_eq!(socks.to_dial().unwrap().to_string(), "http://p:1080/");
        for shown in [format!("{http} {http:?} {}", http.advice("k8s")), format!("{socks} {socks:?}")] {
            assert!(!shown.contains("cret") && !shown.contains("me:"), "{shown}");
        }
    }
}
