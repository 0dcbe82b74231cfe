//! Creating and changing objects.

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::stage::{Stage, claim, create, merge, pod, refusal, stateful_set, workload};

fn config(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "1"}})
}

async fn post<K>(api: &Api<K>, object: Value) -> Result<K, kube::Error>
where
    K: serde::de::DeserializeOwned + serde::Serialize + Clone + std::fmt::Debug,
{
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await
}

pub async fn a_stale_write_is_refused(stage: &Stage) {
    let old = create(&stage.configs(), config("one")).await;
    merge(&stage.configs(), "one", json!({"data": {"a": "2"}})).await.unwrap();
    let status = refusal(stage.configs().replace("one", &PostParams::default(), &old).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "Conflict"));
    let words = "Operation cannot be fulfilled on configmaps \"one\": the object has been modified; please apply your \
                 changes to the latest version and try again";
    assert_eq!(status.message, words);
    let status = refusal(post(&stage.configs(), config("one")).await);
    assert_eq!((status.code, status.reason.as_str()), (409, "AlreadyExists"));
    assert_eq!(status.message, "configmaps \"one\" already exists");
}

pub async fn a_patch_with_uid_and_version_is_conditional(stage: &Stage) {
    let old = create(&stage.configs(), config("one")).await;
    let new = merge(&stage.configs(), "one", json!({"data": {"a": "2"}})).await.unwrap();
    let when = |uid: Option<String>, version: Option<String>| json!({"metadata": {"uid": uid, "resourceVersion": version}, "data": {"a": "3"}});
    let stale = merge(&stage.configs(), "one", when(old.uid(), old.resource_version())).await;
    assert_eq!(refusal(stale).code, 409);
    let other = when(Some("other".to_owned()), new.resource_version());
    let status = refusal(merge(&stage.configs(), "one", other).await);
    // A patch with another uid is not a conflict, but a change of what cannot change; such a replacement is a conflict.
    let words = "ConfigMap \"one\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable";
    assert_eq!((status.code, status.message.as_str()), (422, words));
    let mut replacement = new.clone();
    replacement.metadata.uid = Some("other".to_owned());
    let status = refusal(stage.configs().replace("one", &PostParams::default(), &replacement).await);
    assert!(status.code == 409 && status.message.contains("Precondition failed: UID"), "{}", status.message);
    merge(&stage.configs(), "one", when(new.uid(), new.resource_version())).await.unwrap();
}

pub async fn a_json_patch_tests_first(stage: &Stage) {
    create(&stage.configs(), config("one")).await;
    let patch = |was: &str| {
        let operations = json!([
            {"op": "test", "path": "/data/a", "value": was},
            {"op": "replace", "path": "/data/a", "value": "new"},
        ]);
        Patch::Json::<()>(serde_json::from_value(operations).unwrap())
    };
    let params = PatchParams::default();
    assert_eq!(refusal(stage.configs().patch("one", &params, &patch("other")).await).code, 422);
    let new = stage.configs().patch("one", &params, &patch("1")).await.unwrap();
    assert_eq!(new.data.unwrap()["a"], "new");
}

pub async fn an_apply_creates_and_merges(stage: &Stage) {
    let params = PatchParams::apply("test").force();
    stage.configs().patch("one", &params, &Patch::Apply(config("one"))).await.unwrap();
    let mut more = config("one");
    more["data"] = json!({"b": "2"});
    // Another manager: what the same one no longer applies would be removed.
    let params = PatchParams::apply("other").force();
    let both = stage.configs().patch("one", &params, &Patch::Apply(more)).await.unwrap();
    assert_eq!(both.data.unwrap().get("b").map(String::as_str), Some("2"));
    let strategic = Patch::Strategic(json!({"data": {"b": null}}));
    let one = stage.configs().patch("one", &PatchParams::default(), &strategic).await.unwrap();
    assert!(!one.data.unwrap().contains_key("b"));
}

pub async fn status_and_spec_are_written_apart(stage: &Stage) {
    let mut set = stateful_set("db", 0, &stage.immediate);
    set["status"] = json!({"replicas": 7});
    let made = create(&stage.sets(), set).await;
    assert_ne!(made.status.map(|status| status.replicas), Some(7));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"nodeSelector": {"nowhere": "x"}, "containers": [{"name": "c", "image": "i"}]}});
    create(&stage.pods(), pod).await;
    let patch = json!({"status": {"message": "hello"}});
    let changed: Pod = merge(&stage.pods(), "p", patch.clone()).await.unwrap();
    assert_eq!(changed.status.unwrap().message, None);
    let changed = stage.pods().patch_status("p", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    assert_eq!(changed.status.unwrap().message.as_deref(), Some("hello"));
}

pub async fn a_write_of_nothing_changes_no_version(stage: &Stage) {
    let old = create(&stage.configs(), config("one")).await;
    let same = merge(&stage.configs(), "one", json!({"data": {"a": "1"}})).await.unwrap();
    assert_eq!(old.resource_version(), same.resource_version());
}

pub async fn immutable_fields_are_refused(stage: &Stage) {
    let volume = stage.bound_claim("data").await;
    let status = refusal(merge(&stage.claims(), "data", json!({"spec": {"accessModes": ["ReadWriteMany"]}})).await);
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    assert!(
        status.message.starts_with("PersistentVolumeClaim \"data\" is invalid: spec: Forbidden: spec is immutable"),
        "{}",
        status.message
    );
    let smaller = json!({"spec": {"resources": {"requests": {"storage": "1Mi"}}}});
    assert_eq!(refusal(merge(&stage.claims(), "data", smaller).await).code, 422);
    let source = json!({"spec": {"csi": {"volumeHandle": "another"}}});
    let status = refusal(merge(&stage.volumes(), &volume, source).await);
    assert!(status.message.contains("spec.persistentvolumesource: Forbidden"), "{}", status.message);
    create(&stage.sets(), stateful_set("db", 0, &stage.immediate)).await;
    let status = refusal(merge(&stage.sets(), "db", json!({"spec": {"serviceName": "x"}})).await);
    assert!(status.message.starts_with("StatefulSet.apps \"db\" is invalid"), "{}", status.message);
}

pub async fn bad_names_are_refused_in_known_words(stage: &Stage) {
    let status = refusal(post(&stage.claims(), claim("Bad_Name", &stage.immediate)).await);
    assert_eq!(status.code, 422);
    let words = "PersistentVolumeClaim \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\": a lowercase \
                 RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'";
    assert!(status.message.starts_with(words), "{}", status.message);
    let status = refusal(post(&stage.claims(), claim(&"a".repeat(254), &stage.immediate)).await);
    assert!(status.message.contains("must be no more than 253"), "{}", status.message);
    stage.claim(&"a".repeat(253), &stage.waiting).await;
    let mut labelled = config("labelled");
    labelled["metadata"]["labels"] = json!({"a": "x".repeat(64)});
    let status = refusal(post(&stage.configs(), labelled).await);
    assert!(status.message.contains("metadata.labels: Invalid value"), "{}", status.message);
    let mut large = config("large");
    large["data"] = json!({"a": "x".repeat((1 << 20) + 1)});
    let status = refusal(post(&stage.configs(), large).await);
    assert!(status.message.contains("Too long: may not be more than 1048576 bytes"), "{}", status.message);
}

pub async fn a_generated_name_is_new_each_time(stage: &Stage) {
    let mut config = config("x");
    config["metadata"] = json!({"generateName": "made-"});
    let names: Vec<String> = [
        create::<ConfigMap>(&stage.configs(), config.clone()).await.name_any(),
        create::<ConfigMap>(&stage.configs(), config).await.name_any(),
    ]
    .into();
    assert!(names.iter().all(|name| name.starts_with("made-") && name.len() == 10), "{names:?}");
    assert_ne!(names[0], names[1]);
}

pub async fn a_dry_run_writes_nothing(stage: &Stage) {
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let object = serde_json::from_value(config("one")).unwrap();
    let made = stage.configs().create(&params, &object).await.unwrap();
    assert!(made.uid().is_some());
    assert!(stage.configs().get_opt("one").await.unwrap().is_none());
}

pub async fn an_unknown_namespace_is_named(stage: &Stage) {
    let elsewhere: Api<ConfigMap> = Api::namespaced(stage.client.clone(), "nowhere");
    let status = refusal(post(&elsewhere, config("one")).await);
    assert_eq!((status.code, status.message.as_str()), (404, "namespaces \"nowhere\" not found"));
}

pub async fn each_patch_type_has_its_own_rules(stage: &Stage) {
    let containers =
        json!([{"name": "a", "image": "i", "env": [{"name": "K", "value": "1"}]}, {"name": "b", "image": "i"}]);
    let made = workload("Deployment", "web", 0, json!({"containers": containers}));
    create(&stage.deployments(), made).await;
    let patch = async |patch: Patch<Value>| {
        let web = stage.deployments().patch("web", &PatchParams::default(), &patch).await.unwrap();
        let containers = web.spec.unwrap().template.spec.unwrap().containers;
        containers
            .iter()
            .map(|one| format!("{}={}", one.name, one.image.clone().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let to = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    // Strategic: a list of named things is merged by their names, and one can be taken out.
    assert_eq!(patch(Patch::Strategic(to(json!([{"name": "b", "image": "j"}])))).await, ["a=i", "b=j"]);
    assert_eq!(patch(Patch::Strategic(to(json!([{"name": "a", "$patch": "delete"}])))).await, ["b=j"]);
    // Merge: a list is one value.
    let both = json!([{"name": "x", "image": "i"}, {"name": "y", "image": "i"}]);
    assert_eq!(patch(Patch::Merge(to(both))).await, ["x=i", "y=i"]);
    // Merge and strategic: null removes a field, and an absent one is not an error.
    patch(Patch::Merge(json!({"metadata": {"annotations": {"k": "v"}}}))).await;
    patch(Patch::Merge(json!({"metadata": {"annotations": {"k": null, "other": null}}}))).await;
    assert!(!stage.deployments().get("web").await.unwrap().annotations().contains_key("k"));
    // JSON: removing what is not there is an error, and then nothing is done.
    let operations = json!([{"op": "replace", "path": "/spec/replicas", "value": 3}, {"op": "remove", "path": "/metadata/annotations/none"}]);
    let operations = Patch::Json::<()>(serde_json::from_value(operations).unwrap());
    let refused = stage.deployments().patch("web", &PatchParams::default(), &operations).await;
    assert_eq!(refusal(refused).code, 422);
    assert_eq!(stage.deployments().get("web").await.unwrap().spec.unwrap().replicas, Some(0));
}

pub async fn classes_and_pods_keep_what_they_are(stage: &Stage) {
    let class = stage.class("fixed", "Immediate", json!({})).await;
    let kind = format!("StorageClass.storage.k8s.io {class:?} is invalid: ");
    let mut seen = Vec::new();
    for (field, value) in [
        ("provisioner", json!("x")),
        ("reclaimPolicy", json!("Retain")),
        ("volumeBindingMode", json!("WaitForFirstConsumer")),
        ("parameters", json!({"a": "b"})),
    ] {
        let status = refusal(merge(&stage.classes(), &class, json!({field: value})).await);
        assert_eq!(status.code, 422);
        seen.push(status.message.strip_prefix(&kind).unwrap_or(&status.message).to_owned());
    }
    let words = [
        "provisioner: Invalid value: \"x\": field is immutable",
        "reclaimPolicy: Invalid value: \"Retain\": field is immutable",
        "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable",
        "parameters: Invalid value: {\"a\":\"b\"}: field is immutable",
    ];
    assert_eq!(seen, words);
    create(&stage.pods(), pod("p", "nothing")).await;
    let status = refusal(merge(&stage.pods(), "p", json!({"spec": {"restartPolicy": "Never"}})).await);
    assert_eq!(status.code, 422);
    assert!(
        status.message.starts_with("Pod \"p\" is invalid: spec: Forbidden: pod updates may not change"),
        "{}",
        status.message
    );
    let volume = stage.bound_claim("data").await;
    let status = refusal(merge(&stage.volumes(), &volume, json!({"spec": {"volumeMode": "Block"}})).await);
    let words =
        format!("PersistentVolume \"{volume}\" is invalid: volumeMode: Invalid value: \"Block\": field is immutable");
    assert_eq!(status.message, words);
    let other = json!({"spec": {"volumeName": "other"}});
    assert_eq!(refusal(merge(&stage.claims(), "data", other).await).code, 422);
}
