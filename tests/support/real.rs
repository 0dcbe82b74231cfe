//! A real Kubernetes, as `tests/cluster/with` hands it to the command it runs: its API, its volumes' directories, its logs.
//!
//! Objects are plain JSON: the code under test must not be what tests it.

use std::future::Future;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

/// A kind of object and where its API is.
struct Kind {
    name: &'static str,
    api: &'static str,
    plural: &'static str,
    namespaced: bool,
}

const fn kind(name: &'static str, api: &'static str, plural: &'static str, namespaced: bool) -> Kind {
    Kind { name, api, plural, namespaced }
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Every kind the tests make or look at.
const KINDS: [Kind; 15] = [
    kind("ConfigMap", "v1", "configmaps", true),
    kind("Event", "v1", "events", true),
    kind("Namespace", "v1", "namespaces", false),
    kind("Node", "v1", "nodes", false),
    kind("PersistentVolume", "v1", "persistentvolumes", false),
    kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims", true),
    kind("Pod", "v1", "pods", true),
    kind("ServiceAccount", "v1", "serviceaccounts", true),
    kind("Deployment", "apps/v1", "deployments", true),
    kind("StatefulSet", "apps/v1", "statefulsets", true),
    kind("Job", "batch/v1", "jobs", true),
    kind("StorageClass", "storage.k8s.io/v1", "storageclasses", false),
    kind("ClusterRole", RBAC, "clusterroles", false),
    kind("ClusterRoleBinding", RBAC, "clusterrolebindings", false),
    kind("Role", RBAC, "roles", true),
];

const ROLE_BINDING: Kind = kind("RoleBinding", RBAC, "rolebindings", true);

/// Returns the path of a kind's objects, in a namespace or in all.
fn collection(kind: &str, namespace: Option<&str>) -> Result<String> {
    let mut known = KINDS.iter().chain([&ROLE_BINDING]);
    let found = known.find(|known| known.name == kind).with_context(|| format!("the tests know no {kind}"))?;
    let group = if found.api == "v1" { "/api/v1".to_owned() } else { format!("/apis/{}", found.api) };
    Ok(match namespace {
        Some(namespace) if found.namespaced => format!("{group}/namespaces/{namespace}/{}", found.plural),
        _ => format!("{group}/{}", found.plural),
    })
}

/// Stops a test of a layer that has no cluster of the mode it needs, and says how to get one. Such a test is only run
/// by naming its layer.
///
/// # Panics
/// When this process has another cluster, or none.
pub fn require(layer: &str, mode: &str) {
    let here = std::env::var("PVMIGRATE_CLUSTER").unwrap_or_default();
    let why = if here.is_empty() { "there is no cluster".to_owned() } else { format!("this cluster is {here:?}") };
    let how = format!("tests/run {layer}, or tests/cluster/with {mode} cargo test -p pvmigrate-tests --test {layer}");
    assert!(here == mode, "{why}; run {how}");
}

/// Prints something past the test harness, which hides what passing tests print.
pub fn say(words: &str) {
    // If nobody reads stderr, nothing else is lost.
    let _ = writeln!(std::io::stderr(), "{words}");
}

/// A real cluster.
#[derive(Clone)]
pub struct Real {
    client: kube::Client,
    directory: PathBuf,
    /// The image of workloads and copy pods.
    pub tools: String,
}

impl Real {
    /// Connects to the cluster of this process.
    ///
    /// # Errors
    /// When the environment names none, or its kubeconfig is invalid.
    pub async fn connect() -> Result<Self> {
        let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
        Ok(Self {
            client: kube::Client::try_default().await?,
            directory: variable("PVMIGRATE_CLUSTER_DIR")?.into(),
            tools: variable("PVMIGRATE_TOOLS_IMAGE")?,
        })
    }

    /// Returns the cluster's run directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, kube::Error> {
        let content = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        let request = Request::builder().method(method).uri(path).header("content-type", content).body(body);
        self.client.request(request.map_err(kube::Error::HttpError)?).await
    }

    /// Reads a path of the API, such as `/version`.
    ///
    /// # Errors
    /// The API server's.
    pub async fn read(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, None).await.with_context(|| format!("cannot read {path}"))
    }

    /// Gets an object, if there is one.
    ///
    /// # Errors
    /// The API server's.
    pub async fn find(&self, kind: &str, namespace: &str, name: &str) -> Result<Option<Value>> {
        let path = format!("{}/{name}", collection(kind, Some(namespace))?);
        match self.send(Method::GET, &path, None).await {
            Ok(found) => Ok(Some(found)),
            Err(kube::Error::Api(status)) if status.code == StatusCode::NOT_FOUND => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot get {kind} {namespace}/{name}")),
        }
    }

    /// Gets an object that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Result<Value> {
        self.find(kind, namespace, name).await?.with_context(|| format!("there is no {kind} {namespace}/{name}"))
    }

    /// Lists a kind's objects in a namespace; all there are of one without namespaces.
    ///
    /// # Errors
    /// The API server's.
    pub async fn list(&self, kind: &str, namespace: &str) -> Result<Vec<Value>> {
        let mut listed = self.read(&collection(kind, Some(namespace))?).await?;
        Ok(listed["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// Returns what a pod's only container has written.
    ///
    /// # Errors
    /// The API server's.
    pub async fn log(&self, namespace: &str, pod: &str) -> Result<String> {
        let path = format!("{}/{pod}/log", collection("Pod", Some(namespace))?);
        let request = Request::builder().uri(&path).body(Vec::new())?;
        self.client.request_text(request).await.with_context(|| format!("cannot read the log of pod {pod}"))
    }

    /// Creates an object as it is.
    ///
    /// # Errors
    /// The API server's.
    pub async fn create(&self, object: &Value) -> Result<Value> {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
        let kind = text("/kind").unwrap_or_default();
        let path = collection(kind, text("/metadata/namespace"))?;
        let name = text("/metadata/name").unwrap_or_default();
        self.send(Method::POST, &path, Some(object)).await.with_context(|| format!("cannot create {kind} {name}"))
    }

    /// Merges a patch into an object.
    ///
    /// # Errors
    /// The API server's.
    pub async fn patch(&self, kind: &str, namespace: &str, name: &str, patch: &Value) -> Result<Value> {
        let path = format!("{}/{name}", collection(kind, Some(namespace))?);
        self.send(Method::PATCH, &path, Some(patch)).await.with_context(|| format!("cannot patch {kind} {name}"))
    }

    /// Deletes an object; a missing one is not an error.
    ///
    /// # Errors
    /// The API server's.
    pub async fn delete(&self, kind: &str, namespace: &str, name: &str, grace_seconds: Option<u32>) -> Result<()> {
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"});
        if let Some(seconds) = grace_seconds {
            options["gracePeriodSeconds"] = json!(seconds);
        }
        self.delete_as(kind, namespace, name, &options).await
    }

    /// Deletes an object and leaves what it owns.
    ///
    /// # Errors
    /// The API server's.
    pub async fn orphan(&self, kind: &str, namespace: &str, name: &str) -> Result<()> {
        let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"});
        self.delete_as(kind, namespace, name, &options).await
    }

    async fn delete_as(&self, kind: &str, namespace: &str, name: &str, options: &Value) -> Result<()> {
        let path = format!("{}/{name}", collection(kind, Some(namespace))?);
        match self.send(Method::DELETE, &path, Some(options)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == StatusCode::NOT_FOUND => Ok(()),
            Err(error) => Err(error).with_context(|| format!("cannot delete {kind} {name}")),
        }
    }

    /// Looks repeatedly until there is an answer.
    ///
    /// # Errors
    /// The error of a look, or that the time is up.
    pub async fn until<T, F>(&self, what: &str, limit: Duration, look: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let began = Instant::now();
        loop {
            if let Some(answer) = look().await? {
                return Ok(answer);
            }
            if began.elapsed() > limit {
                bail!("waited for {limit:?} in vain: {what}");
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until a Deployment or StatefulSet has all of its pods ready, none of an older template among them.
    ///
    /// # Errors
    /// When it has not after `limit`; names what the namespace's pods wait for.
    pub async fn ready(&self, kind: &str, namespace: &str, name: &str, limit: Duration) -> Result<()> {
        let look = || async move {
            let found = self.get(kind, namespace, name).await?;
            let number = |pointer: &str| found.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
            let is_seen = number("/status/observedGeneration") == number("/metadata/generation");
            let (wanted, ready) = (number("/spec/replicas"), number("/status/readyReplicas"));
            let is_ready = is_seen && wanted > 0 && ready == wanted && number("/status/replicas") == wanted;
            Ok(is_ready.then_some(()))
        };
        match self.until(&format!("{kind} {namespace}/{name} to be ready"), limit, look).await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.troubles(namespace).await)),
        }
    }

    /// Describes the state of the pods of a namespace, and the newest warnings.
    pub async fn troubles(&self, namespace: &str) -> String {
        let mut lines = Vec::new();
        for pod in self.list("Pod", namespace).await.unwrap_or_default() {
            let (name, status) = (&pod["metadata"]["name"], &pod["status"]);
            lines.push(format!("pod {name}: {} {}", status["phase"], status["containerStatuses"]));
        }
        for event in self.list("Event", namespace).await.unwrap_or_default() {
            if event["type"] == "Warning" {
                let about = &event["involvedObject"];
                lines.push(format!("{} {}: {} {}", about["kind"], about["name"], event["reason"], event["message"]));
            }
        }
        lines.join("\n")
    }

    /// Returns the class of a claim and the directory on this machine in which its volume's files lie.
    ///
    /// # Errors
    /// When the claim has no volume, or the volume no directory.
    pub async fn volume(&self, namespace: &str, claim: &str) -> Result<(String, PathBuf)> {
        let claim = self.get("PersistentVolumeClaim", namespace, claim).await?;
        let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let name = text(&claim, "/spec/volumeName").context("the claim has no volume")?;
        let volume = self.get("PersistentVolume", "", &name).await?;
        let class = text(&claim, "/spec/storageClassName").unwrap_or_default();
        let by_driver = text(&volume, "/spec/csi/volumeHandle").map(|id| self.directory.join("volumes").join(id));
        let path =
            text(&volume, "/spec/hostPath/path").or_else(|| text(&volume, "/spec/local/path")).map(PathBuf::from);
        let directory = path.or(by_driver).with_context(|| format!("volume {name} has no path: {}", volume["spec"]))?;
        ensure!(directory.is_dir(), "{} is no directory", directory.display());
        Ok((class, directory))
    }

    /// Makes a namespace with the service account that every pod needs.
    ///
    /// # Errors
    /// The API server's.
    pub async fn namespace(&self, name: &str) -> Result<()> {
        self.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await?;
        let look = || self.find("ServiceAccount", name, "default");
        self.until("the default service account", Duration::from_secs(30), look).await.map(drop)
    }
}
