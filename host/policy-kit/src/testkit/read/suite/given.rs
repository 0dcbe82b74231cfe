//! The rows of a test file, and the patches of its cases.

use pvmigrate_yaml::{Fields, Key, Node, Wrong, did_you_mean};

use crate::testkit::read::rows;
use crate::testkit::read::snapshot::Snapshot;
use crate::testkit::vocabulary::checker::unknown_volume;

/// Reads the time of a file's or a case's plan, in seconds since 1970.
pub(super) fn now(fields: &Fields<'_>) -> Result<Option<u64>, Wrong> {
    let Some(at) = fields.get("now") else { return Ok(None) };
    let text = at.text("now")?;
    let time: Result<jiff::Timestamp, _> = text.parse();
    let time = time.map_err(|error| Wrong::new(&at.at, format!("invalid time {text:?}: {error}")))?;
    u64::try_from(time.as_second()).map(Some).map_err(|_| Wrong::new(&at.at, format!("{text} is before 1970")))
}

pub(super) fn add_rows(snapshot: &mut Snapshot, file: &Fields<'_>) -> Result<(), Wrong> {
    for (key, row) in file.get("classes").map(|rows| rows.map("classes")).transpose()?.unwrap_or_default() {
        if snapshot.classes.iter().any(|class| class.name == key.name) {
            return Err(Wrong::new(&key.at, format!("class {} exists already", key.name)));
        }
        snapshot.classes.push(rows::class(&key.name, row)?);
    }
    for (key, row) in file.get("volumes").map(|rows| rows.map("volumes")).transpose()?.unwrap_or_default() {
        let Some((namespace, claim)) = key.name.split_once('/') else {
            return Err(Wrong::new(&key.at, format!("invalid volume {:?}; write namespace/claim", key.name)));
        };
        if snapshot.volumes.iter().any(|volume| volume.claim() == key.name) {
            return Err(Wrong::new(&key.at, format!("volume {} exists already", key.name)));
        }
        snapshot.volumes.push(rows::volume(namespace, claim, row)?);
    }
    snapshot.number();
    Ok(())
}

/// Applies one patch: to a volume when the name has a slash, else to a class.
pub(super) fn apply(snapshot: &mut Snapshot, key: &Key, patch: &Node) -> Result<(), Wrong> {
    if key.name.contains('/') {
        let known: Vec<_> = snapshot.volumes.iter().map(|volume| volume.claim()).collect();
        return match known.iter().position(|claim| *claim == key.name) {
            Some(at) => rows::change_volume(&mut snapshot.volumes[at], patch),
            None => Err(Wrong::new(&key.at, unknown_volume(&key.name, known.iter().map(String::as_str)))),
        };
    }
    match snapshot.classes.iter_mut().find(|class| class.name == key.name) {
        Some(class) => rows::change_class(class, patch),
        None => {
            let near = did_you_mean(&key.name, snapshot.classes.iter().map(|class| class.name.as_str()));
            Err(Wrong::new(&key.at, format!("unknown class {}{near}", key.name)))
        }
    }
}
