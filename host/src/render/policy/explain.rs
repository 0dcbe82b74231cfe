//! All that led to the decision about one claim: who voted what, which rule decided, and what limits applied.

use pvmigrate_core::policy::rule::Rule;
use pvmigrate_core::policy::waiver::Waived;
use pvmigrate_core::policy::{CallCost, Decider, Judged, ModesOpinion, PolicyRef, Verdict, Volume, Vote, Warning};
use serde::Serialize;

use super::assessment::{costs, findings, modes, shape, shape_text, warnings};
use super::log;
use crate::assessment::Traced;
use crate::exit::Exit;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::lines::hanging;
use crate::render::table::Table;
use crate::render::units::bytes;
use crate::render::{Screen, clean, consulted};

/// Returns the whole trace as text for stdout.
pub fn text(traced: &Traced<'_>, screen: &Screen) -> String {
    let Traced { assessment, volume, verdict } = *traced;
    let target = &assessment.question.request.target.name;
    let title = match verdict.selected() {
        true => format!("{} moves to {target}", verdict.claim()),
        false => format!("{} stays", verdict.claim()),
    };
    let mut text = format!("{}\n", screen.paint.title(&clean(&title)));
    let mut line = |label: &str, words: &str| {
        text.push_str(&hanging(&format!("  {label:<10}"), &clean(words), screen.width));
    };
    line("volume", &about(volume));
    line("used by", &users(volume));
    let decision = &verdict.decision;
    line("because", &format!("{}: {} ({})", decision.reason.code, decision.reason.message, decision.by));
    line("rule", Rule::of(verdict).describe());
    if let Some(target) = &verdict.target {
        line("becomes", &format!("{}, {}: {} ({})", shape(target), target.why.code, target.why.message, target.by));
    }
    line("floor", &floor(traced));
    text.push_str(&votes(verdict, screen));
    text.push_str(&opinions(&verdict.opinions, screen));
    text.push_str(&findings(traced.findings(), screen));
    text.push_str(&warnings(traced.warnings(), screen));
    text.push_str(&consulted::waived(&traced.waived(), screen));
    text.push_str(&costs(&assessment.judgement.calls, assessment.judgement.verdicts.len(), screen));
    text.push_str(&log::lines(&assessment.judgement.calls, screen));
    text
}

fn about(volume: &Volume) -> String {
    let name = volume.volume_name.as_deref().unwrap_or("none yet");
    let class = volume.storage_class.as_deref().unwrap_or("none");
    let size = bytes(volume.requested_bytes.max(volume.capacity_bytes));
    format!("{name}, class {class}, {size}, {}, {}", modes(volume), volume.phase)
}

fn users(volume: &Volume) -> String {
    let mut users: Vec<String> = volume.consumers.iter().map(|consumer| consumer.workload.to_string()).collect();
    users.sort_unstable();
    users.dedup();
    if users.is_empty() { "nothing".to_owned() } else { users.join(", ") }
}

/// Describes how pvmigrate's own safety rules apply.
fn floor(traced: &Traced<'_>) -> String {
    let broken = traced.findings().filter(|finding| finding.by == Decider::Host);
    let broken: Vec<&str> = broken.map(|finding| finding.code.as_str()).collect();
    match (traced.verdict.selected(), broken.is_empty()) {
        (_, false) => format!("broken: {}", broken.join(", ")),
        (true, true) => "kept: it is in scope, and the new claim allows all that the old one does".to_owned(),
        (false, true) => "not needed: nothing moves".to_owned(),
    }
}

fn votes(verdict: &Verdict, screen: &Screen) -> String {
    let mut table = Table::new(&["POLICY", "VOTE", "REASON", "MESSAGE", "DIGEST"], &[]);
    for cast in &verdict.votes {
        let (vote, reason) = match &cast.vote {
            Vote::Migrate(reason) => ("migrate", Some(reason)),
            Vote::Skip(reason) => ("skip", Some(reason)),
            Vote::Abstain => ("abstain", None),
        };
        let words = |of: fn(&pvmigrate_core::policy::Reason) -> &String| reason.map_or("", |reason| of(reason));
        let (code, message) = (words(|reason| &reason.code), words(|reason| &reason.message));
        table.row(&[&*cast.by.to_string(), vote, code, message, &cast.by.digest]);
    }
    if table.is_empty() { String::new() } else { format!("\n{}", table.text(screen.width)) }
}

fn opinions(opinions: &[ModesOpinion], screen: &Screen) -> String {
    let mut table = Table::new(&["MODES OF", "MODES", "REASON", "MESSAGE"], &[]);
    for ModesOpinion { by, shape } in opinions {
        let words = shape_text(&shape.modes, shape.volume_mode);
        table.row(&[by.to_string(), words, shape.why.code.clone(), shape.why.message.clone()]);
    }
    if table.is_empty() {
        return "\nNo policy maps its access modes.\n".to_owned();
    }
    format!("\n{}The first opinion on access modes wins.\n", table.text(screen.width))
}

/// The trace for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    claim: String,
    /// The claim as the policies saw it.
    volume: &'a Volume,
    rule: Rule,
    verdict: &'a Verdict,
    findings: Vec<&'a Judged>,
    waived: Vec<Waived>,
    warnings: Vec<&'a Warning>,
    policies: &'a [PolicyRef],
    /// Of all claims together.
    calls: &'a [CallCost],
}

/// Returns the whole trace for scripts.
pub fn json<'a>(traced: &Traced<'a>) -> ExplainJson<'a> {
    let Traced { assessment, volume, verdict } = *traced;
    ExplainJson {
        schema_version: SCHEMA_VERSION,
        exit: Exit::Done.into(),
        claim: verdict.claim(),
        volume,
        rule: Rule::of(verdict),
        verdict,
        findings: traced.findings().collect(),
        waived: traced.waived(),
        warnings: traced.warnings().collect(),
        policies: &assessment.judgement.policies,
        calls: &assessment.judgement.calls,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
mod tests {
    use super::*;
    use crate::render::samples;

    #[test]
    fn for_people() {
        let mut assessment = samples::assessment();
        assessment.judgement.calls = vec![samples::call("select", &["a line\u{1b}[2J"])];
        let traced = assessment.claim(&format!("shop/{}", samples::EVIL)).unwrap();
        let shown = text(&traced, &samples::screen(None));
        assert!(!shown.contains('\u{1b}'), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn one_that_moves() {
        let assessment = samples::assessment();
        insta::assert_snapshot!(text(&assessment.claim("shop/data-web-0").unwrap(), &samples::screen(Some(90))));
    }
}
