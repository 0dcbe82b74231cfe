//! Namespaces (`v1`).

use k8s_openapi::api::core::v1::Namespace;

pub fn name(namespace: &Namespace) -> &str {
    namespace.metadata.name.as_deref().unwrap_or_default()
}

/// Tells whether the namespace is being deleted: nothing can be created in it.
pub fn is_terminating(namespace: &Namespace) -> bool {
    let phase = namespace.status.as_ref().and_then(|status| status.phase.as_deref());
    namespace.metadata.deletion_timestamp.is_some() || phase == Some("Terminating")
}
