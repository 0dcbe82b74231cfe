//! Gathers what a plan is made from, by a constant number of paginated lists.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Client;
use kube::api::ListParams;
use pvmigrate_core::survey::{Scope, Survey};
use pvmigrate_objects::survey::{self, Lists};

use crate::error::Error;
use crate::record_store;
use crate::resources::Resources;

/// Surveys the cluster: nine lists, side by side, each in pages of 500.
///
/// # Errors
/// [`Error::NoNamespace`] when the one namespace of the scope does not exist;
/// [`Error::Forbidden`] names verb and resource; [`Error::Unreadable`] names an object of ours that is not understood,
/// such as a class with a wrong annotation or a record.
pub async fn survey(client: &Client, scope: &Scope) -> Result<Survey, Error> {
    let namespace = scope.namespace.as_deref();
    let all = ListParams::default();
    let classes = Resources::<StorageClass>::whole(client);
    let volumes = Resources::<PersistentVolume>::whole(client);
    let claims = Resources::<PersistentVolumeClaim>::within(client, namespace);
    let pods = Resources::<Pod>::within(client, namespace);
    let deployments = Resources::<Deployment>::within(client, namespace);
    let stateful_sets = Resources::<StatefulSet>::within(client, namespace);
    let replica_sets = Resources::<ReplicaSet>::within(client, namespace);
    let (namespaces, classes, volumes, claims, pods, deployments, stateful_sets, replica_sets, records) = futures::try_join!(
        namespaces(client, namespace),
        classes.list(&all),
        volumes.list(&all),
        claims.list(&all),
        pods.list(&all),
        deployments.list(&all),
        stateful_sets.list(&all),
        replica_sets.list(&all),
        record_store::list(client, namespace),
    )?;
    let lists = Lists {
        classes: classes.items,
        volumes: volumes.items,
        namespaces,
        claims: claims.items,
        pods: pods.items,
        deployments: deployments.items,
        stateful_sets: stateful_sets.items,
        replica_sets: replica_sets.items,
        records,
    };
    Ok(survey::of(lists, scope)?)
}

/// Looks at the namespace of the scope, or at all. An account that may not see namespaces learns from a refused create that
/// one is being deleted.
async fn namespaces(client: &Client, only: Option<&str>) -> Result<Vec<Namespace>, Error> {
    let namespaces = Resources::<Namespace>::whole(client);
    let found = match only {
        None => namespaces.list(&ListParams::default()).await.map(|listed| listed.items),
        Some(only) => match namespaces.get(only).await {
            Ok(None) => Err(Error::NoNamespace { namespace: only.to_owned() }),
            found => found.map(|found| found.into_iter().collect()),
        },
    };
    match found {
        Err(error) if error.is_forbidden() => {
            tracing::debug!(%error, "namespaces are not looked at");
            Ok(Vec::new())
        }
        found => found,
    }
}
