//! `plan`: what a migration would do. Reads only; not even preflight pods are made.

use super::shared;
use crate::assessment::saved;
use crate::cli::migration::MigrateArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::{self, Screen};
use crate::run;

/// Plans and shows the plan.
///
/// # Errors
/// On bad usage, when a policy fails, or when the cluster cannot be read.
pub async fn run(args: &MigrateArgs, screen: &Screen) -> Result<Exit, Failure> {
    let mut options = args.migration.options()?;
    let policies = shared::policies(&args.migration.rules, &mut options, screen).await?;
    let connection = shared::connect(&args.cluster).await?;
    let plan = run::plan(&connection.client, &policies, &options).await?.1.for_looking();
    saved::keep(args.migration.rules.save_question.as_deref(), &plan, &policies, &options.waivers)?;
    let blockers = plan.all_blockers();
    let exit = if blockers.is_empty() { Exit::Done } else { Exit::Finding };
    screen.result(|| render::plan::text(&plan, &options, screen), &render::plan::json(&plan, &options, exit))?;
    render::findings::hints(screen, &blockers);
    render::findings::hint_skip_blocked(screen, &plan, &options);
    screen.detail(|| connection.requests.to_string());
    Ok(exit)
}
