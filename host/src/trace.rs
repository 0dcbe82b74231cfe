//! The debug log: off, unless `-vv` or `PVMIGRATE_LOG` asks for it.

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;
use crate::render::Screen;

/// The variable that chooses what is logged, in the words of `tracing`'s filters (`pvmigrate_cluster=trace`).
const VARIABLE: &str = "PVMIGRATE_LOG";

/// What `-vv` shows: ours in full, and what goes wrong on the HTTP side.
const OURS: &str = "warn,pvmigrate=debug,pvmigrate_core=debug,pvmigrate_cluster=debug,pvmigrate_policy=debug,\
                    pvmigrate_rehearsal=debug,kube_client=debug";

/// Starts the debug log on stderr, if it was asked for.
///
/// # Errors
/// Bad usage, when the variable is not a valid filter.
pub fn start(screen: &Screen) -> Result<(), Failure> {
    let asked = std::env::var(VARIABLE).ok().filter(|filter| !filter.is_empty());
    let filter = match (&asked, screen.verbose) {
        (Some(filter), _) => filter.as_str(),
        (None, 2..) => OURS,
        (None, 0..=1) => return Ok(()),
    };
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::usage(format!("{VARIABLE}: invalid filter: {error}")).hint("for example: PVMIGRATE_LOG=debug")
    })?;
    // A second start in one process (tests do that) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(screen.terminal.clone())
        .try_init();
    Ok(())
}
