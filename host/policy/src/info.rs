//! What a policy says about itself.

pub(crate) mod rules;

use pvmigrate_core::policy::Need;
use serde::Serialize;
use serde_json::Value;

use crate::audited::split;
use crate::limits::Limits;

/// Whether a policy looks at volumes one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// What it says about a volume never depends on other volumes.
    PerVolume,
    /// It may.
    WholeBatch,
}

/// The documentation of one code that a policy may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeDoc {
    /// The code.
    pub code: String,
    /// What it means.
    pub summary: String,
    /// Where to read more.
    pub docs_url: Option<String>,
}

/// What `describe` returned, not checked yet.
pub(crate) struct RawInfo {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
    pub(crate) scope: Scope,
    pub(crate) settings_schema: Option<String>,
    pub(crate) needs: Vec<Need>,
    pub(crate) codes: Vec<CodeDoc>,
}

/// Everything there is to know about a policy without asking it anything; for `policy inspect`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyInfo {
    /// The file it was read from; absent for the built-in one.
    pub file: Option<std::path::PathBuf>,
    /// The name it gives itself.
    pub name: String,
    /// The version it gives itself.
    pub version: String,
    /// What it does, in its own words.
    pub summary: String,
    /// Whether it looks at volumes one by one.
    pub scope: Scope,
    /// `sha256:` and the hex digest of its bytes.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// The interface version that it was built for.
    pub interface: String,
    /// The interfaces it exports, by full name.
    pub exports: Vec<String>,
    /// The interfaces it imports, by full name: all that it can call.
    pub imports: Vec<String>,
    /// The JSON Schema of its settings; absent when it takes none.
    pub settings_schema: Option<Value>,
    /// The kinds of objects that it looks up.
    pub needs: Vec<Need>,
    /// The codes it may use.
    pub codes: Vec<CodeDoc>,
    /// What it may use up.
    pub limits: Limits,
}

impl PolicyInfo {
    /// Returns whether the policy exports an interface of ours, such as `selection`.
    pub fn has(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| split(name).is_some_and(|(exported, _)| exported == interface))
    }
}
