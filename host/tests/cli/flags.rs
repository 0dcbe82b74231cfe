//! What the flags of the reference tool do, beyond being read. Which test holds which flag:
//!
//! - `--source-sc`, `--dest-sc`: `rehearse::a_rehearsal_moves_files_and_compares_everything`, and `causes` for empty ones
//! - `--preflight-validation-only`: `rehearse::checks_alone_change_nothing_and_find_what_stands_against_it`
//! - `--rsync-image`: the snapshots of the pods in `host/cluster/src/manifest`
//! - `--delete-pv-timeout`: `settle` beside `decide`, and `preflight` in `host/cluster/tests`
//! - all others: here

use crate::Ran;
use crate::causes::{CLAIM, CLASS_A, CLASS_B, DEPLOYMENT, on};

fn rehearse(documents: &[&str], flags: &[&str]) -> Ran {
    on(documents, &[&["rehearse", "FILE", "--source-sc", "a", "--dest-sc", "b"], flags].concat())
}

const ALL: [&str; 4] = [CLASS_A, CLASS_B, CLAIM, DEPLOYMENT];

/// Returns class b with what its provisioner says to every claim.
fn broken() -> String {
    CLASS_B.replace("{name: b}", "{name: b, annotations: {rehearsal.pvmigrate.dev/provision: out of order}}")
}

#[test]
fn namespace_leaves_the_others_alone() {
    let other = CLAIM.replace("namespace: ns", "namespace: other");
    let documents = [CLASS_A, CLASS_B, CLAIM, &other];
    let moved = |flags: &[&str]| {
        let ran = rehearse(&documents, flags);
        assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
        ["ns/data", "other/data"].map(|claim| ran.out.contains(claim))
    };
    assert_eq!(moved(&[]), [true, true]);
    assert_eq!(moved(&["--namespace", "other"]), [false, true]);
    assert_eq!(moved(&["-n", "ns"]), [true, false]);
    assert_eq!(moved(&["-namespace="]), [true, true], "an empty value means all namespaces");
}

#[test]
fn rsync_flags_reach_rsync() {
    let ran = rehearse(&ALL, &["--rsync-flags", "--exclude=*,--whole-file"]);
    assert_eq!(ran.code, 7, "the copy leaves all files out: {}{}", ran.out, ran.err);
    assert!(ran.out.contains("DIFFERS"), "{}", ran.out);
}

#[test]
fn verbose_copy_shows_what_rsync_writes() {
    let totals = "Number of regular files transferred";
    assert!(!rehearse(&ALL, &[]).err.contains(totals));
    let ran = rehearse(&ALL, &["--verbose-copy"]);
    assert!(ran.err.contains(totals) && ran.err.contains("ns/data: "), "{}", ran.err);
}

#[test]
fn set_defaults_moves_the_default_at_the_end() {
    let default =
        CLASS_A.replace("{name: a}", "{name: a, annotations: {storageclass.kubernetes.io/is-default-class: \"true\"}}");
    let documents = [&default, CLASS_B, CLAIM, DEPLOYMENT];
    let said = "Default annotation changed on StorageClass";
    let ran = rehearse(&documents, &["--set-defaults"]);
    assert!(ran.code == 0 && ran.out.contains(said), "{}{}", ran.out, ran.err);
    assert!(!rehearse(&documents, &["--set-defaults=false"]).out.contains(said));
}

#[test]
fn skip_source_validation_does_without_the_class() {
    // Its volumes are there, as after somebody has deleted the class.
    let bound = CLAIM.replace("spec:", "spec:\n  volumeName: old");
    let volume = "
apiVersion: v1
kind: PersistentVolume
metadata: {name: old}
spec: {storageClassName: a, capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /srv/old},
  claimRef: {namespace: ns, name: data}}
";
    let documents = [CLASS_B, volume, &bound, DEPLOYMENT];
    let ran = rehearse(&documents, &[]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.err.contains("--skip-source-validation"), "{}", ran.err);
    let ran = rehearse(&documents, &["--skip-source-validation"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
}

#[test]
fn the_checks_are_bounded_and_can_be_left_out() {
    let documents = [CLASS_A, &broken(), CLAIM, DEPLOYMENT];
    let ran = rehearse(&documents, &["--pod-ready-timeout", "1", "--preflight-validation-only"]);
    assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("(provisioner-failed): not ready after 1 s: "), "{}", ran.out);
    assert!(ran.out.contains("out of order"), "{}", ran.out);

    let checks = "checking that StorageClass b can provision";
    assert!(rehearse(&ALL, &[]).err.contains(checks));
    let ran = rehearse(&ALL, &["--skip-preflight-validation"]);
    assert!(ran.code == 0 && !ran.err.contains(checks), "{}{}", ran.out, ran.err);
}
