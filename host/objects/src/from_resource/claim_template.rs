//! Claim templates of a StatefulSet, and which claims its controller makes from them.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use pvmigrate_core::names;

use super::claim::{SeenClaim, own_annotations};

/// What a StatefulSet's controller puts into the claims that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimTemplate {
    /// The claims' names without their ordinal.
    prefix: String,
    /// Labels: the template's and those of the set's selector.
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl ClaimTemplate {
    /// Tells whether a StatefulSet's controller makes exactly such a claim from the template. A claim that anybody else
    /// makes shows it in annotations, as with kubectl and Helm, or lacks the set's labels. That we have touched it changes nothing:
    /// the way back does so where it means such a claim to get the source volume.
    pub fn makes(&self, claim: &SeenClaim) -> bool {
        let has = |(key, value): (&String, &String)| claim.labels.get(key) == Some(value);
        let annotations = claim.annotations.iter().filter(|(key, _)| *key != names::TOUCHED);
        claim.run.is_none()
            && self.names(&claim.key.name)
            && self.labels.iter().all(has)
            && annotations.eq(&self.annotations)
    }

    /// Tells whether a claim of this name is made from the template.
    fn names(&self, claim: &str) -> bool {
        let ordinal = claim.strip_prefix(&self.prefix);
        ordinal.is_some_and(|ordinal| !ordinal.is_empty() && ordinal.bytes().all(|byte| byte.is_ascii_digit()))
    }
}

/// Returns the claim templates of a StatefulSet.
pub fn templates(workload: &StatefulSet) -> Vec<ClaimTemplate> {
    let Some(spec) = &workload.spec else { return Vec::new() };
    let set = workload.metadata.name.as_deref().unwrap_or_default();
    let templates = spec.volume_claim_templates.iter().flatten();
    templates
        .map(|template| ClaimTemplate {
            prefix: format!("{}-{set}-", template.metadata.name.as_deref().unwrap_or_default()),
            labels: [&template.metadata.labels, &spec.selector.match_labels]
                .into_iter()
                .flatten()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            annotations: own_annotations(&template.metadata),
        })
        .collect()
}
