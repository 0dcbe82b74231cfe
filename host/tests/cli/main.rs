//! The binary as its users meet it: words in, exit code and text out. No cluster is needed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod assessment;
mod capture;
mod cases;
mod causes;
mod contributing;
mod differential;
#[path = "../../registry/tests/support/docker_registry.rs"]
mod docker_registry;
mod environments;
mod flags;
mod input;
mod on_a_cluster;
mod policy;
mod policy_measure;
mod policy_run;
mod policy_test;
mod readers;
mod readme;
mod registries;
mod registry_access;
mod rehearse;
mod seeded;
#[path = "../../proxy/tests/support/proxies.rs"]
mod servers;
mod strict;
mod usage;

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// The result of a run of the binary.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Returns stdout as the one JSON document it must be.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pvmigrate"));
    command.args(words).stdin(Stdio::null());
    // Nothing of the tester's own may be reached.
    for variable in ["KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "NO_COLOR", "PVMIGRATE_LOG"] {
        command.env_remove(variable);
    }
    for variable in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "SSL_CERT_FILE"] {
        command.env_remove(variable);
    }
    for variable in ["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
        command.env_remove(variable).env_remove(variable.to_lowercase());
    }
    command.env("HOME", "/nonexistent").env("XDG_RUNTIME_DIR", "/nonexistent");
    command
}

fn pvmigrate(words: &[&str]) -> Ran {
    finish(&mut command(words))
}

fn finish(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// Returns a file of the repository.
fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(path)
}

fn path_text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_file_here_is_a_module() {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(here).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|end| end == "rs") && name != "main" {
            assert!(main.contains(&format!("\nmod {name};")), "{} is in no mod", path.display());
        }
    }
}
