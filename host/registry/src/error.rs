//! Errors of the registry client.

use std::path::PathBuf;

use crate::digest::Digest;

/// A failed request, or an answer that was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        why: String,
    },
    /// No answer through a proxy.
    #[error("cannot reach {url} through the proxy {proxy}: {why}")]
    Proxy {
        /// The address.
        url: String,
        /// The proxy, with who asked for it.
        proxy: String,
        /// Why, and what to do about it where the proxy is the reason.
        why: String,
    },
    /// The proxy that the environment names cannot be used.
    #[error(transparent)]
    InvalidProxy(#[from] pvmigrate_proxy::InvalidProxy),
    /// The answer took too long.
    #[error("{url} did not answer within {seconds} s")]
    Slow {
        /// The address.
        url: String,
        /// The time given.
        seconds: u64,
    },
    /// The answer is larger than it may be.
    #[error("the response of {url} exceeds the limit of {limit} bytes")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// A response with an error status.
    #[error("{method} {url}: {code} {detail}")]
    Refused {
        /// What was asked.
        method: String,
        /// The address.
        url: String,
        /// The code of the answer.
        code: u16,
        /// What the registry says.
        detail: String,
    },
    /// There is no such artifact.
    #[error("{0} not found")]
    Absent(String),
    /// The response breaks the protocol.
    #[error("invalid response from {url}: {why}")]
    Invalid {
        /// The address.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The bytes are not those of the digest.
    #[error("digest mismatch for {what}: expected {wanted}, got {got}; nothing was kept")]
    WrongBytes {
        /// What was fetched.
        what: String,
        /// The digest asked for.
        wanted: Digest,
        /// The digest of the bytes.
        got: Digest,
    },
    /// The artifact does not contain a policy.
    #[error("{reference} is not a WebAssembly component: {why}")]
    NotWasm {
        /// The artifact.
        reference: String,
        /// What it is.
        why: String,
    },
    /// A redirect, or a token service, that is not followed.
    #[error("{url} redirects to {to}, which is not followed: {why}")]
    Redirect {
        /// The address asked.
        url: String,
        /// Where it points.
        to: String,
        /// Why we do not follow.
        why: &'static str,
    },
    /// Signing in failed.
    #[error("{host} requires authentication: {why}")]
    SignIn {
        /// The registry.
        host: String,
        /// What was tried.
        why: String,
    },
    /// The credentials file is wrong.
    #[error("cannot read credentials from {}: {why}", .file.display())]
    Credentials {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A credential helper does not exist.
    #[error("credential helper {program}, which {} names for {server}, was not found on the PATH", .file.display())]
    NoHelper {
        /// The program.
        program: String,
        /// What it was to be asked for.
        server: String,
        /// The file that names it.
        file: PathBuf,
    },
    /// A credential helper has failed.
    #[error("credential helper {program}, which {} names for {server}, failed: {why}", .file.display())]
    Helper {
        /// The program.
        program: String,
        /// What it was asked for.
        server: String,
        /// The file that names it.
        file: PathBuf,
        /// What it said, or did not.
        why: String,
    },
    /// This machine has no root certificates.
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}
