//! What a policy's source needs nearly always: `use pvmigrate_policy_sdk::prelude::*;`

pub use alloc::borrow::ToOwned;
pub use alloc::boxed::Box;
pub use alloc::collections::{BTreeMap, BTreeSet};
pub use alloc::string::{String, ToString};
pub use alloc::vec::Vec;
pub use alloc::{format, vec};

pub use crate::{
    AccessMode, AccessModes, Bytes, Codes, Finding, Need, ObjectRef, Planned, Policy, PolicyError, Preflight, Problem,
    Request, Scope, Selection, Setting, Settings, Severity, StorageClass, Subject, TargetShape, Volume, VolumeMode,
    Vote, log, reason, snapshot,
};
