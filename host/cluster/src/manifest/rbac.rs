//! The objects of `pvmigrate rbac`: an account, what it may do, and a Job that runs as it.

use std::collections::BTreeSet;

use pvmigrate_core::policy::Kind;
use serde_json::{Value, json};

use super::labels;
use crate::permissions::{Need, Permission, permissions_for};

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name, and that of its roles.
        name: String,
    },
    /// A user whom the cluster knows by this name.
    User(String),
}

impl Subject {
    /// Reads the name that the API server has for an account.
    pub fn of(username: &str) -> Self {
        let parts = username.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        match parts {
            Some((namespace, name)) => Self::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() },
            None => Self::User(username.to_owned()),
        }
    }

    /// Returns the name of its roles in a namespace, or in the whole cluster.
    fn role(&self, namespace: Option<&str>) -> String {
        match self {
            Self::ServiceAccount { name, .. } if namespace.is_some() => name.clone(),
            // Cluster-wide names are shared by accounts of all namespaces.
            Self::ServiceAccount { namespace, name } => format!("{namespace}:{name}"),
            // The name of a role is a part of a path, that of a user may be anything.
            Self::User(name) => {
                let name: String = name.chars().map(|c| if matches!(c, '/' | '%') { '-' } else { c }).collect();
                format!("pvmigrate:user:{name}")
            }
        }
    }

    fn json(&self) -> Value {
        match self {
            Self::ServiceAccount { namespace, name } => {
                json!({"kind": "ServiceAccount", "name": name, "namespace": namespace})
            }
            Self::User(name) => json!({"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}),
        }
    }
}

/// An account and what it is for.
#[derive(Clone, Debug)]
pub struct Account {
    /// Whose it is.
    pub subject: Subject,
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
    let mut objects = Vec::new();
    if let Subject::ServiceAccount { namespace, name } = &account.subject {
        objects.push(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace, "labels": labels()},
        }));
    }
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
    let (role, binding) = match namespace {
        Some(_) => ("Role", "RoleBinding"),
        None => ("ClusterRole", "ClusterRoleBinding"),
    };
    let name = account.subject.role(namespace);
    let mut metadata = json!({"name": name, "labels": labels()});
    if let Some(namespace) = namespace {
        metadata["namespace"] = json!(namespace);
    }
    [
        json!({"apiVersion": API, "kind": role, "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": API, "kind": binding, "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name},
            "subjects": [account.subject.json()],
        }),
    ]
}

/// Returns a Job that runs pvmigrate as a service account.
///
/// A pod that was killed, or that could not reach the API server, is followed by another; an end that a person has to look
/// at is not repeated.
pub fn job(namespace: &str, name: &str, run: &JobRun) -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, "labels": labels()},
        "spec": {
            "backoffLimit": RETRIES,
            "podFailurePolicy": {"rules": [
                {"action": "FailJob", "onExitCodes": {"operator": "In", "values": FINAL_CODES}},
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            ]},
            "template": {
                "metadata": {"labels": labels(), "annotations": super::pod::no_sidecar_annotations()},
                "spec": {
                    "serviceAccountName": name,
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
            subject: Subject::of("system:serviceaccount:ops:pvmigrate"),
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
    fn a_user_gets_roles_and_no_account() {
        let subject = Subject::of("https://id.example.com/#ann");
        insta::assert_json_snapshot!("user", account(&Account { subject, ..account_for([Need::Inspect], &["shop"]) }));
    }

    #[test]
    fn a_job() {
        let words = ["--source-sc", "a", "--dest-sc", "b"].map(str::to_owned).to_vec();
        let run = JobRun { image: "registry.example.com/pvmigrate:1".to_owned(), words };
        insta::assert_json_snapshot!("job", job("ops", "pvmigrate", &run));
    }
}
