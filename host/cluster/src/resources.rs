//! One kind's objects in one place, and every request to them. All requests of this crate, other than watches, go
//! through here; a test checks which files may write.

use std::fmt::Debug;

use futures::AsyncBufRead;
use http::Request;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, LogParams, Patch, PatchParams, PostParams};
use kube::core::{ClusterResourceScope, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use pvmigrate_core::record::{Uid, Version};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Action, Error};
use crate::used::Summary;

/// Who we are in `managedFields`.
const MANAGER: &str = "pvmigrate";

/// Objects a page: what kubectl and the API server's own clients use.
const PAGE: u32 = 500;

/// A page token lives for minutes; a list of so many pages that it expires this often will not do better.
const LISTS: u32 = 3;

/// The objects of one kind, in a namespace or in the whole cluster.
#[derive(Clone)]
pub(crate) struct Resources<K> {
    api: Api<K>,
    namespace: Option<String>,
}

/// The outcome of a create.
#[derive(Debug)]
pub(crate) enum Created<K> {
    Made(K),
    Exists,
}

/// The outcome of a conditional change.
#[derive(Debug)]
pub(crate) enum Changed<K> {
    To(K),
    Conflict,
    Missing,
}

/// The outcome of a conditional delete.
#[derive(Debug)]
pub(crate) enum Deleted<K> {
    /// It goes once its finalizers and its grace period are done.
    Ending(K),
    Gone,
    Conflict,
    Missing,
}

/// What must be true of an object for it to be deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Only {
    pub(crate) uid: Option<Uid>,
    pub(crate) version: Option<Version>,
    pub(crate) grace_seconds: Option<u32>,
}

impl Only {
    pub(crate) fn uid(uid: &Uid) -> Self {
        Self { uid: Some(uid.clone()), ..Self::default() }
    }

    pub(crate) fn unchanged(uid: &Uid, version: &Version) -> Self {
        Self { uid: Some(uid.clone()), version: Some(version.clone()), grace_seconds: None }
    }
}

/// A whole list, and the version it is of.
#[derive(Debug)]
pub(crate) struct Listed<K> {
    pub(crate) items: Vec<K>,
    pub(crate) version: Version,
}

impl<K: Resource<DynamicType = (), Scope = NamespaceResourceScope>> Resources<K> {
    pub(crate) fn of(client: &Client, namespace: &str) -> Self {
        let api = Api::namespaced(client.clone(), namespace);
        Self { api, namespace: Some(namespace.to_owned()) }
    }

    /// Returns the objects of one namespace, or of all.
    pub(crate) fn within(client: &Client, namespace: Option<&str>) -> Self {
        match namespace {
            Some(namespace) => Self::of(client, namespace),
            None => Self { api: Api::all(client.clone()), namespace: None },
        }
    }
}

impl<K: Resource<DynamicType = (), Scope = ClusterResourceScope>> Resources<K> {
    pub(crate) fn whole(client: &Client) -> Self {
        Self { api: Api::all(client.clone()), namespace: None }
    }
}

impl<K: Resource<DynamicType = ()>> Resources<K> {
    pub(crate) fn action(&self, verb: &'static str) -> Action {
        Action::new(verb, K::plural(&()), self.namespace.as_deref())
    }
}

impl<K> Resources<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    /// Lists all objects that the selectors mean, page by page.
    pub(crate) async fn list(&self, selectors: &ListParams) -> Result<Listed<K>, Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.pages(selectors).await {
                // The page token has expired: only a new list is whole.
                Err(Error::Server { code: 410, .. }) if tries < LISTS => {}
                other => return other,
            }
        }
    }

    async fn pages(&self, selectors: &ListParams) -> Result<Listed<K>, Error> {
        let action = self.action("list");
        let mut items = Vec::new();
        let mut params = selectors.clone().limit(PAGE);
        loop {
            let page = self.api.list(&params).await.map_err(|error| Error::of(&action, &error))?;
            items.extend(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params.continue_token = Some(token),
                None => {
                    let version = Version(page.metadata.resource_version.unwrap_or_default());
                    return Ok(Listed { items, version });
                }
            }
        }
    }

    pub(crate) async fn get(&self, name: &str) -> Result<Option<K>, Error> {
        self.api.get_opt(name).await.map_err(|error| Error::of(&self.action("get").on(name), &error))
    }

    /// Deletes an object of which `only` is true.
    pub(crate) async fn delete(&self, name: &str, only: &Only) -> Result<Deleted<K>, Error> {
        let params = DeleteParams {
            preconditions: Some(kube::api::Preconditions {
                resource_version: only.version.as_ref().map(|version| version.0.clone()),
                uid: only.uid.as_ref().map(|uid| uid.0.clone()),
            }),
            grace_period_seconds: only.grace_seconds,
            ..DeleteParams::default()
        };
        match self.api.delete(name, &params).await {
            Ok(answer) => Ok(answer.either(Deleted::Ending, |_status| Deleted::Gone)),
            Err(error) => match Error::of(&self.action("delete").on(name), &error) {
                Error::Conflict { .. } => Ok(Deleted::Conflict),
                Error::NotFound { .. } => Ok(Deleted::Missing),
                error => Err(error),
            },
        }
    }

    /// Changes an object by a merge patch, which carries its own preconditions.
    pub(crate) async fn patch(&self, name: &str, patch: &Value) -> Result<Changed<K>, Error> {
        self.change(name, &Patch::Merge(patch)).await
    }

    /// Changes an object by a strategic merge patch, which can take single items out of lists.
    pub(crate) async fn patch_items(&self, name: &str, patch: &Value) -> Result<Changed<K>, Error> {
        self.change(name, &Patch::Strategic(patch)).await
    }

    async fn change(&self, name: &str, patch: &Patch<&Value>) -> Result<Changed<K>, Error> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        changed(self.api.patch(name, &params, patch).await, &self.action("patch").on(name))
    }
}

impl<K> Resources<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    /// Creates an object if there is none of its name.
    pub(crate) async fn create(&self, object: &K) -> Result<Created<K>, Error> {
        let name = object.meta().name.clone().unwrap_or_default();
        match self.api.create(&post(), object).await {
            Ok(made) => Ok(Created::Made(made)),
            Err(kube::Error::Api(refusal)) if refusal.is_already_exists() => Ok(Created::Exists),
            Err(error) => Err(Error::of(&self.action("create").on(&name), &error)),
        }
    }

    /// Asks whether an object could be created, without creating it: quotas, bounds and webhooks are asked as well.
    pub(crate) async fn rehearse_create(&self, object: &K) -> Result<(), Error> {
        let name = object.meta().name.clone().unwrap_or_default();
        match self.api.create(&PostParams { dry_run: true, ..post() }, object).await {
            Err(kube::Error::Api(refusal)) if refusal.is_already_exists() => Ok(()),
            answer => answer.map(drop).map_err(|error| Error::of(&self.action("create").on(&name), &error)),
        }
    }

    /// Asks a question that has the form of an object: the answer is in the status of what comes back, and nothing is stored.
    pub(crate) async fn ask(&self, question: &K) -> Result<K, Error> {
        let answer = self.api.create(&PostParams::default(), question).await;
        answer.map_err(|error| Error::of(&self.action("create"), &error))
    }

    /// Replaces an object of the version that is in `object`.
    pub(crate) async fn replace(&self, name: &str, object: &K) -> Result<Changed<K>, Error> {
        changed(self.api.replace(name, &post(), object).await, &self.action("update").on(name))
    }
}

impl Resources<Pod> {
    fn log_action(&self, pod: &str) -> Action {
        Action { resource: "pods/log".to_owned(), ..self.action("get").on(pod) }
    }

    pub(crate) async fn log(&self, pod: &str, params: &LogParams) -> Result<String, Error> {
        self.api.logs(pod, params).await.map_err(|error| Error::of(&self.log_action(pod), &error))
    }

    pub(crate) async fn follow_log(
        &self,
        pod: &str,
        params: &LogParams,
    ) -> Result<impl AsyncBufRead + Send + use<>, Error> {
        self.api.log_stream(pod, params).await.map_err(|error| Error::of(&self.log_action(pod), &error))
    }
}

impl Resources<Node> {
    /// Asks the kubelet of a node what its pods use.
    pub(crate) async fn summary(&self, node: &str) -> Result<Summary, Error> {
        let action = Action { resource: "nodes/proxy".to_owned(), ..self.action("get").on(node) };
        let path = format!("{}/{node}/proxy/stats/summary", self.api.resource_url());
        let request = Request::get(path).body(Vec::new()).map_err(|error| Error::Unreadable {
            about: format!("the name of node {node}"),
            message: error.to_string(),
        })?;
        let client = self.api.clone().into_client();
        client.request(request).await.map_err(|error| Error::of(&action, &error))
    }
}

fn post() -> PostParams {
    PostParams { dry_run: false, field_manager: Some(MANAGER.to_owned()) }
}

fn changed<K>(answer: kube::Result<K>, action: &Action) -> Result<Changed<K>, Error> {
    match answer {
        Ok(object) => Ok(Changed::To(object)),
        Err(error) => match Error::of(action, &error) {
            Error::Conflict { .. } => Ok(Changed::Conflict),
            Error::NotFound { .. } => Ok(Changed::Missing),
            error => Err(error),
        },
    }
}
