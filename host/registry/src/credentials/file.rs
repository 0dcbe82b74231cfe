//! One file of credentials, docker's or podman's: which of its lines are for a repository, and in which order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::login::Login;
use crate::error::Error;

/// The names of Docker Hub, and the address that its credentials are kept under.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Base64 with its padding or without; docker writes it, some tools do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file of credentials.
pub(super) struct File {
    pub(super) path: PathBuf,
    content: Content,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    auths: Option<BTreeMap<String, Entry>>,
    /// The helper for a host; an empty one exempts it from `creds_store`.
    cred_helpers: Option<BTreeMap<String, String>>,
    /// The helper for all other hosts.
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase", default)]
pub(super) struct Entry {
    /// `user:password` in base64.
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// A place that may have the login: a helper, by the end of its program's name, or an entry with its key.
pub(super) enum Source<'a> {
    Helper(&'a str),
    Entry(&'a str, &'a Entry),
}

impl File {
    /// Reads a file; `None` when it does not exist.
    ///
    /// # Errors
    /// When it cannot be read or parsed.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let wrong = |why: String| Error::Credentials { file: path.to_owned(), why };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(wrong(error.to_string())),
        };
        // serde's message could quote a password.
        let content = serde_json::from_str(&text).map_err(|error| {
            wrong(format!("invalid JSON or unexpected fields (line {}, column {})", error.line(), error.column()))
        })?;
        Ok(Some(Self { path: path.to_owned(), content }))
    }

    /// Returns the places that may have the login for a host, or for a repository on it, in the order in which they are to
    /// be asked: what is written for this host or path comes before what is for all.
    pub(super) fn sources(&self, host: &str, repository: Option<&str>) -> Vec<Source<'_>> {
        let Content { auths, cred_helpers, creds_store } = &self.content;
        let hosts = if HUB.contains(&host) { [&[HUB_KEY], &HUB[..]].concat() } else { vec![host] };
        let own = hosts.iter().find_map(|host| cred_helpers.as_ref()?.get(*host));
        let entry = |key: &str| auths.as_ref()?.get_key_value(key).map(|(key, entry)| Source::Entry(key, entry));
        let mut sources: Vec<Source<'_>> = own.map(|name| Source::Helper(name)).into_iter().collect();
        for path in repository.into_iter().flat_map(prefixes) {
            sources.extend(hosts.iter().filter_map(|host| entry(&format!("{host}/{path}"))));
        }
        if own.is_none() {
            sources.extend(creds_store.as_deref().map(Source::Helper));
        }
        sources.extend(hosts.iter().filter_map(|host| entry(host)));
        // Old entries are addresses, of which only the host counts.
        let is_address = |key: &str| !hosts.contains(&key) && of_address(key).is_some_and(|of| hosts.contains(&of));
        let addresses = auths.iter().flatten().filter(|(key, _)| is_address(key));
        sources.extend(addresses.map(|(key, entry)| Source::Entry(key, entry)));
        sources.retain(|source| !matches!(source, Source::Helper("")));
        sources
    }
}

impl Entry {
    /// Returns the login; `None` where a helper has it.
    ///
    /// # Errors
    /// Says what is wrong with `auth`.
    pub(super) fn login(&self) -> Result<Option<Login>, &'static str> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::IdentityToken(self.identitytoken.clone())));
        }
        if !self.username.is_empty() {
            return Ok(Login::of(self.username.clone(), self.password.clone()));
        }
        if self.auth.is_empty() {
            return Ok(None);
        }
        let decoded = BASE64.decode(&self.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let (name, password) =
            decoded.as_deref().and_then(|text| text.split_once(':')).ok_or("is not user:password in base64")?;
        Ok(Login::of(name.to_owned(), password.trim_end_matches('\0').to_owned()))
    }
}

/// Returns the address by which helpers know a host.
pub(super) fn server(host: &str) -> &str {
    if HUB.contains(&host) { HUB_KEY } else { host }
}

/// Returns whether a host is Docker Hub.
pub(crate) fn is_hub(host: &str) -> bool {
    HUB.contains(&host)
}

/// What is not a folder counts as absent, too: `/dev/null` as a home says that there is nothing.
pub(super) fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Returns `a/b/c`, `a/b` and `a`.
fn prefixes(repository: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(repository), |path| path.rsplit_once('/').map(|(above, _)| above))
}

/// Returns the host of a key that is an address.
fn of_address(key: &str) -> Option<&str> {
    key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"))?.split('/').next()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<File, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        File::read(file.path()).map(Option::unwrap)
    }

    fn sources(text: &str, host: &str, repository: &str) -> Vec<String> {
        let file = file(text).unwrap();
        let named = |source: &Source<'_>| match source {
            Source::Helper(name) => format!("helper {name}"),
            Source::Entry(key, _) => (*key).to_owned(),
        };
        file.sources(host, Some(repository)).iter().map(named).collect()
    }

    #[test]
    fn the_longest_path_comes_first_and_a_namespace_is_not_the_host() {
        let text = r#"{"auths": {"r.io": {}, "r.io/team": {}, "r.io/team/keep": {}, "r.io/te": {}, "r.io:5000": {},
            "https://r.io/v1/": {}, "http://other.io": {}, "other.io/team": {}}}"#;
        assert_eq!(sources(text, "r.io", "team/keep"), ["r.io/team/keep", "r.io/team", "r.io", "https://r.io/v1/"]);
        assert_eq!(sources(text, "r.io", "team/other"), ["r.io/team", "r.io", "https://r.io/v1/"]);
        assert_eq!(sources(text, "r.io:5000", "team/keep"), ["r.io:5000"], "another port is another service");
        assert_eq!(sources(text, "other.io", "else"), ["http://other.io"]);
        assert!(sources(text, "none.io", "team").is_empty());
    }

    #[test]
    fn a_hosts_own_helper_comes_first_and_the_store_after_what_names_a_path() {
        let text = r#"{"credsStore": "store", "credHelpers": {"r.io": "own", "plain.io": ""},
            "auths": {"r.io": {}, "s.io": {}, "s.io/team": {}, "plain.io": {}}}"#;
        assert_eq!(sources(text, "r.io", "x"), ["helper own", "r.io"]);
        assert_eq!(sources(text, "s.io", "team/x"), ["s.io/team", "helper store", "s.io"]);
        assert_eq!(sources(text, "plain.io", "x"), ["plain.io"], "exempt from the store");
        assert_eq!(sources(text, "none.io", "x"), ["helper store"]);
        assert!(sources(r#"{"credsStore": "", "auths": null}"#, "r.io", "x").is_empty());
    }

    #[test]
    fn docker_hub_is_one_registry_under_all_its_names() {
        let text = r#"{"credHelpers": {"docker.io": "own"}, "auths": {"https://index.docker.io/v1/": {}}}"#;
        assert_eq!(sources(text, "registry-1.docker.io", "x"), ["helper own", "https://index.docker.io/v1/"]);
        assert_eq!((server("docker.io"), server("r.io")), (HUB_KEY, "r.io"));
    }

    #[test]
    fn entries_in_all_their_forms() {
        let login = |text: &str| serde_json::from_str::<Entry>(text).unwrap().login();
        let password = |name: &str, password: &str| {
            Ok(Some(Login::Password { name: name.to_owned(), password: password.to_owned() }))
        };
        let token = Ok(Some(Login::IdentityToken("t".to_owned())));
        assert_eq!(login(r#"{"auth": "bWU6YTpi"}"#), password("me", "a:b"));
        assert_eq!(login(r#"{"auth": "bWU6YQ"}"#), password("me", "a"), "without padding");
        assert_eq!(login(r#"{"username": "you", "password": "p"}"#), password("you", "p"));
        assert_eq!(login(r#"{"auth": "bWU6YTpi", "identitytoken": "t"}"#), token);
        assert_eq!(login(r#"{"username": "<token>", "password": "t"}"#), token);
        assert_eq!(login("{}"), Ok(None));
        for text in [r#"{"auth": "c2VjcmV0"}"#, r#"{"auth": "%"}"#] {
            assert_eq!(login(text), Err("is not user:password in base64"));
        }
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_an_error_without_its_secrets() {
        for text in [r#"{"auths": "secret"}"#, r#"{"auths": {"a": {"auth": ["secret"]}}}"#, "secret"] {
            let error = file(text).err().unwrap().to_string();
            assert!(error.contains("(line 1, column ") && !error.contains("secret"), "{error}");
        }
    }
}
