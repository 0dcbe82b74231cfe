//! What a person does next when the cluster cannot be used.

use pvmigrate_cluster::Error;

use super::Failure;
use crate::exit::Exit;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (exit, hint) = advice(&error);
        let mut failure = Self::new(exit, error);
        failure.hints.extend(hint);
        failure
    }
}

fn advice(error: &Error) -> (Exit, Option<String>) {
    let hint = match error {
        Error::Kubeconfig { .. } => "see which cluster kubectl uses: kubectl config view --minify".to_owned(),
        Error::Unreachable { .. } | Error::Timeout { .. } => {
            "check whether kubectl gets through: kubectl get --raw /readyz".to_owned()
        }
        Error::Unauthorized { .. } => "check who you are logged in as: kubectl auth whoami".to_owned(),
        Error::Forbidden { action, .. } => {
            let namespace = action.namespace.as_ref().map_or_else(String::new, |namespace| format!(" -n {namespace}"));
            format!("check your permission: kubectl auth can-i {} {}{namespace}", action.verb, action.resource)
        }
        Error::Throttled { .. } | Error::Server { .. } | Error::Conflict { .. } => {
            "run the same command again; it carries on from there".to_owned()
        }
        Error::RecordTooLarge { .. } => {
            return (Exit::Finding, Some("leave some of its claims out, with a policy".to_owned()));
        }
        Error::NoNamespace { .. } => {
            return (Exit::Usage, Some("list the namespaces: kubectl get namespaces".to_owned()));
        }
        // These messages already say it all.
        Error::NotFound { .. }
        | Error::Invalid { .. }
        | Error::Unreadable { .. }
        | Error::RecordTooNew { .. }
        | Error::Misuse { .. } => return (Exit::Cluster, None),
    };
    (Exit::Cluster, Some(hint))
}
