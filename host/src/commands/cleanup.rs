//! `cleanup`: removes what ended migrations have left behind. Volumes are never removed.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use clap::Args;
use pvmigrate_cluster::cleanup::{self, Leftover};

use super::shared;
use crate::cli::flags::WhereArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::leftovers::{self, Fate};
use crate::render::{Screen, units};

/// The flags of `cleanup`.
#[derive(Args, Clone, Debug)]
pub struct CleanupArgs {
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub yes: bool,
    /// Where.
    #[command(flatten)]
    pub place: WhereArgs,
}

/// Lists what is left, and removes it when told to: by `--yes`, or by the answer on a terminal.
///
/// # Errors
/// When the cluster cannot be used. What was removed before that stays removed.
pub async fn run(args: &CleanupArgs, screen: &Screen) -> Result<Exit, Failure> {
    let connection = shared::connect(&args.place.cluster).await?;
    let found = cleanup::find(&connection.client, args.place.namespace.as_deref()).await?;
    let may_remove = !found.is_empty() && (args.yes || agreed(&found, screen)?);
    let mut fates = Vec::new();
    for left in found {
        let fate = match may_remove {
            false => Fate::Found,
            true if cleanup::remove(&connection.client, &left).await? => Fate::Removed,
            true => Fate::Changed,
        };
        fates.push((left, fate));
    }
    screen.result(|| leftovers::text(&fates, screen), &leftovers::json(&fates, Exit::Done))?;
    if !may_remove && !fates.is_empty() {
        screen.hint("nothing was removed; to remove all of it: pvmigrate cleanup --yes");
    }
    screen.detail(|| connection.requests.to_string());
    Ok(Exit::Done)
}

/// Asks on a terminal; without one, the answer is no.
fn agreed(found: &[Leftover], screen: &Screen) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let listed: Vec<(Leftover, Fate)> = found.iter().map(|left| (left.clone(), Fate::Found)).collect();
    screen.say(leftovers::text(&listed, screen).trim_end());
    let unreadable = |error| Failure::new(Exit::Usage, error).context("cannot ask on the terminal");
    let mut stderr = io::stderr().lock();
    write!(stderr, "Remove {}? [y/N] ", units::count(found.len(), "object")).map_err(unreadable)?;
    stderr.flush().map_err(unreadable)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unreadable)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
