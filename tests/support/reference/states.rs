//! The table of what killed runs of the reference tool leave, at rest and in motion: one table for all layers.

use anyhow::{Context as _, Result};
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{CLAIM, Copy, Killed, PATIENCE, Reference, Write, temp, text};

/// What somebody, or a controller, does once the tool is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Nothing.
    Nothing,
    /// Scales the workloads up by hand, to one more than before; the mark stays.
    ScalesUp,
    /// Scales a StatefulSet up by hand, whose controller then makes the missing claim anew, empty.
    MakesClaim,
    /// Deletes the temporary claim.
    DeletesTemp,
}

/// One state.
#[derive(Clone, Copy, Debug)]
pub struct State {
    /// What it is called in what tests print.
    pub name: &'static str,
    /// When the tool was killed.
    pub killed: Killed,
    /// How its copies fared.
    pub copy: Copy,
    /// What happened then.
    pub then: Then,
    /// The reclaim policy that the claims' volumes must have at the end.
    pub reclaim: &'static str,
}

const fn after(name: &'static str, write: Write) -> State {
    State { name, killed: Killed::After(write), copy: Copy::Ends, then: Then::Nothing, reclaim: "Delete" }
}

/// A StatefulSet's claim is missing, and somebody scales the set up.
const fn remade(name: &'static str, write: Write) -> State {
    State { killed: Killed::For(SET_CLAIM, write), then: Then::MakesClaim, ..after(name, write) }
}

/// The claim of the StatefulSet's first pod, where there is a set.
pub const SET_CLAIM: &str = "data-db-0";

/// The moments of the tool's way for one claim, and what can happen at them.
pub const STATES: [State; 21] = [
    after("the temporary claim is Pending", Write::CreateTemp),
    after("scaled to 0 a moment ago, pods Terminating", Write::ScaleDown),
    State { then: Then::ScalesUp, ..after("scaled up again by hand, the mark still there", Write::ScaleDown) },
    after("the copy pod was made a moment ago", Write::StartCopy),
    State { copy: Copy::Waits, ..after("the copy pod finds no node", Write::StartCopy) },
    State { copy: Copy::Fails, ..after("the copy has failed", Write::DeleteCopy) },
    after("the copy has ended, its pod is going", Write::DeleteCopy),
    // Nobody can know any more that its disk was to go with it.
    State { reclaim: "Retain", ..after("only the old volume is kept", Write::RetainSource) },
    after("both volumes are kept", Write::RetainDestination),
    State {
        then: Then::DeletesTemp,
        ..after("both volumes are kept, the temporary claim deleted", Write::RetainDestination)
    },
    State { copy: Copy::Stays, ..after("the original is Terminating", Write::DeleteOriginal) },
    after("the original was deleted, the temporary claim not", Write::DeleteOriginal),
    State { copy: Copy::Stays, ..after("both claims are Terminating", Write::DeleteTemp) },
    after("the old volume is Available", Write::ClearSource),
    after("both volumes are Available", Write::ClearDestination),
    after("the new claim was made a moment ago", Write::CreateFinal),
    after("all but the old volume and the scale is done", Write::RestoreReclaim),
    State { then: Then::ScalesUp, ..after("the name is free, scaled up again by hand", Write::ClearDestination) },
    remade("the set has made its claim anew", Write::DeleteTemp),
    remade("the set has made its claim anew, on the old volume", Write::ClearSource),
    remade("the set has made its claim anew, beside two free volumes", Write::ClearDestination),
];

impl State {
    /// Brings the claims of a namespace, which are at rest, into this state.
    ///
    /// # Errors
    /// When the cluster refuses a write, or does not do in time what the tool waits for.
    pub async fn make(&self, client: &Client, namespace: &str, classes: [&str; 2], image: &str) -> Result<Vec<Write>> {
        let tool = Reference::new(client.clone(), namespace, classes, image).copying(self.copy).killed(self.killed);
        let written = tool.run().await?;
        match self.then {
            Then::Nothing => {}
            Then::ScalesUp => scale_up(&tool).await?,
            Then::MakesClaim => {
                scale_up(&tool).await?;
                let Killed::For(claim, _) = self.killed else { anyhow::bail!("the claim is not known") };
                let is_anew =
                    |found: Option<Value>| found.is_some_and(|claim| claim["metadata"]["deletionTimestamp"].is_null());
                tool.until("the claim to be made anew", || async { Ok(is_anew(tool.find(CLAIM, claim).await?)) })
                    .await
                    .map_err(|_| anyhow::anyhow!("claim {claim} was not made anew within {PATIENCE:?}"))?;
            }
            Then::DeletesTemp => {
                let claims = tool.list(CLAIM).await?;
                let temps = claims.iter().map(|claim| text(claim, "/metadata/name"));
                let marked = async |name: &str| -> Result<bool> {
                    let claim = tool.get(CLAIM, name).await?;
                    let volume = tool.get("PersistentVolume", text(&claim, "/spec/volumeName")).await?;
                    Ok(!volume["metadata"]["annotations"]["kurl.sh/pvcmigrate-reclaim"].is_null())
                };
                for name in temps.filter(|name| name.ends_with(&temp(""))) {
                    if marked(name).await? {
                        tool.api(CLAIM)?.delete(name, &DeleteParams::default()).await?;
                    }
                }
            }
        }
        Ok(written)
    }
}

/// Scales every marked workload to one more than its mark.
async fn scale_up(tool: &Reference) -> Result<()> {
    for kind in ["StatefulSet", "Deployment"] {
        for workload in tool.list(kind).await? {
            let mark = text(&workload, "/metadata/annotations/kurl.sh~1pvcmigrate-scale");
            if mark.is_empty() {
                continue;
            }
            let replicas = mark.parse::<u32>().with_context(|| format!("mark {mark:?}"))? + 1;
            let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
            tool.api(kind)?.patch(text(&workload, "/metadata/name"), &PatchParams::default(), &patch).await?;
        }
    }
    Ok(())
}

/// Names the marks of the tool, and of ours, on an object.
pub fn marks(object: &Value) -> Vec<&String> {
    let annotations = object["metadata"]["annotations"].as_object().into_iter().flatten();
    let is_mark = |key: &&String| key.starts_with("kurl.sh/") || key.starts_with("pvmigrate.dev/");
    annotations.map(|(key, _)| key).filter(is_mark).collect()
}
