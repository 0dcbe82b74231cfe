//! Collecting the objects that policies look up.

use pvmigrate_cluster::{Error, collect};
use pvmigrate_core::policy::{Kind, LookupError, Need, ObjectRef};
use pvmigrate_rehearsal::Faults;
use serde_json::json;

use crate::stage::{SHOP, Stage, objects};

fn need(api_version: &str, kind: &str, optional: bool) -> Need {
    Need { kind: Kind::new(api_version, kind), purpose: "a test".to_owned(), optional }
}

fn quota(namespace: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ResourceQuota".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: "disks".to_owned(),
    }
}

#[tokio::test]
async fn what_is_needed_is_collected_within_the_namespace_asked_for() {
    let mut all = objects();
    all.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}}));
    for namespace in [SHOP, "elsewhere"] {
        all.push(json!({"apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "disks", "namespace": namespace, "managedFields": [{"manager": "kubectl"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "a": "b"}},
            "spec": {"hard": {"requests.storage": "1Ti"}}}));
    }
    let stage = Stage::with(all).await;
    let client = stage.connection().client;
    let needs = [need("v1", "ResourceQuota", false), need("storage.k8s.io/v1", "StorageClass", false)];
    let whole = collect(&client, &needs, None).await.unwrap();
    let found = whole.get(&quota("elsewhere"), &[]).unwrap().unwrap();
    assert!(
        found.starts_with(r#"{"apiVersion":"v1","kind":"ResourceQuota","metadata":{"annotations":{"a":"b"},"#),
        "{found}"
    );
    assert!(!found.contains("managedFields"), "{found}");

    let one = collect(&client, &needs, Some(SHOP)).await.unwrap();
    assert!(one.get(&quota(SHOP), &["spec.hard".to_owned()]).unwrap().unwrap().contains("1Ti"));
    assert_eq!(one.get(&quota("elsewhere"), &[]), Ok(None));
    let classes = one.find(&Kind::new("storage.k8s.io/v1", "StorageClass"), None, "", &[]).unwrap();
    assert!(classes.len() >= 2, "objects of the whole cluster are there in any case: {classes:?}");
}

#[tokio::test]
async fn what_cannot_be_collected_is_missing_or_an_error() {
    let stage = Stage::new().await;
    let faults = Faults { forbid: vec![("list".to_owned(), "resourcequotas".to_owned())], ..Faults::default() };
    let (connection, _) = stage.faulty(faults);
    for (kind, part) in [
        (("v1", "ResourceQuota"), "not allowed to list resourcequotas"),
        (("v1", "Gadget"), "the cluster has no kind Gadget (v1)"),
        (("acme.example.com/v1", "Gadget"), "the cluster has no kind Gadget (acme.example.com/v1)"),
    ] {
        let collected = collect(&connection.client, &[need(kind.0, kind.1, true)], None).await.unwrap();
        let missing = collected.find(&Kind::new(kind.0, kind.1), None, "", &[]).unwrap_err();
        assert!(matches!(&missing, LookupError::NotCollected(why) if why.contains(part)), "{missing}");
        let error = collect(&connection.client, &[need(kind.0, kind.1, false)], None).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
        assert!(matches!(error, Error::Forbidden { .. } | Error::NotFound { .. }));
    }
}
