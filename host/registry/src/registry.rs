//! Push and pull.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Method, StatusCode};
use pvmigrate_proxy::ProxyVariables;

use crate::artifact::{Artifact, MANIFEST_TYPE, Manifest};
use crate::credentials::Credentials;
use crate::digest::Digest;
use crate::error::Error;
use crate::http::{Ask, Http, SMALL};
use crate::reference::Reference;
use crate::session::{Rights, Session};

/// Time for the download or upload of a component.
const BY_AND_BY: Duration = Duration::from_secs(300);
/// The header in which registries give the digest of a manifest.
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// A client of registries.
#[derive(Debug, Default)]
pub struct Registry {
    http: Http,
    credentials: Credentials,
    plain_http: bool,
}

/// A component that was pulled, with everything it was found by. Its bytes are those of its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The digest of the manifest: what `@sha256:` means in a reference.
    pub manifest: Digest,
    /// The manifest's bytes.
    pub manifest_bytes: Bytes,
    /// The digest of the component: what reports name a policy by.
    pub component: Digest,
    /// The component.
    pub bytes: Bytes,
}

impl Registry {
    /// Makes a client that signs in with these credentials and goes through these proxies. It uses plain HTTP for this
    /// machine, and for others only when `plain_http` says so.
    pub fn new(credentials: Credentials, proxies: ProxyVariables, plain_http: bool) -> Self {
        Self { http: Http::new(proxies), credentials, plain_http }
    }

    /// Pulls the component that a reference names, of at most so many bytes.
    ///
    /// # Errors
    /// When the registry cannot be used, there is no such artifact, it is not a component, or its bytes do not match
    /// the digest.
    pub async fn pull(&self, reference: &Reference, most: usize) -> Result<Pulled, Error> {
        let session = self.session(reference, Rights::Pull);
        let (manifest_bytes, manifest) = manifest(&session, reference).await?;
        let (_, component, size) = Manifest::read(&manifest_bytes, &reference.to_string(), most)?;
        let ask = Ask { most: size, time: BY_AND_BY, ..Ask::new(Method::GET) };
        let answer = session.ask(&session.url(&format!("blobs/{component}"))?, &ask).await?;
        if answer.code == StatusCode::NOT_FOUND {
            return Err(Error::Absent(format!("component {component} in {reference}, though its manifest names it")));
        }
        let bytes = verified(&format!("the component of {reference}"), &component, answer.body)?;
        Ok(Pulled { manifest, manifest_bytes, component, bytes })
    }

    /// Pushes a component, and returns the digest of its manifest. Bytes that are there already are not sent again.
    ///
    /// # Errors
    /// When the registry cannot be used or does not accept it.
    pub async fn push(&self, reference: &Reference, artifact: &Artifact) -> Result<Digest, Error> {
        let session = self.session(reference, Rights::Push);
        let invalid = |why: String| Error::Invalid { url: reference.to_string(), why };
        let (config, manifest) = artifact.laid_out().map_err(|error| invalid(error.to_string()))?;
        upload(&session, Bytes::from(artifact.component.clone())).await?;
        upload(&session, Bytes::from(config)).await?;
        let digest = Digest::of(&manifest);
        let mut ask = Ask { body: Bytes::from(manifest), ..Ask::new(Method::PUT) };
        ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static(MANIFEST_TYPE));
        let url = session.url(&format!("manifests/{}", reference.selector()))?;
        let answer = session.ask(&url, &ask).await?;
        if !answer.code.is_success() {
            return Err(Error::Absent(format!("repository {} on {}", reference.repository, reference.host)));
        }
        match answer.header(CONTENT_DIGEST) {
            Some(other) if other != digest.as_str() => {
                Err(invalid(format!("the manifest {digest} was stored as {other:?}")))
            }
            _ => Ok(digest),
        }
    }

    fn session<'a>(&'a self, reference: &'a Reference, rights: Rights) -> Session<'a> {
        Session::new(&self.http, &self.credentials, reference, self.plain_http, rights)
    }
}

/// Gets a manifest; one that is asked for by digest must have it.
async fn manifest(session: &Session<'_>, reference: &Reference) -> Result<(Bytes, Digest), Error> {
    let mut ask = Ask { most: SMALL, ..Ask::new(Method::GET) };
    ask.headers.insert(ACCEPT, HeaderValue::from_static(MANIFEST_TYPE));
    let answer = session.ask(&session.url(&format!("manifests/{}", reference.selector()))?, &ask).await?;
    if answer.code == StatusCode::NOT_FOUND {
        return Err(Error::Absent(reference.to_string()));
    }
    let digest = match &reference.digest {
        Some(wanted) => wanted.clone(),
        None => Digest::of(&answer.body),
    };
    let bytes = verified(&format!("the manifest of {reference}"), &digest, answer.body)?;
    Ok((bytes, digest))
}

/// Uploads bytes in one piece, unless they are there already.
async fn upload(session: &Session<'_>, bytes: Bytes) -> Result<(), Error> {
    let digest = Digest::of(&bytes);
    let there = session.ask(&session.url(&format!("blobs/{digest}"))?, &Ask::new(Method::HEAD)).await?;
    if there.code.is_success() {
        return Ok(());
    }
    let begin = session.url("blobs/uploads/")?;
    let begun = session.ask(&begin, &Ask::new(Method::POST)).await?;
    if begun.code == StatusCode::NOT_FOUND {
        return Err(Error::Absent(format!("such repository: {begin}")));
    }
    let at = session.location(&begin, &begun)?;
    let separator = if at.query().is_some() { '&' } else { '?' };
    let url = format!("{at}{separator}digest={digest}");
    let url = url.parse().map_err(|_| Error::Invalid { url, why: "no address".to_owned() })?;
    let mut ask = Ask { body: bytes, time: BY_AND_BY, ..Ask::new(Method::PUT) };
    ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    match session.ask(&url, &ask).await?.code {
        StatusCode::NOT_FOUND => Err(Error::Absent(format!("upload {at} any more"))),
        _ => Ok(()),
    }
}

fn verified(what: &str, wanted: &Digest, bytes: Bytes) -> Result<Bytes, Error> {
    let got = Digest::of(&bytes);
    if got == *wanted {
        return Ok(bytes);
    }
    Err(Error::WrongBytes { what: what.to_owned(), wanted: wanted.clone(), got })
}
