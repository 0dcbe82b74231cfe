//! Objects collected for the look-ups of policies: what `snapshot.get` and `snapshot.find` answer from.
//!
//! They are gathered before any policy is asked, by the kinds that the policies declare to need, from a live cluster, the
//! embedded one, or a fixture. Answers depend on nothing else, so a judgement can be repeated from what was captured.
//! Whether a policy declared a kind is for the host to check; here a kind is collected or it is not.

mod fields;
mod selector;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::canonical;
use super::object::{Kind, ObjectRef};
use fields::Fields;
use selector::Selector;

/// A kind of object that a policy declares it looks up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The kind.
    #[serde(flatten)]
    pub kind: Kind,
    /// What for, in the policy's words.
    pub purpose: String,
    /// The policy can do without.
    pub optional: bool,
}

/// The reason why a look-up has no answer; a name that does not exist is an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The policy does not declare the kind among its needs.
    #[error("the kind is not declared in the needs of manifest.describe")]
    NotDeclared,
    /// Objects of the kind could not be collected.
    #[error("not collected: {0}")]
    NotCollected(String),
    /// The question cannot be answered as it stands.
    #[error("{0}")]
    Refused(String),
}

/// The objects of one kind, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Collection {
    #[serde(flatten)]
    kind: Kind,
    #[serde(flatten)]
    found: Found,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Found {
    /// In order of namespace and name.
    Objects(Vec<Value>),
    NotCollected(String),
}

/// Collected objects by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Collection>", into = "Vec<Collection>")]
pub struct Collected {
    kinds: BTreeMap<Kind, Found>,
}

impl From<Vec<Collection>> for Collected {
    fn from(collections: Vec<Collection>) -> Self {
        let mut collected = Self::default();
        for Collection { kind, found } in collections {
            match found {
                Found::Objects(objects) => collected.put(kind, objects),
                Found::NotCollected(why) => collected.put_missing(kind, why),
            }
        }
        collected
    }
}

impl From<Collected> for Vec<Collection> {
    fn from(collected: Collected) -> Self {
        collected.kinds.into_iter().map(|(kind, found)| Collection { kind, found }).collect()
    }
}

impl Collected {
    /// Adds all objects of a kind, in any order; none at all is an answer too. A withheld kind is never kept.
    pub fn put(&mut self, kind: Kind, mut objects: Vec<Value>) {
        if kind.is_withheld() {
            return;
        }
        objects.sort_by(|a, b| place(a).cmp(&place(b)));
        self.kinds.insert(kind, Found::Objects(objects));
    }

    /// Notes that a kind could not be collected, and why.
    pub fn put_missing(&mut self, kind: Kind, why: String) {
        self.kinds.insert(kind, Found::NotCollected(why));
    }

    /// Returns the kinds, with the number of objects, or why there are none.
    pub fn kinds(&self) -> impl Iterator<Item = (&Kind, Result<usize, &str>)> {
        self.kinds.iter().map(|(kind, found)| match found {
            Found::Objects(objects) => (kind, Ok(objects.len())),
            Found::NotCollected(why) => (kind, Err(why.as_str())),
        })
    }

    /// Returns an object as canonical JSON, only these fields of it (none: all); `None` when there is no such object.
    ///
    /// # Errors
    /// When the kind was not collected, or a field path cannot be read.
    pub fn get(&self, target: &ObjectRef, fields: &[String]) -> Result<Option<String>, LookupError> {
        let fields = Fields::parse(fields).map_err(LookupError::Refused)?;
        let objects = self.of(&Kind::new(&*target.api_version, &*target.kind))?;
        let wanted = (target.namespace.as_deref().unwrap_or_default(), target.name.as_str());
        let at = objects.binary_search_by(|object| place(object).cmp(&wanted));
        Ok(at.ok().map(|at| canonical(&fields.of(&objects[at]))))
    }

    /// Returns all objects of a kind whose labels fit, as [`Self::get`] does, in order of namespace and name.
    ///
    /// # Errors
    /// When the kind was not collected, or the selector or a field path cannot be read.
    pub fn find(
        &self,
        kind: &Kind,
        namespace: Option<&str>,
        label_selector: &str,
        fields: &[String],
    ) -> Result<Vec<String>, LookupError> {
        let fields = Fields::parse(fields).map_err(LookupError::Refused)?;
        let selector = Selector::parse(label_selector).map_err(LookupError::Refused)?;
        let objects = self.of(kind)?.iter();
        let wanted = objects.filter(|object| namespace.is_none_or(|namespace| place(object).0 == namespace));
        Ok(wanted.filter(|object| selector.fits(object)).map(|object| canonical(&fields.of(object))).collect())
    }

    fn of(&self, kind: &Kind) -> Result<&[Value], LookupError> {
        match self.kinds.get(kind) {
            Some(Found::Objects(objects)) => Ok(objects),
            Some(Found::NotCollected(why)) => Err(LookupError::NotCollected(why.clone())),
            None => Err(LookupError::NotCollected("it was not requested before the policies ran".to_owned())),
        }
    }
}

/// Returns namespace (empty without one) and name.
fn place(object: &Value) -> (&str, &str) {
    let text = |key: &str| object.get("metadata").and_then(|meta| meta.get(key)?.as_str()).unwrap_or_default();
    (text("namespace"), text("name"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use serde_json::json;

    use super::*;

    fn quotas() -> Collected {
        let quota = |namespace: &str, name: &str, tier: &str| {
            json!({"spec": {"hard": {"requests.storage": "1Ti", "pods": "10"}}, "kind": "ResourceQuota",
                "metadata": {"namespace": namespace, "name": name, "labels": {"tier": tier}, "uid": "u"}})
        };
        let mut collected = Collected::default();
        let objects = vec![quota("shop", "b", "gold"), quota("db", "z", "gold"), quota("shop", "a", "iron")];
        collected.put(Kind::new("v1", "ResourceQuota"), objects);
        collected.put_missing(Kind::new("v1", "Node"), "not allowed to list nodes".to_owned());
        collected
    }

    fn quota(namespace: &str, name: &str) -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: "ResourceQuota".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        }
    }

    #[test]
    fn get_distinguishes_a_missing_object_from_a_missing_kind() {
        let collected = quotas();
        let fields = ["spec.hard.requests\\.storage".to_owned()];
        let found = collected.get(&quota("shop", "b"), &fields).unwrap();
        assert_eq!(found.as_deref(), Some(r#"{"spec":{"hard":{"requests.storage":"1Ti"}}}"#));
        assert_eq!(collected.get(&quota("shop", "z"), &fields), Ok(None));
        let node = ObjectRef { kind: "Node".to_owned(), namespace: None, ..quota("", "n1") };
        assert_eq!(collected.get(&node, &[]), Err(LookupError::NotCollected("not allowed to list nodes".to_owned())));
        let pod = ObjectRef { kind: "Pod".to_owned(), ..quota("shop", "p") };
        assert!(matches!(collected.get(&pod, &[]), Err(LookupError::NotCollected(_))));
    }

    #[test]
    fn find_goes_by_namespace_and_labels_in_order() {
        let collected = quotas();
        let kind = Kind::new("v1", "ResourceQuota");
        let names = |namespace, selector| {
            let found = collected.find(&kind, namespace, selector, &["metadata.name".to_owned()]);
            found.map(|found| found.join(" ").replace(r#"{"metadata":{"name":"#, "").replace("}}", ""))
        };
        assert_eq!(names(None, "").unwrap(), r#""z" "a" "b""#);
        assert_eq!(names(Some("shop"), "").unwrap(), r#""a" "b""#);
        assert_eq!(names(None, "tier=gold").unwrap(), r#""z" "b""#);
        assert_eq!(names(Some("nowhere"), "tier").unwrap(), "");
        assert!(matches!(names(None, "tier in gold"), Err(LookupError::Refused(_))));
    }

    #[test]
    fn what_was_collected_survives_a_file_and_secrets_do_not() {
        let mut collected = quotas();
        let text = serde_json::to_string(&collected).unwrap();
        assert_eq!(serde_json::from_str::<Collected>(&text).unwrap(), collected);
        for kind in [Kind::new("v1", "Secret"), Kind::new("v2", "secret")] {
            collected.put(kind.clone(), vec![json!({"metadata": {"name": "s"}})]);
            assert!(matches!(collected.find(&kind, None, "", &[]), Err(LookupError::NotCollected(_))));
        }
    }
}
