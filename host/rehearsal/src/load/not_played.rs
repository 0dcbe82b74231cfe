//! What of the given objects a rehearsal does not play: kinds that are not served, and features without effect.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    kinds::{self, Kind},
    object::{self, flag, items, number, text},
    store::{Key, Store},
};

/// What a cluster leaves aside of the objects it was started with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotPlayed {
    /// Objects of kinds that are not served, or that nothing here acts on. By apiVersion and kind.
    pub kinds: Vec<LeftOut>,
    /// What the cluster holds and does not act on.
    pub features: Vec<Unplayed>,
}

impl NotPlayed {
    /// Tells whether the whole of what was given is played.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty() && self.features.is_empty()
    }
}

/// The objects of one kind that is not played.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The apiVersion, such as `example.com/v1`.
    pub api_version: String,
    /// The kind, such as `Widget`.
    pub kind: String,
    /// The objects.
    pub objects: Vec<Named>,
}

/// An object of such a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Absent where the file gives none.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
}

/// A feature that the cluster does not act on, with the objects that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unplayed {
    /// Which one.
    pub feature: Feature,
    /// The objects that use it.
    pub objects: Vec<User>,
}

/// A feature of Kubernetes without effect in an embedded cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Feature {
    /// The schedule of a CronJob that is not suspended: nothing fires.
    Schedules,
    /// `topologySpreadConstraints` that forbid a node.
    TopologySpread,
    /// Required `podAffinity`.
    PodAffinity,
    /// Required `podAntiAffinity`.
    PodAntiAffinity,
    /// PodDisruptionBudgets: nothing is evicted by request.
    DisruptionBudgets,
    /// NetworkPolicies: there is no network.
    NetworkPolicies,
    /// HorizontalPodAutoscalers: nothing is measured.
    Autoscalers,
    /// `allowedTopologies` of classes where the file has no nodes: those that are made up lie where the classes want them.
    MadeUpTopologies,
}

impl Feature {
    /// Returns what is not played, to be followed by the objects.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedules => "schedules of CronJobs",
            Self::TopologySpread => "topology spread constraints",
            Self::PodAffinity => "pod affinity",
            Self::PodAntiAffinity => "pod anti-affinity",
            Self::DisruptionBudgets => "PodDisruptionBudgets",
            Self::NetworkPolicies => "NetworkPolicies",
            Self::Autoscalers => "HorizontalPodAutoscalers",
            Self::MadeUpTopologies => "allowed topologies, as there are no nodes",
        }
    }
}

/// An object that uses a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The kind, such as `CronJob`.
    pub kind: String,
    /// Absent for a cluster-wide object.
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// The claims that its pods mount; none for an object without pods.
    pub claims: Vec<String>,
}

/// As many claims of one set are named as a cluster could have pods in it.
const MOST: usize = 1000;

/// The kinds that the cluster acts on, or that [`Feature`] names one by one.
static PLAYED: [&str; 16] = [
    "Namespace",
    "Node",
    "Pod",
    "PersistentVolumeClaim",
    "PersistentVolume",
    "LimitRange",
    "ResourceQuota",
    "Deployment",
    "StatefulSet",
    "ReplicaSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "NetworkPolicy",
];

/// Tells whether an object that the cluster holds has no effect in it.
pub(super) fn is_inert(kind: &Kind, object: &Value) -> bool {
    let (label, ours) = ("/metadata/labels/app.kubernetes.io~1managed-by", "pvmigrate");
    let is_record = *kind == kinds::CONFIG_MAPS && text(object, label) == Some(ours);
    !is_record && *kind != kinds::STORAGE_CLASSES && !PLAYED.contains(&kind.kind)
}

/// Collects the objects that are left out on the way.
#[derive(Debug, Default)]
pub(super) struct Unserved(BTreeMap<(String, String), Vec<Named>>);

impl Unserved {
    pub(super) fn add(&mut self, object: &Value) {
        let part = |pointer: &str| text(object, pointer).unwrap_or_default().to_owned();
        let namespace = text(object, "/metadata/namespace").map(str::to_owned);
        let of_kind = self.0.entry((part("/apiVersion"), part("/kind"))).or_default();
        of_kind.push(Named { namespace, name: object::name(object).to_owned() });
    }

    /// Adds what the cluster has taken in and does not act on; `made_up` says that the file has no nodes.
    pub(super) fn with_features(self, store: &Store, made_up: bool) -> NotPlayed {
        let kinds = self.0.into_iter();
        let kinds = kinds.map(|((api_version, kind), objects)| LeftOut { api_version, kind, objects }).collect();
        let mut users: BTreeMap<Feature, Vec<User>> = BTreeMap::new();
        for (key, object) in store.all() {
            for feature in features(key, object, made_up) {
                users.entry(feature).or_default().push(user(key, object));
            }
        }
        let features = users.into_iter().map(|(feature, objects)| Unplayed { feature, objects }).collect();
        NotPlayed { kinds, features }
    }
}

fn user(key: &Key, object: &Value) -> User {
    User {
        kind: key.kind.kind.to_owned(),
        namespace: (!key.namespace.is_empty()).then(|| key.namespace.clone()),
        name: key.name.clone(),
        claims: claims(key, object),
    }
}

fn features(key: &Key, object: &Value, made_up: bool) -> Vec<Feature> {
    if *key.kind == kinds::STORAGE_CLASSES {
        let cares = made_up && !items(object, "/allowedTopologies").is_empty();
        return cares.then_some(Feature::MadeUpTopologies).into_iter().collect();
    }
    match (key.kind.group, key.kind.plural) {
        ("policy", "poddisruptionbudgets") => return vec![Feature::DisruptionBudgets],
        ("networking.k8s.io", "networkpolicies") => return vec![Feature::NetworkPolicies],
        ("autoscaling", "horizontalpodautoscalers") => return vec![Feature::Autoscalers],
        _ => {}
    }
    // Where no claim is mounted, nothing is moved and the pods stay where they are.
    let Some(spec) = pod_spec(key.kind, object).filter(|_| !claims(key, object).is_empty()) else { return Vec::new() };
    let forbids = |one: &Value| text(one, "/whenUnsatisfiable") != Some("ScheduleAnyway");
    let requires = |way: &str| {
        let pointer = format!("/affinity/{way}/requiredDuringSchedulingIgnoredDuringExecution");
        !items(spec, &pointer).is_empty()
    };
    let fires = *key.kind == kinds::CRON_JOBS && !flag(object, "/spec/suspend");
    [
        (Feature::Schedules, fires),
        (Feature::TopologySpread, items(spec, "/topologySpreadConstraints").iter().any(forbids)),
        (Feature::PodAffinity, requires("podAffinity")),
        (Feature::PodAntiAffinity, requires("podAntiAffinity")),
    ]
    .into_iter()
    .filter_map(|(feature, is_used)| is_used.then_some(feature))
    .collect()
}

/// Returns where an object says what its pods are; a pod or set that another object controls is named by that one.
fn pod_spec<'a>(kind: &Kind, object: &'a Value) -> Option<&'a Value> {
    if object::controller_of(object).is_some() {
        return None;
    }
    if *kind == kinds::PODS {
        return object.get("spec");
    }
    let template = if *kind == kinds::CRON_JOBS { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    object.pointer(template)?.get("spec")
}

/// Returns the claims that an object's pods mount, as far as their names are known.
fn claims(key: &Key, object: &Value) -> Vec<String> {
    let Some(spec) = pod_spec(key.kind, object) else { return Vec::new() };
    let volumes = items(spec, "/volumes").iter();
    let mut names: Vec<String> =
        volumes.filter_map(|volume| text(volume, "/persistentVolumeClaim/claimName").map(str::to_owned)).collect();
    let first = number(object, "/spec/ordinals/start").unwrap_or(0);
    let ordinals = first..first + number(object, "/spec/replicas").unwrap_or(1);
    for template in items(object, "/spec/volumeClaimTemplates") {
        let name = |at: i64| format!("{}-{}-{at}", object::name(template), key.name);
        names.extend(ordinals.clone().take(MOST).map(name));
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(object: &Value) -> Vec<Feature> {
        let kind = kinds::by_object(
            object["apiVersion"].as_str().unwrap_or_default(),
            object["kind"].as_str().unwrap_or_default(),
        );
        kind.map(|kind| features(&Key::of(kind, object), object, true)).unwrap_or_default()
    }

    #[test]
    fn what_is_used_and_has_no_effect_is_named() {
        let volumes = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
        let spread = json!([{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}]);
        let term = json!({"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]});
        let mut set = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "template": {"spec": {"volumes": volumes, "topologySpreadConstraints": spread,
                "affinity": {"podAffinity": term, "podAntiAffinity": term}}}}});
        assert_eq!(of(&set), [Feature::TopologySpread, Feature::PodAffinity, Feature::PodAntiAffinity]);
        set["spec"]["template"]["spec"]["topologySpreadConstraints"][0]["whenUnsatisfiable"] = json!("ScheduleAnyway");
        set["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]}});
        assert_eq!(of(&set), []);
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"}});
        assert_eq!(of(&budget), [Feature::DisruptionBudgets]);
    }

    #[test]
    fn a_cron_job_counts_only_if_it_fires_and_mounts_a_claim() {
        let cron_job = |suspend: bool, volumes: Value| {
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "backup", "namespace": "ns"},
                "spec": {"suspend": suspend, "jobTemplate": {"spec": {"template": {"spec": {"volumes": volumes}}}}}})
        };
        let mounts = json!([{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]);
        let fires = cron_job(false, mounts.clone());
        assert_eq!(of(&fires), [Feature::Schedules]);
        assert_eq!(user(&Key::of(&kinds::CRON_JOBS, &fires), &fires).claims, ["data"]);
        assert_eq!(of(&cron_job(true, mounts)), []);
        assert_eq!(of(&cron_job(false, json!([{"name": "v", "emptyDir": {}}]))), []);
    }
}
