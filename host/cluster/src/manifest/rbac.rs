//! The objects of `pvmigrate rbac`: an account, what it may do, and a Job that runs as it.

use std::collections::BTreeSet;

use pvmigrate_core::policy::Kind;
use serde_json::{Value, json};

use super::labels;
use crate::permissions::{Need, Permission, permissions_for};

/// An account and what it is for.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name, and that of its roles.
    pub name: String,
    /// What it is for.
    pub needs: BTreeSet<Need>,
    /// What its policies look up.
    pub looked_up: Vec<Kind>,
    /// The only namespaces it may work in; none for all.
    pub within: BTreeSet<String>,
}

/// A run of pvmigrate inside the cluster.
#[derive(Clone, Debug)]
pub struct JobRun {
    /// The image, with `pvmigrate` on its path.
    pub image: String,
    /// The words after the program's name.
    pub words: Vec<String>,
}

/// Exit codes that mean that running it again changes nothing before somebody has looked: a finding, bad usage, a
/// policy that does not load or faults, a group that was rolled back or needs a person.
const FINAL_CODES: [u8; 6] = [1, 2, 3, 5, 6, 7];

/// How often the Job starts a new pod after one was lost: another run goes on where that one was.
const RETRIES: u32 = 6;

/// Returns the account's objects, in the order in which they are to be applied.
pub fn account(account: &Account) -> Vec<Value> {
    let rows = permissions_for(&account.needs, &account.looked_up);
    let mut objects = vec![json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": account.name, "namespace": account.namespace, "labels": labels()},
    })];
    if account.within.is_empty() {
        objects.extend(role(account, None, &rows));
        return objects;
    }
    let (namespaced, whole): (Vec<Permission>, Vec<Permission>) = rows.into_iter().partition(|row| row.namespaced);
    objects.extend(role(account, None, &whole));
    objects.extend(account.within.iter().flat_map(|namespace| role(account, Some(namespace), &namespaced)));
    objects
}

/// Returns a role and its binding, in one namespace or in the whole cluster.
fn role(account: &Account, namespace: Option<&str>, rows: &[Permission]) -> [Value; 2] {
    const API: &str = "rbac.authorization.k8s.io/v1";
    let rules: Vec<Value> = rows
        .iter()
        .map(|row| json!({"apiGroups": [row.group], "resources": [row.resource], "verbs": row.verbs}))
        .collect();
    let (role, binding, name) = match namespace {
        Some(_) => ("Role", "RoleBinding", account.name.clone()),
        // Cluster-wide names are shared by accounts of all namespaces.
        None => ("ClusterRole", "ClusterRoleBinding", format!("{}:{}", account.namespace, account.name)),
    };
    let mut metadata = json!({"name": name, "labels": labels()});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    [
        json!({"apiVersion": API, "kind": role, "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": API, "kind": binding, "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace}],
        }),
    ]
}

/// Returns a Job that runs pvmigrate as the account.
///
/// A pod that was killed, or that could not reach the API server, is followed by another; an end that a person has to look
/// at is not repeated.
pub fn job(account: &Account, run: &JobRun) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": account.name, "namespace": account.namespace, "labels": labels()},
        "spec": {
            "backoffLimit": RETRIES,
            "podFailurePolicy": {"rules": [
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": FINAL_CODES}},
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]},
            "template": {
                "metadata": {"labels": labels(), "annotations": super::pod::no_sidecar_annotations()},
                "spec": {
                    "serviceAccountName": account.name,
                    "restartPolicy": "Never",
                    "enableServiceLinks": false,
                    // Time to finish the writes under way, though none of them has to be.
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "runAsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{
                        "name": "pvmigrate",
                        "image": run.image,
                        "command": ["pvmigrate"],
                        "args": run.words,
                        "securityContext": {"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
                            "capabilities": {"drop": ["ALL"]}},
                    }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account_for(needs: impl Into<BTreeSet<Need>>, within: &[&str]) -> Account {
        let within = within.iter().map(|namespace| (*namespace).to_owned()).collect();
        Account {
            namespace: "ops".to_owned(),
            name: "pvmigrate".to_owned(),
            needs: needs.into(),
            looked_up: Vec::new(),
            within,
        }
    }

    #[test]
    fn an_account_for_the_whole_cluster() {
        insta::assert_json_snapshot!("whole", account(&account_for(Need::ALL, &[])));
    }

    #[test]
    fn an_account_for_two_namespaces() {
        let needs = [Need::Inspect, Need::Migrate, Need::DeleteVolumes];
        insta::assert_json_snapshot!("namespaces", account(&account_for(needs, &["bank", "shop"])));
    }

    #[test]
    fn a_job() {
        let words = ["--source-sc", "a", "--dest-sc", "b"].map(str::to_owned).to_vec();
        let run = JobRun { image: "registry.example.com/pvmigrate:1".to_owned(), words };
        insta::assert_json_snapshot!("job", job(&account_for([Need::Migrate], &[]), &run));
    }
}
