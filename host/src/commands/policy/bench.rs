//! `policy bench`: what a policy costs, and whether it has grown.

use std::path::Path;

use pvmigrate_policy_kit::bench::{self, Bench, BenchError, Compared};
use pvmigrate_policy_kit::files;

use super::settings;
use crate::cli::PolicyBenchArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain;
use crate::render::policy::bench as show;
use crate::render::{Screen, clean};

/// Measures a policy, and holds the result against a kept one.
///
/// # Errors
/// When the policy does not load or fails, or a file cannot be read or written.
pub(super) async fn run(args: &PolicyBenchArgs, screen: &Screen) -> Result<Exit, Failure> {
    // Before anything takes long.
    let base = args.compare.as_deref().map(read).transpose()?;
    let policy = chain::open(&args.policy, &screen.note()).await?;
    let policy = settings::configured(policy, args.settings.as_deref())?;
    let sizes: Vec<usize> = args.volumes.iter().map(|volumes| volumes.0).collect();
    let measured = bench::run(&policy, &sizes)?;
    let compared = base.map(|base| held_against(&base, &measured, args)).transpose()?;
    if let Some(file) = &args.save {
        save(file, &measured)?;
        screen.say(&format!("kept in {}", clean(&file.to_string_lossy())));
    }
    let exit = match &compared {
        Some(compared) if !compared.grown.is_empty() => Exit::Finding,
        _ => Exit::Done,
    };
    screen.result(
        || show::text(&measured, compared.as_ref(), args.threshold.0, screen),
        &show::json(&measured, compared.as_ref(), exit),
    )?;
    Ok(exit)
}

fn held_against(base: &Bench, measured: &Bench, args: &PolicyBenchArgs) -> Result<Compared, Failure> {
    let compared = bench::compare(base, measured, args.threshold.0);
    if compared.rows == 0 {
        return Err(Failure::usage("the kept result is of other numbers of volumes, so there is nothing to compare")
            .hint("name the same numbers with --volumes, or keep a new result with --save"));
    }
    Ok(compared)
}

fn read(file: &Path) -> Result<Bench, Failure> {
    let failed = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error).context(format!("cannot read the kept result {}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.into()))?;
    serde_json::from_str(&text).map_err(|error| failed(anyhow::anyhow!("{}", clean(&error.to_string()))))
}

fn save(file: &Path, measured: &Bench) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error).context(format!("cannot keep the result in {}", file.display()))
    };
    let text = serde_json::to_string_pretty(measured).map_err(|error| failed(error.into()))?;
    files::replace(file, (text + "\n").as_bytes()).map_err(|error| failed(error.into()))
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Policy(failure) => failure.into(),
            unsteady @ BenchError::Unsteady { .. } => Self::new(Exit::PolicyFault, unsteady),
        }
    }
}
