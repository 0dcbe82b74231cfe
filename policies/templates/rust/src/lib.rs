//! Claims with a label stay where they are.
#![cfg_attr(target_arch = "wasm32", no_std)]

use pvmigrate_policy_sdk::prelude::*;

/// What the user of this policy may set: the JSON Schema of it, and reading it, are made from this struct.
#[derive(Settings)]
struct Keep {
    /// Claims with this label stay.
    #[setting(default = "example.com/keep", min_length = 1)]
    label: String,
}

/// Everything that this policy may say. The comments are what users read about it.
#[derive(Codes)]
enum Code {
    /// the claim has the label
    KeepLabel,
}

impl Policy for Keep {
    type Code = Code;
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "leaves labelled claims where they are";
}

impl Selection for Keep {
    fn vote(&self, _request: &Request, volume: &Volume) -> Result<Vote, PolicyError> {
        let label = &self.label;
        Ok(match volume.label(label) {
            Some(value) => Vote::skip(Code::KeepLabel, format!("it is labelled {label}={value}")),
            // Not ours to decide: the other policies are asked, and the built-in one at the end.
            None => Vote::Abstain,
        })
    }
}

// Implement AccessModes or Preflight as well, and name them here.
pvmigrate_policy_sdk::export!(Keep: Settings, Selection);

#[cfg(test)]
mod tests {
    use super::*;
    use pvmigrate_policy_sdk::{pairs, testing};

    #[test]
    fn only_labelled_claims_stay() {
        let keep = Keep { label: "stay".into() };
        let plain = testing::volume(1, "web", "uploads");
        let labelled = Volume { labels: pairs(&[("stay", "please")]), ..testing::volume(2, "db", "data") };
        let request = testing::request(vec![plain.clone(), labelled.clone()]);
        assert_eq!(keep.vote(&request, &plain), Ok(Vote::Abstain));
        assert_eq!(
            keep.vote(&request, &labelled),
            Ok(Vote::skip(Code::KeepLabel, "it is labelled stay=please"))
        );
    }
}
