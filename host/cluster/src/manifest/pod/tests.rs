use pvmigrate_core::record::{CopyFailure, Retry};

use super::*;
use crate::testing::record;

#[test]
fn the_three_pods_of_a_migration() {
    let record = record();
    let claims = [("data-web-0", &record.claims["data-web-0"])];
    let pod = |purpose, attempt| of(&record, &claims, purpose, attempt).unwrap();
    insta::assert_json_snapshot!("copy_pod", pod(Purpose::Copy, 2));
    insta::assert_json_snapshot!("warm_pod", pod(Purpose::Warm, 0));
    insta::assert_json_snapshot!("prime_pod", pod(Purpose::Prime, 0));
}

#[test]
fn a_pod_that_has_a_volume_provisioned_takes_no_claim_from_the_only_pod_that_may_have_it() {
    let claims_of = |mode: &str, node: Option<&str>| {
        let record = record();
        let mut facts = record.claims["data-web-0"].clone();
        facts.source.node = node.map(str::to_owned);
        facts.manifest["spec"]["accessModes"] = serde_json::json!([mode]);
        let pod = of(&record, &[("data-web-0", &facts)], Purpose::Prime, 0).unwrap();
        let volumes = pod.spec.unwrap().volumes.unwrap();
        volumes.into_iter().map(|volume| volume.persistent_volume_claim.unwrap().claim_name).collect::<Vec<_>>()
    };
    assert_eq!(claims_of("ReadWriteOnce", None), ["data-web-0", "data-web-0-pvcmigrate"]);
    assert_eq!(claims_of("ReadWriteOnce", Some("node-a")), ["data-web-0-pvcmigrate"]);
    assert_eq!(claims_of("ReadWriteOncePod", None), ["data-web-0-pvcmigrate"]);
}

#[test]
fn a_pod_tolerates_what_the_pods_of_its_claims_do() {
    let record = record();
    let mut facts = [record.claims["data-web-0"].clone(), record.claims["data-web-0"].clone()];
    let on = |key: &str| toleration::Toleration {
        key: Some(key.to_owned()),
        operator: Some("Exists".to_owned()),
        value: None,
    };
    facts[0].tolerations = [on("db"), on("disk")].into();
    facts[1].tolerations = [on("db")].into();
    let pod = of(&record, &[("a", &facts[0]), ("b", &facts[1])], Purpose::Warm, 1).unwrap();
    let shown = |one: Toleration| format!("{}:{}", one.key.unwrap_or_default(), one.effect.unwrap_or_default());
    let all: Vec<String> = pod.spec.unwrap().tolerations.unwrap().into_iter().map(shown).collect();
    assert_eq!(all, [":NoSchedule", "db:NoExecute", "disk:NoExecute"]);
}

#[test]
fn the_rate_of_warm_passes_is_theirs_alone() {
    let mut record = record();
    record.asked.warm_rate = Some("20m".to_owned());
    let args = |purpose| {
        let pod = of(&record, &[("data-web-0", &record.claims["data-web-0"])], purpose, 1).unwrap();
        pod.spec.unwrap().containers[0].args.clone().unwrap()
    };
    let (warm, copy) = (args(Purpose::Warm), args(Purpose::Copy));
    assert_eq!(warm[warm.len() - 4..], ["--bwlimit=10m", "--bwlimit=20m", "/source/", "/dest"], "the last one counts");
    assert!(!copy.contains(&"--bwlimit=20m".to_owned()));
}

#[test]
fn a_pod_that_begins_empty_empties_the_destination_first() {
    let mut record = record();
    let facts = record.claims.get_mut("data-web-0").unwrap();
    let reason = "No space left on device".to_owned();
    facts.failures.push(CopyFailure { attempt: 1, at: record.begun, reason, retry: Retry::FromEmpty });
    let claims = [("data-web-0", &record.claims["data-web-0"])];
    insta::assert_json_snapshot!("emptying_copy_pod", of(&record, &claims, Purpose::Copy, 2).unwrap());
    let warm = of(&record, &claims, Purpose::Warm, 2).unwrap();
    assert_eq!(warm.spec.unwrap().init_containers, None, "no warm pass has failed");
}

#[test]
fn a_pod_of_several_claims_has_a_container_for_each() {
    let record = record();
    let facts = &record.claims["data-web-0"];
    let pod = of(&record, &[("data-web-0", facts), ("logs-web-0", facts)], Purpose::Copy, 1);
    insta::assert_json_snapshot!("shared_copy_pod", pod.unwrap());
    let requests = |count: usize| {
        let pod = of(&record, &vec![("data-web-0", facts); count], Purpose::Warm, 0).unwrap();
        let containers = pod.spec.unwrap().containers;
        assert_eq!(containers.len(), count);
        let requests = containers[count - 1].resources.clone().unwrap().requests.unwrap();
        (requests["cpu"].0.clone(), requests["memory"].0.clone())
    };
    let expected = |cpu: &str, memory: &str| (cpu.to_owned(), memory.to_owned());
    assert_eq!(requests(3), expected("33m", "21Mi"));
    assert_eq!(requests(20), expected("10m", "16Mi"));
    assert_eq!(of(&record, &[], Purpose::Warm, 0), None);
}

#[test]
fn the_users_flags_come_last_before_the_paths() {
    let args = copy_args(&["--bwlimit=10m".to_owned(), "--no-acls".to_owned()]);
    assert_eq!(args[..4], ["-a", "-v", "-P", "--delete"]);
    assert_eq!(args[args.len() - 4..], ["--bwlimit=10m", "--no-acls", "/source/", "/dest"]);
}

#[test]
fn a_trial_has_the_flags_of_the_copies_and_copies_nothing() {
    let args = trial_args(&["--bwlimit=10m".to_owned()]);
    assert_eq!(args[..4], ["-a", "-v", "-P", "--delete"]);
    assert_eq!(args[args.len() - 4..], ["--bwlimit=10m", "--dry-run", "/dest/", "/dest"]);
    assert_eq!(trial_args(&["--exclude-from=/source/.ignore".to_owned()]), ["--version"]);
}

/// Runs the real rsync, so that every flag exists. Without rsync the test fails in CI, and is skipped elsewhere.
#[test]
fn rsync_takes_the_flags_and_keeps_what_a_loses() {
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;
    let dir = std::env::temp_dir().join(format!("pvmigrate-rsync-{}", std::process::id()));
    let (from, to) = (dir.join("from"), dir.join("to"));
    std::fs::create_dir_all(from.join("lost+found")).unwrap();
    std::fs::create_dir_all(&to).unwrap();
    std::fs::write(from.join("a"), "text").unwrap();
    std::fs::hard_link(from.join("a"), from.join("b")).unwrap();
    std::fs::File::create(from.join("hole")).unwrap().set_len(64 << 20).unwrap();
    std::fs::write(to.join("stale"), "old").unwrap();
    let mut args = copy_args(&[]);
    let ends = args.len() - 2;
    args.truncate(ends);
    let run = Command::new("rsync").args(args).arg(format!("{}/", from.display())).arg(&to).output();
    let Ok(output) = run else {
        assert!(std::env::var_os("CI").is_none(), "rsync is not installed, and CI must not skip this test");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let report = pvmigrate_core::copy_report::read(&text).unwrap();
    assert_eq!((report.files, report.bytes), (3, 8 + (64 << 20)));
    let meta = |name: &str| std::fs::metadata(to.join(name)).unwrap();
    assert_eq!(meta("a").ino(), meta("b").ino());
    assert!(meta("hole").blocks() * 512 < 1 << 20, "the hole was filled");
    assert!(!to.join("stale").exists() && !to.join("lost+found").exists());
    std::fs::remove_dir_all(dir).unwrap();
}
