//! `migrate`, and what happens without a subcommand.

use std::sync::Arc;

use pvmigrate_rehearsal::NotPlayed;

use super::shared;
use crate::assessment::saved;
use crate::cli::migration::MigrateArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::options::Options;
use crate::render::progress::Progress;
use crate::render::{self, Screen};
use crate::report::{ClaimReport, Comparison, Verified};
use crate::run::{self, Run};

/// Migrates and shows the result.
///
/// # Errors
/// On bad usage, when a policy fails, or when the cluster cannot be used. What happens to a group later is in the report.
pub async fn run(args: &MigrateArgs, screen: &Screen) -> Result<Exit, Failure> {
    let mut options = args.migration.options()?;
    let policies = shared::policies(&args.migration.rules, &mut options, screen).await?;
    let connection = shared::connect(&args.cluster).await?;
    let stop = shared::stop_on_signals(screen, shared::Interrupted::resumable())?;
    let progress = Arc::new(Progress::new(screen, args.migration.copy.verbose_copy));
    let planned = run::plan(&connection.client, &policies, &options).await?;
    saved::keep(args.migration.rules.save_question.as_deref(), &planned.1, &policies, &options.waivers)?;
    let run = run::carry_out(planned, &connection.client, &policies, &options, progress, &stop).await?;
    let exit = show(
        &run,
        &Shown { options: &options, interrupted: stop.requested(), checked: None, not_played: None },
        screen,
    )?;
    if exit == Exit::Interrupted {
        screen.hint("to continue, run the same command again; to go back: pvmigrate abort --all");
    }
    screen.detail(|| connection.requests.to_string());
    Ok(exit)
}

/// The context in which a run is shown.
pub(super) struct Shown<'a> {
    /// What was asked for.
    pub(super) options: &'a Options,
    /// The user asked to stop.
    pub(super) interrupted: bool,
    /// What a rehearsal compared.
    pub(super) checked: Option<&'a Comparison>,
    /// What a rehearsal did not play.
    pub(super) not_played: Option<&'a NotPlayed>,
}

/// Shows the result of a run, and returns its exit code.
///
/// # Errors
/// When stdout cannot be written.
pub(super) fn show(run: &Run, shown: &Shown<'_>, screen: &Screen) -> Result<Exit, Failure> {
    let blockers = run.blockers();
    let exit = exit_of(run, shown);
    let text = || {
        let mut text = render::report::run_text(run, &blockers, shown.options, screen);
        text.push_str(&shown.checked.map_or_else(String::new, |checked| render::report::checked(checked, screen)));
        text.push_str(&shown.not_played.map_or_else(String::new, |found| render::not_played::text(found, screen)));
        text
    };
    let json = render::report::json(&run.report, &blockers, exit).planned(&run.plan);
    screen.result(text, &json.compared(shown.checked).not_played(shown.not_played))?;
    render::findings::hints(screen, &blockers);
    render::findings::hint_skip_blocked(screen, &run.plan, shown.options);
    Ok(exit)
}

fn exit_of(run: &Run, shown: &Shown<'_>) -> Exit {
    let mut exit = if run.blockers().is_empty() { Exit::Done } else { Exit::Finding };
    // An interrupt that came when everything was done has cut nothing short.
    let is_unfinished =
        run.report.groups.is_empty() || (shown.options.set_defaults && run.report.defaults_changed.is_empty());
    if shown.interrupted && is_unfinished {
        exit = exit.or_graver(Exit::Interrupted);
    }
    for group in &run.report.groups {
        exit = exit.or_graver(shared::exit_of(&group.end));
        let differs = |claim: &ClaimReport| matches!(claim.verified, Verified::Differs(_));
        if group.claims.iter().any(differs) {
            exit = exit.or_graver(Exit::NeedsPerson);
        }
    }
    let is_changed = shown.checked.is_some_and(|checked| !checked.changes.is_empty());
    if is_changed && exit == Exit::Done { Exit::NeedsPerson } else { exit }
}
