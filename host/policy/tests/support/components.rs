//! The components that `policies/build` made, for the tests of the sandbox and of the workbench.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use pvmigrate_policy::{Configured, Limits, Policy};

/// Finds a component that `policies/build` made.
pub(crate) fn built(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../../policies/dist/{name}.wasm"))
}

/// Loads a component that `policies/build` made, without settings.
pub(crate) fn open(name: &str, limits: &Limits) -> Configured {
    let policy = Policy::open(&built(name), limits).unwrap_or_else(|failure| panic!("{failure}"));
    Configured::bare(Arc::new(policy)).unwrap_or_else(|error| panic!("{error}"))
}

/// Returns a component that `policies/build` made, with the usual limits; compiled once for all tests.
pub(crate) fn usual(name: &str) -> &'static Configured {
    static POLICIES: [OnceLock<Configured>; 3] = [const { OnceLock::new() }; 3];
    let at = ["default", "keep-and-cap", "hostile"].iter().position(|known| *known == name);
    POLICIES[at.unwrap_or_else(|| panic!("no policy {name}"))].get_or_init(|| open(name, &Limits::default()))
}
