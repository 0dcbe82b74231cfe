//! Pod Security admission: what a namespace's `pod-security.kubernetes.io/enforce` label lets pods be made with.
//!
//! Pods are judged when they are made, not when they are changed; `warn` and `audit` only tell and refuse nothing.

mod baseline;
mod restricted;
mod subject;

use std::collections::BTreeMap;

use serde_json::Value;

use self::subject::{Subject, Violation};
use super::failure::Failure;
use crate::{
    kinds::{self, Kind},
    object,
    store::Store,
};

const ENFORCE: &str = "pod-security.kubernetes.io/enforce";
const ENFORCE_VERSION: &str = "pod-security.kubernetes.io/enforce-version";

/// A level of the Pod Security Standards that forbids something; `privileged` forbids nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Baseline,
    Restricted,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

/// One rule of the standards.
struct Check {
    /// The upstream name; refusals list the rules of a level by it.
    id: &'static str,
    /// The minor version of Kubernetes that introduced the rule.
    since: u32,
    /// The rule of the baseline that this one is a stricter form of.
    instead_of: Option<&'static str>,
    find: fn(&Subject<'_>) -> Option<Violation>,
}

const fn check(id: &'static str, find: fn(&Subject<'_>) -> Option<Violation>) -> Check {
    Check { id, since: 0, instead_of: None, find }
}

impl Check {
    const fn since(mut self, minor: u32) -> Self {
        self.since = minor;
        self
    }

    const fn instead_of(mut self, id: &'static str) -> Self {
        self.instead_of = Some(id);
        self
    }
}

/// The rules of the baseline, in the order of refusals.
///
/// Before 1.19 seccomp profiles were annotations; a namespace pinned to such a version is not judged by them here.
static BASELINE: [Check; 12] = [
    check("appArmorProfile", baseline::app_armor),
    check("capabilities_baseline", baseline::capabilities),
    check("hostNamespaces", baseline::host_namespaces),
    check("hostPathVolumes", baseline::host_path_volumes),
    check("hostPorts", baseline::host_ports),
    check("hostProbesAndHostLifecycle", baseline::host_probes).since(34),
    check("privileged", baseline::privileged),
    check("procMount", baseline::proc_mount),
    check("seLinuxOptions", baseline::selinux),
    check("seccompProfile_baseline", baseline::seccomp).since(19),
    check("sysctls", baseline::sysctls),
    check("windowsHostProcess", baseline::windows_host_process),
];

/// What the restricted level adds.
static RESTRICTED: [Check; 7] = [
    check("allowPrivilegeEscalation", restricted::privilege_escalation).since(8),
    check("capabilities_restricted", restricted::capabilities).since(22).instead_of("capabilities_baseline"),
    check("procMount_restricted", baseline::proc_mount_anywhere).since(35).instead_of("procMount"),
    check("restrictedVolumes", restricted::volumes).instead_of("hostPathVolumes"),
    check("runAsNonRoot", restricted::run_as_non_root),
    check("runAsUser", restricted::run_as_user).since(23),
    check("seccompProfile_restricted", restricted::seccomp).since(19).instead_of("seccompProfile_baseline"),
];

/// Refuses a pod that its namespace does not allow.
pub(super) fn admit(store: &Store, kind: &Kind, new: &Value) -> Result<(), Failure> {
    if *kind != kinds::PODS {
        return Ok(());
    }
    let Some(namespace) = store.find(&kinds::NAMESPACES, "", object::namespace(new)) else { return Ok(()) };
    let Some((level, version)) = enforced(&object::pairs(&namespace, "/metadata/labels")) else { return Ok(()) };
    let violations = violations(level, minor(&version), new);
    if violations.is_empty() {
        return Ok(());
    }
    let listed = violations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let why = format!("violates PodSecurity \"{}:{version}\": {listed}", level.as_str());
    Err(Failure::forbidden(kind, object::name(new), &why))
}

/// Returns the level and version that a namespace's labels enforce. What cannot be read is taken for the strictest.
fn enforced(labels: &BTreeMap<String, String>) -> Option<(Level, String)> {
    let level = match labels.get(ENFORCE)?.as_str() {
        "privileged" => return None,
        "baseline" => Level::Baseline,
        _ => Level::Restricted,
    };
    let version = labels.get(ENFORCE_VERSION).filter(|version| parse_minor(version).is_some());
    Some((level, version.map_or("latest", String::as_str).to_owned()))
}

/// Parses `v1.24`.
fn parse_minor(version: &str) -> Option<u32> {
    let minor = version.strip_prefix("v1.")?;
    let plain = minor.bytes().all(|byte| byte.is_ascii_digit()) && (minor.len() == 1 || !minor.starts_with('0'));
    minor.parse().ok().filter(|_| plain)
}

fn minor(version: &str) -> u32 {
    parse_minor(version).unwrap_or(u32::MAX)
}

fn violations(level: Level, minor: u32, pod: &Value) -> Vec<Violation> {
    let applies = |check: &&Check| check.since <= minor;
    let added: Vec<&Check> = RESTRICTED.iter().filter(applies).filter(|_| level == Level::Restricted).collect();
    let is_replaced = |check: &&Check| added.iter().any(|stricter| stricter.instead_of == Some(check.id));
    let subject = Subject { pod, minor };
    let baseline = BASELINE.iter().filter(applies).filter(|check| !is_replaced(check));
    baseline.chain(added.iter().copied()).filter_map(|check| (check.find)(&subject)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A pod that the restricted level takes.
    fn restricted() -> Value {
        json!({"spec": {"containers": [{"name": "c", "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": true,
            "seccompProfile": {"type": "RuntimeDefault"}}}]}})
    }

    fn found(level: Level, minor: u32, pod: &Value) -> Vec<String> {
        violations(level, minor, pod).iter().map(ToString::to_string).collect()
    }

    fn changed(pointer: &[&str], value: Value) -> Value {
        let mut pod = restricted();
        object::set(&mut pod, pointer, value);
        pod
    }

    fn of_container(field: &str, value: Value) -> Value {
        let mut pod = restricted();
        let way: Vec<&str> = field.split('/').collect();
        object::set(&mut pod["spec"]["containers"][0], &way, value);
        pod
    }

    fn annotated(key: &str, value: &str) -> Value {
        changed(&["metadata", "annotations", key], json!(value))
    }

    /// Each rule of the baseline: what breaks it, and what the refusal says.
    #[test]
    fn each_rule_of_the_baseline_refuses_in_its_own_words() {
        let cases = [
            (
                of_container("securityContext/appArmorProfile", json!({"type": "Unconfined"})),
                "forbidden AppArmor profile (container \"c\" must not set AppArmor profile type to \"Unconfined\")",
            ),
            (
                annotated("container.apparmor.security.beta.kubernetes.io/c", "unconfined"),
                "forbidden AppArmor profile (annotation must not set AppArmor profile type to \
                 \"container.apparmor.security.beta.kubernetes.io/c=\"unconfined\"\")",
            ),
            (
                of_container("securityContext/capabilities/add", json!(["SYS_ADMIN", "CHOWN", "NET_RAW"])),
                "non-default capabilities (container \"c\" must not include \"NET_RAW\", \"SYS_ADMIN\" in \
                 securityContext.capabilities.add)",
            ),
            (changed(&["spec", "hostNetwork"], json!(true)), "host namespaces (hostNetwork=true)"),
            (
                changed(&["spec", "volumes"], json!([{"name": "v", "hostPath": {"path": "/"}}])),
                "hostPath volumes (volume \"v\")",
            ),
            (
                of_container("ports", json!([{"containerPort": 1, "hostPort": 80}, {"hostPort": 443}])),
                "hostPort (container \"c\" uses hostPorts 443, 80)",
            ),
            (
                of_container("livenessProbe/httpGet/host", json!("10.0.0.1")),
                "probe or lifecycle host (container \"c\" uses probe or lifecycle host \"10.0.0.1\")",
            ),
            (
                of_container("securityContext/privileged", json!(true)),
                "privileged (container \"c\" must not set securityContext.privileged=true)",
            ),
            (
                of_container("securityContext/procMount", json!("Unmasked")),
                "procMount (container \"c\" must not set securityContext.procMount to \"Unmasked\")",
            ),
            (
                changed(&["spec", "securityContext", "seLinuxOptions"], json!({"type": "spc_t", "user": "u"})),
                "seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type \"spc_t\"; user may not be \
                 set)",
            ),
            (
                of_container("securityContext/seccompProfile/type", json!("Unconfined")),
                "seccompProfile (container \"c\" must not set securityContext.seccompProfile.type to \"Unconfined\")",
            ),
            (
                changed(&["spec", "securityContext", "sysctls"], json!([{"name": "kernel.msgmax"}])),
                "forbidden sysctls (kernel.msgmax)",
            ),
            (
                changed(&["spec", "securityContext", "windowsOptions", "hostProcess"], json!(true)),
                "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)",
            ),
        ];
        for (pod, words) in cases {
            assert_eq!(found(Level::Baseline, u32::MAX, &pod), [words]);
        }
        assert_eq!(found(Level::Baseline, u32::MAX, &json!({"spec": {"containers": [{"name": "c"}]}})), [""; 0]);
    }

    #[test]
    fn each_rule_of_the_restricted_level_refuses_in_its_own_words() {
        let mut two = restricted();
        two["spec"]["initContainers"] = json!([{"name": "a"}]);
        let nfs = json!([{"name": "v", "nfs": {"path": "/", "server": "s"}}, {"name": "w", "hostPath": {"path": "/"}}]);
        let cases = [
            (
                of_container("securityContext/allowPrivilegeEscalation", json!(true)),
                vec![
                    "allowPrivilegeEscalation != false (container \"c\" must set \
                     securityContext.allowPrivilegeEscalation=false)",
                ],
            ),
            (
                of_container("securityContext/capabilities/add", json!(["CHOWN", "NET_BIND_SERVICE"])),
                vec![
                    "unrestricted capabilities (container \"c\" must not include \"CHOWN\" in \
                     securityContext.capabilities.add)",
                ],
            ),
            (
                changed(&["spec", "volumes"], nfs),
                vec![
                    "restricted volume types (volumes \"v\", \"w\" use restricted volume types \"hostPath\", \"nfs\")",
                ],
            ),
            (
                of_container("securityContext/runAsNonRoot", json!(false)),
                vec!["runAsNonRoot != true (container \"c\" must not set securityContext.runAsNonRoot=false)"],
            ),
            (
                of_container("securityContext/runAsUser", json!(0)),
                vec!["runAsUser=0 (container \"c\" must not set runAsUser=0)"],
            ),
            (
                of_container("securityContext/seccompProfile/type", json!("Unconfined")),
                vec![
                    "seccompProfile (container \"c\" must not set securityContext.seccompProfile.type to \
                     \"Unconfined\")",
                ],
            ),
            (
                two,
                vec![
                    "allowPrivilegeEscalation != false (container \"a\" must set \
                     securityContext.allowPrivilegeEscalation=false)",
                    "unrestricted capabilities (container \"a\" must set securityContext.capabilities.drop=[\"ALL\"])",
                    "runAsNonRoot != true (pod or container \"a\" must set securityContext.runAsNonRoot=true)",
                    "seccompProfile (pod or container \"a\" must set securityContext.seccompProfile.type to \
                     \"RuntimeDefault\" or \"Localhost\")",
                ],
            ),
        ];
        for (pod, words) in cases {
            assert_eq!(found(Level::Restricted, u32::MAX, &pod), words);
        }
        assert_eq!(found(Level::Restricted, u32::MAX, &restricted()), [""; 0]);
    }

    #[test]
    fn a_version_has_the_rules_of_its_time() {
        let probe = of_container("readinessProbe/tcpSocket/host", json!("h"));
        assert_eq!(found(Level::Baseline, 33, &probe), [""; 0]);
        assert_eq!(found(Level::Baseline, 34, &probe).len(), 1);
        let sysctl = changed(&["spec", "securityContext", "sysctls"], json!([{"name": "net.ipv4.tcp_rmem"}]));
        assert_eq!((found(Level::Baseline, 31, &sysctl).len(), found(Level::Baseline, 32, &sysctl).len()), (1, 0));
        let mut own_users = of_container("securityContext/runAsUser", json!(0));
        own_users["spec"]["hostUsers"] = json!(false);
        assert_eq!(
            (found(Level::Restricted, 34, &own_users).len(), found(Level::Restricted, 35, &own_users).len()),
            (1, 0)
        );
        let mut windows = json!({"spec": {"os": {"name": "windows"}, "containers": [{"name": "c"}],
            "securityContext": {"runAsNonRoot": true}}});
        assert_eq!(found(Level::Restricted, 25, &windows), [""; 0]);
        windows["spec"]["os"]["name"] = json!("linux");
        assert_eq!(found(Level::Restricted, 25, &windows).len(), 3);
    }

    #[test]
    fn labels_that_cannot_be_read_are_taken_for_the_strictest() {
        let enforced = |level: &str, version: Option<&str>| {
            let level = (ENFORCE.to_owned(), level.to_owned());
            let version = version.map(|version| (ENFORCE_VERSION.to_owned(), version.to_owned()));
            enforced(&std::iter::once(level).chain(version).collect())
        };
        assert_eq!(enforced("privileged", None), None);
        assert_eq!(enforced("baseline", Some("v1.24")), Some((Level::Baseline, "v1.24".to_owned())));
        assert_eq!(enforced("Baseline", Some("1.24")), Some((Level::Restricted, "latest".to_owned())));
        assert_eq!(super::enforced(&BTreeMap::new()), None);
        assert_eq!((minor("v1.9"), minor("v1.09"), minor("latest")), (9, u32::MAX, u32::MAX));
    }
}
