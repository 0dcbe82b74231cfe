//! What the restricted level adds: a pod says outright that it does without.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    baseline,
    subject::{Subject, Violation, counted, listed, plural, quoted_set, uses, who},
};
use crate::object::text;

/// Since this version pods for Windows, which cannot set most of these fields, are let off.
const WINDOWS: u32 = 25;

/// Since this version a pod with users of its own may be root in there.
const OWN_USERS: u32 = 35;

fn is_let_off(subject: &Subject<'_>) -> bool {
    subject.minor >= WINDOWS && subject.is_windows()
}

fn security<'a>(container: &'a Value, field: &str) -> Option<&'a Value> {
    container.get("securityContext")?.get(field).filter(|value| !value.is_null())
}

pub(super) fn privilege_escalation(subject: &Subject<'_>) -> Option<Violation> {
    let allows = |container: &Value| security(container, "allowPrivilegeEscalation") != Some(&Value::Bool(false));
    let bad = subject.named(allows);
    let detail = format!("{} must set securityContext.allowPrivilegeEscalation=false", counted("container", &bad));
    let broken = !bad.is_empty() && !is_let_off(subject);
    broken.then(|| Violation::new("allowPrivilegeEscalation != false", detail))
}

pub(super) fn capabilities(subject: &Subject<'_>) -> Option<Violation> {
    if is_let_off(subject) {
        return None;
    }
    const CAPABILITIES: &str = "/securityContext/capabilities";
    let keeps = |container: &Value| !listed(container, &format!("{CAPABILITIES}/drop")).any(|one| one == "ALL");
    let added = |container| {
        let all = listed(container, "/securityContext/capabilities/add");
        all.filter(|one| *one != "NET_BIND_SERVICE").map(str::to_owned)
    };
    let mut wrong = Vec::new();
    let keepers = subject.named(keeps);
    if !keepers.is_empty() {
        let keepers = counted("container", &keepers);
        wrong.push(format!("{keepers} must set securityContext.capabilities.drop=[\"ALL\"]"));
    }
    let adders = subject.named(|container| added(container).next().is_some());
    if !adders.is_empty() {
        let capabilities: BTreeSet<String> = subject.containers().flat_map(added).collect();
        wrong.push(format!(
            "{} must not include {} in securityContext.capabilities.add",
            counted("container", &adders),
            quoted_set(&capabilities)
        ));
    }
    (!wrong.is_empty()).then(|| Violation::new("unrestricted capabilities", wrong.join("; ")))
}

pub(super) fn volumes(subject: &Subject<'_>) -> Option<Violation> {
    const ALLOWED: [&str; 9] = [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    let mut names = Vec::new();
    let mut types = BTreeSet::new();
    for volume in subject.volumes() {
        let fields = volume.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        let sources: Vec<&str> = fields.map(|(key, _)| key.as_str()).filter(|key| *key != "name").collect();
        // A volume without a source is an emptyDir.
        let Some(first) = sources.first() else { continue };
        if !sources.iter().any(|source| ALLOWED.contains(source)) {
            names.push(text(volume, "/name").unwrap_or_default());
            types.insert((*first).to_owned());
        }
    }
    let detail = format!(
        "{} {} {} {}",
        counted("volume", &names),
        uses(names.len()),
        plural("restricted volume type", types.len()),
        quoted_set(&types)
    );
    (!names.is_empty()).then(|| Violation::new("restricted volume types", detail))
}

pub(super) fn run_as_non_root(subject: &Subject<'_>) -> Option<Violation> {
    if subject.minor >= OWN_USERS && subject.has_own_users() {
        return None;
    }
    let of_pod = subject.pod.get("spec").and_then(|spec| security(spec, "runAsNonRoot"));
    let is_false = |value: Option<&Value>| value == Some(&Value::Bool(false));
    let explicit = subject.named(|container| is_false(security(container, "runAsNonRoot")));
    let setters = who(is_false(of_pod), &explicit);
    if !setters.is_empty() {
        let detail = format!("{} must not set securityContext.runAsNonRoot=false", setters.join(" and "));
        return Some(Violation::new("runAsNonRoot != true", detail));
    }
    let silent = subject.named(|container| of_pod.is_none() && security(container, "runAsNonRoot").is_none());
    let detail = format!("pod or {} must set securityContext.runAsNonRoot=true", counted("container", &silent));
    (!silent.is_empty()).then(|| Violation::new("runAsNonRoot != true", detail))
}

pub(super) fn run_as_user(subject: &Subject<'_>) -> Option<Violation> {
    let (setters, _) = subject.setters("runAsUser", |user| user.as_i64() == Some(0));
    let is_own = subject.minor >= OWN_USERS && subject.has_own_users();
    let detail = format!("{} must not set runAsUser=0", setters.join(" and "));
    (!setters.is_empty() && !is_own).then(|| Violation::new("runAsUser=0", detail))
}

pub(super) fn seccomp(subject: &Subject<'_>) -> Option<Violation> {
    if is_let_off(subject) {
        return None;
    }
    if let Some(violation) = baseline::seccomp(subject) {
        return Some(violation);
    }
    let of_pod = subject.pod.get("spec").and_then(|spec| security(spec, "seccompProfile"));
    let silent = subject.named(|container| of_pod.is_none() && security(container, "seccompProfile").is_none());
    let detail = format!(
        "pod or {} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"",
        counted("container", &silent)
    );
    (!silent.is_empty()).then(|| Violation::new("seccompProfile", detail))
}
