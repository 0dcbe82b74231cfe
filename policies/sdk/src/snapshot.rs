//! Further objects of the cluster, collected before any policy was asked. What may be looked up is declared in
//! [`Policy::NEEDS`](crate::Policy::NEEDS). Natively the objects of [`testing::serve`](crate::testing::serve) answer.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use serde::de::DeserializeOwned;

use crate::ObjectRef;
use crate::bindings::snapshot as host;

/// Says why a look-up has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookupError {
    /// The kind is not among the policy's needs.
    NotDeclared,
    /// The kind is an optional need, and could not be had: why.
    NotCollected(String),
    /// The question is wrong, or one too many: which.
    Refused(String),
    /// The object is there, but is not what the policy takes it for: how.
    Unreadable(String),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotDeclared => f.write_str("the policy does not declare that it looks up this kind"),
            Self::NotCollected(why) => write!(f, "not collected: {why}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::Unreadable(how) => write!(f, "not as expected: {how}"),
        }
    }
}

/// Looks up one object, as the type that the caller makes of its JSON; none when the cluster has none of this name.
/// `fields` are dotted paths such as `spec.hard`; only they are kept. No fields: the whole object.
///
/// # Errors
/// When the question may not be asked, or the object is not as expected.
pub fn get<T: DeserializeOwned>(target: &ObjectRef, fields: &[&str]) -> Result<Option<T>, LookupError> {
    asked::get(target, &owned(fields)).map_err(from_host)?.map(|json| read(&json)).transpose()
}

/// Looks up all objects of a kind in order of namespace and name, of one namespace or of all, whose labels fit the
/// selector (`app=web,tier!=cache`; empty: all).
///
/// # Errors
/// When the question may not be asked, or an object is not as expected.
pub fn find<T: DeserializeOwned>(
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    label_selector: &str,
    fields: &[&str],
) -> Result<Vec<T>, LookupError> {
    let found = asked::find(api_version, kind, namespace, label_selector, &owned(fields)).map_err(from_host)?;
    found.iter().map(|json| read(json)).collect()
}

fn owned(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|field| field.to_string()).collect()
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, LookupError> {
    serde_json::from_str(json).map_err(|error| LookupError::Unreadable(format!("{error}")))
}

fn from_host(error: host::LookupError) -> LookupError {
    match error {
        host::LookupError::NotDeclared => LookupError::NotDeclared,
        host::LookupError::NotCollected(why) => LookupError::NotCollected(why),
        host::LookupError::Refused(why) => LookupError::Refused(why),
    }
}

#[cfg(target_arch = "wasm32")]
use host as asked;

#[cfg(not(target_arch = "wasm32"))]
use crate::testing as asked;
