//! For tests of rules on the machine at hand: claims, classes and requests to ask about, and a stand-in for the host's
//! log and look-ups. What it keeps is kept for each thread, so tests do not meet.

use std::cell::RefCell;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use alloc::{format, vec};

use serde_json::Value;

pub use crate::bindings::log::Level;
use crate::bindings::snapshot::LookupError;
use crate::{AccessMode, ObjectRef, Planned, Request, StorageClass, Volume, VolumeMode, pairs};

std::thread_local! {
    static OBJECTS: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// A line that was logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How important it is.
    pub level: Level,
    /// What it says.
    pub message: String,
    /// Its fields, sorted by key.
    pub fields: Vec<(String, String)>,
}

/// Lets look-ups of this thread find these objects, whole and of any kind.
pub fn serve(objects: impl IntoIterator<Item = Value>) {
    OBJECTS.with_borrow_mut(|kept| *kept = objects.into_iter().collect());
}

/// Returns what this thread has logged since the last call.
pub fn logged() -> Vec<Line> {
    LINES.take()
}

/// Makes a class of which nothing is known.
pub fn class(name: &str) -> StorageClass {
    StorageClass {
        name: name.into(),
        provisioner: format!("{name}.example.com"),
        parameters: Vec::new(),
        annotations: Vec::new(),
        reclaim_policy: "Delete".into(),
        binding_mode: "Immediate".into(),
        allow_expansion: false,
        known_modes: Vec::new(),
        facts: Vec::new(),
    }
}

/// Makes a bound claim of 1Gi, of the class `old`, that nobody uses.
pub fn volume(id: u32, namespace: &str, name: &str) -> Volume {
    Volume {
        id,
        namespace: namespace.into(),
        name: name.into(),
        uid: format!("uid-{id}"),
        labels: Vec::new(),
        annotations: Vec::new(),
        phase: "Bound".into(),
        created: 0,
        storage_class: Some("old".into()),
        driver: None,
        volume_name: Some(format!("pv-{id}")),
        reclaim_policy: Some("Delete".into()),
        volume_mode: VolumeMode::Filesystem,
        requested_modes: vec![AccessMode::ReadWriteOnce],
        effective_modes: vec![AccessMode::ReadWriteOnce],
        requested_bytes: 1 << 30,
        capacity_bytes: 1 << 30,
        used_bytes: None,
        consumers: Vec::new(),
        facts: Vec::new(),
    }
}

/// Asks about moving these claims from the class `old` to the class `new`.
pub fn request(volumes: Vec<Volume>) -> Request {
    Request {
        settings: "{}".into(),
        environment: String::new(),
        now: 1_750_000_000,
        source: Some(class("old")),
        target: class("new"),
        volumes,
        facts: pairs(&[("pvmigrate.dev/source-class", "old")]),
    }
}

/// Plans to move a claim as it is.
pub fn planned(volume: &Volume) -> Planned {
    Planned {
        volume: volume.id,
        modes: volume.requested_modes.clone(),
        volume_mode: volume.volume_mode,
        target_bytes: volume.capacity_bytes,
        facts: Vec::new(),
    }
}

pub(crate) fn log(level: Level, message: &str, fields: &[(&str, &str)]) {
    let line = Line { level, message: message.to_string(), fields: pairs(fields) };
    LINES.with_borrow_mut(|lines| lines.push(line));
}

pub(crate) fn get(target: &ObjectRef, _fields: &[String]) -> Result<Option<String>, LookupError> {
    let namespace = target.namespace.as_deref();
    Ok(of_kind(&target.api_version, &target.kind)
        .into_iter()
        .find(|object| text(object, "name") == Some(&target.name) && text(object, "namespace") == namespace)
        .map(|object| object.to_string()))
}

/// Knows selectors of the form `a=b,c=d` only, and says so of others.
pub(crate) fn find(
    api_version: &str,
    kind: &str,
    namespace: Option<&str>,
    label_selector: &str,
    _fields: &[String],
) -> Result<Vec<String>, LookupError> {
    let mut wanted = Vec::new();
    for part in label_selector.split(',').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some((key, value)) if !key.ends_with('!') && !value.starts_with('=') => wanted.push((key, value)),
            _ => return Err(LookupError::Refused(format!("natively only a=b,c=d is known, not {label_selector:?}"))),
        }
    }
    let fits = |object: &Value| {
        let labels = &object["metadata"]["labels"];
        namespace.is_none_or(|wanted| text(object, "namespace") == Some(wanted))
            && wanted.iter().all(|(key, value)| labels[key] == **value)
    };
    let mut found: Vec<_> = of_kind(api_version, kind).into_iter().filter(fits).collect();
    let place = |object: &Value| {
        (text(object, "namespace").map(ToString::to_string), text(object, "name").map(ToString::to_string))
    };
    found.sort_by_key(place);
    Ok(found.iter().map(ToString::to_string).collect())
}

fn of_kind(api_version: &str, kind: &str) -> Vec<Value> {
    let is = |object: &&Value| object["apiVersion"] == api_version && object["kind"] == kind;
    OBJECTS.with_borrow(|objects| objects.iter().filter(is).cloned().collect())
}

fn text<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"][key].as_str()
}
