//! Files that are not a policy are refused with a message that says what they are.

use std::path::PathBuf;

use pvmigrate_policy::{FailureKind, Limits, NotComponent, Policy, PolicyFailure};

use super::support::built;

fn refused(bytes: &[u8]) -> PolicyFailure {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("x.wasm");
    std::fs::write(&file, bytes).expect("a file");
    Policy::open(&file, &Limits::default()).expect_err("it is no policy")
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("component text")
}

#[test]
fn files_that_are_no_component() {
    let not = |bytes: &[u8], expected: NotComponent| {
        let failure = refused(bytes);
        assert!(matches!(&failure.kind, FailureKind::NotAComponent(not) if *not == expected), "{failure}");
        assert!(failure.to_string().contains("x.wasm is not a WebAssembly component"), "{failure}");
    };
    not(b"", NotComponent::Empty);
    not(b"#!/bin/sh\n", NotComponent::Unknown);
    not(b"(component)", NotComponent::Text);
    not(&component("(module)"), NotComponent::CoreModule);
}

#[test]
fn damaged_components_say_what_is_wrong() {
    let mut bytes = std::fs::read(built("default")).expect("the built-in policy");
    bytes.truncate(bytes.len() / 2);
    let failure = refused(&bytes);
    assert!(matches!(&failure.kind, FailureKind::NotAComponent(NotComponent::Invalid(_))), "{failure:?}");
    assert!(failure.to_string().contains("it is damaged: unexpected end-of-file"), "{failure}");
}

#[test]
fn other_versions_of_the_interface_are_refused_first() {
    let text = r#"(component
        (import "pvmigrate:policy/snapshot@1.2.0" (instance))
        (import "wasi:cli/environment@0.2.6" (instance)))"#;
    let failure = refused(&component(text));
    assert!(matches!(&failure.kind, FailureKind::ForeignVersion { needs, .. } if needs == "1.2.0"), "{failure:?}");
    assert_eq!(
        failure.to_string().split_once("x.wasm ").expect("the file's name").1,
        "needs pvmigrate:policy@1.2.0, but this pvmigrate offers 0.1 and 0.2; \
         use a newer pvmigrate, or rebuild the policy against the interface that `pvmigrate policy wit` prints"
    );
}

#[test]
fn components_of_another_world_say_what_they_export() {
    let failure = refused(&component("(component)"));
    assert!(matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains("exports nothing")), "{failure}");

    let greeter = r#"(component (instance $i) (export "acme:app/greet@1.0.0" (instance $i)))"#;
    let failure = refused(&component(greeter));
    assert!(
        matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains("acme:app/greet@1.0.0")),
        "{failure}"
    );

    let idle = r#"(component (instance $i) (export "pvmigrate:policy/manifest@0.1.0" (instance $i)))"#;
    let failure = refused(&component(idle));
    assert!(matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains("decide nothing")), "{failure}");
}

#[test]
fn right_names_with_wrong_contents_are_refused() {
    let empty = r#"(component (instance $i)
        (export "pvmigrate:policy/manifest@0.1.0" (instance $i))
        (export "pvmigrate:policy/selection@0.1.0" (instance $i)))"#;
    let failure = refused(&component(empty));
    assert!(matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains("describe")), "{failure}");

    let mistyped = r#"(component
        (core module $m (func (export "f")))
        (core instance $c (instantiate $m))
        (func $f (canon lift (core func $c "f")))
        (instance $manifest (export "describe" (func $f)))
        (instance $selection (export "select" (func $f)))
        (export "pvmigrate:policy/manifest@0.1.0" (instance $manifest))
        (export "pvmigrate:policy/selection@0.1.0" (instance $selection)))"#;
    let failure = refused(&component(mistyped));
    assert!(matches!(&failure.kind, FailureKind::WrongWorld(_)), "{failure:?}");
}

#[test]
fn unknown_exports_of_our_package_are_not_ignored() {
    let text = r#"(component (instance $i)
        (export "pvmigrate:policy/manifest@0.1.0" (instance $i))
        (export "pvmigrate:policy/preflight@0.1.0" (instance $i))
        (export "pvmigrate:policy/settings@0.1.0" (instance $i)))"#;
    let failure = refused(&component(text));
    assert!(matches!(&failure.kind, FailureKind::WrongWorld(what) if what.contains("settings")), "{failure}");
}

#[test]
fn files_that_cannot_be_read() {
    let missing = Policy::open(&PathBuf::from("/nowhere/x.wasm"), &Limits::default()).expect_err("no file");
    assert!(matches!(missing.kind, FailureKind::Unreadable(_)));
    assert!(missing.to_string().starts_with("policy /nowhere/x.wasm cannot be read: "), "{missing}");
}

#[test]
fn describe_has_a_budget_of_its_own() {
    let limits = Limits { describe_fuel: 100, ..Limits::default() };
    let failure = Policy::open(&built("default"), &limits).expect_err("no fuel");
    assert!(matches!(failure.kind, FailureKind::Fuel { limit: 100, .. }), "{failure}");
    assert!(failure.to_string().contains("in describe"), "{failure}");
}
