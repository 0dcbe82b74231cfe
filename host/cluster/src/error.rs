//! What can go wrong between us and a cluster, in words a person can act on.
//!
//! Every [`kube::Error`] becomes one of these at the call that met it, because only the call knows what it was doing.

use std::fmt;

use pvmigrate_core::ports::PortError;
use pvmigrate_core::text::printable;
use thiserror::Error;

use crate::causes::{MESSAGE, chain};
use crate::transport::Broken;

/// What was being done: a verb on a resource, as in RBAC rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The verb, such as `list`.
    pub verb: &'static str,
    /// The resource, such as `persistentvolumes` or `pods/log`.
    pub resource: String,
    /// The namespace; `None` for the whole cluster.
    pub namespace: Option<String>,
    /// The object; `None` for a collection.
    pub name: Option<String>,
}

impl Action {
    pub(crate) fn new(verb: &'static str, resource: impl Into<String>, namespace: Option<&str>) -> Self {
        Self { verb, resource: resource.into(), namespace: namespace.map(str::to_owned), name: None }
    }

    pub(crate) fn on(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None => Ok(()),
        }
    }
}

/// An error of the cluster, or on the way to it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    /// No usable credentials.
    #[error("cannot determine how to reach the cluster: {message}")]
    Kubeconfig {
        /// Which file or context, and what is wrong with it.
        message: String,
    },
    /// The API server cannot be reached.
    #[error("cannot reach the API server {server}: {cause}; check the network and the kubeconfig's server")]
    Unreachable {
        /// Its address.
        server: String,
        /// What the network says.
        cause: String,
    },
    /// The API server did not answer in time.
    #[error("the API server {server} did not answer in time")]
    Timeout {
        /// Its address.
        server: String,
    },
    /// The credentials are not accepted.
    #[error("cannot {action}: the API server rejected the credentials: {message}; log in again")]
    Unauthorized {
        /// What was being done.
        action: Action,
        /// The API server's words.
        message: String,
    },
    /// The API server refuses: no permission, a quota, or a pod security standard.
    #[error("not allowed to {action}: {message}")]
    Forbidden {
        /// What was being done.
        action: Action,
        /// The API server's words.
        message: String,
    },
    /// The API server still throttles the request after several tries.
    #[error("the API server is too busy to {action}: {message}")]
    Throttled {
        /// What was being done.
        action: Action,
        /// The API server's words.
        message: String,
    },
    /// The API server failed.
    #[error("the API server failed to {action} (code {code}): {message}")]
    Server {
        /// What was being done.
        action: Action,
        /// The HTTP code.
        code: u16,
        /// The API server's words.
        message: String,
    },
    /// The object, or the whole resource, does not exist.
    #[error("cannot {action}: {message}")]
    NotFound {
        /// What was being done.
        action: Action,
        /// The API server's words.
        message: String,
    },
    /// The namespace that the user named does not exist.
    #[error("namespace {namespace} does not exist")]
    NoNamespace {
        /// Its name.
        namespace: String,
    },
    /// The object changed while it was being written.
    #[error("cannot {action}, because it keeps changing: {message}; try again")]
    Conflict {
        /// What was being done.
        action: Action,
        /// The API server's words.
        message: String,
    },
    /// The API server rejects the request as invalid.
    #[error("the API server refuses to {action} (code {code}): {message}")]
    Invalid {
        /// What was being done.
        action: Action,
        /// The HTTP code.
        code: u16,
        /// The API server's words.
        message: String,
    },
    /// An object, or an answer, cannot be understood.
    #[error("cannot understand {about}: {message}")]
    Unreadable {
        /// Kind, namespace and name, or what was being done.
        about: String,
        /// What is wrong with it.
        message: String,
    },
    /// A record has the format of a newer version.
    #[error(
        "the record in ConfigMap {namespace}/{name} has format {format}, but this version supports up to {}; use the newer pvmigrate that wrote it",
        pvmigrate_core::record::FORMAT
    )]
    RecordTooNew {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its format.
        format: u64,
    },
    /// A record does not fit into a ConfigMap.
    #[error(
        "the record {namespace}/{name} would take {bytes} bytes compressed, more than the {limit} that fit into a ConfigMap; its group has too many claims"
    )]
    RecordTooLarge {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
        /// Its size.
        bytes: usize,
        /// The maximum that fits.
        limit: usize,
    },
    /// A step that does not fit the record or is not a write to the cluster; a defect of ours.
    #[error("cannot do the step \"{step}\": {message}; this is a defect of pvmigrate, please report it")]
    Misuse {
        /// The step.
        step: &'static str,
        /// What does not fit.
        message: String,
    },
}

impl PortError for Error {
    fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::Timeout { .. }
            | Self::Throttled { .. }
            | Self::Server { .. }
            | Self::Conflict { .. } => true,
            Self::Kubeconfig { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::NoNamespace { .. }
            | Self::Invalid { .. }
            | Self::Unreadable { .. }
            | Self::RecordTooNew { .. }
            | Self::RecordTooLarge { .. }
            | Self::Misuse { .. } => false,
        }
    }
}

impl Error {
    /// Translates what the client met while doing `action`.
    pub(crate) fn of(action: &Action, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(refusal) => Self::refused(action, refusal),
            kube::Error::Service(inner) => match inner.downcast_ref::<Broken>() {
                Some(broken) => Self::from(broken.clone()),
                None => Self::lost(chain(inner.as_ref())),
            },
            kube::Error::HyperError(inner) => Self::lost(chain(inner)),
            kube::Error::ReadEvents(inner) => Self::lost(chain(inner)),
            kube::Error::Auth(inner) => Self::Kubeconfig { message: chain(inner) },
            kube::Error::SerdeError(inner) => {
                Self::Unreadable { about: format!("the answer to {action}"), message: inner.to_string() }
            }
            other => Self::Unreadable { about: format!("the answer to {action}"), message: chain(other) },
        }
    }

    /// Translates what a watch met.
    pub(crate) fn of_watch(action: &Action, error: &kube::runtime::watcher::Error) -> Self {
        use kube::runtime::watcher::Error as Watch;
        match error {
            Watch::InitialListFailed(inner) => Self::of(&Action { verb: "list", ..action.clone() }, inner),
            Watch::WatchStartFailed(inner) | Watch::WatchFailed(inner) => Self::of(action, inner),
            Watch::WatchError(refusal) => Self::refused(action, refusal),
            Watch::NoResourceVersion => Self::Unreadable {
                about: format!("the answer to {action}"),
                message: "it has no resourceVersion".to_owned(),
            },
        }
    }

    fn refused(action: &Action, refusal: &kube::core::Status) -> Self {
        let (action, code) = (action.clone(), refusal.code);
        let message = printable(&refusal.message, MESSAGE);
        match code {
            401 => Self::Unauthorized { action, message },
            403 => Self::Forbidden { action, message },
            404 => Self::NotFound { action, message },
            409 => Self::Conflict { action, message },
            // What the API server answers to a patch with a uid when another object has the name by now.
            422 if refusal.message.contains("metadata.uid: Invalid value") => Self::Conflict { action, message },
            // An expired watch or page token: asking again helps.
            410 => Self::Server { action, code, message },
            429 => Self::Throttled { action, message },
            400..500 => Self::Invalid { action, code, message },
            _ => Self::Server { action, code, message },
        }
    }

    fn lost(cause: String) -> Self {
        Self::Unreachable { server: "(connection lost)".to_owned(), cause }
    }

    /// Tells whether the API server denies the permission.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Forbidden { .. })
    }
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Unreachable { server, cause } => Self::Unreachable { server, cause },
            Broken::Timeout { server } => Self::Timeout { server },
        }
    }
}

impl From<pvmigrate_objects::from_resource::Unreadable> for Error {
    fn from(unreadable: pvmigrate_objects::from_resource::Unreadable) -> Self {
        Self::Unreadable { about: unreadable.about, message: unreadable.message }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use kube::core::Status;

    use super::*;

    fn refused(code: u16, message: &str) -> Error {
        let action = Action::new("list", "persistentvolumes", None);
        Error::of(&action, &kube::Error::Api(Status::failure(message, "").with_code(code).boxed()))
    }

    #[test]
    fn a_refusal_names_verb_and_resource_and_keeps_the_servers_words() {
        let words = "persistentvolumes is forbidden: User \"dev\" cannot list resource";
        let error = refused(403, words);
        assert!(!error.is_transient());
        assert_eq!(error.to_string(), format!("not allowed to list persistentvolumes: {words}"));
        let action = Action::new("create", "pods", Some("shop")).on("migrate-data-1");
        assert_eq!(action.to_string(), "create pods migrate-data-1 in namespace shop");
    }

    #[test]
    fn only_what_may_pass_by_itself_is_transient() {
        for (code, transient) in
            [(400, false), (401, false), (403, false), (404, false), (409, true), (410, true), (422, false)]
        {
            assert_eq!(refused(code, "").is_transient(), transient, "{code}");
        }
        for code in [429, 500, 502, 503, 504] {
            assert!(refused(code, "").is_transient(), "{code}");
        }
        let other = "Pod \"copy\" is invalid: metadata.uid: Invalid value: \"1\": field is immutable";
        assert!(matches!(refused(422, other), Error::Conflict { .. }), "another object has this name by now");
        let broken = Broken::Unreachable { server: "https://k:6443".to_owned(), cause: "refused".to_owned() };
        let error = Error::of(&Action::new("list", "pods", None), &kube::Error::Service(Box::new(broken)));
        assert!(error.is_transient());
        assert!(error.to_string().contains("https://k:6443: refused"), "{error}");
    }

    #[test]
    fn the_servers_words_cannot_move_the_cursor() {
        assert!(!refused(500, "a\u{1b}[2J").to_string().contains('\u{1b}'));
    }
}
