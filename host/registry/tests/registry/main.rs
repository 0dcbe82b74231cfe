//! Push and pull against a real registry, and against hostile ones. All of it on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test stops at the first surprise")]

mod docker;
#[path = "../support/docker_registry.rs"]
mod docker_registry;
mod fake;
mod hostile;
mod proxies;
#[path = "../../../proxy/tests/support/proxies.rs"]
mod servers;
mod tokens;

use pvmigrate_proxy::ProxyVariables;
use pvmigrate_registry::{Artifact, Credentials, Reference, Registry};

/// More than any artifact here has.
const MOST: usize = 1 << 20;

/// Returns something to push; its content is never looked at.
fn artifact(bytes: &[u8]) -> Artifact {
    Artifact {
        component: bytes.to_vec(),
        name: "keep".to_owned(),
        version: "1.2.3".to_owned(),
        summary: "keeps claims".to_owned(),
        interface: "pvmigrate:policy@0.2.0".to_owned(),
        exports: vec!["pvmigrate:policy/selection@0.2.0".to_owned()],
        imports: Vec::new(),
        annotations: [("org.opencontainers.image.licenses".to_owned(), "MIT".to_owned())].into(),
    }
}

fn reference(host: &str, rest: &str) -> Reference {
    format!("oci://{host}/{rest}").parse().unwrap()
}

/// Returns the user `me` with the password `secret`, for these hosts.
fn credentials(hosts: &[&str]) -> Credentials {
    let auths: Vec<_> = hosts.iter().map(|host| format!("{host:?}: {{\"auth\": \"bWU6c2VjcmV0\"}}")).collect();
    credentials_of(&format!("{{\"auths\": {{{}}}}}", auths.join(", ")))
}

/// Returns what a file with this text has.
fn credentials_of(text: &str) -> Credentials {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Credentials::read(file.path()).unwrap()
}

/// Returns a client that reaches registries directly.
fn signed_in(credentials: Credentials) -> Registry {
    Registry::new(credentials, ProxyVariables::default(), false)
}
