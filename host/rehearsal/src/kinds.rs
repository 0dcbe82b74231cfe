//! The kinds this cluster serves: their paths, scope, subresources and shape.
//!
//! A path that is not in this table answers 404, as an API server without that API does. What a cluster was started with beside
//! these is [`custom`]: stored as it was given, and nothing acts on it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::{
    apps::v1 as apps, authentication::v1 as authentication, authorization::v1 as authorization,
    autoscaling::v2 as autoscaling, batch::v1 as batch, coordination::v1 as coordination, core::v1 as core,
    events::v1 as events, networking::v1 as networking, policy::v1 as policy, rbac::v1 as rbac, storage::v1 as storage,
};
use kube::api::ApiResource;
use kube::core::GroupVersionKind;
use serde_json::Value;

/// One kind of object and how the API treats it.
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    /// Has a `/status` subresource, so that a write of the object itself leaves `status` alone.
    pub(crate) status: bool,
    /// Counts changes of its `spec` in `metadata.generation`.
    pub(crate) generation: bool,
    pub(crate) scale: bool,
    /// Reads the object as its Go type would; the error says which field has the wrong form.
    pub(crate) check: fn(&Value) -> Result<(), serde_json::Error>,
}

impl Kind {
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Returns the name messages use: `deployments.apps`, `persistentvolumeclaims`.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Returns the name validation messages use: `StatefulSet.apps`, `Pod`.
    pub(crate) fn qualified(&self) -> String {
        if self.group.is_empty() { self.kind.to_owned() } else { format!("{}.{}", self.kind, self.group) }
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.resource())
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Kind {}
impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Kind {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.group, self.plural, self.version).cmp(&(other.group, other.plural, other.version))
    }
}

fn check<T: serde::de::DeserializeOwned>(object: &Value) -> Result<(), serde_json::Error> {
    T::deserialize(object).map(|_| ())
}

const fn kind<T: serde::de::DeserializeOwned>(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> Kind {
    Kind {
        group,
        version,
        plural,
        kind,
        namespaced: true,
        status: false,
        generation: false,
        scale: false,
        check: check::<T>,
    }
}

impl Kind {
    const fn cluster_wide(mut self) -> Self {
        self.namespaced = false;
        self
    }
    const fn with_status(mut self) -> Self {
        self.status = true;
        self
    }
    const fn with_generation(mut self) -> Self {
        self.generation = true;
        self
    }
    const fn with_scale(mut self) -> Self {
        self.scale = true;
        self.status = true;
        self.generation = true;
        self
    }
}

pub(crate) static NAMESPACES: Kind =
    kind::<core::Namespace>("", "v1", "namespaces", "Namespace").cluster_wide().with_status();
pub(crate) static NODES: Kind = kind::<core::Node>("", "v1", "nodes", "Node").cluster_wide().with_status();
pub(crate) static PODS: Kind = kind::<core::Pod>("", "v1", "pods", "Pod").with_status();
pub(crate) static CLAIMS: Kind =
    kind::<core::PersistentVolumeClaim>("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim").with_status();
pub(crate) static VOLUMES: Kind =
    kind::<core::PersistentVolume>("", "v1", "persistentvolumes", "PersistentVolume").cluster_wide().with_status();
pub(crate) static EVENTS: Kind = kind::<core::Event>("", "v1", "events", "Event");
pub(crate) static CONFIG_MAPS: Kind = kind::<core::ConfigMap>("", "v1", "configmaps", "ConfigMap");
static SERVICE_ACCOUNTS: Kind = kind::<core::ServiceAccount>("", "v1", "serviceaccounts", "ServiceAccount");
pub(crate) static SECRETS: Kind = kind::<core::Secret>("", "v1", "secrets", "Secret");
static SERVICES: Kind = kind::<core::Service>("", "v1", "services", "Service").with_status();
static ENDPOINTS: Kind = kind::<core::Endpoints>("", "v1", "endpoints", "Endpoints");
pub(crate) static LIMIT_RANGES: Kind = kind::<core::LimitRange>("", "v1", "limitranges", "LimitRange");
pub(crate) static QUOTAS: Kind = kind::<core::ResourceQuota>("", "v1", "resourcequotas", "ResourceQuota").with_status();
pub(crate) static DEPLOYMENTS: Kind = kind::<apps::Deployment>("apps", "v1", "deployments", "Deployment").with_scale();
pub(crate) static STATEFUL_SETS: Kind =
    kind::<apps::StatefulSet>("apps", "v1", "statefulsets", "StatefulSet").with_scale();
pub(crate) static REPLICA_SETS: Kind = kind::<apps::ReplicaSet>("apps", "v1", "replicasets", "ReplicaSet").with_scale();
pub(crate) static DAEMON_SETS: Kind =
    kind::<apps::DaemonSet>("apps", "v1", "daemonsets", "DaemonSet").with_status().with_generation();
static REVISIONS: Kind = kind::<apps::ControllerRevision>("apps", "v1", "controllerrevisions", "ControllerRevision");
pub(crate) static JOBS: Kind = kind::<batch::Job>("batch", "v1", "jobs", "Job").with_status().with_generation();
pub(crate) static CRON_JOBS: Kind =
    kind::<batch::CronJob>("batch", "v1", "cronjobs", "CronJob").with_status().with_generation();
pub(crate) static STORAGE_CLASSES: Kind =
    kind::<storage::StorageClass>("storage.k8s.io", "v1", "storageclasses", "StorageClass").cluster_wide();
static CSI_DRIVERS: Kind = kind::<storage::CSIDriver>("storage.k8s.io", "v1", "csidrivers", "CSIDriver").cluster_wide();
static CSI_NODES: Kind = kind::<storage::CSINode>("storage.k8s.io", "v1", "csinodes", "CSINode").cluster_wide();
static CSI_CAPACITIES: Kind =
    kind::<storage::CSIStorageCapacity>("storage.k8s.io", "v1", "csistoragecapacities", "CSIStorageCapacity");
static ATTACHMENTS: Kind =
    kind::<storage::VolumeAttachment>("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment")
        .cluster_wide()
        .with_status();
static LEASES: Kind = kind::<coordination::Lease>("coordination.k8s.io", "v1", "leases", "Lease");
static BUDGETS: Kind =
    kind::<policy::PodDisruptionBudget>("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget").with_status();
static AUTOSCALERS: Kind = kind::<autoscaling::HorizontalPodAutoscaler>(
    "autoscaling",
    "v2",
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
)
.with_status();
static ROLES: Kind = kind::<rbac::Role>("rbac.authorization.k8s.io", "v1", "roles", "Role");
static ROLE_BINDINGS: Kind =
    kind::<rbac::RoleBinding>("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
static CLUSTER_ROLES: Kind =
    kind::<rbac::ClusterRole>("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole").cluster_wide();
static CLUSTER_ROLE_BINDINGS: Kind =
    kind::<rbac::ClusterRoleBinding>("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding")
        .cluster_wide();
static NEW_EVENTS: Kind = kind::<events::Event>("events.k8s.io", "v1", "events", "Event");
static INGRESSES: Kind = kind::<networking::Ingress>("networking.k8s.io", "v1", "ingresses", "Ingress").with_status();
static NETWORK_POLICIES: Kind =
    kind::<networking::NetworkPolicy>("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy");

/// What the account that asks may do. Nothing of this kind is stored.
pub(crate) static ACCESS_REVIEWS: Kind = kind::<authorization::SelfSubjectAccessReview>(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "SelfSubjectAccessReview",
)
.cluster_wide();
/// Who asks. Nothing of this kind is stored.
static SELF_REVIEWS: Kind =
    kind::<authentication::SelfSubjectReview>("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview")
        .cluster_wide();

static ALL: [&Kind; 35] = [
    &NAMESPACES,
    &NODES,
    &PODS,
    &CLAIMS,
    &VOLUMES,
    &EVENTS,
    &CONFIG_MAPS,
    &SERVICE_ACCOUNTS,
    &SECRETS,
    &SERVICES,
    &ENDPOINTS,
    &LIMIT_RANGES,
    &QUOTAS,
    &DEPLOYMENTS,
    &STATEFUL_SETS,
    &REPLICA_SETS,
    &DAEMON_SETS,
    &REVISIONS,
    &JOBS,
    &CRON_JOBS,
    &STORAGE_CLASSES,
    &CSI_DRIVERS,
    &CSI_NODES,
    &CSI_CAPACITIES,
    &ATTACHMENTS,
    &LEASES,
    &BUDGETS,
    &AUTOSCALERS,
    &ROLES,
    &ROLE_BINDINGS,
    &CLUSTER_ROLES,
    &CLUSTER_ROLE_BINDINGS,
    &NEW_EVENTS,
    &INGRESSES,
    &NETWORK_POLICIES,
];

/// Returns every kind served.
pub(crate) fn all() -> impl Iterator<Item = &'static Kind> {
    ALL.iter().copied()
}

/// Finds the kind behind a request's path.
pub(crate) fn by_path(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    all().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// Returns a kind that the table does not have, as a custom resource of it would be served.
///
/// Keys refer to their kind for as long as a process runs; so each is made once in it.
pub(crate) fn custom(api_version: &str, name: &str, namespaced: bool) -> &'static Kind {
    static MADE: Mutex<BTreeMap<(String, String, bool), &'static Kind>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    made.entry((api_version.to_owned(), name.to_owned(), namespaced)).or_insert_with(|| {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let plural = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, name)).plural;
        let lasting = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
        let (group, version, plural) = (lasting(group), lasting(version), lasting(&plural));
        Box::leak(Box::new(Kind { namespaced, ..kind::<Value>(group, version, plural, lasting(name)) }))
    })
}

/// Finds the review behind a request's path.
pub(crate) fn review_by_path(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    let mut reviews = [&ACCESS_REVIEWS, &SELF_REVIEWS].into_iter();
    reviews.find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// Finds the kind an object says it is.
pub(crate) fn by_object(api_version: &str, name: &str) -> Option<&'static Kind> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    all().find(|kind| kind.group == group && kind.version == version && kind.kind == name)
}
