//! `policy bench`: what a policy costs, and whether it has grown.

use std::path::{Path, PathBuf};
use std::slice;
use std::str::FromStr;

use clap::Args;
use pvmigrate_policy_kit::bench::{self, Bench, BenchError, Compared};
use pvmigrate_policy_kit::files;
use pvmigrate_policy_kit::project::Want;

use super::settings;
use crate::cli::flags::LimitArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::{self, Chosen};
use crate::render::policy::bench as show;
use crate::render::{Screen, clean};

/// The flags of `policy bench`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Fuel and memory are the same on every machine, so they can be compared with a saved result; times cannot.

Examples:
  pvmigrate policy bench keep.wasm --save bench.json
  pvmigrate policy bench keep.wasm --compare bench.json --threshold 5%

Exit codes: 0 measured, 1 fuel or memory has grown beyond the threshold, 2 bad usage or input, 3 the policy does not load, \
5 it faults."
)]
pub struct BenchArgs {
    /// Policy: a component (.wasm), a policy's folder, an artifact (oci://...), or `builtin`
    pub policy: PathBuf,
    /// What it may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How many volumes to ask about at a time, one measurement each
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', default_value = "100,1k,10k")]
    pub volumes: Vec<Volumes>,
    /// Settings for the policy: a JSON object, or a YAML or JSON file
    #[arg(long, value_name = "FILE|JSON")]
    pub settings: Option<String>,
    /// Save the result to this file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Compare the result with this saved one
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// How much fuel and memory may grow
    #[arg(long, value_name = "PERCENT", default_value = "2%", requires = "compare")]
    pub threshold: Percent,
}

/// A number of volumes, such as `250` or `10k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volumes(pub usize);

/// Maximum number of volumes of one question; more need more memory than a machine has to spare.
const MOST_VOLUMES: usize = 1_000_000;

impl FromStr for Volumes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, unit) = match text.strip_suffix('k') {
            Some(digits) => (digits, 1_000),
            None => (text, 1),
        };
        let count = digits.parse::<usize>().ok().and_then(|count| count.checked_mul(unit));
        let fits = count.filter(|count| (1..=MOST_VOLUMES).contains(count));
        fits.map(Self).ok_or_else(|| format!("write a number from 1 to {}k, such as 250 or 10k", MOST_VOLUMES / 1_000))
    }
}

/// A percentage, such as `2%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
        let fits = number.filter(|number| number.is_finite() && *number >= 0.0);
        fits.map(Self).ok_or_else(|| "write a percentage, such as 2% or 0.5%".to_owned())
    }
}

/// Measures a policy, and compares the result with a saved one.
///
/// # Errors
/// When the policy does not load or fails, or a file cannot be read or written.
pub(super) async fn run(args: &BenchArgs, screen: &Screen) -> Result<Exit, Failure> {
    // Read before anything that takes long.
    let base = args.compare.as_deref().map(read).transpose()?;
    Chosen::bare(slice::from_ref(&args.policy), args.limits.given.as_ref(), Want::Built).limits_apply()?;
    let policy = chain::open(&args.policy, args.limits.given.as_ref(), Want::Built, &screen.note()).await?;
    let policy = settings::configured(policy, args.settings.as_deref())?;
    let sizes: Vec<usize> = args.volumes.iter().map(|volumes| volumes.0).collect();
    let measured = bench::run(&policy, &sizes)?;
    let compared = base.map(|base| held_against(&base, &measured, args)).transpose()?;
    if let Some(file) = &args.save {
        save(file, &measured)?;
        screen.say(&format!("saved to {}", clean(&file.to_string_lossy())));
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

fn held_against(base: &Bench, measured: &Bench, args: &BenchArgs) -> Result<Compared, Failure> {
    let compared = bench::compare(base, measured, args.threshold.0);
    if compared.rows == 0 {
        return Err(Failure::usage(
            "nothing to compare: the saved result has no measurement with these numbers of volumes",
        )
        .hint("use the same numbers with --volumes, or save a new result with --save"));
    }
    Ok(compared)
}

fn read(file: &Path) -> Result<Bench, Failure> {
    let failed = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error).context(format!("cannot read the saved result {}", file.display()))
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.into()))?;
    serde_json::from_str(&text).map_err(|error| failed(anyhow::anyhow!("{}", clean(&error.to_string()))))
}

fn save(file: &Path, measured: &Bench) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| {
        Failure::new(Exit::Usage, error).context(format!("cannot save the result to {}", file.display()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_volumes() {
        let read = |text: &str| text.parse::<Volumes>().map(|volumes| volumes.0).ok();
        assert_eq!(["1", "250", "10k", "1000k"].map(read), [Some(1), Some(250), Some(10_000), Some(1_000_000)]);
        assert_eq!(["0", "", "k", "-1", "1.5k", "1001k", "10K"].map(read), [None; 7]);
    }

    #[test]
    fn percentages() {
        let read = |text: &str| text.parse::<Percent>().map(|percent| percent.0).ok();
        assert_eq!(["2%", "0.5 %", "0", "150%"].map(read), [Some(2.0), Some(0.5), Some(0.0), Some(150.0)]);
        assert_eq!(["-1%", "", "%", "much", "inf", "NaN%"].map(read), [None; 6]);
    }
}
