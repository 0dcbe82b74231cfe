//! `policy explain`: how the decision about one claim came about.

use super::run::Asked;
use crate::cli::PolicyExplainArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::render::Screen;
use crate::render::policy::explain as show;

/// Judges a snapshot and shows all that led to the decision about one claim.
///
/// # Errors
/// As `policy run`, and when there is no such claim.
pub(super) async fn run(args: &PolicyExplainArgs, screen: &Screen) -> Result<Exit, Failure> {
    let look = Asked::new(&args.policies, &args.snapshot, screen).await?.look(&args.snapshot, screen)?;
    let traced = look.claim(&args.claim)?;
    screen.result(|| show::text(&traced, screen), &show::json(&traced))?;
    Ok(Exit::Done)
}
