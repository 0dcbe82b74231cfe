//! What can go wrong between us and a registry.

use std::path::PathBuf;

use crate::digest::Digest;

/// Says what went wrong, at which address, and where that is not plain, what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("{url} does not answer: {why}")]
    Unreachable {
        /// The address.
        url: String,
        /// Why.
        why: String,
    },
    /// The answer took too long.
    #[error("{url} has not answered in full within {seconds} s")]
    Slow {
        /// The address.
        url: String,
        /// The time given.
        seconds: u64,
    },
    /// The answer is larger than it may be.
    #[error("{url} sends more than the {limit} bytes that are accepted")]
    TooLarge {
        /// The address.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// An answer that means no.
    #[error("{method} {url}: {code} {words}")]
    Refused {
        /// What was asked.
        method: String,
        /// The address.
        url: String,
        /// The code of the answer.
        code: u16,
        /// What the registry says.
        words: String,
    },
    /// There is no such artifact.
    #[error("there is no {0}")]
    Absent(String),
    /// The answer makes no sense.
    #[error("{url} answers in a way that no registry should: {why}")]
    Nonsense {
        /// The address.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The bytes are not those of the digest.
    #[error("{what} has other bytes than its digest says: wanted {wanted}, got {got}; they are thrown away")]
    WrongBytes {
        /// What was fetched.
        what: String,
        /// The digest asked for.
        wanted: Digest,
        /// That of the bytes.
        got: Digest,
    },
    /// The artifact holds no policy.
    #[error("{reference} is no WebAssembly component: {why}")]
    NotWasm {
        /// The artifact.
        reference: String,
        /// What it is.
        why: String,
    },
    /// The answer sends us where we do not go.
    #[error("{url} sends us to {to}, and {why}")]
    Elsewhere {
        /// The address asked.
        url: String,
        /// Where it points.
        to: String,
        /// Why we do not follow.
        why: &'static str,
    },
    /// Signing in failed.
    #[error("{host} wants a user with more rights, or one at all: {why}")]
    SignIn {
        /// The registry.
        host: String,
        /// What was tried.
        why: String,
    },
    /// The credentials file is wrong.
    #[error("cannot use the credentials in {}: {why}", .file.display())]
    Credentials {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// This machine has no certificates to check others with.
    #[error("cannot speak TLS: {0}")]
    Tls(String),
}
