//! What the API server's audit log says of one client's requests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::Value;

use crate::real::Real;

/// How our requests name their sender.
const AGENT: &str = "pvmigrate/";

/// One request of ours.
#[derive(Clone, Debug)]
pub struct Asked {
    /// When it arrived.
    pub at: Timestamp,
    /// RBAC's verb.
    pub verb: String,
    /// The resource, with its subresource.
    pub resource: String,
    /// The namespace, if any.
    pub namespace: String,
    /// The answer's code; a watch that has not ended has that of its start.
    pub code: u64,
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

    /// Returns our requests since then, each once, in the order in which they came.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn ours(&self) -> Result<Vec<Asked>> {
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(self.from))?;
        let mut seen = BTreeSet::new();
        let mut asked = Vec::new();
        for line in BufReader::new(file).lines() {
            // The last line may be half written.
            let Ok(event) = serde_json::from_str::<Value>(&line?) else { continue };
            let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            // A watch is noted at its start and at its end.
            if !text("/userAgent").starts_with(AGENT) || !seen.insert(text("/auditID").to_owned()) {
                continue;
            }
            let resource = match text("/objectRef/subresource") {
                "" => text("/objectRef/resource").to_owned(),
                subresource => format!("{}/{subresource}", text("/objectRef/resource")),
            };
            asked.push(Asked {
                at: text("/requestReceivedTimestamp").parse()?,
                verb: text("/verb").to_owned(),
                resource,
                namespace: text("/objectRef/namespace").to_owned(),
                code: event.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or(0),
            });
        }
        asked.sort_by_key(|request| request.at);
        Ok(asked)
    }
}

/// Counts requests by verb and resource.
pub fn by_call(asked: &[Asked]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for request in asked {
        *counts.entry(format!("{} {}", request.verb, request.resource)).or_default() += 1;
    }
    counts
}
