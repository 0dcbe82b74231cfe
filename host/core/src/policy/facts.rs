//! The well-known keys of `facts`: how a new scalar reaches policies without a new interface version.
//!
//! `wit/README.md` documents each key for authors of policies. A key is absent when it does not apply.

/// Request: the name of the class to migrate from. Always there, also when the class object is missing.
pub const SOURCE_CLASS: &str = "pvmigrate.dev/source-class";

/// Request: the one namespace that the user restricted the run to (`--namespace`).
pub const NAMESPACE: &str = "pvmigrate.dev/namespace";

/// Request: `true` when the source class object need not exist (`--skip-source-validation`).
pub const SKIP_SOURCE_VALIDATION: &str = "pvmigrate.dev/skip-source-validation";

/// Request: `true` when the user insists on access modes that the target class is not known to offer.
pub const FORCE_MODES: &str = "pvmigrate.dev/force-modes";

/// Volume: `true` when the claim has a deletion time.
pub const DELETING: &str = "pvmigrate.dev/deleting";

/// Volume: `Kind/name` of the claim's controlling owner reference.
pub const OWNER: &str = "pvmigrate.dev/owner";

/// Volume: the code of what keeps the claim from being moved, whatever policies decide; see [`crate::survey::StaysCode`].
pub const STAYS: &str = "pvmigrate.dev/stays";

/// Volume: the same in words. There exactly when [`STAYS`] is.
pub const STAYS_WHY: &str = "pvmigrate.dev/stays-why";

/// Volume: access modes that the claim asks for and that this version does not know, separated by commas.
pub const UNKNOWN_MODES: &str = "pvmigrate.dev/unknown-access-modes";

/// The value of a fact that is on.
pub const TRUE: &str = "true";
