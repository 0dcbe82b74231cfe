//! P1: A policy has no authority of its own: it can call the log and the look-ups, and a component that imports anything
//! else is refused by name before any of its code runs.

use std::path::{Path, PathBuf};

use pvmigrate_policy::{FailureKind, Limits, NotComponent, Policy};

use super::hostile::component;

/// What policies may import, without versions.
const SERVED: [&str; 3] = ["pvmigrate:policy/types", "pvmigrate:policy/log", "pvmigrate:policy/snapshot"];

fn refused(import: &str, text: &str) {
    let failure = component(&format!("(component (import {import} {text}))")).expect_err(import);
    let FailureKind::Refused { import: named, .. } = &failure.kind else { panic!("{import}: {failure}") };
    assert_eq!(format!("{named:?}"), import);
    assert!(failure.to_string().contains(named), "{failure}");
}

#[test]
fn whatever_could_reach_the_world_is_refused_by_name() {
    for interface in [
        "wasi:filesystem/types@0.2.6",
        "wasi:filesystem/preopens@0.2.6",
        "wasi:sockets/tcp@0.2.6",
        "wasi:sockets/udp-create-socket@0.2.0",
        "wasi:http/outgoing-handler@0.2.6",
        "wasi:cli/environment@0.2.6",
        "wasi:cli/run@0.3.0",
        "wasi:clocks/wall-clock@0.2.6",
        "wasi:random/random@0.2.6",
        "wasi:io/streams@0.2.6",
        "wasi:keyvalue/store@0.2.0",
        "acme:kubernetes/api@1.0.0",
        // Of our own package, only what is served.
        "pvmigrate:policy/cluster@0.2.0",
        "pvmigrate:policy/manifest@0.2.0",
        "pvmigrate:policy/snapshot@0.1.0",
    ] {
        refused(&format!("{interface:?}"), "(instance)");
    }
    refused("\"fetch\"", "(func (param \"url\" string))");
    refused("\"acme:net/fetch\"", "(func)");
    let engine = component("(component (import \"engine\" (component)))").expect_err("a component");
    assert!(matches!(engine.kind, FailureKind::NotAComponent(NotComponent::Invalid(_))), "{engine}");
    refused("\"code\"", "(core module)");
}

#[test]
fn what_is_imported_under_our_names_must_be_ours() {
    for body in [
        "(instance (export \"exec\" (func (param \"command\" string))))",
        "(instance (export \"write\" (func (param \"path\" string) (param \"bytes\" (list u8)))))",
    ] {
        let text = format!(
            "(component (import \"pvmigrate:policy/log@0.2.0\" {body}) (instance $i)
            (export \"pvmigrate:policy/manifest@0.2.0\" (instance $i))
            (export \"pvmigrate:policy/selection@0.2.0\" (instance $i)))"
        );
        let failure = component(&text).expect_err(body);
        assert!(matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains("log@0.2.0")), "{failure}");
    }
}

#[test]
fn a_core_module_gets_nothing_from_the_host() {
    let module =
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func (param i32 i32 i32 i32) (result i32))))";
    let alone = component(module).expect_err("no component");
    assert!(matches!(alone.kind, FailureKind::NotAComponent(NotComponent::CoreModule)), "{alone}");
    let within = format!("(component (core {} (core instance (instantiate 0)))", &module[1..]);
    let wrong = component(&within).expect_err("an import without an export");
    assert!(
        matches!(&wrong.kind, FailureKind::NotAComponent(NotComponent::Invalid(what)) if what.contains("fd_write") || what.contains("wasi_snapshot_preview1")),
        "{wrong}"
    );
    // Ways to reach the host without an import.
    let shared = "(component (core module (memory 1 1 shared)))";
    let failure = component(shared).expect_err("shared memory");
    assert!(matches!(failure.kind, FailureKind::NotAComponent(NotComponent::Invalid(_))), "{failure}");
}

#[test]
fn no_policy_that_is_kept_here_imports_anything_else() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let mut seen = 0;
    for folder in ["dist", "compatibility"] {
        for entry in root.join(folder).read_dir().expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.extension().is_none_or(|extension| extension != "wasm") {
                continue;
            }
            seen += 1;
            for import in imports(&entry) {
                let name = import.split('@').next().unwrap_or_default();
                assert!(SERVED.contains(&name), "{} imports {import}", entry.display());
            }
        }
    }
    assert!(seen >= 8, "{seen} components");
}

fn imports(file: &Path) -> Vec<String> {
    let policy = Policy::open(file, &Limits::default()).unwrap_or_else(|failure| panic!("{failure}"));
    policy.info().imports.clone()
}
