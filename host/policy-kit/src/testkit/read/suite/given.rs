//! The cluster of a test file, and what its cases change.

use pvmigrate_core::policy::Need;
use pvmigrate_objects::complete;
use pvmigrate_yaml::{Fields, Key, Node, Wrong};

use crate::testkit::read::cluster::Cluster;
use crate::testkit::read::objects;
use crate::testkit::read::rows;

/// Reads the time of a file's or a case's plan, in seconds since 1970.
pub(super) fn now(fields: &Fields<'_>) -> Result<Option<u64>, Wrong> {
    let Some(at) = fields.get("now") else { return Ok(None) };
    let text = at.text("now")?;
    let time: Result<jiff::Timestamp, _> = text.parse();
    let time = time.map_err(|error| Wrong::new(&at.at, format!("invalid time {text:?}: {error}")))?;
    u64::try_from(time.as_second()).map(Some).map_err(|_| Wrong::new(&at.at, format!("{text} is before 1970")))
}

/// Puts the rows of a file into a cluster. Their volumes come last: they are complete, so they take no other claim's.
pub(super) fn add_rows(mut cluster: Cluster, file: &Fields<'_>, needs: &[Need]) -> Result<Cluster, Wrong> {
    for (key, row) in entries(file, "classes")? {
        rows::add_class(&mut cluster, key, row)?;
    }
    let volumes = entries(file, "volumes")?;
    cluster.name_namespaces(volumes.iter().filter_map(|(key, _)| Some(key.name.split_once('/')?.0)));
    if let Some(rows) = file.get("objects") {
        objects::add(&mut cluster, rows, needs)?;
    }
    complete::at_rest(&mut cluster.objects);
    for (key, row) in volumes {
        rows::add_volume(&mut cluster, key, row)?;
    }
    Ok(cluster)
}

/// Changes a cluster as a case says. Objects that it adds come first and are filled in; what it changes or takes away is
/// left as it then is.
pub(super) fn apply(cluster: &mut Cluster, case: &Fields<'_>, needs: &[Need]) -> Result<(), Wrong> {
    let (of_objects, of_rows): (Vec<_>, Vec<_>) =
        entries(case, "given")?.iter().partition(|(key, _)| key.name.contains(' '));
    let (added, changed): (Vec<_>, Vec<_>) =
        of_objects.into_iter().partition(|(key, _)| !objects::is_there(cluster, key));
    for (key, row) in &added {
        objects::change(cluster, key, row, needs)?;
    }
    if !added.is_empty() {
        complete::at_rest(&mut cluster.objects);
    }
    for (key, row) in of_rows {
        match key.name.contains('/') {
            true => rows::change_volume(cluster, key, row)?,
            false => rows::change_class(cluster, key, row)?,
        }
    }
    for (key, row) in changed {
        objects::change(cluster, key, row, needs)?;
    }
    Ok(())
}

fn entries<'a>(fields: &Fields<'a>, key: &str) -> Result<&'a [(Key, Node)], Wrong> {
    Ok(fields.get(key).map(|rows| rows.map(key)).transpose()?.unwrap_or_default())
}
