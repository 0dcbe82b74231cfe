//! Users and passwords from docker's configuration file: the entries of `auths`, and nothing else.
//!
//! Credential helpers are programs, and are not run. `docker login` writes an entry where no helper is configured.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde::Deserialize;

use crate::error::Error;

/// The users and passwords of hosts.
#[derive(Clone, Default)]
pub struct Credentials {
    hosts: BTreeMap<String, User>,
}

/// A user name with its password.
#[derive(Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hosts.keys()).finish()
    }
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `user:password` in base64.
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
}

impl Credentials {
    /// Returns where docker keeps them: `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`.
    pub fn usual_file() -> Option<PathBuf> {
        let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
        let folder = folder.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
        folder.map(|folder| folder.join("config.json"))
    }

    /// Reads them from a file; a missing file holds none.
    ///
    /// # Errors
    /// When it cannot be read or parsed.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let wrong = |why: String| Error::Credentials { file: file.to_owned(), why };
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        // serde's message could quote a password.
        let read: File = serde_json::from_str(&text).map_err(|error| {
            wrong(format!("invalid JSON or unexpected fields (line {}, column {})", error.line(), error.column()))
        })?;
        let mut hosts = BTreeMap::new();
        for (host, entry) in read.auths {
            let user =
                entry.user().ok_or_else(|| wrong(format!("the auth of {host} is not user:password in base64")))?;
            hosts.extend(user.map(|user| (host_of(&host).to_owned(), user)));
        }
        Ok(Self { hosts })
    }

    pub(crate) fn of(&self, host: &str) -> Option<&User> {
        self.hosts.get(host)
    }
}

impl Entry {
    /// Returns the user: `Some(None)` where the entry has none (a credential helper has it), `None` if it cannot be
    /// read.
    fn user(&self) -> Option<Option<User>> {
        if !self.username.is_empty() {
            return Some(Some(User { name: self.username.clone(), password: self.password.clone() }));
        }
        if self.auth.is_empty() {
            return Some(None);
        }
        let decoded = base64::engine::general_purpose::STANDARD.decode(&self.auth).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let (name, password) = text.split_once(':')?;
        Some(Some(User { name: name.to_owned(), password: password.trim_end_matches('\0').to_owned() }))
    }
}

impl User {
    /// Returns the value of an `Authorization` header.
    pub(crate) fn basic(&self) -> String {
        let pair = format!("{}:{}", self.name, self.password);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

/// Returns the host of an entry: old entries are addresses, of which only the host counts.
fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split('/').next().unwrap_or(rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credentials, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        Credentials::read(file.path())
    }

    #[test]
    fn entries_by_host_in_all_their_forms() {
        let text = r#"{"credsStore": "x", "auths": {"https://one.example.com/v1/": {"auth": "bWU6YTpi"},
            "two.example.com:5000": {"username": "you", "password": "p"}, "three.example.com": {}}}"#;
        let read = read(text).unwrap();
        let user = read.of("one.example.com").unwrap();
        assert_eq!((user.name.as_str(), user.password.as_str()), ("me", "a:b"));
        assert_eq!(user.basic(), "Basic bWU6YTpi");
        assert_eq!(read.of("two.example.com:5000").unwrap().name, "you");
        assert!(read.of("two.example.com").is_none(), "another port is another service");
        assert!(read.of("three.example.com").is_none());
        assert_eq!(format!("{read:?}"), r#"{"one.example.com", "two.example.com:5000"}"#, "no password is printed");
    }

    #[test]
    fn a_file_that_cannot_be_understood_is_an_error_without_its_secrets() {
        for text in [
            r#"{"auths": {"a": {"auth": "c2VjcmV0"}}}"#,
            r#"{"auths": {"a": {"auth": "%"}}}"#,
            r#"{"auths": "secret"}"#,
            "secret",
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(!error.contains("secret") && !error.contains("c2VjcmV0"), "{error}");
        }
    }

    #[test]
    fn a_missing_file_holds_no_user() {
        assert!(Credentials::read(Path::new("/nonexistent/config.json")).unwrap().hosts.is_empty());
    }
}
