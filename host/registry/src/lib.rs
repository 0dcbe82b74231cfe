//! Pushes policies to OCI registries and pulls them: effects on a registry, a lock file and a folder of pulled components.
//!
//! A policy is one component in the layout that the CNCF gave WebAssembly in registries, so that other tools push and pull
//! it, too. What a component means is `pvmigrate-policy`'s business: here it is bytes with a digest. Nothing here prints.
//!
//! A registry is not trusted. Bytes are compared with their digest, every answer has a size it may not exceed, a password
//! goes to the host it was given for and to no other, and plain HTTP is for this machine only.

mod artifact;
mod challenge;
mod credentials;
mod digest;
mod error;
mod http;
mod lock;
mod reference;
mod registry;
mod session;
mod store;

pub use artifact::{Artifact, Manifest};
pub use credentials::Credentials;
pub use digest::{Digest, InvalidDigest};
pub use error::Error;
pub use lock::{Lock, LockError, Locked};
pub use reference::{InvalidReference, Reference};
pub use registry::{Pulled, Registry};
pub use store::Store;
