use std::collections::BTreeMap;

use super::*;
use crate::decide::tests::scene::Scene;
use crate::policy::StorageClass;

const GIB: u64 = 1 << 30;

fn survey(provisioner: &str, free: &[FreeVolume]) -> Survey {
    let class = StorageClass {
        name: "b".to_owned(),
        provisioner: provisioner.to_owned(),
        parameters: BTreeMap::new(),
        annotations: BTreeMap::new(),
        reclaim_policy: "Retain".to_owned(),
        binding_mode: "WaitForFirstConsumer".to_owned(),
        allow_expansion: false,
        known_modes: Vec::new(),
        facts: BTreeMap::new(),
    };
    Survey { classes: BTreeMap::from([("b".to_owned(), class)]), free: free.to_vec(), ..Survey::default() }
}

fn free(bytes: u64) -> FreeVolume {
    FreeVolume {
        name: "free".to_owned(),
        kept_for: None,
        bytes,
        modes: vec![AccessMode::ReadWriteOnce, AccessMode::ReadWriteMany],
        volume_mode: VolumeMode::Filesystem,
    }
}

/// Returns a record of claims of these sizes.
fn record(claims: &[(&str, u64)]) -> Record {
    let names: Vec<&str> = claims.iter().map(|(name, _)| *name).collect();
    let sizes: BTreeMap<&str, u64> = claims.iter().copied().collect();
    Scene::of(&names).each(|name, claim, _| claim.bytes = sizes[name]).record
}

/// Returns the claims that are left without a volume.
fn unmet(claims: &[(&str, u64)], volumes: &[FreeVolume]) -> Vec<String> {
    let found = blockers(&survey(NO_PROVISIONER, volumes), "b", &[&record(claims)]);
    found.into_iter().flatten().map(|blocker| blocker.about).collect()
}

#[test]
fn a_class_that_makes_volumes_needs_none() {
    let found = blockers(&survey("b.example.com", &[]), "b", &[&record(&[("data", GIB)])]);
    assert_eq!(found, [[]]);
    assert_eq!(blockers(&survey(NO_PROVISIONER, &[]), "other", &[&record(&[("data", GIB)])]), [[]]);
}

#[test]
fn each_claim_needs_a_volume_of_its_own_that_is_large_enough() {
    let none: [&str; 0] = [];
    assert_eq!(unmet(&[("data", GIB)], &[free(GIB)]), none);
    assert_eq!(unmet(&[("data", GIB)], &[]), ["claim ns/data"]);
    assert_eq!(unmet(&[("data", GIB)], &[free(GIB - 1)]), ["claim ns/data"]);
    // The small claim must not take the large volume, whichever comes first.
    assert_eq!(unmet(&[("a", GIB), ("b", 2 * GIB)], &[free(3 * GIB), free(GIB)]), none);
    assert_eq!(unmet(&[("a", GIB), ("b", 2 * GIB)], &[free(3 * GIB)]), ["claim ns/a"]);
    // So do those of two groups.
    let (one, two) = (record(&[("a", GIB)]), record(&[("b", GIB)]));
    let found = blockers(&survey(NO_PROVISIONER, &[free(GIB)]), "b", &[&one, &two]);
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn modes_have_to_fit_and_a_volume_that_is_kept_is_for_its_claim_only() {
    let block = FreeVolume { volume_mode: VolumeMode::Block, ..free(GIB) };
    let read_only = FreeVolume { modes: vec![AccessMode::ReadOnlyMany], ..free(GIB) };
    let kept = |name: &str| {
        let kept_for = Some(ClaimId { namespace: "ns".to_owned(), name: name.to_owned() });
        FreeVolume { kept_for, ..free(GIB) }
    };
    for volume in [block, read_only, kept("other-pvcmigrate"), kept("data")] {
        assert_eq!(unmet(&[("data", GIB)], std::slice::from_ref(&volume)), ["claim ns/data"], "{volume:?}");
    }
    assert!(unmet(&[("data", GIB)], &[kept("data-pvcmigrate")]).is_empty());
    assert!(unmet(&[("a", GIB), ("data", GIB)], &[free(GIB), kept("data-pvcmigrate")]).is_empty());
}

#[test]
fn it_is_said_what_is_needed_and_whether_any_volume_is_free() {
    let of = |volumes: &[FreeVolume]| {
        let found = blockers(&survey(NO_PROVISIONER, volumes), "b", &[&record(&[("data", GIB)])]);
        found.into_iter().flatten().map(|blocker| (blocker.cause, blocker.message, blocker.hint)).next()
    };
    let words =
        |which: &str| format!("StorageClass b has no provisioner, and {which}: it needs 1Gi, ReadWriteOnce Filesystem");
    let hint = "nothing makes volumes of class b: create a PersistentVolume of that class for each claim, or give another \
                --dest-sc";
    let cause = Some(Cause::NoProvisioner);
    assert_eq!(of(&[]), Some((cause, words("no volume of it is free"), hint.to_owned())));
    assert_eq!(of(&[free(1)]), Some((cause, words("none of its free volumes fits or is left"), hint.to_owned())));
}
