//! What the API server's audit log says about the requests that it got.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::Value;

use crate::real::Real;

/// How our requests name their sender.
const AGENT: &str = "pvmigrate/";

/// The user that a kubelet is, before the name of its node.
const KUBELET: &str = "system:node:";

/// One request, as it was answered.
#[derive(Clone, Debug)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// Whether `pvmigrate` sent it.
    pub is_ours: bool,
    /// The user who sent it, or a service account by its name alone.
    pub user: String,
    /// RBAC's verb.
    pub verb: String,
    /// The resource, with its subresource.
    pub resource: String,
    /// The namespace, if any.
    pub namespace: String,
    /// The object's name; empty where many are listed or watched.
    pub name: String,
    /// The answer's code; a watch that has not ended has that of its start.
    pub code: u64,
    /// What was sent, for a status of a pod, volume or claim; null for all else.
    pub body: Value,
}

impl Request {
    fn read(event: &Value) -> Result<Self> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let resource = match text("/objectRef/subresource") {
            "" => text("/objectRef/resource").to_owned(),
            subresource => format!("{}/{subresource}", text("/objectRef/resource")),
        };
        let user = text("/user/username");
        Ok(Self {
            at: text("/requestReceivedTimestamp").parse()?,
            is_ours: text("/userAgent").starts_with(AGENT),
            user: user.strip_prefix("system:serviceaccount:kube-system:").unwrap_or(user).to_owned(),
            verb: text("/verb").to_owned(),
            resource,
            namespace: text("/objectRef/namespace").to_owned(),
            name: text("/objectRef/name").to_owned(),
            code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0),
            body: event.get("requestObject").cloned().unwrap_or_default(),
        })
    }

    /// Returns whether a kubelet sent it.
    pub fn is_kubelets(&self) -> bool {
        self.user.starts_with(KUBELET)
    }

    /// Returns whether it changed something.
    pub fn is_write(&self) -> bool {
        !["get", "list", "watch"].contains(&self.verb.as_str()) && (200..300).contains(&self.code)
    }

    /// Returns the phase that it sets; a kubelet sends one only when it changes.
    pub fn phase(&self) -> Option<&str> {
        self.body.pointer("/status/phase")?.as_str()
    }

    /// Returns whether it says that a container has ended.
    pub fn has_ended_container(&self) -> bool {
        let containers = self.body.pointer("/status/containerStatuses").and_then(Value::as_array);
        containers
            .into_iter()
            .flatten()
            .any(|container| container.pointer("/state/terminated").is_some_and(Value::is_object))
    }

    /// Returns what it sets a condition to, if it does.
    pub fn condition(&self, name: &str) -> Option<&str> {
        let conditions = self.body.pointer("/status/conditions")?.as_array()?;
        conditions.iter().find(|condition| condition["type"] == name)?["status"].as_str()
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.verb, self.resource, self.name)?;
        match self.phase() {
            Some(phase) => write!(f, " ({phase})")?,
            None if self.has_ended_container() => f.write_str(" (a container ended)")?,
            None => {}
        }
        match (self.is_ours, self.user.strip_prefix(KUBELET)) {
            (true, _) => write!(f, " by pvmigrate"),
            (false, Some(node)) => write!(f, " by the kubelet of {node}"),
            (false, None) => write!(f, " by {}", self.user),
        }
    }
}

/// A place in the audit log.
pub struct Audit {
    file: PathBuf,
    from: u64,
}

impl Audit {
    /// Remembers where the log ends now.
    ///
    /// # Errors
    /// When there is no log.
    pub fn from_now(real: &Real) -> Result<Self> {
        let file = real.directory().join("log/audit.log");
        let from = file.metadata().with_context(|| format!("no audit log at {}", file.display()))?.len();
        Ok(Self { file, from })
    }

    /// Returns everybody's requests since then, each once, in the order in which they came. Reviews of one's own account are
    /// left out: they look at no object and change none.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut seen = BTreeSet::new();
        let mut requests = Vec::new();
        for line in BufReader::new(file).lines() {
            // The last line may be half written.
            let Ok(event) = serde_json::from_str::<Value>(&line?) else { continue };
            // A watch is noted at its start and at its end.
            if seen.insert(event["auditID"].as_str().unwrap_or_default().to_owned()) {
                requests.push(Request::read(&event)?);
            }
        }
        requests.retain(|request| !["selfsubjectaccessreviews", "selfsubjectreviews"].contains(&&*request.resource));
        requests.sort_by_key(|request| request.at);
        Ok(requests)
    }
}

/// Counts requests by verb and resource.
pub fn by_call(requests: &[Request]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        *counts.entry(format!("{} {}", request.verb, request.resource)).or_default() += 1;
    }
    counts
}
