//! Holds a plan against the quotas of its namespaces. While a claim moves, its old and its new claim are both there, and a
//! namespace without room for the second one would stop the run half way.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::prelude::*;
use pvmigrate_policy_sdk::serde::Deserialize;

/// How many claims are moved at once.
#[derive(Settings)]
struct QuotaRoom {
    /// As many as `--parallel` says: the largest ones of a namespace have to fit together.
    #[setting(default = 4, minimum = 1)]
    at_once: u32,
}

#[derive(Codes)]
enum Code {
    /// the namespace's quota has no room for the new claims that are there at once
    NoRoom,
    /// the namespace's quota has room for some of the new claims, but not for all of them
    RoomForSome,
    /// a quota says something that this policy cannot read
    QuotaUnreadable,
}

/// What is looked at of a ResourceQuota.
#[derive(Deserialize)]
#[serde(crate = "pvmigrate_policy_sdk::serde")]
struct Quota {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(crate = "pvmigrate_policy_sdk::serde")]
struct Metadata {
    name: String,
    namespace: String,
}

#[derive(Deserialize, Default)]
#[serde(crate = "pvmigrate_policy_sdk::serde", default)]
struct Status {
    hard: BTreeMap<String, String>,
    used: BTreeMap<String, String>,
}

impl Policy for QuotaRoom {
    type Code = Code;
    const NAME: &'static str = "quota-room";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "stops plans for which a namespace's quota has no room";
    const NEEDS: &'static [Need] = &[Need::new("v1", "ResourceQuota", "how much storage each namespace has left")];
}

impl Preflight for QuotaRoom {
    fn check(&self, request: &Request, plan: &[Planned]) -> Result<Vec<Finding>, PolicyError> {
        let mut wanted: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (volume, planned) in request.planned(plan) {
            wanted.entry(&volume.namespace).or_default().push(planned.target_bytes);
        }
        let mut found = Vec::new();
        for (namespace, mut sizes) in wanted {
            sizes.sort_unstable_by(|one, other| other.cmp(one));
            for quota in quotas(namespace)? {
                found.extend(self.held_against(&quota, &request.target, &sizes)?);
            }
        }
        Ok(found)
    }
}

fn quotas(namespace: &str) -> Result<Vec<Quota>, PolicyError> {
    let fields = ["metadata.name", "metadata.namespace", "status.hard", "status.used"];
    let unreadable =
        |error| PolicyError::new(Code::QuotaUnreadable, format!("quotas of namespace {namespace}: {error}"));
    snapshot::find("v1", "ResourceQuota", Some(namespace), "", &fields).map_err(unreadable)
}

impl QuotaRoom {
    /// Takes the sizes of one namespace, largest first.
    fn held_against(&self, quota: &Quota, target: &StorageClass, sizes: &[u64]) -> Result<Vec<Finding>, PolicyError> {
        let at_once = usize::try_from(self.at_once).unwrap_or(usize::MAX).min(sizes.len());
        let sum = |sizes: &[u64]| sizes.iter().fold(0_u64, |sum, size| sum.saturating_add(*size));
        let count = |sizes: &[u64]| u64::try_from(sizes.len()).unwrap_or(u64::MAX);
        let of_class = |resource: &str| format!("{}.storageclass.storage.k8s.io/{resource}", target.name);
        let mut found = Vec::new();
        for (resource, bytes) in [
            ("requests.storage".to_owned(), true),
            (of_class("requests.storage"), true),
            ("persistentvolumeclaims".to_owned(), false),
            (of_class("persistentvolumeclaims"), false),
        ] {
            let Some(left) = left(quota, &resource)? else { continue };
            let (now, all) = match bytes {
                true => (sum(&sizes[..at_once]), sum(sizes)),
                false => (count(&sizes[..at_once]), count(sizes)),
            };
            if now > left {
                found.push(about(quota, &resource, Code::NoRoom, now, left));
            } else if all > left {
                found.push(about(quota, &resource, Code::RoomForSome, all, left));
            }
        }
        Ok(found)
    }
}

/// Returns how much of a resource is left; none when the quota does not limit it.
fn left(quota: &Quota, resource: &str) -> Result<Option<u64>, PolicyError> {
    let Some(hard) = quota.status.hard.get(resource) else {
        return Ok(None);
    };
    let read = |text: &str| {
        let place = format!("{}/{}", quota.metadata.namespace, quota.metadata.name);
        let message = format!("quota {place} has {resource} {text:?}, which is not a quantity");
        Bytes::parse(text).map(|bytes| bytes.0).ok_or_else(|| PolicyError::new(Code::QuotaUnreadable, message))
    };
    let used = quota.status.used.get(resource).map_or(Ok(0), |used| read(used))?;
    Ok(Some(read(hard)?.saturating_sub(used)))
}

fn about(quota: &Quota, resource: &str, code: Code, wanted: u64, left: u64) -> Finding {
    let subject = Subject::Object(ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ResourceQuota".to_owned(),
        namespace: Some(quota.metadata.namespace.clone()),
        name: quota.metadata.name.clone(),
    });
    let (wanted, left) = match resource.ends_with("requests.storage") {
        true => (Bytes(wanted).to_string(), Bytes(left).to_string()),
        false => (wanted.to_string(), left.to_string()),
    };
    let finding = match code {
        Code::RoomForSome => {
            let message = format!("{wanted} of {resource} are wanted in all, and {left} are left");
            Finding::warning(code, subject, message).remedy("remove old claims as the run goes on, or raise the quota")
        }
        _ => {
            let message = format!("{wanted} of {resource} are wanted at once, and {left} are left");
            Finding::blocker(code, subject, message)
                .remedy("raise the quota, or lower --parallel and the setting atOnce")
        }
    };
    finding.detail("resource", resource).detail("wanted", wanted).detail("left", left)
}

pvmigrate_policy_sdk::export!(QuotaRoom: Settings, Preflight);

#[cfg(test)]
mod tests {
    use super::*;
    use pvmigrate_policy_sdk::serde_json::json;
    use pvmigrate_policy_sdk::testing;

    fn codes(at_once: u32, hard: &str, used: &str) -> Result<Vec<String>, PolicyError> {
        let request = testing::request(vec![testing::volume(1, "app", "a"), testing::volume(2, "app", "b")]);
        let plan: Vec<_> = request.volumes.iter().map(testing::planned).collect();
        testing::serve([json!({
            "apiVersion": "v1", "kind": "ResourceQuota",
            "metadata": {"name": "team", "namespace": "app"},
            "status": {"hard": {"requests.storage": hard}, "used": {"requests.storage": used}},
        })]);
        let found = QuotaRoom { at_once }.check(&request, &plan)?;
        Ok(found.into_iter().map(|finding| finding.code).collect())
    }

    #[test]
    fn what_is_left_counts() {
        assert_eq!(codes(1, "4Gi", "2Gi"), Ok(vec![]));
        assert_eq!(codes(1, "3Gi", "2Gi"), Ok(vec!["room-for-some".into()]));
        assert_eq!(codes(2, "3Gi", "2Gi"), Ok(vec!["no-room".into()]));
        assert_eq!(codes(1, "2Gi", "2Gi"), Ok(vec!["no-room".into()]));
    }

    #[test]
    fn a_quota_that_cannot_be_read_stops_the_run() {
        assert_eq!(codes(1, "lots", "0").map_err(|error| error.code), Err("quota-unreadable".into()));
    }
}
