//! What a person does next when the cluster cannot be used.

use pvmigrate_cluster::Error;
use pvmigrate_core::cause::{Cause, Setting};

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
        Error::Forbidden { action, message }
        | Error::Invalid { action, message, .. }
        | Error::NotFound { action, message }
        | Error::Server { action, message, .. }
            if let Some(hint) = of_cause(action.namespace.as_deref(), message) =>
        {
            hint
        }
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

/// Returns what to do about what the API server says, where it is not about permissions.
fn of_cause(namespace: Option<&str>, message: &str) -> Option<String> {
    let cause = Cause::of([message]);
    let setting = Setting { namespace: namespace.unwrap_or("NAMESPACE"), ..Setting::default() };
    (!matches!(cause, Cause::Unknown | Cause::NotPermitted)).then(|| cause.hint(&setting, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(message: &str) -> Vec<String> {
        let action = pvmigrate_cluster::Action {
            verb: "create",
            resource: "pods".to_owned(),
            namespace: Some("shop".to_owned()),
            name: None,
        };
        Failure::from(Error::Forbidden { action, message: message.to_owned() }).hints
    }

    #[test]
    fn a_refusal_is_about_permissions_only_where_the_server_says_so() {
        let denied = forbidden("pods is forbidden: User \"dev\" cannot create resource \"pods\" in API group \"\"");
        assert_eq!(denied, ["check your permission: kubectl auth can-i create pods -n shop"]);
        let full =
            forbidden("pods \"a\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1");
        assert!(full[0].starts_with("raise ResourceQuota q in namespace shop"), "{full:?}");
        let leaving = forbidden("unable to create new content in namespace shop because it is being terminated");
        assert!(leaving[0].contains("namespace shop any more"), "{leaving:?}");
    }
}
