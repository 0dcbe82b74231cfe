//! Requests about one repository: signed in when the registry asks for it, redirected as far as that is safe.

use std::sync::{Mutex, PoisonError};

use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;

use crate::challenge::{Challenge, Trust, trust};
use crate::credentials::{Credentials, Login, basic};
use crate::error::Error;
use crate::http::{Answer, Ask, Http};
use crate::reference::{Reference, is_loopback};

/// Maximum number of redirects of one request: one to the storage behind the registry, and some to spare.
const MOST_REDIRECTS: usize = 3;
/// Maximum number of characters shown of a registry's error.
const MOST_DETAIL: usize = 300;

/// The rights that are needed on the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rights {
    Pull,
    Push,
}

/// A session with a registry, about one repository.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    http: &'a Http,
    credentials: &'a Credentials,
    reference: &'a Reference,
    plain_http: bool,
    rights: Rights,
    /// The `Authorization` header, once signed in.
    signed: Mutex<Option<HeaderValue>>,
}

impl<'a> Session<'a> {
    /// Starts without a request. Plain HTTP is used for this machine, and for others when `plain_http` says so.
    pub(crate) fn new(
        http: &'a Http,
        credentials: &'a Credentials,
        reference: &'a Reference,
        plain_http: bool,
        rights: Rights,
    ) -> Self {
        let plain_http = plain_http || reference.is_loopback();
        Self { http, credentials, reference, plain_http, rights, signed: Mutex::new(None) }
    }

    /// Returns the address of something in the repository, such as `manifests/latest`.
    pub(crate) fn url(&self, path: &str) -> Result<Uri, Error> {
        let scheme = if self.plain_http { "http" } else { "https" };
        let Reference { host, repository, .. } = self.reference;
        self.address(&format!("{scheme}://{host}/v2/{repository}/{path}"))
    }

    fn address(&self, text: &str) -> Result<Uri, Error> {
        text.parse().map_err(|error| Error::Invalid { url: text.to_owned(), why: format!("no address: {error}") })
    }

    /// Sends a request, signs in if the registry asks for it, and returns an answer that means yes or "not there".
    pub(crate) async fn ask(&self, url: &Uri, ask: &Ask) -> Result<Answer, Error> {
        let answer = self.send(url, ask).await?;
        let answer = if answer.code == StatusCode::UNAUTHORIZED && self.signed().is_none() {
            let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter();
            let challenge = challenges.filter_map(|value| Challenge::read(value.to_str().ok()?)).next();
            self.sign_in(challenge).await?;
            self.send(url, ask).await?
        } else {
            answer
        };
        match answer.code {
            code if code.is_success() || code == StatusCode::NOT_FOUND => Ok(answer),
            StatusCode::UNAUTHORIZED => Err(self.still_unauthorized(&detail(&answer)).await),
            code => Err(Error::Refused {
                method: ask.method.to_string(),
                url: url.to_string(),
                code: code.as_u16(),
                detail: detail(&answer),
            }),
        }
    }

    /// Returns the address that an answer points to, which must be on the registry itself: bytes are sent there.
    pub(crate) fn location(&self, from: &Uri, answer: &Answer) -> Result<Uri, Error> {
        let to = self.target(from, answer)?;
        match is_registry(from, &to) {
            true => Ok(to),
            false => Err(refused_redirect(from, &to, "policies are uploaded to the registry itself only")),
        }
    }

    /// Sends a request, and follows redirects of reads. The password stays with the registry.
    async fn send(&self, url: &Uri, ask: &Ask) -> Result<Answer, Error> {
        let mut at = url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let mut ask = ask.clone();
            if let Some(signed) = self.signed().filter(|_| is_registry(url, &at)) {
                ask.headers.insert(AUTHORIZATION, signed);
            }
            let answer = self.http.send(&at, &ask).await?;
            if !answer.code.is_redirection() {
                return Ok(answer);
            }
            let to = self.target(&at, &answer)?;
            may_follow(&ask.method, &at, &to)?;
            at = to;
        }
        Err(Error::Invalid { url: url.to_string(), why: "too many redirects".to_owned() })
    }

    fn target(&self, from: &Uri, answer: &Answer) -> Result<Uri, Error> {
        let invalid = |why: &str| Error::Invalid { url: from.to_string(), why: why.to_owned() };
        let location = answer.header(LOCATION).ok_or_else(|| invalid("a redirect without a location"))?;
        if location.starts_with('/') && !location.starts_with("//") {
            let scheme = from.scheme_str().unwrap_or("https");
            let authority = from.authority().map_or("", |authority| authority.as_str());
            return self.address(&format!("{scheme}://{authority}{location}"));
        }
        if location.starts_with("https://") || location.starts_with("http://") {
            return self.address(location);
        }
        Err(invalid("the location is not an absolute address"))
    }

    fn signed(&self) -> Option<HeaderValue> {
        self.signed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn sign_in(&self, challenge: Option<Challenge>) -> Result<(), Error> {
        let Reference { host, repository, .. } = self.reference;
        let header = match challenge {
            Some(Challenge::Basic) => match self.credentials.of(host, Some(repository)).await? {
                Some(Login::Password { name, password }) => basic(&name, &password),
                Some(Login::IdentityToken(_)) => {
                    return Err(self.sign_in_failed("it wants a password, and the login for it is an identity token"));
                }
                None => return Err(self.sign_in_failed(&self.nobody(host).await)),
            },
            Some(Challenge::Bearer { realm, service }) => {
                let token = self.token(&realm, service.as_deref()).await?;
                format!("Bearer {token}")
            }
            None => return Err(self.sign_in_failed("unknown authentication scheme")),
        };
        let mut header: HeaderValue = header
            .parse()
            .map_err(|_| self.sign_in_failed("the token or the password has characters that a header cannot carry"))?;
        header.set_sensitive(true);
        *self.signed.lock().unwrap_or_else(PoisonError::into_inner) = Some(header);
        Ok(())
    }

    /// Asks the registry's token service for a token.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<String, Error> {
        let Reference { host, repository, .. } = self.reference;
        let address = self.address(realm)?;
        let (of, login) = match trust(host, self.plain_http, &address) {
            Trust::Never(why) => {
                return Err(Error::Redirect { url: host.clone(), to: realm.to_owned(), why });
            }
            Trust::OfRegistry => (host.as_str(), self.credentials.of(host, Some(repository)).await?),
            Trust::OfService => {
                let of = address.authority().map_or("", |authority| authority.as_str());
                (of, self.credentials.of(of, None).await?)
            }
        };
        let answer = self
            .http
            .send(&self.token_url(realm, service, login.as_ref())?, &self.token_ask(service, login.as_ref()))
            .await?;
        let given: Option<Token> = if answer.code.is_success() {
            Some(serde_json::from_slice(&answer.body).map_err(|_| Error::Invalid {
                url: realm.to_owned(),
                why: "the token service returned no token".to_owned(),
            })?)
        } else {
            None
        };
        if let Some(token) = given.and_then(|given| given.token.or(given.access_token)) {
            return Ok(token);
        }
        Err(self.sign_in_failed(&match login {
            Some(Login::Password { .. }) => format!("{of} rejected the password: {}", detail(&answer)),
            Some(Login::IdentityToken(_)) => format!("{of} rejected the identity token: {}", detail(&answer)),
            None => self.nobody(of).await,
        }))
    }

    fn scope(&self) -> String {
        let rights = if self.rights == Rights::Push { "pull,push" } else { "pull" };
        format!("repository:{}:{rights}", self.reference.repository)
    }

    /// Returns the address of a token. An identity token is sent in the body of a request, and with it what else is asked.
    fn token_url(&self, realm: &str, service: Option<&str>, login: Option<&Login>) -> Result<Uri, Error> {
        if matches!(login, Some(Login::IdentityToken(_))) {
            return self.address(realm);
        }
        let mut query = vec![format!("scope={}", self.scope())];
        query.extend(service.map(|service| format!("service={}", escaped(service))));
        let separator = if realm.contains('?') { '&' } else { '?' };
        self.address(&format!("{realm}{separator}{}", query.join("&")))
    }

    /// Returns the request for a token: as the user, as anybody, or for an identity token.
    fn token_ask(&self, service: Option<&str>, login: Option<&Login>) -> Ask {
        let mut ask = Ask::new(Method::GET);
        match login {
            Some(Login::Password { name, password }) => {
                if let Ok(mut value) = HeaderValue::from_str(&basic(name, password)) {
                    value.set_sensitive(true);
                    ask.headers.insert(AUTHORIZATION, value);
                }
            }
            Some(Login::IdentityToken(token)) => {
                let mut form = vec![
                    "grant_type=refresh_token".to_owned(),
                    "client_id=pvmigrate".to_owned(),
                    format!("scope={}", escaped(&self.scope())),
                    format!("refresh_token={}", escaped(token)),
                ];
                form.extend(service.map(|service| format!("service={}", escaped(service))));
                ask.method = Method::POST;
                ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                ask.body = form.join("&").into();
            }
            None => {}
        }
        ask
    }

    async fn nobody(&self, of: &str) -> String {
        let searched = self.credentials.searched(of).await;
        let host = &self.reference.host;
        let other = match of == host {
            true => String::new(),
            false => format!(
                "; {of} gives out its tokens, and the login for {host} is not sent to another host: add an entry for {of} \
                 to auths if it may have it"
            ),
        };
        format!("no login for {of} (looked into {searched}){other}")
    }

    /// Returns the error of a registry that does not accept what it was signed in to with.
    async fn still_unauthorized(&self, detail: &str) -> Error {
        let Reference { host, repository, .. } = self.reference;
        match self.credentials.of(host, Some(repository)).await {
            Ok(Some(_)) => self.sign_in_failed(&format!("it rejected the login: {detail}")),
            Ok(None) => self.sign_in_failed(&format!("{detail}; {}", self.nobody(host).await)),
            Err(error) => error,
        }
    }

    fn sign_in_failed(&self, why: &str) -> Error {
        Error::SignIn { host: self.reference.host.clone(), why: why.to_owned() }
    }
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// Returns whether an address is on the registry that was asked, by scheme, host and port.
fn is_registry(registry: &Uri, url: &Uri) -> bool {
    registry.scheme() == url.scheme() && registry.authority() == url.authority()
}

/// Accepts redirects of reads, on the same host or over TLS. A registry on the network cannot point at this machine.
fn may_follow(method: &Method, from: &Uri, to: &Uri) -> Result<(), Error> {
    if *method != Method::GET && *method != Method::HEAD {
        return Err(refused_redirect(from, to, "only reads may be redirected"));
    }
    if is_registry(from, to) {
        return Ok(());
    }
    if to.scheme_str() != Some("https") {
        return Err(refused_redirect(from, to, "other hosts must use TLS"));
    }
    let host = |uri: &Uri| uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
    if host(to).contains('@') || (is_loopback(&host(to)) && !is_loopback(&host(from))) {
        return Err(refused_redirect(from, to, "a registry must not point at this machine, or name a user"));
    }
    Ok(())
}

fn refused_redirect(from: &Uri, to: &Uri, why: &'static str) -> Error {
    Error::Redirect { url: from.to_string(), to: to.to_string(), why }
}

/// Returns the error that a registry sent, cut and on one line.
fn detail(answer: &Answer) -> String {
    #[derive(Deserialize)]
    struct Said {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let said: Option<Said> = serde_json::from_slice(&answer.body).ok();
    let text = said.map(|said| {
        let each = said.errors.into_iter().map(|one| format!("{} {}", one.code, one.message).trim().to_owned());
        each.collect::<Vec<_>>().join("; ")
    });
    let text = text.unwrap_or_else(|| answer.code.canonical_reason().unwrap_or_default().to_owned());
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST_DETAIL).collect()
}

/// Escapes what has a meaning in a query.
fn escaped(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_that_are_followed() {
        let uri = Uri::from_static;
        let registry = uri("https://r.example.com/v2/x/blobs/1");
        let ok = |method: &Method, from: &Uri, to: &'static str| may_follow(method, from, &uri(to)).is_ok();
        assert!(ok(&Method::GET, &registry, "https://storage.example.net/1?signature=2"));
        assert!(ok(&Method::GET, &registry, "https://r.example.com/other"));
        assert!(!ok(&Method::PUT, &registry, "https://r.example.com/other"), "uploads are not redirected");
        assert!(!ok(&Method::GET, &registry, "http://r.example.com/v2/x/blobs/1"), "never to plain HTTP");
        assert!(!ok(&Method::GET, &registry, "http://169.254.169.254/latest"));
        assert!(!ok(&Method::GET, &registry, "https://localhost:8443/"));
        assert!(!ok(&Method::GET, &registry, "https://me@storage.example.net/1"));
        let local = uri("http://127.0.0.1:5000/v2/x/blobs/1");
        assert!(ok(&Method::GET, &local, "http://127.0.0.1:5000/other"));
        assert!(!ok(&Method::GET, &local, "http://127.0.0.1:5001/other"), "another port is another service");
    }

    #[test]
    fn a_service_name_cannot_add_to_the_query() {
        assert_eq!(escaped("a&scope=repository:x:*"), "a%26scope%3Drepository:x:%2A");
    }
}
