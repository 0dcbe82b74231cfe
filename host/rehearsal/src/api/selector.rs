//! Label and field selectors of LIST, WATCH and DELETE of a collection.

use serde_json::Value;

use super::failure::Failure;
use crate::{
    kinds::{self, Kind},
    object,
};

/// Which objects of a kind a request means.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selector {
    labels: Vec<Label>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
enum Label {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    /// Also true when the label is absent, as in Kubernetes.
    NotIn(String, Vec<String>),
}

#[derive(Debug, Clone)]
struct Field {
    pointer: String,
    value: String,
    equal: bool,
}

impl Selector {
    /// Parses both selectors as the API server does; an unknown field is a 400.
    pub(crate) fn parse(kind: &Kind, labels: Option<&str>, fields: Option<&str>) -> Result<Self, Failure> {
        let mut selector = Self::default();
        for requirement in split_requirements(labels.unwrap_or_default()) {
            selector.labels.push(parse_label(requirement)?);
        }
        for term in fields.unwrap_or_default().split(',').filter(|term| !term.is_empty()) {
            selector.fields.push(parse_field(kind, term)?);
        }
        Ok(selector)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|label| label.matches(object))
            && self.fields.iter().all(|field| {
                let found = object.pointer(&field.pointer).and_then(Value::as_str).unwrap_or_default();
                (found == field.value) == field.equal
            })
    }
}

impl Label {
    fn matches(&self, object: &Value) -> bool {
        let find = |key: &str| object.pointer("/metadata/labels").and_then(|labels| labels.get(key)?.as_str());
        match self {
            Self::Exists(key) => find(key).is_some(),
            Self::Absent(key) => find(key).is_none(),
            Self::In(key, values) => find(key).is_some_and(|found| values.iter().any(|value| value == found)),
            Self::NotIn(key, values) => find(key).is_none_or(|found| values.iter().all(|value| value != found)),
        }
    }
}

/// Splits at commas that are not inside the brackets of a set.
fn split_requirements(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0u32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

fn parse_label(text: &str) -> Result<Label, Failure> {
    let refuse = || Failure::bad_request(format!("unable to parse requirement: {text:?}"));
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Label::NotIn(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some((key, value)) = text.split_once('=') {
        let value = value.strip_prefix('=').unwrap_or(value);
        return Ok(Label::In(key.trim().to_owned(), vec![value.trim().to_owned()]));
    }
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Label::Absent(key.trim().to_owned()));
    }
    let Some((head, set)) = text.split_once('(') else {
        return if text.contains(char::is_whitespace) { Err(refuse()) } else { Ok(Label::Exists(text.to_owned())) };
    };
    let values = set.strip_suffix(')').ok_or_else(refuse)?.split(',').map(|value| value.trim().to_owned()).collect();
    match head.split_whitespace().collect::<Vec<_>>().as_slice() {
        [key, "in"] => Ok(Label::In((*key).to_owned(), values)),
        [key, "notin"] => Ok(Label::NotIn((*key).to_owned(), values)),
        _ => Err(refuse()),
    }
}

fn parse_field(kind: &Kind, term: &str) -> Result<Field, Failure> {
    let (name, value, equal) = if let Some((name, value)) = term.split_once("!=") {
        (name, value, false)
    } else if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        (name, value, true)
    } else {
        return Err(Failure::bad_request(format!("invalid selector: '{term}'; can't understand '{term}'")));
    };
    if !served_fields(kind).contains(&name) {
        return Err(Failure::bad_request(format!("field label not supported: {name}")));
    }
    let pointer = format!("/{}", name.replace('.', "/"));
    Ok(Field { pointer, value: value.to_owned(), equal })
}

/// Lists the fields that the API server can select this kind by.
fn served_fields(kind: &Kind) -> &'static [&'static str] {
    if *kind == kinds::PODS {
        return &[
            "metadata.name",
            "metadata.namespace",
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
        ];
    }
    if *kind == kinds::EVENTS {
        return &[
            "metadata.name",
            "metadata.namespace",
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "type",
        ];
    }
    if *kind == kinds::NAMESPACES {
        return &["metadata.name", "status.phase"];
    }
    if *kind == kinds::SECRETS {
        return &["metadata.name", "metadata.namespace", "type"];
    }
    if *kind == kinds::REPLICA_SETS {
        return &["metadata.name", "metadata.namespace", "status.replicas"];
    }
    &["metadata.name", "metadata.namespace"]
}

/// Tells whether a workload's `spec.selector` matches an object's labels.
pub(crate) fn label_selector_matches(selector: &Value, labels_of: &Value) -> bool {
    let labels = object::pairs(labels_of, "/metadata/labels");
    let equal = object::pairs(selector, "/matchLabels");
    equal.iter().all(|(key, value)| labels.get(key) == Some(value))
        && object::items(selector, "/matchExpressions").iter().all(|expression| {
            let key = object::text(expression, "/key").unwrap_or_default();
            let found = labels.get(key).map(String::as_str);
            expression_matches(expression, found)
        })
}

/// Applies one `{key, operator, values}` to the value found under its key.
pub(crate) fn expression_matches(expression: &Value, found: Option<&str>) -> bool {
    let values = object::texts(expression, "/values");
    match object::text(expression, "/operator") {
        Some("In") => found.is_some_and(|found| values.contains(&found)),
        Some("NotIn") => found.is_none_or(|found| !values.contains(&found)),
        Some("Exists") => found.is_some(),
        Some("DoesNotExist") => found.is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    fn matches(labels: &str, object: &Value) -> bool {
        Selector::parse(&kinds::PODS, Some(labels), None).unwrap().matches(object)
    }

    #[test]
    fn label_selectors_follow_the_set_grammar() {
        let pod = json!({"metadata": {"labels": {"app": "web", "tier": "a"}}});
        assert!(matches("app=web,tier in (a, b)", &pod));
        assert!(matches("app==web,!gone,tier", &pod));
        assert!(matches("gone!=x,gone notin (a)", &pod));
        assert!(!matches("tier notin (a,b)", &pod));
        assert!(!matches("gone", &pod));
        assert!(Selector::parse(&kinds::PODS, Some("a b c"), None).is_err());
    }

    #[test]
    fn unknown_fields_are_refused() {
        let failure = Selector::parse(&kinds::CLAIMS, None, Some("status.phase=Bound")).unwrap_err();
        assert_eq!(failure.code, 400);
        let selector = Selector::parse(&kinds::PODS, None, Some("spec.nodeName!=n1")).unwrap();
        assert!(selector.matches(&json!({"spec": {}})));
        assert!(!selector.matches(&json!({"spec": {"nodeName": "n1"}})));
    }
}
