//! A plan: per group what moves, what happens in which order, how long its workloads pause, and what blocks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use jiff::SignedDuration;
use pvmigrate_core::access::AccessMode;
use pvmigrate_core::forecast::End;
use pvmigrate_core::plan::PlannedGroup;
use pvmigrate_core::policy::{Judgement, LeftOut, Verdict};
use pvmigrate_core::record::{ClaimRecord, Record};

use super::lines::hanging;
use super::table::Table;
use super::units::{bytes, count, duration};
use super::{Screen, clean, consulted, findings, left_out, unclaimed};
use crate::options::Options;
use crate::plan::Plan;

mod json;
mod phases;

pub use json::json;
use phases::{Phase, doings};

/// The copy speed that a pause is estimated with: what one rsync pair does over a plain network disk. A fast local disk
/// does several times that, many small files far less; so it is named beside every estimate.
const BYTES_PER_SECOND: u64 = 100 << 20;

/// Returns the plan as text for stdout.
pub fn text(plan: &Plan, options: &Options, screen: &Screen) -> String {
    let mut text = headline(plan, options);
    text.push_str(&findings::permission_notes(plan, screen));
    for record in &plan.resumed {
        text.push_str(&resumed(record, screen));
    }
    let mut ways = BTreeMap::new();
    for (at, group) in plan.groups.iter().enumerate() {
        text.push_str(&planned(at + 1, group, &mut ways, screen));
    }
    let left = plan.left_out();
    if let Some(judgement) = plan.judgement() {
        text.push_str(&staying(judgement, &left, screen));
    }
    text.push_str(&consulted::text(plan.assessment.as_ref(), screen));
    text.push_str(&left_out::claims(&left, &options.source_class, screen));
    text.push_str(&unclaimed::text(&plan.unclaimed));
    let classes = (options.source_class.as_str(), options.dest_class.as_str());
    text.push_str(&left_out::templates(&plan.stale_templates, classes, screen));
    let blockers = plan.all_blockers();
    if !blockers.is_empty() {
        let all_or_none = plan.startable(options.skip_blocked).next().is_none();
        let title =
            if all_or_none { "Nothing new would start:" } else { "Blocked groups would be left out (--skip-blocked):" };
        let _ = write!(text, "\n{}\n{}", screen.paint.bad(title), findings::table(&blockers, screen.width));
    }
    text
}

fn headline(plan: &Plan, options: &Options) -> String {
    let (from, to) = (clean(&options.source_class), clean(&options.dest_class));
    let claims: usize = plan.groups.iter().map(|group| group.record.claims.len()).sum();
    let mut text = if let Some(refused) = &plan.refused {
        format!("Nothing could be planned: {}\n", clean(refused))
    } else if claims > 0 {
        let groups = count(plan.groups.len(), "group");
        format!("{} in {groups} would move from {from} to {to}.\n", count(claims, "claim"))
    } else {
        format!("No new claim would move from {from} to {to}.\n")
    };
    if !plan.resumed.is_empty() {
        let _ = writeln!(text, "{} started earlier would continue first.", count(plan.resumed.len(), "group"));
    }
    text
}

fn resumed(record: &Record, screen: &Screen) -> String {
    let claims: Vec<String> = record.claims.keys().map(|claim| clean(claim)).collect();
    let title = format!("{}/{}", clean(&record.namespace), clean(&record.name));
    let mut text = format!("\nContinues: {}\n", screen.paint.title(&title));
    text.push_str(&hanging("  started    ", &record.begun.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), screen.width));
    text.push_str(&hanging("  claims     ", &claims.join(", "), screen.width));
    text
}

/// Shows one group. `ways` holds the way of each group shown before, so that a plan of hundreds of groups describes
/// each way only once.
fn planned(number: usize, group: &PlannedGroup, ways: &mut BTreeMap<String, usize>, screen: &Screen) -> String {
    let record = &group.record;
    let mut title = format!("Group {number}: namespace {}", clean(&record.namespace));
    if !group.blockers.is_empty() {
        title.push_str(" (blocked)");
    }
    let mut text = format!("\n{}\n", screen.paint.title(&title));
    text.push_str(&indent(&claims(record).text(screen.width.map(|width| width.saturating_sub(2)))));
    let width = screen.width;
    let has_workloads = !record.workloads.is_empty();
    if has_workloads {
        let stops: Vec<String> = record
            .workloads
            .iter()
            .map(|workload| {
                format!("{} ({})", clean(&workload.workload.to_string()), count(workload.replicas as usize, "replica"))
            })
            .collect();
        text.push_str(&hanging("  stops          ", &stops.join(", "), width));
    } else {
        text.push_str(&hanging("  stops          ", "nothing: no workload uses these claims", width));
    }
    let way = way(group, has_workloads, width);
    match ways.get(&way) {
        Some(first) => text.push_str(&hanging("  in order       ", &format!("as group {first}"), width)),
        None => {
            text.push_str(&way);
            ways.insert(way, number);
        }
    }
    if has_workloads {
        text.push_str(&hanging("  downtime       ", &pause(record), width));
    }
    match &group.forecast.ends {
        End::Finished(_) => {}
        End::Blocked(blockers) => {
            let words: Vec<String> = blockers.iter().map(|blocker| clean(&blocker.to_string())).collect();
            text.push_str(&hanging("  then stops at  ", &words.join("; "), width));
        }
        End::Endless => {
            text.push_str(&hanging("  then waits     ", "for something that will not happen by itself", width))
        }
    }
    text
}

/// Describes what happens in which order.
fn way(group: &PlannedGroup, has_workloads: bool, width: Option<u16>) -> String {
    let phases = Phase::ALL.into_iter().map(|phase| (phase, doings(&group.forecast, phase)));
    let told = phases.filter(|(_, doings)| !doings.is_empty()).map(|(phase, doings)| {
        let label = format!("  {:<15}", phase.title(has_workloads));
        hanging(&label, &doings.join("; "), width)
    });
    told.collect()
}

fn claims(record: &Record) -> Table {
    let mut table = Table::new(&["CLAIM", "SIZE", "ACCESS MODES", "BECAUSE"], &[1]);
    for (name, claim) in &record.claims {
        table.row(&[
            name.clone(),
            if claim.bytes == 0 { "-".to_owned() } else { bytes(claim.bytes) },
            modes(&claim.modes),
            because(claim),
        ]);
    }
    table
}

fn modes(modes: &[AccessMode]) -> String {
    modes.iter().map(|mode| mode.as_str()).collect::<Vec<_>>().join(", ")
}

fn because(claim: &ClaimRecord) -> String {
    match &claim.verdict {
        Some(verdict) => format!("{} ({})", verdict.decision.reason.message, verdict.decision.by),
        None => "an interrupted run of another tool left it half-migrated".to_owned(),
    }
}

/// Describes how long the workloads pause. Only the capacity is known here, so it is an upper limit.
fn pause(record: &Record) -> String {
    // The claims of a group are copied at the same time, each by its own rsync.
    let largest = record.claims.values().map(|claim| claim.bytes).max().unwrap_or(0);
    let seconds = i64::try_from(largest / BYTES_PER_SECOND).unwrap_or(i64::MAX);
    let time = duration(SignedDuration::from_secs(seconds.max(1)));
    let speed = bytes(BYTES_PER_SECOND);
    if record.asked.warm_passes > 0 && !record.claims.values().any(ClaimRecord::is_for_one_pod) {
        format!("while what changed since the last warm pass is copied: less than {time} at {speed}/s")
    } else {
        format!("while all files are copied: at most {time} for a full volume at {speed}/s")
    }
}

/// Sums up the claims of other classes by who decided that they stay and why; `-v` names them.
fn staying(judgement: &Judgement, left: &[LeftOut<'_>], screen: &Screen) -> String {
    let listed: BTreeSet<(&str, &str)> = left.iter().map(|claim| (claim.namespace, claim.name)).collect();
    let is_listed = |verdict: &Verdict| listed.contains(&(verdict.namespace.as_str(), verdict.name.as_str()));
    let mut reasons: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for verdict in judgement.verdicts.iter().filter(|verdict| !verdict.selected() && !is_listed(verdict)) {
        let decision = &verdict.decision;
        let reason = (decision.by.to_string(), decision.reason.code.clone());
        reasons.entry(reason).or_default().push(format!("{} ({})", verdict.claim(), decision.reason.message));
    }
    let mut text = String::new();
    for ((by, code), claims) in reasons {
        let stay = if claims.len() == 1 { "stays" } else { "stay" };
        let _ = writeln!(text, "{} {stay}: {} of {}", count(claims.len(), "claim"), clean(&code), clean(&by));
        for claim in claims.iter().filter(|_| screen.verbose > 0) {
            let _ = writeln!(text, "  {}", clean(claim));
        }
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use crate::render::samples;

    #[test]
    fn for_people() {
        insta::assert_snapshot!(text(&samples::plan(false), &samples::options(), &samples::screen(Some(100))));
    }

    #[test]
    fn with_a_blocker_and_v_in_a_pipe() {
        let screen = Screen { verbose: 1, ..samples::screen(None) };
        insta::assert_snapshot!(text(&samples::plan(true), &samples::options(), &screen));
    }

    #[test]
    fn with_nothing_to_do() {
        insta::assert_snapshot!(text(&Plan::default(), &samples::options(), &samples::screen(None)));
    }

    #[test]
    fn without_the_permissions() -> Result<(), serde_json::Error> {
        let (plan, options) = (samples::refused(), samples::options());
        insta::assert_snapshot!("refused", text(&plan, &options, &samples::screen(Some(100))));
        let json = serde_json::to_string_pretty(&json(&plan, &options, Exit::Finding))?;
        insta::assert_snapshot!("refused_for_scripts", json);
        Ok(())
    }

    #[test]
    fn for_scripts() -> Result<(), serde_json::Error> {
        let (plan, options) = (samples::plan(true), samples::options());
        insta::assert_snapshot!(serde_json::to_string_pretty(&json(&plan, &options, Exit::Finding))?);
        Ok(())
    }
}
