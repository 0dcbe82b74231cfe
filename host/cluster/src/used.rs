//! How much of their volumes claims use, as the kubelets say whose pods mount them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use k8s_openapi::api::core::v1::Node;
use kube::Client;
use pvmigrate_core::survey::{ClaimId, Survey};
use serde::Deserialize;

use crate::error::Error;
use crate::permissions::Need;
use crate::resources::Resources;
use crate::review::review;

/// Kubelets that are asked at once.
const AT_ONCE: usize = 8;
/// A kubelet that takes longer is left out, and all of them together get this time twice: a plan does without.
const PATIENCE: Duration = Duration::from_secs(5);

/// The part of a kubelet's summary (`/stats/summary`) that is about volumes.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Summary {
    #[serde(default)]
    pods: Vec<PodStats>,
}

#[derive(Debug, Deserialize)]
struct PodStats {
    #[serde(default)]
    volume: Vec<VolumeStats>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VolumeStats {
    used_bytes: Option<u64>,
    capacity_bytes: Option<u64>,
    pvc_ref: Option<ClaimRef>,
}

#[derive(Debug, Deserialize)]
struct ClaimRef {
    name: String,
    namespace: String,
}

/// Fills in what claims use, where the account may ask the kubelets (`get nodes/proxy`). Nothing depends on it but what
/// policies see, so whatever cannot be had is left unknown.
pub async fn fill_used_bytes(client: &Client, survey: &mut Survey) {
    let running = survey.volumes.iter().flat_map(|volume| &volume.consumers).filter(|consumer| consumer.running);
    let nodes: BTreeSet<String> = running.filter_map(|consumer| consumer.node.clone()).collect();
    if nodes.is_empty() {
        return;
    }
    match may_ask(client).await {
        Ok(true) => {}
        Ok(false) => return tracing::debug!("the account may not ask kubelets what claims use (get nodes/proxy)"),
        Err(error) => return tracing::debug!(%error, "what claims use is unknown"),
    }
    let used = ask(client, nodes).await;
    for volume in &mut survey.volumes {
        let claim = ClaimId { namespace: volume.namespace.clone(), name: volume.name.clone() };
        volume.used_bytes = used.get(&claim).and_then(|stats| of_claim(stats, volume.capacity_bytes));
    }
}

async fn may_ask(client: &Client) -> Result<bool, Error> {
    let needs = BTreeSet::from([Need::UsedBytes]);
    let reviewed = review(client, &needs, &[], None).await?;
    Ok(reviewed.missing(&needs).is_empty() && reviewed.unknown(&needs).is_none())
}

async fn ask(client: &Client, nodes: BTreeSet<String>) -> BTreeMap<ClaimId, VolumeStats> {
    let kubelets = &Resources::<Node>::whole(client);
    let summary = async |node: String| match tokio::time::timeout(PATIENCE, kubelets.summary(&node)).await {
        Ok(Ok(summary)) => summary,
        Ok(Err(error)) => {
            tracing::debug!(node, %error, "what its claims use is unknown");
            Summary::default()
        }
        Err(_) => {
            tracing::debug!(node, "its kubelet did not answer in {} s", PATIENCE.as_secs());
            Summary::default()
        }
    };
    let summaries = stream::iter(nodes).map(summary).buffer_unordered(AT_ONCE);
    let mut summaries = std::pin::pin!(summaries.take_until(tokio::time::sleep(PATIENCE * 2)));
    let mut used = BTreeMap::new();
    while let Some(summary) = summaries.next().await {
        for stats in summary.pods.into_iter().flat_map(|pod| pod.volume) {
            if let Some(ClaimRef { name, namespace }) = &stats.pvc_ref {
                used.insert(ClaimId { namespace: namespace.clone(), name: name.clone() }, stats);
            }
        }
    }
    used
}

/// Returns what a claim uses. Where its volume is a folder of a larger disk, the kubelet tells of that disk: nothing about the
/// claim. File systems and rounding make a volume a little larger than was asked for.
fn of_claim(stats: &VolumeStats, capacity: u64) -> Option<u64> {
    let is_own = stats.capacity_bytes? <= capacity.saturating_add(capacity / 10);
    stats.used_bytes.filter(|_| is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_a_larger_disk_says_nothing_about_its_claim() {
        let stats = |used, capacity| VolumeStats { used_bytes: used, capacity_bytes: capacity, pvc_ref: None };
        assert_eq!(of_claim(&stats(Some(60), Some(95)), 100), Some(60));
        assert_eq!(of_claim(&stats(Some(60), Some(110)), 100), Some(60));
        assert_eq!(of_claim(&stats(Some(4_000), Some(50_000)), 100), None);
        assert_eq!(of_claim(&stats(Some(60), None), 100), None);
        assert_eq!(of_claim(&stats(None, Some(100)), 100), None);
    }

    #[test]
    fn summaries_are_read_whatever_else_is_in_them() {
        let text = r#"{"node": {"nodeName": "a"}, "pods": [
            {"podRef": {"name": "web"}, "volume": [
                {"time": "2026-01-01T00:00:00Z", "availableBytes": 4, "capacityBytes": 10, "usedBytes": 6, "name": "data",
                 "pvcRef": {"name": "data-web-0", "namespace": "shop"}},
                {"name": "token", "usedBytes": 1}]},
            {"podRef": {"name": "none"}}]}"#;
        let summary: Summary = serde_json::from_str(text).unwrap_or_default();
        let claims: Vec<_> = summary.pods.iter().flat_map(|pod| &pod.volume).collect();
        assert_eq!(claims.len(), 2);
        assert!(
            claims[0].pvc_ref.as_ref().is_some_and(|claim| claim.name == "data-web-0" && claim.namespace == "shop")
        );
        assert_eq!((claims[0].used_bytes, claims[0].capacity_bytes), (Some(6), Some(10)));
    }
}
