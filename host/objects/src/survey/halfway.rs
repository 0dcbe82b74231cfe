//! What runs of the reference tool have left: volumes that it swapped in, and old ones that no claim holds any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use pvmigrate_core::names;
use pvmigrate_core::observation::RETAIN;
use pvmigrate_core::survey::{ClaimId, Scope, SwapStage, SwappedVolume, Unclaimed};

use super::{Lists, claim_id};
use crate::from_resource::{Unreadable, claim, created, volume};

/// Claims by what they are called.
type Claims<'a> = HashMap<ClaimId, &'a PersistentVolumeClaim>;

/// Finds what the reference tool had swapped in, and names the volumes of the source class that no claim holds, in any
/// namespace, and no migration needs.
pub(super) fn find(lists: &Lists, scope: &Scope) -> Result<(Vec<SwappedVolume>, Vec<Unclaimed>), Unreadable> {
    let claims: Claims<'_> = lists.claims.iter().map(|found| (claim_id(found), found)).collect();
    let mut swapped = swapped(lists, scope, &claims)?;
    let unclaimed = unclaimed(lists, scope, &claims, &mut swapped)?;
    Ok((swapped, unclaimed))
}

/// Finds the volume that the reference tool had swapped in for each claim: the newest, if it was started anew.
fn swapped(lists: &Lists, scope: &Scope, claims: &Claims<'_>) -> Result<Vec<SwappedVolume>, Unreadable> {
    let mut newest: BTreeMap<ClaimId, (&PersistentVolume, String)> = BTreeMap::new();
    for found in lists.volumes.iter().filter(|found| volume::class(found) == Some(&scope.dest_class)) {
        let Some((id, reclaim)) = volume::swapped_for(found) else { continue };
        let is_in_scope = scope.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace);
        let age = |found: &PersistentVolume| (is_named(claims.get(&id), found), created(&found.metadata));
        if is_in_scope && newest.get(&id).is_none_or(|(known, _)| age(known) < age(found)) {
            newest.insert(id, (found, reclaim));
        }
    }
    let mut all = Vec::new();
    for (id, (found, reclaim)) in newest {
        let named = claims.get(&id).copied();
        let stage = stage(lists, named, found);
        let own = named.filter(|_| matches!(stage, SwapStage::Claimed { .. }));
        let manifest = own.map(|named| claim::facts(named).map(|facts| facts.manifest)).transpose()?;
        let is_source = |source: &&PersistentVolume| {
            volume::class(source) == Some(&scope.source_class)
                && volume::holder(source).is_some_and(|holder| is_of(&holder, &id))
                && !is_named(named.as_ref(), source)
                && !is_newer(source, found)
        };
        all.push(SwappedVolume {
            volume: volume::facts(found),
            stage,
            reclaim,
            manifest: manifest.unwrap_or_else(|| volume::claim_manifest(found, &id)),
            source: lists.volumes.iter().find(is_source).map(volume::facts),
            is_source_free: false,
            taken_by: taken_by(found, &id, scope, claims),
            claim: id,
        });
    }
    Ok(all)
}

fn is_of(holder: &pvmigrate_core::observation::Holder, id: &ClaimId) -> bool {
    holder.namespace == id.namespace && holder.name == id.name
}

fn is_named(claim: Option<&&PersistentVolumeClaim>, found: &PersistentVolume) -> bool {
    claim.is_some_and(|claim| claim::volume_name(claim).as_deref() == Some(volume::name(found)))
}

/// Tells whether a volume was made after the one that the tool swapped in. Times are whole seconds; of two volumes of one
/// second, the tool's old one is the one that is kept.
fn is_newer(other: &PersistentVolume, swapped: &PersistentVolume) -> bool {
    let (other_at, swapped_at) = (created(&other.metadata), created(&swapped.metadata));
    other_at > swapped_at || (other_at == swapped_at && volume::reclaim(other) != RETAIN)
}

/// Tells what has the claim's name.
///
/// The tool makes its volume for a claim that exists. So a claim that is newer than the volume is another one, which
/// somebody has made since; if it got a volume that is older, its data may be newer than the copy, as that of the original.
fn stage(lists: &Lists, claim: Option<&PersistentVolumeClaim>, swapped: &PersistentVolume) -> SwapStage {
    let Some(claim) = claim else { return SwapStage::Free };
    if is_named(Some(&claim), swapped) {
        return SwapStage::Claimed { bound: claim::phase(claim) == "Bound" };
    }
    let named = claim::volume_name(claim);
    let on = named.as_ref().and_then(|name| lists.volumes.iter().find(|found| volume::name(found) == name));
    let (claim_at, swapped_at): (Timestamp, Timestamp) = (created(&claim.metadata), created(&swapped.metadata));
    let is_on_old = on.is_some_and(|on| !is_newer(on, swapped));
    if claim_at < swapped_at || is_on_old { SwapStage::Original } else { SwapStage::Remade { volume: named } }
}

/// Names the claim that has got the swapped volume meanwhile, if that is neither its own nor its temporary one.
fn taken_by(found: &PersistentVolume, id: &ClaimId, scope: &Scope, claims: &Claims<'_>) -> Option<ClaimId> {
    let holder = volume::holder(found)?;
    let other = ClaimId { namespace: holder.namespace, name: holder.name };
    let is_its_own =
        other.namespace == id.namespace && (other.name == id.name || other.name == names::destination_claim(&id.name));
    let is_listed = scope.namespace.as_ref().is_none_or(|namespace| *namespace == other.namespace);
    let is_bound = if is_listed { is_named(claims.get(&other), found) } else { volume::phase(found) == "Bound" };
    (!is_its_own && is_bound).then_some(other)
}

fn unclaimed(
    lists: &Lists,
    scope: &Scope,
    claims: &Claims<'_>,
    swapped: &mut [SwappedVolume],
) -> Result<Vec<Unclaimed>, Unreadable> {
    let open = lists.records.iter().filter(|record| record.is_open());
    let mut needed: BTreeSet<&str> =
        open.flat_map(|record| record.claims.values()).map(|claim| claim.source.name.as_str()).collect();
    let sources: BTreeSet<String> =
        swapped.iter().filter_map(|swapped| Some(swapped.source.as_ref()?.name.clone())).collect();
    needed.extend(sources.iter().map(String::as_str));
    let is_claimed = |found: &&PersistentVolume| {
        let Some(holder) = volume::holder(found) else { return false };
        let is_seen = scope.namespace.as_ref().is_none_or(|namespace| *namespace == holder.namespace);
        if !is_seen {
            // Claims of other namespaces were not listed; the volume's own phase is all there is.
            return volume::phase(found) == "Bound";
        }
        is_named(claims.get(&ClaimId { namespace: holder.namespace, name: holder.name }), found)
    };
    let of_source = lists.volumes.iter().filter(|found| volume::class(found) == Some(&scope.source_class));
    let mut left: Vec<&PersistentVolume> =
        of_source.filter(|found| !is_claimed(found) && !needed.contains(volume::name(found))).collect();
    left.sort_by_key(|found| volume::name(found));
    let former = former_claims(lists, &left, swapped)?;
    let named = left.into_iter().zip(former).map(|(found, claim)| {
        let facts = volume::facts(found);
        let phase = volume::phase(found).to_owned();
        Unclaimed { name: facts.name, claim, phase, reclaim: facts.reclaim, handle: facts.handle }
    });
    Ok(named.collect())
}

/// Finds out which claim each of the volumes belonged to: it says so itself, or it is the only one that can be the old volume
/// of a swap whose old volume is missing.
fn former_claims(
    lists: &Lists,
    left: &[&PersistentVolume],
    swapped: &mut [SwappedVolume],
) -> Result<Vec<Option<ClaimId>>, Unreadable> {
    let mut former: Vec<Option<ClaimId>> = left.iter().map(|found| volume::former_claim(found)).collect();
    let is_free = |found: &PersistentVolume| volume::holder(found).is_none() && volume::reclaim(found) == RETAIN;
    let mut matches: Vec<(usize, usize)> = Vec::new();
    for (at, swap) in swapped.iter().enumerate() {
        let is_missing = swap.source.is_none() && swap.stage != SwapStage::Original;
        let new = lists.volumes.iter().find(|found| volume::name(found) == swap.volume.name);
        let Some(new) = new.filter(|_| is_missing) else { continue };
        let size = volume::capacity(new)?;
        for (place, old) in left.iter().enumerate().filter(|(_, old)| is_free(old) && !is_newer(old, new)) {
            let fits = match &former[place] {
                Some(claim) => *claim == swap.claim,
                None => volume::capacity(old)? == size,
            };
            if fits {
                matches.push((place, at));
            }
        }
    }
    for &(place, at) in &matches {
        let is_known = former[place].as_ref() == Some(&swapped[at].claim);
        let is_only = matches.iter().filter(|(other, swap)| *other == place || *swap == at).count() == 1;
        if is_known || is_only {
            former[place] = Some(swapped[at].claim.clone());
            swapped[at].is_source_free = true;
        }
    }
    Ok(former)
}
