//! Warning events about claims and pods (`v1` Event).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;
use pvmigrate_core::record::{Uid, Version};
use pvmigrate_core::text::printable;

use super::{Kept, Reads};
use super::{Key, WORDS, created, uid, version};

/// A warning event, as a cache keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEvent {
    key: Key,
    uid: Uid,
    version: Version,
    /// Kind, namespace, name and uid of what it is about.
    kind: String,
    about: Key,
    about_uid: Option<String>,
    /// Reason and message, cleaned.
    pub words: String,
    pub at: Timestamp,
}

impl Kept for SeenEvent {
    fn key(&self) -> &Key {
        &self.key
    }
    fn uid(&self) -> &Uid {
        &self.uid
    }
    fn version(&self) -> &Version {
        &self.version
    }
}

impl Reads<Event> for SeenEvent {
    /// Reads warnings about claims and pods only.
    fn read(event: &Event) -> Option<Self> {
        let object = &event.involved_object;
        let kind = object.kind.as_deref().unwrap_or_default();
        if event.type_.as_deref() != Some("Warning") || !matches!(kind, "PersistentVolumeClaim" | "Pod") {
            return None;
        }
        let reason = event.reason.as_deref().unwrap_or("Warning");
        let message = event.message.as_deref().unwrap_or_default();
        let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
        let at = [
            event.last_timestamp.as_ref().map(|time| time.0),
            series.map(|time| time.0),
            event.event_time.as_ref().map(|time| time.0),
        ];
        Some(Self {
            key: Key::of(&event.metadata),
            uid: uid(&event.metadata),
            version: version(&event.metadata),
            kind: kind.to_owned(),
            about: Key::new(
                object.namespace.as_deref().unwrap_or_default(),
                object.name.as_deref().unwrap_or_default(),
            ),
            about_uid: object.uid.clone().filter(|uid| !uid.is_empty()),
            words: printable(&format!("{reason}: {message}"), WORDS),
            at: at.into_iter().flatten().max().unwrap_or_else(|| created(&event.metadata)),
        })
    }
}

impl SeenEvent {
    /// Tells whether it is about this very object, not about an earlier one of its name.
    pub fn is_about(&self, kind: &str, key: &Key, uid: &Uid) -> bool {
        self.kind == kind && self.about == *key && self.about_uid.as_ref().is_none_or(|about| *about == uid.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::testing::yaml;

    const FAILED: &str = "
metadata: {name: data.17, namespace: shop, uid: e1, resourceVersion: '9', creationTimestamp: 2026-01-01T00:00:00Z}
type: Warning
reason: ProvisioningFailed
message: \"failed to provision volume: rpc error: code = ResourceExhausted\\e[2J\"
lastTimestamp: 2026-01-01T00:01:00Z
involvedObject: {kind: PersistentVolumeClaim, namespace: shop, name: data-pvcmigrate, uid: u9}
";

    #[test]
    fn a_provisioners_reason_is_kept_and_cleaned() {
        let seen = SeenEvent::read(&yaml(FAILED)).unwrap();
        assert!(seen.words.starts_with("ProvisioningFailed: failed to provision volume"), "{}", seen.words);
        assert!(!seen.words.contains('\u{1b}'));
        assert_eq!(seen.at, "2026-01-01T00:01:00Z".parse().unwrap());
        let key = Key::new("shop", "data-pvcmigrate");
        assert!(seen.is_about("PersistentVolumeClaim", &key, &Uid("u9".to_owned())));
        assert!(!seen.is_about("PersistentVolumeClaim", &key, &Uid("u10".to_owned())), "an earlier one of its name");
        assert!(!seen.is_about("Pod", &key, &Uid("u9".to_owned())));
    }

    #[test]
    fn other_events_are_not_kept() {
        for (from, to) in [("type: Warning", "type: Normal"), ("kind: PersistentVolumeClaim", "kind: Node")] {
            let text = FAILED.replace(from, to);
            assert_eq!(SeenEvent::read(&yaml(&text)), None, "{to}");
        }
    }
}
