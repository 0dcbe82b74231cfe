#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn read_as(name: &str, text: &str) -> Result<Vec<Value>, InputError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    read_objects(folder.path())
}

fn yaml(text: &str) -> Result<Vec<Value>, InputError> {
    read_as("a.yaml", text)
}

fn error(text: &str) -> String {
    let message = yaml(text).unwrap_err().to_string();
    message.split_once("a.yaml:").map_or(message.clone(), |(_, rest)| rest.trim().to_owned())
}

const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: ns}\nspec: ";

#[test]
fn a_malformed_file_is_named_with_its_place_once() {
    for (text, place) in [
        ("kind: Pod\nmetadata: {name: [}\n", "2:"),
        ("metadata: {name: a, name: b}\n", "1:21: the key \"name\" stands twice in one mapping"),
        ("kind: Pod\nkind: Pod\n", "2:1: the key \"kind\" stands twice in one mapping"),
    ] {
        assert!(error(text).starts_with(place), "{}", error(text));
        assert!(!error(text).contains("line"), "{}", error(text));
    }
    let message = read_as("a.json", "{\"kind\": \"Pod\",\n \"kind\": \"Pod\"}").unwrap_err().to_string();
    assert!(
        message.contains("a.json:2:") && message.ends_with("the key \"kind\" stands twice in one mapping"),
        "{message}"
    );
}

#[test]
fn lists_are_taken_apart() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n---\n\
                apiVersion: v1\nkind: NodeList\nitems:\n- {metadata: {name: b, namespace: x}}\n---\n\
                {apiVersion: v1, kind: PodList, items: }\n";
    let objects = yaml(text).unwrap();
    assert_eq!(objects.len(), 2);
    assert_eq!((&objects[0]["metadata"]["namespace"], &objects[1]["kind"]), (&"default".into(), &"Node".into()));
    assert_eq!(objects[1]["metadata"].get("namespace"), None, "a node is in no namespace");
    let message = error("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Pod, metadata: {name: a}}, 1]\n");
    assert_eq!(message, "document 1, item 2: not a Kubernetes object: it has no fields");
}

#[test]
fn documents_of_json_may_follow_one_another() {
    let one =
        |name: &str| format!("{{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {{\"name\": \"{name}\"}}}}");
    for file in ["a.json", "a.yaml", "a.yml"] {
        assert_eq!(read_as(file, &format!("{}\n{}{}", one("a"), one("b"), one("c"))).unwrap().len(), 3, "{file}");
    }
    let message = read_as("a.json", &format!("{}\n{{\"a\": }}", one("a"))).unwrap_err().to_string();
    assert!(message.contains("a.json:2:"), "{message}");
    assert_eq!(
        yaml("{apiVersion: v1, kind: Pod, metadata: {name: a}}\n---\n{apiVersion: v1, kind: Pod, metadata: {name: b}}")
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn nothing_is_not_an_answer() {
    for text in ["", "---\n---\n", "# nothing\n", "{apiVersion: v1, kind: List, items: []}"] {
        assert!(yaml(text).unwrap_err().to_string().ends_with("holds no Kubernetes object"), "{text}");
    }
    assert!(matches!(read_as("a.txt", "x"), Err(InputError::NoFile { .. })));
    assert!(matches!(read_as("a.test.yaml", "x"), Err(InputError::NoFile { .. })));
    assert!(matches!(read(&["nowhere".into()]), Err(InputError::Unreadable { .. })));
}

#[test]
fn what_cannot_be_understood_is_named_with_object_and_field() {
    let claim = |spec: &str| error(&format!("{CLAIM}{spec}\n"));
    for (message, end) in [
        (error("settings: {}\n"), "document 1: not a Kubernetes object: it has no kind"),
        (error("kind: Pod\n"), "document 1: not a Kubernetes object: it has no apiVersion"),
        (error("{apiVersion: v1, kind: Pod}"), "document 1: Pod has no metadata.name"),
        (error("{apiVersion: v1, kind: Pod, metadata: {name: ''}}"), "document 1: Pod has no metadata.name"),
        (
            error("{apiVersion: x/v1, kind: Odd, metadata: {name: a, labels: {on: true}}}"),
            "document 1: Odd.x a: metadata.labels.on: invalid type: boolean `true`, expected a string; put it in quotes",
        ),
        (
            error("{apiVersion: v1, kind: Pod, metadata: {name: 7}}"),
            "metadata.name: invalid type: integer `7`, expected a string; put it in quotes",
        ),
        (
            error("{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: many}}"),
            "Deployment.apps default/a: spec.replicas: invalid type: string \"many\", expected i32",
        ),
        (
            claim("{accessModes: [ReadWriteOnce]}"),
            "PersistentVolumeClaim ns/data: spec.resources.requests.storage is missing",
        ),
        (
            claim("{resources: {requests: {storage: 1Gi}}}"),
            "spec.accessModes is missing: a claim asks for at least one",
        ),
        (
            claim("{accessModes: [ReadWriteOnce], resources: {requests: {storage: 0}}}"),
            "spec.resources.requests.storage is 0",
        ),
        (
            claim("{accessModes: [ReadWriteOnce], resources: {requests: {storage: lots}}}"),
            "spec.resources.requests.storage: \"lots\" is not a quantity: it has no number; write it like 10Gi",
        ),
        (
            error("{apiVersion: v1, kind: PersistentVolume, metadata: {name: a}, spec: {capacity: {}}}"),
            "PersistentVolume a: spec.capacity.storage is missing",
        ),
        (
            error(
                "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: a}, spec: {serviceName: a, selector: {}, \
                 template: {}, volumeClaimTemplates: [{metadata: {name: d}, spec: {accessModes: [ReadWriteOnce]}}]}}",
            ),
            "spec.volumeClaimTemplates[0].spec.resources.requests.storage is missing",
        ),
    ] {
        assert!(message.ends_with(end), "{message}\n{end}");
    }
}

#[test]
fn an_object_given_twice_is_refused_with_both_places() {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}\n";
    let message = error(&format!("{text}---\n{text}"));
    assert!(message.starts_with("document 2: Pod x/a is already defined in "), "{message}");
    assert!(message.ends_with("a.yaml: document 1"), "{message}");
    // An old version of the same object is the same object.
    let two = |one: &str, other: &str| {
        let object = |version: &str| format!("{{apiVersion: {version}, kind: Deployment, metadata: {{name: a}}}}\n");
        yaml(&format!("{}---\n{}", object(one), object(other)))
    };
    assert!(matches!(two("apps/v1", "extensions/v1beta1"), Err(InputError::Duplicate { .. })));
    assert_eq!(two("apps/v1", "other.example.com/v1").unwrap().len(), 2);
}

#[test]
fn numbers_are_quantities_and_keys_without_a_value_are_empty() {
    let text = format!(
        "{CLAIM}{{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 8589934592}}}}, selector: , volumeName: }}\n\
         ---\napiVersion: v1\nkind: PersistentVolume\nmetadata: {{name: v, labels: , annotations: {{a: }}}}\n\
         spec: {{capacity: {{storage: 1e3}}}}\n---\n\
         apiVersion: x/v1\nkind: Odd\nmetadata: {{name: a}}\nspec: {{limits: {{tries: 3}}}}\n"
    );
    let objects = yaml(&text).unwrap();
    assert_eq!(objects[0]["spec"]["resources"]["requests"]["storage"], "8589934592");
    assert_eq!(objects[0]["spec"].as_object().unwrap().len(), 2, "{}", objects[0]);
    assert_eq!(objects[1]["spec"]["capacity"]["storage"], "1000");
    assert_eq!(objects[1]["metadata"], serde_json::json!({"name": "v", "annotations": {"a": ""}}));
    assert_eq!(objects[2]["spec"]["limits"]["tries"], 3, "nothing is known of other kinds");
}

#[test]
fn old_versions_become_those_of_today() {
    let old = |version: &str, kind: &str| {
        let text = format!(
            "{{apiVersion: {version}, kind: {kind}, metadata: {{name: a}}, provisioner: p, \
             spec: {{template: {{metadata: {{labels: {{app: a}}}}}}}}}}"
        );
        yaml(&text).unwrap().remove(0)
    };
    let deployment = old("extensions/v1beta1", "Deployment");
    assert_eq!(deployment["apiVersion"], "apps/v1");
    assert_eq!(deployment["spec"]["selector"], serde_json::json!({"matchLabels": {"app": "a"}}));
    assert_eq!(old("storage.k8s.io/v1beta1", "StorageClass")["apiVersion"], "storage.k8s.io/v1");
    assert_eq!(old("extensions/v1beta1", "Ingress")["apiVersion"], "extensions/v1beta1", "it is not known");
}
