//! Looks at a component before any of its code runs: what it is, and what it wants to call.

use wasmtime::component::types;
use wasmtime::{Engine, Precompiled};

use crate::audited::{Audited, PACKAGE, split};
use crate::failure::{FailureKind, NotComponent};
use crate::function::Function;
use crate::interface::loader;
use crate::interface::version::{OFFERED, Version};
use crate::question::QUESTIONS;
use crate::text;

/// The interfaces of the package that a policy may import.
const IMPORTS: [&str; 3] = ["types", "log", "snapshot"];

const WASI_HINT: &str = "policies get no WASI: build for wasm32-unknown-unknown without std, or stub WASI out (componentize-py --stub-wasi)";
const OTHER_HINT: &str = "policies may import pvmigrate:policy/log and pvmigrate:policy/snapshot only";

/// Checks that bytes are a component, or returns what they are instead.
pub(crate) fn recognise(bytes: &[u8]) -> Result<(), NotComponent> {
    if bytes.is_empty() {
        return Err(NotComponent::Empty);
    }
    // Before anything else: such a file must never reach the engine as code.
    match Engine::detect_precompiled(bytes) {
        Some(Precompiled::Module | Precompiled::Component) => return Err(NotComponent::Precompiled),
        None => {}
    }
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Err(NotComponent::CoreModule),
        [0, b'a', b's', b'm', ..] => Ok(()),
        _ if bytes.trim_ascii_start().starts_with(b"(") => Err(NotComponent::Text),
        _ => Err(NotComponent::Unknown),
    }
}

/// Checks every import and export by name.
///
/// Versions come first: a policy built for another version of the interface should fail with that message, and not with
/// one about interfaces that are unknown only because they are newer. What loads a source is only for an engine to export,
/// and no part of what the policy exports.
pub(crate) fn audit(engine: &Engine, component: &types::Component, is_engine: bool) -> Result<Audited, FailureKind> {
    let names = |items: Vec<&str>| {
        let mut names: Vec<_> = items.into_iter().map(text::escape).collect();
        names.sort_unstable();
        names
    };
    let imports = names(component.imports(engine).map(|(name, _)| name).collect());
    let mut exports = names(component.exports(engine).map(|(name, _)| name).collect());
    for name in imports.iter().chain(&exports) {
        check_version(name)?;
    }
    for name in &imports {
        check_import(name)?;
    }
    check_loader(&exports, is_engine)?;
    exports.retain(|name| name != loader::NAME);
    let Some(manifest) = exports
        .iter()
        .find(|name| split(name).is_some_and(|(interface, _)| interface == Function::DESCRIBE.interface()))
    else {
        return Err(FailureKind::WrongWorld(no_manifest(&exports)));
    };
    let written = split(manifest).map(|(_, version)| version.to_owned()).unwrap_or_default();
    // Every name was checked against the offered versions above.
    let version = Version::parse(&written).unwrap_or(Version::LATEST);
    let audited = Audited { version, written, imports, exports };
    check_one_version(&audited)?;
    check_exports(&audited)?;
    Ok(audited)
}

/// Checks that an engine can load a source, and that nothing else could.
fn check_loader(exports: &[String], is_engine: bool) -> Result<(), FailureKind> {
    let what = match (exports.iter().any(|name| name == loader::NAME), is_engine) {
        (true, false) => "it exports {}, so it is an engine without a policy; name the folder of the policy's source",
        (false, true) => "it does not export {}, so it cannot load a policy's source",
        _ => return Ok(()),
    };
    Err(FailureKind::WrongWorld(what.replace("{}", loader::NAME)))
}

fn no_manifest(exports: &[String]) -> String {
    let found = match exports {
        [] => "it exports nothing".to_owned(),
        exports => format!("it exports {}", exports.join(", ")),
    };
    format!("{found}, but not pvmigrate:policy/manifest")
}

/// Checks that a component uses one version: a mixture would fit the rules of none of them.
fn check_one_version(audited: &Audited) -> Result<(), FailureKind> {
    let names = audited.imports.iter().chain(&audited.exports);
    let other =
        names.filter_map(|name| split(name)).find(|(_, version)| Version::parse(version) != Some(audited.version));
    match other {
        Some((interface, version)) => Err(FailureKind::WrongWorld(format!(
            "it has manifest of version {} and {interface} of version {version}; build it against one version of the interface",
            audited.written
        ))),
        None => Ok(()),
    }
}

fn check_version(name: &str) -> Result<(), FailureKind> {
    let Some((_, version)) = split(name) else {
        return Ok(());
    };
    if Version::parse(version).is_some() {
        return Ok(());
    }
    let older = version.starts_with("0.0.");
    Err(FailureKind::ForeignVersion {
        needs: version.to_owned(),
        offers: OFFERED,
        hint: match older {
            true => "rebuild the policy against the interface that `pvmigrate policy wit` prints",
            false => {
                "use a newer pvmigrate, or rebuild the policy against the interface that `pvmigrate policy wit` prints"
            }
        },
    })
}

fn check_import(name: &str) -> Result<(), FailureKind> {
    if split(name).is_some_and(|(interface, version)| IMPORTS.contains(&interface) && has(version, interface)) {
        return Ok(());
    }
    Err(FailureKind::Refused {
        import: name.to_owned(),
        hint: match name.starts_with("wasi:") {
            true => WASI_HINT,
            false => OTHER_HINT,
        },
    })
}

fn check_exports(audited: &Audited) -> Result<(), FailureKind> {
    let questions: Vec<_> = QUESTIONS.iter().map(|question| question.function().interface()).collect();
    if !questions.iter().any(|interface| audited.export(interface).is_some()) {
        let what = format!("it exports manifest, but none of {}, so it would decide nothing", listed(&questions));
        return Err(FailureKind::WrongWorld(what));
    }
    // A misspelt or newer interface would otherwise be ignored silently.
    let unknown = audited.exports.iter().find_map(|name| {
        let others = [Function::DESCRIBE, Function::VALIDATE].map(Function::interface);
        let is_known = |interface| [&questions[..], &others, &IMPORTS].concat().contains(&interface);
        split(name).filter(|(interface, version)| !is_known(*interface) || !has(version, interface))
    });
    match unknown {
        Some((interface, _)) => Err(FailureKind::WrongWorld(format!(
            "it exports {PACKAGE}{interface}, which this interface version does not have"
        ))),
        None => Ok(()),
    }
}

fn has(version: &str, interface: &str) -> bool {
    Version::parse(version).is_some_and(|version| version.has(interface))
}

/// Writes `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_what_is_not_a_component() {
        assert_eq!(recognise(b""), Err(NotComponent::Empty));
        assert_eq!(recognise(b"\0asm\x01\0\0\0"), Err(NotComponent::CoreModule));
        assert_eq!(recognise(b"  (component)"), Err(NotComponent::Text));
        assert_eq!(recognise(b"#!/bin/sh"), Err(NotComponent::Unknown));
        assert_eq!(recognise(b"\0asm\x0d\0\x01\0"), Ok(()));
    }

    #[test]
    fn patch_versions_pass_and_others_do_not() {
        assert!(check_version("pvmigrate:policy/log@0.1.7").is_ok());
        assert!(check_version("pvmigrate:policy/log@0.2.0").is_ok());
        assert!(check_version("wasi:cli/environment@0.2.0").is_ok());
        for version in ["0.3.0", "1.0.0", "0.0.9", "0.1", "0.1.0.0", "x"] {
            let name = format!("pvmigrate:policy/log@{version}");
            assert!(matches!(check_version(&name), Err(FailureKind::ForeignVersion { needs, .. }) if needs == version));
        }
    }
}
