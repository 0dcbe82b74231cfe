//! What all JSON documents have in common. Each document's own shape stands beside its text, in the module named after it.
//!
//! The promise: within one [`SCHEMA_VERSION`] a field keeps its name and meaning; new fields may appear.

use serde::Serialize;

use crate::exit::Exit;

/// The version of the shape of every JSON document.
pub const SCHEMA_VERSION: u32 = 1;

/// The exit code within a document, for those who keep the document and not the code.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExitJson {
    code: u8,
    word: &'static str,
}

impl From<Exit> for ExitJson {
    fn from(exit: Exit) -> Self {
        Self { code: exit.code(), word: exit.word() }
    }
}

/// Names a workload and its scale.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadJson {
    kind: &'static str,
    name: String,
    replicas: u32,
}

impl From<&pvmigrate_core::record::WorkloadRecord> for WorkloadJson {
    fn from(record: &pvmigrate_core::record::WorkloadRecord) -> Self {
        Self { kind: record.workload.kind.word(), name: record.workload.name.clone(), replicas: record.replicas }
    }
}
