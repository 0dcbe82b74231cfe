//! What RBAC has to allow for the requests of this crate: one table, from which the manifest of `pvmigrate rbac` is made.
//!
//! A test runs every scenario with a client that is refused everything outside the table, and looks for rows that no run
//! has used. So a new request needs its row here, and a row goes with its last request.

use std::collections::BTreeSet;

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Resource;
use kube::api::ApiResource;
use kube::core::{ClusterResourceScope, GroupVersionKind, NamespaceResourceScope};
use pvmigrate_core::policy::Kind;
use pvmigrate_objects::kinds;

/// What a permission is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// To plan, and to show how migrations stand.
    Inspect,
    /// To check, migrate, and turn back.
    Migrate,
    /// To delete source volumes after the migration, which is the default.
    DeleteVolumes,
    /// To move the default StorageClass.
    SetDefaults,
    /// To remove what ended migrations have left behind.
    Cleanup,
    /// To tell policies how much of their volumes claims use.
    UsedBytes,
}

impl Need {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Inspect, Self::Migrate, Self::DeleteVolumes, Self::SetDefaults, Self::Cleanup, Self::UsedBytes];
}

/// One row: verbs on one resource, for one need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The API group; empty for the core group.
    pub group: String,
    /// The resource, with its subresource: `pods/log`.
    pub resource: String,
    /// The verbs, in RBAC's words.
    pub verbs: Vec<&'static str>,
    /// Objects of this kind lie in namespaces.
    pub namespaced: bool,
    /// What it is needed for.
    pub need: Need,
    /// What a run misses without it; `None` where a run cannot do without.
    pub without: Option<&'static str>,
}

impl Permission {
    fn optional(self, misses: &'static str) -> Self {
        Self { without: Some(misses), ..self }
    }
}

/// Returns the whole table. Reviews of one's own account are not in it: Kubernetes grants them to every account that it
/// knows (`system:basic-user`).
pub fn permissions() -> Vec<Permission> {
    use Need::{Cleanup, DeleteVolumes, Inspect, Migrate, SetDefaults, UsedBytes};
    vec![
        // The survey lists each kind once; the caches of a run list and watch, and so does `status`.
        whole::<StorageClass>(Inspect, &["list"]),
        whole::<PersistentVolume>(Inspect, &["list", "watch"]),
        whole::<Namespace>(Inspect, &["get", "list"])
            .optional("a namespace that is being deleted is noticed only when it refuses a new claim"),
        namespaced::<PersistentVolumeClaim>(Inspect, &["list", "watch"]),
        namespaced::<Pod>(Inspect, &["list", "watch"]),
        // The log of a finished copy is its evidence.
        Permission { resource: "pods/log".to_owned(), ..namespaced::<Pod>(Inspect, &["get"]) },
        namespaced::<ConfigMap>(Inspect, &["list", "watch"]),
        namespaced::<Event>(Inspect, &["list", "watch"]).optional("the provisioner's own reasons are not shown"),
        namespaced::<Deployment>(Inspect, &["list", "watch"]),
        namespaced::<ReplicaSet>(Inspect, &["list", "watch"]),
        namespaced::<StatefulSet>(Inspect, &["list", "watch"]),
        // The preflight looks at its class, and at its own objects before it removes them.
        whole::<StorageClass>(Migrate, &["get"]),
        whole::<PersistentVolume>(Migrate, &["get", "patch"]),
        namespaced::<PersistentVolumeClaim>(Migrate, &["get", "create", "patch", "delete"]),
        namespaced::<Pod>(Migrate, &["get", "create", "patch", "delete"]),
        namespaced::<ConfigMap>(Migrate, &["get", "create", "update"]),
        namespaced::<Deployment>(Migrate, &["patch"]),
        namespaced::<ReplicaSet>(Migrate, &["patch"]),
        namespaced::<StatefulSet>(Migrate, &["patch"]),
        whole::<PersistentVolume>(DeleteVolumes, &["delete"]),
        whole::<StorageClass>(SetDefaults, &["patch"]),
        namespaced::<ConfigMap>(Cleanup, &["delete"]),
        // Kubelets let those who may get anything through this proxy run commands in pods, too: only where it is asked for.
        Permission { resource: "nodes/proxy".to_owned(), ..whole::<Node>(UsedBytes, &["get"]) }
            .optional("policies are not told how much of their volumes claims use"),
    ]
}

/// Returns what it takes to collect a kind that policies look up.
///
/// No cluster is asked. So the resource has the name that such a kind usually has (lower case, plural), and a kind that is
/// not Kubernetes' own is taken to lie in namespaces: that gives too little rather than too much.
fn collecting(kind: &Kind) -> Permission {
    let (group, version) = kind.api_version.split_once('/').unwrap_or(("", &kind.api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind.kind)).plural;
    listing(group, &resource, kinds::is_namespaced(&kind.api_version, &kind.kind).unwrap_or(true))
}

/// Returns what it takes to collect a resource.
pub(crate) fn listing(group: &str, resource: &str, namespaced: bool) -> Permission {
    let (group, resource) = (group.to_owned(), resource.to_owned());
    Permission { group, resource, verbs: vec!["list"], namespaced, need: Need::Inspect, without: None }
}

/// Joins the rows that serve any of the needs and those that policies' look-ups take: one entry a resource, in the table's
/// order, its verbs in RBAC's usual order.
pub fn permissions_for(needs: &BTreeSet<Need>, looked_up: &[Kind]) -> Vec<Permission> {
    let mut joined: Vec<Permission> = Vec::new();
    let rows = permissions().into_iter().filter(|row| needs.contains(&row.need));
    for row in rows.chain(looked_up.iter().map(collecting)) {
        match joined.iter_mut().find(|known| known.group == row.group && known.resource == row.resource) {
            Some(known) => {
                known.verbs.extend(row.verbs);
                known.without = known.without.and(row.without);
            }
            None => joined.push(row),
        }
    }
    for row in &mut joined {
        sort_verbs(&mut row.verbs);
    }
    joined
}

/// Puts verbs into RBAC's usual order, each once.
pub(crate) fn sort_verbs(verbs: &mut Vec<&'static str>) {
    const ORDER: [&str; 7] = ["get", "list", "watch", "create", "update", "patch", "delete"];
    verbs.sort_by_key(|verb| ORDER.iter().position(|known| known == verb));
    verbs.dedup();
}

fn whole<K: Resource<DynamicType = (), Scope = ClusterResourceScope>>(
    need: Need,
    verbs: &[&'static str],
) -> Permission {
    row::<K>(need, verbs, false)
}

fn namespaced<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>>(
    need: Need,
    verbs: &[&'static str],
) -> Permission {
    row::<K>(need, verbs, true)
}

fn row<K: Resource<DynamicType = ()>>(need: Need, verbs: &[&'static str], namespaced: bool) -> Permission {
    let (group, resource) = (K::group(&()).into_owned(), K::plural(&()).into_owned());
    Permission { group, resource, verbs: verbs.to_vec(), namespaced, need, without: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_of_a_resource_stands_in_one_row_only() {
        let mut seen = BTreeSet::new();
        for row in permissions() {
            for verb in &row.verbs {
                assert!(seen.insert((row.group.clone(), row.resource.clone(), *verb)), "{verb} {}", row.resource);
            }
        }
    }

    #[test]
    fn an_account_that_only_looks_may_not_write() {
        for row in permissions_for(&BTreeSet::from([Need::Inspect]), &[]) {
            assert!(row.verbs.iter().all(|verb| ["get", "list", "watch"].contains(verb)), "{row:?}");
        }
    }

    #[test]
    fn rows_of_one_resource_are_joined() {
        let all = permissions_for(&Need::ALL.into(), &[]);
        let volumes: Vec<&Permission> = all.iter().filter(|row| row.resource == "persistentvolumes").collect();
        assert_eq!(volumes.len(), 1);
        assert_eq!(volumes[0].verbs, ["get", "list", "watch", "patch", "delete"]);
    }

    #[test]
    fn what_policies_look_up_may_be_listed() {
        let kinds = [
            Kind::new("v1", "Node"),
            Kind::new("networking.k8s.io/v1", "NetworkPolicy"),
            Kind::new("example.com/v1", "Window"),
            Kind::new("example.com/v1", "RuntimeClass"),
            Kind::new("v1", "Pod"),
        ];
        let rows = permissions_for(&BTreeSet::from([Need::Inspect]), &kinds);
        let of = |name: &str| {
            let row = rows
                .iter()
                .find(|row| row.resource == name)
                .map(|row| (&*row.group, row.verbs.clone(), row.namespaced));
            row.ok_or_else(|| format!("no {name}"))
        };
        assert_eq!(of("nodes"), Ok(("", vec!["list"], false)));
        assert_eq!(of("networkpolicies"), Ok(("networking.k8s.io", vec!["list"], true)));
        assert_eq!(of("windows"), Ok(("example.com", vec!["list"], true)));
        assert_eq!(of("runtimeclasses"), Ok(("example.com", vec!["list"], true)), "a name alone makes nobody's own");
        assert_eq!(of("pods"), Ok(("", vec!["list", "watch"], true)));
    }
}
