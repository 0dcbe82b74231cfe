#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::time::Duration;

use pvmigrate_core::record::{Disposal, OnFailure};

use std::path::PathBuf;

use super::*;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;

fn read(line: &str) -> Result<Cli, clap::Error> {
    Cli::read(line.split(' ').filter(|word| !word.is_empty()).map(|word| OsString::from(word.trim_matches('\''))))
}

fn options(line: &str) -> Result<Options, Failure> {
    read(line).unwrap().migrate.migration.options()
}

#[test]
fn the_command_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn the_twelve_flags_of_the_reference_tool_have_its_defaults() {
    let options = options("pvmigrate --source-sc default --dest-sc mynewsc").unwrap();
    assert_eq!(options.source_class, "default");
    assert_eq!(options.dest_class, "mynewsc");
    assert_eq!(options.namespace, None);
    assert_eq!(options.rsync_image, "eeacms/rsync:2.3");
    assert!(options.rsync_flags.is_empty());
    assert!(!options.set_defaults);
    assert!(!options.skip_source_validation);
    assert!(!options.preflight_only);
    assert!(!options.skip_preflight);
    assert_eq!(options.pod_ready_timeout, Duration::from_secs(60));
    assert_eq!(options.limits.delete_volume_seconds, 300);
    assert!(!read("pvmigrate").unwrap().migrate.migration.copy.verbose_copy);
    assert_eq!((options.parallel, options.warm_passes), (4, 3));
    assert_eq!(options.on_failure, OnFailure::RollBack);
    assert_eq!(options.disposal, Disposal::Delete);
}

#[test]
fn every_flag_is_heard() {
    let line = "pvmigrate -source-sc a -dest-sc b -namespace shop -rsync-image my/rsync:1 \
        -rsync-flags --bwlimit=100,-z -set-defaults -verbose-copy -skip-source-validation \
        -preflight-validation-only -skip-preflight-validation -pod-ready-timeout 5 -delete-pv-timeout 7 \
        --parallel 9 --on-failure hold --source-volumes keep-pv --warm-copy --warm-rate 1.5m --environment prod";
    let cli = read(line).unwrap();
    assert!(cli.migrate.migration.copy.verbose_copy);
    let options = cli.migrate.migration.options().unwrap();
    assert_eq!(options.namespace.as_deref(), Some("shop"));
    assert_eq!(options.rsync_image, "my/rsync:1");
    assert_eq!(options.rsync_flags, ["--bwlimit=100", "-z"]);
    assert!(options.set_defaults && options.skip_source_validation && options.preflight_only);
    assert!(options.skip_preflight);
    assert_eq!((options.warm_passes, options.warm_rate.as_deref()), (3, Some("1.5m")));
    assert_eq!(options.pod_ready_timeout, Duration::from_secs(5));
    assert_eq!(options.limits.delete_volume_seconds, 7);
    assert_eq!(options.parallel, 9);
    assert_eq!(options.on_failure, OnFailure::Hold);
    assert_eq!(options.disposal, Disposal::Keep);
    assert_eq!(options.environment, "prod");
}

#[test]
fn rates_are_read_as_rsync_reads_them() {
    let rate = |text: &str| options(&format!("pvmigrate --source-sc a --dest-sc b --warm-rate {text}"));
    for good in ["500", "500k", "1.5m", "2G", "3MiB"] {
        assert_eq!(rate(good).unwrap().warm_rate.as_deref(), Some(good));
    }
    for bad in ["fast", "0", "-5m", "5x", "inf", "m", "1e999"] {
        assert!(read(&format!("pvmigrate --source-sc a --dest-sc b --warm-rate={bad}")).is_err(), "{bad}");
    }
}

#[test]
fn source_volumes_are_named_by_what_happens_to_the_disk_and_the_old_names_still_work() {
    let disposal =
        |word: &str| options(&format!("pvmigrate --source-sc a --dest-sc b --source-volumes {word}")).unwrap().disposal;
    assert_eq!(["orphan-disk", "delete"].map(disposal), [Disposal::Delete; 2]);
    assert_eq!(["keep-pv", "keep"].map(disposal), [Disposal::Keep; 2]);
    assert_eq!(disposal("reclaim"), Disposal::Reclaim);
}

#[test]
fn a_help_page_that_speaks_of_claims_writes_the_word_out_once() {
    fn pages(command: &clap::Command, all: &mut Vec<(String, String)>) {
        all.push((command.get_name().to_owned(), command.clone().render_long_help().to_string()));
        command.get_subcommands().for_each(|command| pages(command, all));
    }
    let mut command = Cli::command();
    command.build();
    let mut all = Vec::new();
    pages(&command, &mut all);
    assert!(all.len() > 20, "{}", all.len());
    for (name, page) in all {
        let speaks = page.replace("reclaim", "").to_lowercase().contains("claim");
        assert_eq!(page.matches("PersistentVolumeClaim").count(), usize::from(speaks), "{name}: {page}");
    }
}

#[test]
fn booleans_take_the_words_go_takes() {
    let set = |flag: &str| read(&format!("pvmigrate {flag}")).map(|cli| cli.migrate.migration.scope.set_defaults);
    for yes in ["--set-defaults", "-set-defaults", "-set-defaults=1", "--set-defaults=T", "--set-defaults=True"] {
        assert!(set(yes).unwrap(), "{yes}");
    }
    for no in ["--set-defaults=false", "-set-defaults=0", "-set-defaults=F", "--set-defaults=FALSE"] {
        assert!(!set(no).unwrap(), "{no}");
    }
    for bad in ["--set-defaults=yes", "--set-defaults=", "--set-defaults false"] {
        assert!(set(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_last_of_two_wins() {
    let options = options("pvmigrate -source-sc a --source-sc b -dest-sc c -set-defaults -set-defaults=false").unwrap();
    assert_eq!(options.source_class, "b");
    assert!(!options.set_defaults);
}

#[test]
fn policies_add_up_in_order() {
    let cli = read("pvmigrate --policy a.wasm plan -policy b.wasm").unwrap();
    let Some(Command::Plan(args)) = cli.command else { panic!("no plan") };
    assert_eq!(args.migration.rules.policy, [PathBuf::from("a.wasm"), PathBuf::from("b.wasm")]);
}

#[test]
fn flags_before_a_subcommand_are_its_own() {
    let cli = read("pvmigrate --context prod -v --source-sc a plan --dest-sc b -o json").unwrap();
    assert_eq!(cli.display.verbose, 1);
    assert_eq!(cli.display.output, OutputForm::Json);
    let Some(Command::Plan(args)) = cli.command else { panic!("no plan") };
    assert_eq!(args.cluster.context.as_deref(), Some("prod"));
    assert_eq!(args.migration.scope.source_sc.as_deref(), Some("a"));
    assert_eq!(args.migration.scope.dest_sc.as_deref(), Some("b"));
}

#[test]
fn a_missing_or_empty_class_is_bad_usage_that_names_the_flag() {
    for (line, flag) in [
        ("pvmigrate", "--source-sc"),
        ("pvmigrate --dest-sc b", "--source-sc"),
        ("pvmigrate --source-sc '' --dest-sc b", "--source-sc"),
        ("pvmigrate --source-sc a", "--dest-sc"),
        ("pvmigrate --source-sc a --dest-sc=", "--dest-sc"),
    ] {
        let failure = options(line).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{line}");
        assert!(failure.error.to_string().starts_with(flag), "{line}: {}", failure.error);
    }
}

#[test]
fn flags_with_which_rsync_copies_nothing_are_refused() {
    for flags in ["--dry-run", "-z,-n", "-zn", "--remove-source-files"] {
        let failure = options(&format!("pvmigrate --source-sc a --dest-sc b --rsync-flags {flags}")).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage, "{flags}");
    }
}

#[test]
fn numbers_are_held_to_their_range() {
    for bad in ["--parallel 0", "--pod-ready-timeout 0", "--delete-pv-timeout x", "--parallel -1"] {
        assert!(read(&format!("pvmigrate --source-sc a --dest-sc b {bad}")).is_err(), "{bad}");
    }
}

#[test]
fn an_empty_namespace_means_all_as_in_scripts_of_the_reference_tool() {
    let options = options("pvmigrate --source-sc a --dest-sc b --namespace ''").unwrap();
    assert_eq!(options.namespace, None);
}

#[test]
fn the_policies_are_named_again_for_rbac() {
    let line =
        "pvmigrate --source-sc a --dest-sc b --policy x.wasm --policy oci://r/y:1 --environment prod --config c.yaml";
    let flags = options(line).unwrap().policy_flags.join(" ");
    assert_eq!(flags, "--policy x.wasm --policy oci://r/y:1 --environment prod --config c.yaml");
    let rbac =
        read(&format!("pvmigrate rbac --user ann --namespace shop --source-volumes reclaim --set-defaults {flags}"));
    assert!(rbac.is_ok(), "{}", rbac.unwrap_err());
    assert!(read("pvmigrate rbac --user ann --service-account ops/mover").is_err(), "one or the other");
}

#[test]
fn help() {
    let mut command = Cli::command().term_width(100);
    insta::assert_snapshot!(command.render_help());
}
