//! The result of a run: the closing table, and what a person has to know beside it.

use std::fmt::Write as _;

use pvmigrate_core::blocker::Blocker;
use pvmigrate_core::cause::{Cause, Setting};
use pvmigrate_core::record::{Disposal, Ended, Outcome};
use pvmigrate_core::trial::TrialClaim;

use super::lines::hanging;
use super::table::Table;
use super::units::{bytes, count, duration};
use super::{Screen, clean, consulted, findings, left_out, unclaimed};
use crate::driver::GroupEnd;
use crate::options::Options;
use crate::report::{ClaimReport, Comparison, GroupReport, Report, Verified};
use crate::run::Run;

mod json;

pub use json::{RunJson, json};

/// Returns the result of a run for stdout: what kept it from starting, the closing table, and what follows it.
pub fn run_text(run: &Run, blockers: &[Blocker], options: &Options, screen: &Screen) -> String {
    let mut text = findings::permission_notes(&run.plan, screen);
    if !blockers.is_empty() && run.report.groups.iter().all(|group| !matches!(group.end, GroupEnd::NotBegun(_))) {
        let title = "Nothing new was started, because of these findings:";
        let _ = write!(text, "{}\n{}", screen.paint.bad(title), findings::table(blockers, screen.width));
    }
    if run.cut_short && run.report.groups.is_empty() {
        let _ = writeln!(text, "Stopped before the checks were complete; nothing was started.");
        text.push_str(&left_behind(&run.report, screen));
    } else if !run.report.groups.is_empty() {
        text.push_str(&self::text(&run.report, options.disposal, screen));
    } else if blockers.is_empty() && options.preflight_only {
        let claims = run.plan.groups.iter().map(|group| group.record.claims.len()).sum();
        let groups = count(run.plan.groups.len(), "group");
        let _ = writeln!(text, "All checks passed: {} in {groups} can be migrated.", count(claims, "claim"));
        text.push_str(&judged(run, options));
        text.push_str(&unclaimed::text(&run.report.unclaimed));
        text.push_str(&left_behind(&run.report, screen));
    } else if blockers.is_empty() {
        let (from, to) = (clean(&options.source_class), clean(&options.dest_class));
        let _ = writeln!(text, "Nothing to migrate from {from} to {to}.");
        text.push_str(&self::text(&run.report, options.disposal, screen));
    }
    text.push_str(&left_out::claims(&run.plan.left_out(), &options.source_class, screen));
    let classes = (options.source_class.as_str(), options.dest_class.as_str());
    text.push_str(&left_out::templates(&run.plan.stale_templates, classes, screen));
    text.push_str(&consulted::text(run.plan.assessment.as_ref(), screen));
    text
}

/// Says so where the checks could not have a volume made.
fn judged(run: &Run, options: &Options) -> String {
    if run.trials.iter().all(|result| result.trial.claim == TrialClaim::Made) {
        return String::new();
    }
    let class = clean(&options.dest_class);
    format!("No trial claim was made: it would have been given a free volume of StorageClass {class}.\n")
}

/// Returns the closing table and what follows it, for stdout.
pub fn text(report: &Report, disposal: Disposal, screen: &Screen) -> String {
    let mut text = if report.groups.is_empty() { String::new() } else { table(report).text(screen.width) };
    for group in report.groups.iter().filter(|group| !group.is_migrated()) {
        text.push_str(&trouble(group, screen));
    }
    for claim in report.groups.iter().flat_map(|group| &group.claims) {
        text.push_str(&differences(claim, screen));
        text.push_str(&remarks(claim));
    }
    text.push_str(&old_disks(report, disposal));
    if !report.defaults_changed.is_empty() {
        let classes: Vec<String> = report.defaults_changed.iter().map(|class| clean(class)).collect();
        let _ = writeln!(text, "\nDefault annotation changed on StorageClass {}.", classes.join(", "));
    }
    text.push_str(&unclaimed::text(&report.unclaimed));
    text.push_str(&left_behind(report, screen));
    text
}

/// Returns what the checks made and could not remove.
fn left_behind(report: &Report, screen: &Screen) -> String {
    let lines = report.left_behind.iter().map(|line| format!("  {}\n", clean(line)));
    let lines: String = lines.collect();
    if lines.is_empty() { lines } else { format!("\n{}\n{lines}", screen.paint.bad("Left behind by the checks:")) }
}

/// Returns what a rehearsal found when it compared all objects with those before the run.
pub fn checked(checked: &Comparison, screen: &Screen) -> String {
    let compared = format!("{} and {}", count(checked.claims, "claim"), count(checked.workloads, "workload"));
    if checked.changes.is_empty() {
        let words = "names, labels, annotations, owners and sizes of the claims, replicas of the workloads";
        let words = format!("{words} are the same.");
        return format!("\n{}", hanging(&format!("{compared} compared with before: "), &words, screen.width));
    }
    let mut text = format!("\n{}\n", screen.paint.bad(&format!("{compared} compared with before; differences:")));
    for change in &checked.changes {
        let _ = writeln!(text, "  {}", clean(change));
    }
    text
}

fn table(report: &Report) -> Table {
    let all_migrated = report.groups.iter().all(GroupReport::is_migrated);
    let mut header = vec!["CLAIM", "FROM", "TO", "FILES", "BYTES", "TIME DOWN", "VERIFIED"];
    if !all_migrated {
        header.push("OUTCOME");
    }
    let mut table = Table::new(&header, &[3, 4, 5]);
    for group in &report.groups {
        for claim in &group.claims {
            let mut row = vec![
                format!("{}/{}", claim.namespace, claim.name),
                claim.from.clone(),
                claim.to.clone(),
                claim.files.map_or_else(|| "-".to_owned(), |files| files.to_string()),
                claim.bytes.map_or_else(|| "-".to_owned(), bytes),
                claim.down.map_or_else(|| "-".to_owned(), duration),
                verified(&claim.verified).to_owned(),
            ];
            if !all_migrated {
                row.push(outcome(&group.end).to_owned());
            }
            table.row(&row);
        }
    }
    table
}

fn verified(verified: &Verified) -> &'static str {
    match verified {
        Verified::No => "no",
        Verified::ByRsync => "rsync",
        Verified::ByteByByte => "rsync + byte by byte",
        Verified::Differs(_) => "DIFFERS",
        Verified::ByReference => "by an earlier tool",
    }
}

/// Returns in one or two words how a group ended.
pub(super) fn outcome(end: &GroupEnd) -> &'static str {
    match end {
        GroupEnd::Ended(Ended { how: Outcome::Migrated, .. }) => "migrated",
        GroupEnd::Ended(Ended { how: Outcome::NotReady(_), .. }) => "migrated, not ready",
        GroupEnd::Ended(Ended { how: Outcome::RolledBack(_), .. }) => "rolled back",
        GroupEnd::Blocked(_) => "needs attention",
        GroupEnd::NotBegun(_) => "not started",
        GroupEnd::Interrupted => "interrupted",
        GroupEnd::Failed(_) => "failed",
    }
}

/// Returns why a group is not migrated.
fn trouble(group: &GroupReport, screen: &Screen) -> String {
    let claims: Vec<String> = group.claims.iter().map(|claim| clean(&claim.name)).collect();
    let title = format!("{} in namespace {}: {}", outcome(&group.end), clean(&group.namespace), claims.join(", "));
    let mut text = format!("\n{}\n", screen.paint.title(&title));
    let mut line = |words: &str| {
        let _ = writeln!(text, "  {}", clean(words));
    };
    match &group.end {
        GroupEnd::Ended(Ended { how: Outcome::NotReady(why), .. }) => {
            line(why);
            let old: Vec<&str> = group.claims.iter().map(|claim| claim.old_volume.as_str()).collect();
            line(&format!("the old volumes are kept, as they were when the workload stopped: {}", old.join(", ")));
            line(&format!("to see why: kubectl describe pods -n {}", group.namespace));
            if let Some(claim) = group.claims.first() {
                line(&format!(
                    "to go back and keep what was written since, migrate in the other direction: \
                     pvmigrate migrate --source-sc {} --dest-sc {} --namespace {}",
                    claim.to, claim.from, group.namespace
                ));
            }
        }
        GroupEnd::Ended(Ended { how: Outcome::RolledBack(why), .. }) => {
            line(why);
            line(match group.claims.iter().any(|claim| claim.down.is_some()) {
                true => "its workloads run on the old volumes again",
                false => "nothing was stopped",
            });
            advice(group, why).iter().for_each(|hint| line(hint));
        }
        GroupEnd::Ended(Ended { how: Outcome::Migrated, .. }) => {}
        GroupEnd::Blocked(blockers) | GroupEnd::NotBegun(blockers) => {
            for blocker in blockers {
                line(&blocker.to_string());
                line(&format!("  {}", blocker.hint));
            }
        }
        GroupEnd::Interrupted => line("to continue, run the same command again"),
        GroupEnd::Failed(error) => {
            for message in super::failure::messages(error) {
                line(&message);
            }
            advice(group, &format!("{error:#}")).iter().for_each(|hint| line(hint));
            line("once that is fixed, run the same command again to continue");
        }
    }
    text
}

/// Returns what to do about a cause, if the words tell one.
fn advice(group: &GroupReport, words: &str) -> Option<String> {
    let cause = Some(Cause::of([words])).filter(|cause| *cause != Cause::Unknown)?;
    let class = group.claims.first().map_or("CLASS", |claim| claim.to.as_str());
    Some(cause.hint(&Setting { namespace: &group.namespace, class, ..Setting::default() }, words))
}

fn differences(claim: &ClaimReport, screen: &Screen) -> String {
    let Verified::Differs(differences) = &claim.verified else { return String::new() };
    let title = format!("{}/{} differs from its old volume:", clean(&claim.namespace), clean(&claim.name));
    let mut text = format!("\n{}\n", screen.paint.bad(&title));
    for difference in differences {
        let _ = writeln!(text, "  {}", clean(difference));
    }
    text
}

/// Describes what happened to a claim that its owner should know.
fn remarks(claim: &ClaimReport) -> String {
    let name = format!("{}/{}", clean(&claim.namespace), clean(&claim.name));
    let mut text = String::new();
    for volume in &claim.strays {
        let kept = volume.as_ref().map_or_else(
            || "It had no volume yet.".to_owned(),
            |volume| {
                format!("Its volume {} is kept; delete it once you are sure nothing was written there.", clean(volume))
            },
        );
        let _ = writeln!(
            text,
            "\n{name}: while it moved, its StatefulSet was scaled up and made an empty claim in its place. \
             That claim was removed. {kept}"
        );
    }
    if !claim.lost_owners.is_empty() {
        let owners = clean(&claim.lost_owners.join(", "));
        let _ = writeln!(text, "\n{name}: no longer owned by {owners}, which does not exist any more.");
    }
    text
}

const FREE_A_DISK: &str = "To destroy a disk once you are sure: \
    kubectl patch pv OLD-VOLUME -p '{\"spec\":{\"persistentVolumeReclaimPolicy\":\"Delete\"}}'\n";

/// Lists the disks that are still on the backend: nothing else names them.
fn old_disks(report: &Report, disposal: Disposal) -> String {
    let migrated = report.groups.iter().filter(|group| group.is_migrated());
    let claims: Vec<&ClaimReport> =
        migrated.flat_map(|group| &group.claims).filter(|claim| !claim.old_volume.is_empty()).collect();
    let what = match disposal {
        Disposal::Reclaim => return String::new(),
        Disposal::Delete => "still on the storage backend, without a PersistentVolume",
        Disposal::Keep => "kept with their PersistentVolumes, which have the reclaim policy Retain",
    };
    if claims.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["CLAIM", "OLD VOLUME", "DISK"], &[]);
    for claim in &claims {
        let handle = claim.old_handle.clone().unwrap_or_else(|| "-".to_owned());
        table.row(&[format!("{}/{}", claim.namespace, claim.name), claim.old_volume.clone(), handle]);
    }
    // Never wrapped: these names are there to be copied.
    let mut text = format!("\n{}, {what}:\n{}", count(claims.len(), "old disk"), table.text(None));
    if disposal == Disposal::Keep {
        text.push_str(FREE_A_DISK);
    }
    text
}

#[cfg(test)]
mod tests {
    use pvmigrate_core::access::VolumeMode;
    use pvmigrate_core::trial::{Trial, TrialResult};

    use pvmigrate_core::record::Record;

    use super::*;
    use crate::exit::Exit;
    use crate::failure::Failure;
    use crate::render::samples;

    fn ended(claims: &[&str], how: Outcome) -> (Record, GroupEnd) {
        let end = Ended { at: samples::at(125), how };
        let record = samples::proven(claims);
        (Record { ended: Some(end.clone()), ..record }, GroupEnd::Ended(end))
    }

    fn mixed() -> Report {
        let mut report = samples::report(vec![
            ended(&["data-web-0", "data-web-1"], Outcome::Migrated),
            ended(&["cache"], Outcome::RolledBack("claim cache: 3 copies failed, the last: exit 23".to_owned())),
            ended(&["slow"], Outcome::NotReady("StatefulSet web: 1 of 2 pods Ready: pod web-1: BackOff".to_owned())),
            (samples::record(&["held"], true), GroupEnd::Blocked(vec![samples::blocker()])),
            (samples::record(&["late"], true), GroupEnd::Interrupted),
            (
                samples::record(&["lost"], true),
                GroupEnd::Failed(anyhow::anyhow!("connection refused").context("cannot delete the original claim")),
            ),
        ]);
        report.groups[0].claims[1].verified = Verified::Differs(vec!["a/b: bytes (from byte 17 on)".to_owned()]);
        report.groups[0].claims[0].strays = vec![None, Some("pvc-stray".to_owned())];
        report.groups[0].claims[0].lost_owners = vec!["StatefulSet web".to_owned()];
        report.defaults_changed = vec!["fast".to_owned(), "slow".to_owned()];
        report.unclaimed = vec![samples::unclaimed()];
        report
    }

    #[test]
    fn when_all_are_migrated_nothing_is_told_but_that() {
        let mut report = samples::report(vec![ended(&["data-web-0", samples::EVIL], Outcome::Migrated)]);
        report.groups[0].claims[0].verified = Verified::ByteByByte;
        insta::assert_snapshot!(text(&report, Disposal::Delete, &samples::screen(None)));
    }

    #[test]
    fn every_end_is_told_with_its_reason() {
        insta::assert_snapshot!(text(&mixed(), Disposal::Keep, &samples::screen(None)));
    }

    #[test]
    fn for_scripts() -> Result<(), serde_json::Error> {
        let blockers = [samples::blocker()];
        let checked =
            Comparison { claims: 5, workloads: 2, changes: vec!["claim shop/a: size was 1, is 2".to_owned()] };
        let report = mixed();
        let refused = [Failure::usage("cannot abort").hint("go on")];
        let json = json(&report, &blockers, Exit::NeedsPerson).compared(Some(&checked)).errors(&refused);
        insta::assert_snapshot!(serde_json::to_string_pretty(&json)?);
        Ok(())
    }

    #[test]
    fn what_a_rehearsal_compared() {
        let same = Comparison { claims: 5, workloads: 1, changes: Vec::new() };
        let changed = Comparison { changes: vec!["claim shop/a: gone".to_owned()], ..same.clone() };
        let screen = samples::screen(None);
        insta::assert_snapshot!(format!("{}{}", checked(&same, &screen), checked(&changed, &screen)));
    }

    #[test]
    fn a_run_that_was_kept_from_starting() {
        let run = Run { plan: samples::plan(true), trials: Vec::new(), cut_short: false, report: Report::default() };
        let blockers = run.blockers();
        insta::assert_snapshot!(run_text(&run, &blockers, &samples::options(), &samples::screen(None)));
    }

    #[test]
    fn checks_that_were_cut_short_and_left_something() {
        let left = "the trial's pod pf in namespace shop is still there after 120 s".to_owned();
        let report = Report { left_behind: vec![left], ..Report::default() };
        let run = Run { plan: samples::plan(false), trials: Vec::new(), cut_short: true, report };
        insta::assert_snapshot!(
            run_text(&run, &[], &samples::options(), &samples::screen(None)),
            @r"
        Stopped before the checks were complete; nothing was started.

        Left behind by the checks:
          the trial's pod pf in namespace shop is still there after 120 s

        2 claims of StorageClass slow left out:
        CLAIM                       REASON       BECAUSE
        shop/shared                 other-class  its volume has class nfs (default 0.1.0)
        shop/data\u{1b}[2J\u{202e}  other-class  its volume has class nfs (default 0.1.0)

        FINDING        ABOUT                       BY             MESSAGE
        warning large  shop/data\u{1b}[2J\u{202e}  default 0.1.0  it is larger than most

        POLICY   VERSION  DIGEST
        default  0.1.0    sha256:00
        "
        );
    }

    #[test]
    fn a_run_that_only_checked() {
        let run = Run { plan: samples::plan(false), trials: Vec::new(), cut_short: false, report: Report::default() };
        let options = Options { preflight_only: true, ..samples::options() };
        insta::assert_snapshot!(run_text(&run, &[], &options, &samples::screen(None)));
        let trial = Trial {
            namespace: "shop".to_owned(),
            modes: Vec::new(),
            volume_mode: VolumeMode::Filesystem,
            claim: TrialClaim::Judged,
            tolerations: std::collections::BTreeSet::new(),
        };
        let run = Run { trials: vec![TrialResult { trial, failure: None }], ..run };
        assert!(
            run_text(&run, &[], &options, &samples::screen(None)).contains("No trial claim was made: it would have")
        );
    }
}
