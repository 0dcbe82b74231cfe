//! Names of artifacts in registries: `oci://HOST[:PORT]/REPOSITORY[:TAG][@DIGEST]`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::digest::Digest;

/// The prefix of every reference.
const SCHEME: &str = "oci://";
/// Maximum length of a tag, as the distribution specification has it.
const LONGEST_TAG: usize = 128;
/// Maximum length of a repository name that registries accept.
const LONGEST_REPOSITORY: usize = 255;

/// The name of one artifact, or of several over time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Host, with a port if one was given.
    pub host: String,
    /// Repository.
    pub repository: String,
    /// Tag; whoever may push can move it.
    pub tag: Option<String>,
    /// Digest of the manifest. With one, the tag is only a remark.
    pub digest: Option<Digest>,
}

impl Reference {
    /// Returns whether a text is meant as a reference rather than as a file.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Returns whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// Returns the same artifact by its digest alone.
    #[must_use]
    pub fn at(&self, digest: &Digest) -> Self {
        Self { digest: Some(digest.clone()), ..self.clone() }
    }

    /// Returns the tag or digest to use in requests.
    pub(crate) fn selector(&self) -> &str {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        }
    }
}

/// Returns whether a host, with or without a port, is this machine.
pub(crate) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or(authority),
    };
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The error of a text that is not a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid reference {text:?}: {why}; expected oci://HOST/REPOSITORY:TAG or oci://HOST/REPOSITORY@sha256:DIGEST")]
pub struct InvalidReference {
    text: String,
    why: String,
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        parse(text).map_err(|why| InvalidReference { text: text.to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Reference, String> {
    let rest = text.strip_prefix(SCHEME).ok_or("it does not begin with oci://")?;
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(|error| error.to_string())?)),
        None => (rest, None),
    };
    let (host, path) = rest.split_once('/').ok_or("it has no repository")?;
    let (repository, tag) = match path.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag.to_owned())),
        None => (path, None),
    };
    if !is_host(host) {
        return Err(format!("invalid host {host:?}"));
    }
    if !is_repository(repository) {
        return Err(format!(
            "invalid repository {repository:?}: lower-case letters, digits, '.', '_', '-' and '/' are allowed"
        ));
    }
    if let Some(tag) = tag.as_deref().filter(|tag| !is_tag(tag)) {
        return Err(format!("invalid tag {tag:?}"));
    }
    Ok(Reference { host: host.to_owned(), repository: repository.to_owned(), tag, digest })
}

/// Returns whether a text is a host name or address with at most a port: nothing that could hide a user name or a path.
fn is_host(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
    let Ok(parsed) = host.parse::<http::uri::Authority>() else { return false };
    let port = host.strip_prefix(parsed.host()).unwrap_or(host);
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    host.chars().all(plain) && !parsed.host().is_empty() && is_port
}

fn is_repository(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let is_part = |part: &str| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        part.chars().all(plain) && ends(part.chars().next()) && ends(part.chars().last())
    };
    name.len() <= LONGEST_REPOSITORY && name.split('/').all(is_part)
}

fn is_tag(tag: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let first = tag.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    first && tag.len() <= LONGEST_TAG && tag.chars().all(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        let digest = Digest::of(b"");
        for text in [
            "oci://registry.example.com/policies/keep:1.2.3".to_owned(),
            "oci://localhost:5000/keep".to_owned(),
            "oci://[::1]:5000/keep:v1".to_owned(),
            format!("oci://127.0.0.1:5000/a/b-c/d_e@{digest}"),
            format!("oci://registry.example.com/keep:1@{digest}"),
        ] {
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_lead_elsewhere_is_refused() {
        for text in [
            "registry.example.com/keep:1",
            "oci://registry.example.com",
            "oci:///keep:1",
            "oci://user@registry.example.com/keep:1",
            "oci://registry.example.com/../keep:1",
            "oci://registry.example.com/keep//x:1",
            "oci://registry.example.com/Keep:1",
            "oci://registry.example.com/keep:",
            "oci://registry.example.com/keep:1?x",
            "oci://registry.example.com/keep:1@sha256:12",
            "oci://registry.example.com:port/keep:1",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_and_others() {
        for (host, expected) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.8.9.1:80", true),
            ("[::1]:5000", true),
            ("localhost.example.com", false),
            ("127.0.0.1.example.com", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }
}
