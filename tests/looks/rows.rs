//! Keeps claims whose volume or pods cannot be looked up.
#![cfg_attr(target_arch = "wasm32", no_std)]
use pvmigrate_policy_sdk::{prelude::*, serde_json::Value};

#[derive(Settings)]
struct Rows;

#[derive(Codes)]
enum Code {
    /// a look-up did not find it
    Missing,
}

impl Policy for Rows {
    type Code = Code;
    const NAME: &'static str = "rows";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "keeps claims whose volume or pods are missing";
    const NEEDS: &'static [Need] =
        &[Need::new("v1", "PersistentVolume", "the claim's"), Need::new("v1", "Pod", "those that mount it")];
}

fn is_there(kind: &str, namespace: Option<&str>, name: &str) -> Result<bool, PolicyError> {
    let target = ObjectRef {
        api_version: "v1".into(),
        kind: kind.into(),
        namespace: namespace.map(Into::into),
        name: name.into(),
    };
    let found = snapshot::get::<Value>(&target, &["metadata.uid"]);
    found.map(|found| found.is_some()).map_err(|error| PolicyError::new(Code::Missing, format!("{kind} {name}: {error}")))
}

impl Selection for Rows {
    fn vote(&self, _: &Request, volume: &Volume) -> Result<Vote, PolicyError> {
        let name = volume.volume_name.as_deref().unwrap_or_default();
        if !is_there("PersistentVolume", None, name)? {
            return Ok(Vote::skip(Code::Missing, format!("volume {name:?}")));
        }
        for consumer in &volume.consumers {
            if !is_there("Pod", Some(&volume.namespace), &consumer.pod)? {
                return Ok(Vote::skip(Code::Missing, format!("pod {}", consumer.pod)));
            }
        }
        Ok(Vote::Abstain)
    }
}

pvmigrate_policy_sdk::export!(Rows: Selection);
