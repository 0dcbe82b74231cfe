//! Looks at a component before any of its code runs: what it is, and what it wants to call.

use wasmtime::component::types;
use wasmtime::{Engine, Precompiled};

use crate::failure::{Fault, NotComponent};
use crate::text;

/// The interface versions offered, in words.
pub(crate) const OFFERED: &str = "0.1";

const PACKAGE: &str = "pvmigrate:policy/";
/// The interfaces of the package that a policy may import, and those it may export.
const IMPORTS: [&str; 2] = ["types", "log"];

/// The interfaces a policy may export.
pub(crate) const MANIFEST: &str = "manifest";
pub(crate) const SELECTION: &str = "selection";
pub(crate) const ACCESS_MODES: &str = "access-modes";
pub(crate) const PREFLIGHT: &str = "preflight";
const EXPORTS: [&str; 4] = [MANIFEST, SELECTION, ACCESS_MODES, PREFLIGHT];

const WASI_HINT: &str = "policies get no WASI: build for wasm32-unknown-unknown without std, or stub WASI out (componentize-py --stub-wasi)";
const OTHER_HINT: &str = "policies may import pvmigrate:policy/log only";

/// Finds out what bytes are that might be a component.
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

/// What a component imports and exports, all of it known and allowed.
#[derive(Debug, Default)]
pub(crate) struct Audited {
    /// Full names, as in the component, sorted.
    pub(crate) imports: Vec<String>,
    /// Full names, as in the component, sorted.
    pub(crate) exports: Vec<String>,
    /// The version that the component was built for.
    pub(crate) version: String,
}

impl Audited {
    /// Tells whether the named interface is exported.
    pub(crate) fn exports(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| split(name).is_some_and(|(exported, _)| exported == interface))
    }
}

/// Checks every import and export by name.
///
/// Versions come first: a policy built for another version of the interface should hear of that, and not of
/// interfaces that are unknown only because they are newer.
pub(crate) fn audit(engine: &Engine, component: &types::Component) -> Result<Audited, Fault> {
    let names = |items: Vec<&str>| {
        let mut names: Vec<_> = items.into_iter().map(text::escape).collect();
        names.sort_unstable();
        names
    };
    let imports = names(component.imports(engine).map(|(name, _)| name).collect());
    let exports = names(component.exports(engine).map(|(name, _)| name).collect());
    for name in imports.iter().chain(&exports) {
        check_version(name)?;
    }
    for name in &imports {
        check_import(name)?;
    }
    let version =
        exports.iter().find_map(|name| split(name).map(|(_, version)| version.to_owned())).unwrap_or_default();
    let audited = Audited { imports, exports, version };
    check_exports(&audited)?;
    Ok(audited)
}

fn check_version(name: &str) -> Result<(), Fault> {
    let Some((_, version)) = split(name) else {
        return Ok(());
    };
    let mut parts = version.split('.');
    let parts: [Option<&str>; 3] = std::array::from_fn(|_| parts.next());
    if let [Some("0"), Some("1"), Some(_)] = parts {
        return Ok(());
    }
    let older = matches!(parts, [Some("0"), Some("0"), _]);
    Err(Fault::ForeignVersion {
        needs: version.to_owned(),
        offers: OFFERED,
        hint: match older {
            true => "rebuild the policy against the interface that `wit/` holds",
            false => "use a newer pvmigrate, or rebuild the policy against the interface that `wit/` holds",
        },
    })
}

fn check_import(name: &str) -> Result<(), Fault> {
    let allowed = split(name).is_some_and(|(interface, _)| IMPORTS.contains(&interface));
    if allowed {
        return Ok(());
    }
    Err(Fault::Refused {
        import: name.to_owned(),
        hint: match name.starts_with("wasi:") {
            true => WASI_HINT,
            false => OTHER_HINT,
        },
    })
}

fn check_exports(audited: &Audited) -> Result<(), Fault> {
    if !audited.exports(MANIFEST) {
        let found = match audited.exports.as_slice() {
            [] => "it exports nothing".to_owned(),
            exports => format!("it exports {}", exports.join(", ")),
        };
        return Err(Fault::WrongWorld(format!("{found}, but not pvmigrate:policy/manifest@{OFFERED}")));
    }
    let decides = EXPORTS.iter().any(|interface| *interface != MANIFEST && audited.exports(interface));
    if !decides {
        return Err(Fault::WrongWorld(
            "it exports manifest, but none of selection, access-modes and preflight, so it would decide nothing".into(),
        ));
    }
    // A misspelt or newer interface would otherwise be ignored without a word.
    let unknown = audited.exports.iter().find_map(|name| {
        split(name).filter(|(interface, _)| !EXPORTS.contains(interface) && !IMPORTS.contains(interface))
    });
    match unknown {
        Some((interface, _)) => Err(Fault::WrongWorld(format!(
            "it exports {PACKAGE}{interface}, which this interface version does not have"
        ))),
        None => Ok(()),
    }
}

/// Splits a name of our package into interface and version.
fn split(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_what_is_no_component() {
        assert_eq!(recognise(b""), Err(NotComponent::Empty));
        assert_eq!(recognise(b"\0asm\x01\0\0\0"), Err(NotComponent::CoreModule));
        assert_eq!(recognise(b"  (component)"), Err(NotComponent::Text));
        assert_eq!(recognise(b"#!/bin/sh"), Err(NotComponent::Unknown));
        assert_eq!(recognise(b"\0asm\x0d\0\x01\0"), Ok(()));
    }

    #[test]
    fn patch_versions_pass_and_others_do_not() {
        assert!(check_version("pvmigrate:policy/log@0.1.7").is_ok());
        assert!(check_version("wasi:cli/environment@0.2.0").is_ok());
        for version in ["0.2.0", "1.0.0", "0.0.9", "0.1", "x"] {
            let name = format!("pvmigrate:policy/log@{version}");
            assert!(matches!(check_version(&name), Err(Fault::ForeignVersion { needs, .. }) if needs == version));
        }
    }
}
