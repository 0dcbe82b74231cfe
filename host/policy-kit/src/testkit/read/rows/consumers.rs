//! Pods that use a claim, in a few words.

use pvmigrate_core::policy::{Consumer, ObjectRef};

/// Kinds by the short names that kubectl has for them.
const SHORT: [(&str, &str); 7] = [
    ("sts", "StatefulSet"),
    ("deploy", "Deployment"),
    ("ds", "DaemonSet"),
    ("rs", "ReplicaSet"),
    ("job", "Job"),
    ("cj", "CronJob"),
    ("po", "Pod"),
];

/// Reads `Kind/name`, with `*3` for three pods, `@node` for one node for all of them, ` ro` for readers, and
/// ` pending` for pods that do not run. Without a node, each pod is on a node of its own.
pub(super) fn consumers(text: &str, namespace: &str) -> Result<Vec<Consumer>, String> {
    let bad = || {
        format!(
            "invalid consumer {text:?}; write Kind/name, such as Deployment/web*3, Deployment/web@node-a or Job/x ro"
        )
    };
    let mut words = text.split(' ');
    let subject = words.next().ok_or_else(bad)?;
    let (mut read_only, mut running) = (false, true);
    for word in words {
        match word {
            "ro" => read_only = true,
            "pending" => running = false,
            _ => return Err(bad()),
        }
    }
    let (subject, node) = match subject.split_once('@') {
        Some((subject, node)) => (subject, Some(node)),
        None => (subject, None),
    };
    let (subject, count) = match subject.split_once('*') {
        Some((subject, count)) => (subject, count.parse::<u32>().map_err(|_| bad())?),
        None => (subject, 1),
    };
    let (kind, name) =
        subject.split_once('/').filter(|(kind, name)| !kind.is_empty() && !name.is_empty()).ok_or_else(bad)?;
    let kind = SHORT.iter().find(|(short, _)| *short == kind).map_or(kind, |(_, long)| *long);
    if !kind.starts_with(|c: char| c.is_ascii_uppercase()) {
        return Err(bad());
    }
    let pod = |at: u32| Consumer {
        workload: ObjectRef {
            api_version: api_version(kind).to_owned(),
            kind: kind.to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        },
        pod: format!("{name}-{at}"),
        node: running.then(|| node.map_or_else(|| format!("node-{}", at + 1), str::to_owned)),
        read_only,
        running,
    };
    Ok((0..count).map(pod).collect())
}

fn api_version(kind: &str) -> &'static str {
    match kind {
        "Pod" | "ReplicationController" => "v1",
        "Job" | "CronJob" => "batch/v1",
        _ => "apps/v1",
    }
}
