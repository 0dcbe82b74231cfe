//! The reference tool's way, write by write and in its order, so that it can be left at any moment: what a killed run of it
//! leaves on a cluster.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::share::api;

pub mod states;

/// How long the cluster may take for what the tool waits for.
const PATIENCE: Duration = Duration::from_secs(180);

/// The name under which the tool writes.
const MANAGER: &str = "pvmigrate";

const CLAIM: &str = "PersistentVolumeClaim";
const VOLUME: &str = "PersistentVolume";

/// The tool's writes, in the order in which each comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Write {
    /// The temporary claim.
    CreateTemp,
    /// The node of the pod, on the source volume.
    NoteNode,
    /// The workload at 0, with its scale beside.
    ScaleDown,
    /// The copy pod.
    StartCopy,
    /// The copy pod, once it has ended.
    DeleteCopy,
    /// `Retain` on the source volume.
    RetainSource,
    /// `Retain` on the destination volume, with what it is for.
    RetainDestination,
    /// The original claim.
    DeleteOriginal,
    /// The temporary claim.
    DeleteTemp,
    /// The source volume's `claimRef`.
    ClearSource,
    /// The destination volume's `claimRef`.
    ClearDestination,
    /// The claim of the original name, on the destination volume.
    CreateFinal,
    /// The destination volume's reclaim policy.
    RestoreReclaim,
    /// The source volume.
    DeleteSource,
    /// The workload at its scale, without the mark.
    ScaleUp,
}

/// When the tool is killed: right after a write, before the cluster has done anything about it.
#[derive(Clone, Copy, Debug)]
pub enum Killed {
    /// After the first such write.
    After(Write),
    /// After such a write for this claim.
    For(&'static str, Write),
    /// After so many writes, whatever they are.
    AfterWrites(usize),
}

/// How a copy pod of the tool fares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Copy {
    /// It runs to its end and is deleted.
    #[default]
    Ends,
    /// It runs to its end, and stays: the delete was lost.
    Stays,
    /// It fails; the tool gives up.
    Fails,
    /// No node takes it.
    Waits,
}

/// One run of the tool on the claims of a namespace.
pub struct Reference {
    client: Client,
    namespace: String,
    classes: [String; 2],
    image: String,
    copy: Copy,
    killed: Killed,
    written: RefCell<Vec<Write>>,
    claim: RefCell<String>,
}

/// Why the tool goes no further.
enum End {
    Killed,
    Failed(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Reference {
    /// Describes a run from the first class to the second.
    pub fn new(client: Client, namespace: &str, classes: [&str; 2], image: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
            classes: classes.map(str::to_owned),
            image: image.to_owned(),
            copy: Copy::default(),
            killed: Killed::AfterWrites(usize::MAX),
            written: RefCell::default(),
            claim: RefCell::default(),
        }
    }

    /// Has its copy pods fare so.
    #[must_use]
    pub fn copying(self, copy: Copy) -> Self {
        Self { copy, ..self }
    }

    /// Has it killed there.
    #[must_use]
    pub fn killed(self, killed: Killed) -> Self {
        Self { killed, ..self }
    }

    /// Runs until it ends or is killed, and returns its writes.
    ///
    /// # Errors
    /// When the cluster refuses a write, or does not do in time what the tool waits for.
    pub async fn run(&self) -> Result<Vec<Write>> {
        match self.migrate().await {
            Ok(()) | Err(End::Killed) => Ok(self.written.borrow().clone()),
            Err(End::Failed(error)) => Err(error.context(format!("after {:?}", self.written.borrow()))),
        }
    }

    async fn migrate(&self) -> Result<(), End> {
        let claims = self.claims().await?;
        for claim in &claims {
            self.make_temp(claim).await?;
        }
        self.scale_down(&claims).await?;
        let names = claims.iter().map(|claim| text(claim, "/metadata/name"));
        for name in names.clone() {
            self.claim.replace(name.to_owned());
            self.copy(name).await?;
        }
        for name in names {
            self.claim.replace(name.to_owned());
            self.swap(name).await?;
        }
        self.scale_up().await
    }

    /// Returns the claims on volumes of the source class.
    async fn claims(&self) -> Result<Vec<Value>, End> {
        let of_source = |volume: &Value| text(volume, "/spec/storageClassName") == self.classes[0];
        let here = |volume: &Value| text(volume, "/spec/claimRef/namespace") == self.namespace;
        let volumes = self.list(VOLUME).await?.into_iter().filter(|volume| of_source(volume) && here(volume));
        let mut claims = Vec::new();
        for volume in volumes {
            claims.push(self.get(CLAIM, text(&volume, "/spec/claimRef/name")).await?);
        }
        claims.sort_by_key(|claim| text(claim, "/metadata/name").to_owned());
        Ok(claims)
    }

    async fn make_temp(&self, claim: &Value) -> Result<(), End> {
        let name = text(claim, "/metadata/name");
        self.claim.replace(name.to_owned());
        let volume = self.get(VOLUME, text(claim, "/spec/volumeName")).await?;
        let temp = json!({
            "apiVersion": "v1", "kind": CLAIM,
            "metadata": {"name": temp(name), "namespace": self.namespace,
                "annotations": {"kurl.sh/pvcmigrate": name, "kurl.sh/pvcmigrate-kind": "dest"}},
            "spec": {"storageClassName": self.classes[1], "accessModes": claim["spec"]["accessModes"],
                "resources": {"requests": {"storage": volume["spec"]["capacity"]["storage"]}}},
        });
        self.create(Write::CreateTemp, &temp).await
    }

    async fn scale_down(&self, claims: &[Value]) -> Result<(), End> {
        let names: BTreeSet<&str> = claims.iter().map(|claim| text(claim, "/metadata/name")).collect();
        let volume_of = |name: &str| claims.iter().find(|claim| text(claim, "/metadata/name") == name);
        let mut owners = BTreeSet::new();
        for pod in self.list("Pod").await? {
            for name in mounted(&pod).into_iter().filter(|name| names.contains(name.as_str())) {
                let volume = volume_of(&name).map_or("", |claim| text(claim, "/spec/volumeName"));
                let node = json!({"metadata": {"annotations": {
                    "kurl.sh/pvcmigrate-sourcenode": text(&pod, "/spec/nodeName")}}});
                self.patch(Write::NoteNode, VOLUME, volume, &node).await?;
                let (kind, owner) =
                    (text(&pod, "/metadata/ownerReferences/0/kind"), text(&pod, "/metadata/ownerReferences/0/name"));
                owners.insert(match kind {
                    "ReplicaSet" => {
                        let set = self.get("ReplicaSet", owner).await?;
                        ("Deployment", text(&set, "/metadata/ownerReferences/0/name").to_owned())
                    }
                    _ => ("StatefulSet", owner.to_owned()),
                });
            }
        }
        for (kind, name) in owners {
            let replicas = self.get(kind, &name).await?["spec"]["replicas"].clone();
            let down = json!({"metadata": {"annotations": {"kurl.sh/pvcmigrate-scale": replicas.to_string()}},
                "spec": {"replicas": 0}});
            self.patch(Write::ScaleDown, kind, &name, &down).await?;
        }
        self.until("no pod to use the claims", || async {
            let pods = self.list("Pod").await?;
            Ok(!pods.iter().flat_map(mounted).any(|name| names.contains(name.as_str())))
        })
        .await
    }

    async fn copy(&self, claim: &str) -> Result<(), End> {
        let name = format!("migrate-{claim}");
        let mut args = vec!["-a", "-v", "-P", "--delete", "/source/", "/dest"];
        if self.copy == Copy::Fails {
            args.insert(0, "--no-such-flag");
        }
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace,
                "annotations": {"kurl.sh/pvcmigrate": claim, "kurl.sh/pvcmigrate-kind": "migrate"}},
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "pvmigrate", "image": self.image, "command": ["rsync"], "args": args,
                    "volumeMounts": [{"name": "source", "mountPath": "/source"}, {"name": "dest", "mountPath": "/dest"}]}],
                "volumes": [
                    {"name": "source", "persistentVolumeClaim": {"claimName": claim}},
                    {"name": "dest", "persistentVolumeClaim": {"claimName": temp(claim)}}],
            },
        });
        if self.copy == Copy::Waits {
            pod["spec"]["nodeSelector"] = json!({"example.com/no-such": "node"});
        }
        self.create(Write::StartCopy, &pod).await?;
        let ended = async || -> Result<Option<bool>> {
            let pod = self.get("Pod", &name).await?;
            Ok(match text(&pod, "/status/phase") {
                "Succeeded" => Some(true),
                "Failed" => Some(false),
                _ => None,
            })
        };
        self.until("the copy to end", || async { Ok(ended().await?.is_some()) }).await?;
        let succeeded = ended().await? == Some(true);
        if self.copy != Copy::Stays {
            self.delete(Write::DeleteCopy, "Pod", &name).await?;
        }
        // It gives up on a copy that failed.
        if succeeded { Ok(()) } else { Err(End::Killed) }
    }

    async fn swap(&self, claim: &str) -> Result<(), End> {
        let (original, temp) = (self.get(CLAIM, claim).await?, self.get(CLAIM, &temp(claim)).await?);
        let (old, new) = (text(&original, "/spec/volumeName"), text(&temp, "/spec/volumeName"));
        let reclaim = self.get(VOLUME, old).await?["spec"]["persistentVolumeReclaimPolicy"].clone();
        let mut retain = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}});
        self.patch(Write::RetainSource, VOLUME, old, &retain).await?;
        retain["metadata"] = json!({"annotations": {"kurl.sh/pvcmigrate-sourcens": self.namespace,
            "kurl.sh/pvcmigrate-sourcepvc": claim, "kurl.sh/pvcmigrate-reclaim": reclaim}});
        self.patch(Write::RetainDestination, VOLUME, new, &retain).await?;
        let temp_name = text(&temp, "/metadata/name");
        self.delete(Write::DeleteOriginal, CLAIM, claim).await?;
        self.delete(Write::DeleteTemp, CLAIM, temp_name).await?;
        self.until("both claims to be gone", || async {
            Ok(self.find(CLAIM, claim).await?.is_none() && self.find(CLAIM, temp_name).await?.is_none())
        })
        .await?;
        let clear = json!({"spec": {"claimRef": null}});
        self.patch(Write::ClearSource, VOLUME, old, &clear).await?;
        self.patch(Write::ClearDestination, VOLUME, new, &clear).await?;
        let last = json!({
            "apiVersion": "v1", "kind": CLAIM,
            "metadata": {"name": claim, "namespace": self.namespace, "labels": original["metadata"]["labels"]},
            "spec": {"accessModes": original["spec"]["accessModes"], "resources": original["spec"]["resources"],
                "volumeMode": original["spec"]["volumeMode"], "storageClassName": self.classes[1], "volumeName": new},
        });
        self.create(Write::CreateFinal, &last).await?;
        self.until("the new volume to be claimed", || async {
            Ok(!self.get(VOLUME, new).await?["spec"]["claimRef"].is_null())
        })
        .await?;
        let restore = json!({"spec": {"persistentVolumeReclaimPolicy": reclaim}});
        self.patch(Write::RestoreReclaim, VOLUME, new, &restore).await?;
        self.delete(Write::DeleteSource, VOLUME, old).await
    }

    async fn scale_up(&self) -> Result<(), End> {
        for kind in ["StatefulSet", "Deployment"] {
            for workload in self.list(kind).await? {
                let mark = text(&workload, "/metadata/annotations/kurl.sh~1pvcmigrate-scale");
                if let Ok(replicas) = mark.parse::<u32>() {
                    let up = json!({"metadata": {"annotations": {"kurl.sh/pvcmigrate-scale": null}},
                        "spec": {"replicas": replicas}});
                    self.patch(Write::ScaleUp, kind, text(&workload, "/metadata/name"), &up).await?;
                }
            }
        }
        Ok(())
    }

    /// Counts a write, and stops the tool where it is to be killed.
    fn wrote(&self, write: Write) -> Result<(), End> {
        self.written.borrow_mut().push(write);
        let is_last = match self.killed {
            Killed::After(last) => write == last,
            Killed::For(claim, last) => write == last && *self.claim.borrow() == claim,
            Killed::AfterWrites(count) => self.written.borrow().len() >= count,
        };
        if is_last { Err(End::Killed) } else { Ok(()) }
    }

    pub(crate) fn api(&self, kind: &str) -> Result<Api<DynamicObject>> {
        let wide = kind == VOLUME;
        api(&self.client, kind, if wide { "" } else { &self.namespace })
    }

    pub(crate) async fn find(&self, kind: &str, name: &str) -> Result<Option<Value>> {
        let found = self.api(kind)?.get_opt(name).await.with_context(|| format!("{kind} {name}"))?;
        found.map(|object| Ok(serde_json::to_value(object)?)).transpose()
    }

    pub(crate) async fn get(&self, kind: &str, name: &str) -> Result<Value> {
        self.find(kind, name).await?.with_context(|| format!("there is no {kind} {name}"))
    }

    pub(crate) async fn list(&self, kind: &str) -> Result<Vec<Value>> {
        let found = self.api(kind)?.list(&ListParams::default()).await?;
        found.items.into_iter().map(|object| Ok(serde_json::to_value(object)?)).collect()
    }

    async fn create(&self, write: Write, object: &Value) -> Result<(), End> {
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        let typed: DynamicObject = serde_json::from_value(object.clone())?;
        self.api(text(object, "/kind"))?.create(&params, &typed).await?;
        self.wrote(write)
    }

    async fn patch(&self, write: Write, kind: &str, name: &str, patch: &Value) -> Result<(), End> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.api(kind)?.patch(name, &params, &Patch::Merge(patch)).await?;
        self.wrote(write)
    }

    async fn delete(&self, write: Write, kind: &str, name: &str) -> Result<(), End> {
        self.api(kind)?.delete(name, &DeleteParams::default()).await?;
        self.wrote(write)
    }

    async fn until<F>(&self, what: &str, look: impl Fn() -> F) -> Result<(), End>
    where
        F: Future<Output = Result<bool>>,
    {
        let began = Instant::now();
        while !look().await? {
            if began.elapsed() > PATIENCE {
                return Err(End::Failed(anyhow::anyhow!("waited for {PATIENCE:?} in vain: {what}")));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

fn temp(claim: &str) -> String {
    format!("{claim}-pvcmigrate")
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Names the claims that a pod mounts.
fn mounted(pod: &Value) -> Vec<String> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let name = |volume: &Value| volume["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned);
    volumes.filter_map(name).collect()
}
