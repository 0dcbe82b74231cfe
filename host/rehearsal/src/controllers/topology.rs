//! Where a StorageClass lets volumes be made: its `allowedTopologies`, in the words of the external provisioner.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::provisioner::SELECTED_NODE;
use crate::{
    kinds,
    object::{self, annotation, items, text, texts},
    store::Store,
};

/// The node for which a volume is made, and the labels of all nodes that can mount it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) node: String,
    segments: BTreeMap<String, String>,
}

impl Place {
    /// Builds the volume's node affinity.
    pub(super) fn affinity(&self) -> Value {
        let expressions: Vec<Value> =
            self.segments.iter().map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]})).collect();
        json!({"required": {"nodeSelectorTerms": [{"matchExpressions": expressions}]}})
    }
}

/// Tells whether a class lets volumes be made for a node.
pub(super) fn allows(class: &Value, node: &Value) -> bool {
    terms(class).is_empty() || segments(class, node).is_some()
}

fn terms(class: &Value) -> &[Value] {
    items(class, "/allowedTopologies")
}

/// Returns a node's labels for the first term that it satisfies. A term of nothing is satisfied by none.
fn segments(class: &Value, node: &Value) -> Option<BTreeMap<String, String>> {
    let labels = object::pairs(node, "/metadata/labels");
    terms(class).iter().find_map(|term| {
        let expressions = items(term, "/matchLabelExpressions");
        let found = expressions.iter().map(|expression| {
            let key = text(expression, "/key")?;
            let value = labels.get(key).filter(|value| texts(expression, "/values").contains(&value.as_str()))?;
            Some((key.to_owned(), value.clone()))
        });
        (!expressions.is_empty()).then(|| found.collect()).flatten()
    })
}

/// Chooses where a claim's volume is made; `None` when its class does not care.
///
/// # Errors
///
/// Says that no node lies where the class wants its volumes.
pub(super) fn place(store: &Store, class: &Value, claim: &Value) -> Result<Option<Place>, String> {
    if terms(class).is_empty() {
        return Ok(None);
    }
    let place = |node: &Value| Some(Place { node: object::name(node).to_owned(), segments: segments(class, node)? });
    let found = match annotation(claim, SELECTED_NODE) {
        Some(name) => store
            .find(&kinds::NODES, "", name)
            .and_then(|node| place(&node))
            .ok_or_else(|| format!("topology from selected node {name:?} is not in requisite: {}", shown(class))),
        None => store
            .list(&kinds::NODES, "")
            .find_map(|(_, node)| place(node))
            .ok_or_else(|| "no available topology found".to_owned()),
    };
    found.map(Some).map_err(|why| format!("error generating accessibility requirements: {why}"))
}

fn shown(class: &Value) -> String {
    let term = |term: &Value| {
        let each = items(term, "/matchLabelExpressions").iter().flat_map(|expression| {
            let key = text(expression, "/key").unwrap_or_default();
            texts(expression, "/values").into_iter().map(move |value| format!("{{{key} {value}}}"))
        });
        format!("[{}]", each.collect::<Vec<_>>().join(" "))
    };
    format!("[{}]", terms(class).iter().map(term).collect::<Vec<_>>().join(" "))
}

/// Returns labels with which a made-up node satisfies the classes of a file that names no nodes.
pub(crate) fn labels_for_made_up_node<'a>(
    classes: impl Iterator<Item = &'a Value>,
    number: usize,
) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for term in classes.filter_map(|class| terms(class).first()) {
        for expression in items(term, "/matchLabelExpressions") {
            let values = texts(expression, "/values");
            if let (Some(key), false) = (text(expression, "/key"), values.is_empty()) {
                // A host's name stays what it is.
                if key == "kubernetes.io/hostname" {
                    continue;
                }
                labels.entry(key.to_owned()).or_insert_with(|| values[number % values.len()].to_owned());
            }
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(zones: &[&str]) -> Value {
        json!({"allowedTopologies": [{"matchLabelExpressions": [{"key": "zone", "values": zones}]}]})
    }

    #[test]
    fn a_node_satisfies_a_class_by_its_labels() {
        let node = json!({"metadata": {"labels": {"zone": "b"}}});
        assert!(allows(&json!({}), &node));
        assert!(allows(&class(&["a", "b"]), &node));
        assert!(!allows(&class(&["a"]), &node));
        assert!(!allows(&json!({"allowedTopologies": [{}]}), &node));
    }

    #[test]
    fn made_up_nodes_lie_where_the_classes_want_them() {
        let classes = [class(&["a", "b"]), json!({})];
        for number in 0..3 {
            let labels = labels_for_made_up_node(classes.iter(), number);
            assert!(allows(&classes[0], &json!({"metadata": {"labels": labels}})), "{labels:?}");
        }
    }
}
