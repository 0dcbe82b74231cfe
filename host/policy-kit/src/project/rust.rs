//! Building Rust projects: any cargo whose compiler has the library for wasm32-unknown-unknown, else Debian's compiler,
//! which builds the library along.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::Workshop;
use super::error::ProjectError;
use super::run::{self, Missing};

const TARGET: &str = "wasm32-unknown-unknown";
const INSTALL: &str = "type `rustup target add wasm32-unknown-unknown` (https://rustup.rs), \
     or on Debian `apt install rustc-web cargo-web rust-web-src lld-22`";
const MISSING: Missing = Missing { what: "cargo", install: INSTALL };

/// One line of what cargo says about its progress.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Line {
    CompilerArtifact {
        filenames: Vec<PathBuf>,
    },
    #[serde(other)]
    Other,
}

pub(super) fn make(workshop: &Workshop<'_>) -> Result<PathBuf, ProjectError> {
    let mut cargo = match ready_made() {
        true => Command::new("cargo"),
        false => debian()?,
    };
    let target_dir = workshop.hidden.join("target");
    cargo
        .current_dir(&workshop.project.dir)
        .args(["rustc", "--release", "--crate-type", "cdylib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTFLAGS", remaps());
    if !ready_made() {
        cargo.arg("-Zbuild-std=core,alloc");
    }
    (workshop.note)("building with cargo");
    let output = run::run(&mut cargo, Some(&MISSING))?;
    let mut made = output.lines().filter_map(|line| match serde_json::from_str(line) {
        Ok(Line::CompilerArtifact { filenames }) => {
            filenames.into_iter().find(|file| file.extension().is_some_and(|extension| extension == "wasm"))
        }
        _ => None,
    });
    // The last one is the package itself; what it depends on comes before.
    made.next_back()
        .ok_or_else(|| ProjectError::NothingMade { command: run::words(&cargo), file: target_dir.join("*.wasm") })
}

/// Returns whether the usual compiler has the library for the target.
fn ready_made() -> bool {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    asked.is_ok_and(|output| {
        output.status.success() && Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir()
    })
}

/// Finds Debian's compiler, the source of its library, and a linker.
fn debian() -> Result<Command, ProjectError> {
    let missing = || ProjectError::Toolchain {
        what: format!("a Rust compiler for WebAssembly ({TARGET})"),
        install: INSTALL.to_owned(),
    };
    let there = ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/lib/rustlib/src/rust/library"];
    if !there.iter().all(|path| Path::new(path).exists()) {
        return Err(missing());
    }
    let linkers = ["wasm-ld-22", "wasm-ld-21", "wasm-ld-20", "wasm-ld-19", "wasm-ld"];
    let linker = linkers.iter().map(|name| Path::new("/usr/bin").join(name)).find(|linker| linker.exists());
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        // Without the directory that rustup puts in front of them.
        .env("PATH", "/usr/bin:/bin")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("RUSTC")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker.ok_or_else(missing)?);
    Ok(cargo)
}

/// Keeps this machine's folders out of panic messages, and so out of the bytes.
fn remaps() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let Some(sources) = home.map(|home| home.join("registry/src")) else {
        return String::new();
    };
    // One folder for each registry. Before the first build none exists, so its result contains these paths; later
    // ones differ only in that.
    let registries = std::fs::read_dir(sources).into_iter().flatten().flatten();
    let flags: Vec<_> =
        registries.map(|registry| format!("--remap-path-prefix={}=/crates", registry.path().display())).collect();
    flags.join(" ")
}
