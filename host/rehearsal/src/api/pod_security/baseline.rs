//! The rules of the baseline level: what lets a pod out of its container.

use std::collections::BTreeSet;

use serde_json::Value;

use super::subject::{Subject, Violation, counted, is_true, listed, plural, quoted_set, uses, who};
use crate::object::{items, number, pairs, text};

const APP_ARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

const CAPABILITIES: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// Sysctls that touch the pod alone, with the version from which they are allowed.
const SYSCTLS: [(&str, u32); 12] = [
    ("kernel.shm_rmid_forced", 0),
    ("net.ipv4.ip_local_port_range", 0),
    ("net.ipv4.tcp_syncookies", 0),
    ("net.ipv4.ping_group_range", 0),
    ("net.ipv4.ip_unprivileged_port_start", 0),
    ("net.ipv4.ip_local_reserved_ports", 27),
    ("net.ipv4.tcp_keepalive_time", 29),
    ("net.ipv4.tcp_fin_timeout", 29),
    ("net.ipv4.tcp_keepalive_intvl", 29),
    ("net.ipv4.tcp_keepalive_probes", 29),
    ("net.ipv4.tcp_rmem", 32),
    ("net.ipv4.tcp_wmem", 32),
];

const SELINUX_TYPES: [(&str, u32); 5] =
    [("", 0), ("container_t", 0), ("container_init_t", 0), ("container_kvm_t", 0), ("container_engine_t", 31)];

fn is_allowed(table: &[(&str, u32)], name: &str, minor: u32) -> bool {
    table.iter().any(|(allowed, since)| *allowed == name && *since <= minor)
}

pub(super) fn app_armor(subject: &Subject<'_>) -> Option<Violation> {
    let is_bad = |profile: &Value| !matches!(text(profile, "/type"), Some("RuntimeDefault" | "Localhost"));
    let (mut setters, values) = subject.setters("appArmorProfile", is_bad);
    let is_fine = |value: &str| value.is_empty() || value == "runtime/default" || value.starts_with("localhost/");
    let annotations: BTreeSet<String> = pairs(subject.pod, "/metadata/annotations")
        .into_iter()
        .filter(|(key, value)| key.starts_with(APP_ARMOR_ANNOTATION) && !is_fine(value))
        .map(|(key, value)| format!("{key}={value:?}"))
        .collect();
    if !annotations.is_empty() {
        setters.push(plural("annotation", annotations.len()));
    }
    let all: Vec<&str> = values.iter().chain(&annotations).map(String::as_str).collect();
    let reason = if all.len() == 1 { "forbidden AppArmor profile" } else { "forbidden AppArmor profiles" };
    let detail = format!(
        "{} must not set AppArmor profile type to {}",
        setters.join(" and "),
        super::subject::quoted(all.into_iter())
    );
    (!setters.is_empty()).then(|| Violation::new(reason, detail))
}

pub(super) fn capabilities(subject: &Subject<'_>) -> Option<Violation> {
    const ADD: &str = "/securityContext/capabilities/add";
    let added = |container| listed(container, ADD).filter(|one| !CAPABILITIES.contains(one)).map(str::to_owned);
    let bad = subject.named(|container| added(container).next().is_some());
    let capabilities: BTreeSet<String> = subject.containers().flat_map(added).collect();
    let detail = format!(
        "{} must not include {} in securityContext.capabilities.add",
        counted("container", &bad),
        quoted_set(&capabilities)
    );
    (!bad.is_empty()).then(|| Violation::new("non-default capabilities", detail))
}

pub(super) fn host_namespaces(subject: &Subject<'_>) -> Option<Violation> {
    let shared = ["hostNetwork", "hostPID", "hostIPC"].into_iter();
    let shared: Vec<String> = shared
        .filter(|field| is_true(subject.pod, &format!("/spec/{field}")))
        .map(|field| format!("{field}=true"))
        .collect();
    (!shared.is_empty()).then(|| Violation::new("host namespaces", shared.join(", ")))
}

pub(super) fn host_path_volumes(subject: &Subject<'_>) -> Option<Violation> {
    let volumes = subject.volumes().iter().filter(|volume| volume.get("hostPath").is_some_and(Value::is_object));
    let names: Vec<&str> = volumes.filter_map(|volume| text(volume, "/name")).collect();
    (!names.is_empty()).then(|| Violation::new("hostPath volumes", counted("volume", &names)))
}

pub(super) fn host_ports(subject: &Subject<'_>) -> Option<Violation> {
    let of = |container| items(container, "/ports").iter().filter_map(|port| number(port, "/hostPort"));
    let used = |container| of(container).filter(|port| *port != 0).map(|port| port.to_string());
    let bad = subject.named(|container| used(container).next().is_some());
    let ports: BTreeSet<String> = subject.containers().flat_map(used).collect();
    let detail = format!(
        "{} {} {} {}",
        counted("container", &bad),
        uses(bad.len()),
        plural("hostPort", ports.len()),
        ports.into_iter().collect::<Vec<_>>().join(", ")
    );
    (!bad.is_empty()).then(|| Violation::new("hostPort", detail))
}

pub(super) fn host_probes(subject: &Subject<'_>) -> Option<Violation> {
    let places = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle/postStart", "lifecycle/preStop"];
    let hosts = |container: &Value| -> Vec<String> {
        let ways = places.iter().flat_map(|place| ["httpGet", "tcpSocket"].map(|way| format!("/{place}/{way}/host")));
        ways.filter_map(|pointer| text(container, &pointer).map(str::to_owned)).collect()
    };
    let bad: BTreeSet<&str> = subject.named(|container| !hosts(container).is_empty()).into_iter().collect();
    let bad: Vec<&str> = bad.into_iter().collect();
    let hosts: BTreeSet<String> = subject.containers().flat_map(hosts).collect();
    let detail = format!(
        "{} {} {} {}",
        counted("container", &bad),
        uses(bad.len()),
        plural("probe or lifecycle host", hosts.len()),
        quoted_set(&hosts)
    );
    (!bad.is_empty()).then(|| Violation::new("probe or lifecycle host", detail))
}

pub(super) fn privileged(subject: &Subject<'_>) -> Option<Violation> {
    let bad = subject.named(|container| is_true(container, "/securityContext/privileged"));
    let detail = format!("{} must not set securityContext.privileged=true", counted("container", &bad));
    (!bad.is_empty()).then(|| Violation::new("privileged", detail))
}

/// Takes unmasked `/proc` in pods with users of their own, since 1.35.
pub(super) fn proc_mount(subject: &Subject<'_>) -> Option<Violation> {
    if subject.minor >= 35 && subject.has_own_users() { None } else { proc_mount_anywhere(subject) }
}

pub(super) fn proc_mount_anywhere(subject: &Subject<'_>) -> Option<Violation> {
    let unmasked = |container| text(container, "/securityContext/procMount").filter(|mount| *mount != "Default");
    let bad = subject.named(|container| unmasked(container).is_some());
    let mounts: BTreeSet<String> = subject.containers().filter_map(unmasked).map(str::to_owned).collect();
    let bad_names = counted("container", &bad);
    let detail = format!("{bad_names} must not set securityContext.procMount to {}", quoted_set(&mounts));
    (!bad.is_empty()).then(|| Violation::new("procMount", detail))
}

pub(super) fn selinux(subject: &Subject<'_>) -> Option<Violation> {
    let is_bad_type = |options: &Value| {
        let found = text(options, "/type").unwrap_or_default();
        !is_allowed(&SELINUX_TYPES, found, subject.minor)
    };
    let sets = |options: &Value, field: &str| text(options, field).is_some();
    let is_bad = |options: &Value| is_bad_type(options) || sets(options, "/user") || sets(options, "/role");
    let (setters, _) = subject.setters("seLinuxOptions", is_bad);
    if setters.is_empty() {
        return None;
    }
    let (_, types) = subject.setters("seLinuxOptions", is_bad_type);
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let mut wrong: Vec<String> = Vec::new();
    if !types.is_empty() {
        wrong.push(counted("type", &types));
    }
    for field in ["user", "role"] {
        let (who, _) = subject.setters("seLinuxOptions", |options| sets(options, &format!("/{field}")));
        if !who.is_empty() {
            wrong.push(format!("{field} may not be set"));
        }
    }
    let detail =
        format!("{} set forbidden securityContext.seLinuxOptions: {}", setters.join(" and "), wrong.join("; "));
    Some(Violation::new("seLinuxOptions", detail))
}

/// Tells whether a seccomp profile is one of those that only a privileged pod may have.
pub(super) fn is_bad_seccomp(profile: &Value) -> bool {
    !matches!(text(profile, "/type"), Some("RuntimeDefault" | "Localhost"))
}

pub(super) fn seccomp(subject: &Subject<'_>) -> Option<Violation> {
    let (setters, values) = subject.setters("seccompProfile", is_bad_seccomp);
    let detail = format!(
        "{} must not set securityContext.seccompProfile.type to {}",
        setters.join(" and "),
        quoted_set(&values)
    );
    (!setters.is_empty()).then(|| Violation::new("seccompProfile", detail))
}

pub(super) fn sysctls(subject: &Subject<'_>) -> Option<Violation> {
    let set = items(subject.pod, "/spec/securityContext/sysctls").iter().filter_map(|one| text(one, "/name"));
    let forbidden: Vec<&str> = set.filter(|name| !is_allowed(&SYSCTLS, name, subject.minor)).collect();
    (!forbidden.is_empty()).then(|| Violation::new("forbidden sysctls", forbidden.join(", ")))
}

pub(super) fn windows_host_process(subject: &Subject<'_>) -> Option<Violation> {
    const FIELD: &str = "/securityContext/windowsOptions/hostProcess";
    let of_pod = is_true(subject.pod, &format!("/spec{FIELD}"));
    let setters = who(of_pod, &subject.named(|container| is_true(container, FIELD)));
    let detail = format!("{} must not set securityContext.windowsOptions.hostProcess=true", setters.join(" and "));
    (!setters.is_empty()).then(|| Violation::new("hostProcess", detail))
}
