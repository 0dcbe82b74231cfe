//! The flags of `policy bench` and `policy fuzz`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

/// Holds the flags of `policy bench`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Fuel and memory are the same on every machine, so they can be held against what was kept; times cannot.

Examples:
  pvmigrate policy bench keep.wasm --save bench.json
  pvmigrate policy bench keep.wasm --compare bench.json --threshold 5%

Exit codes: 0 measured, 1 fuel or memory have grown beyond the threshold, 2 bad usage or input, 3 the policy does not load,
5 it faults."
)]
pub struct PolicyBenchArgs {
    /// A component (.wasm), the folder of a policy, an artifact (oci://...), or `builtin`
    pub policy: PathBuf,
    /// Numbers of volumes to ask about at a time
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', default_value = "100,1k,10k")]
    pub volumes: Vec<Volumes>,
    /// Its settings: a JSON object, or a YAML or JSON file
    #[arg(long, value_name = "FILE|JSON")]
    pub settings: Option<String>,
    /// Keep the result in a file
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Hold the result against one that was kept
    #[arg(long, value_name = "FILE")]
    pub compare: Option<PathBuf>,
    /// By how much fuel and memory may grow
    #[arg(long, value_name = "PERCENT", default_value = "2%", requires = "compare")]
    pub threshold: Percent,
}

/// Holds the flags of `policy fuzz`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It looks for a fault, another answer to the same question, to another order or to fewer volumes, and for a decision
below the host's floor. What is found is made as small as it gets.

Examples:
  pvmigrate policy fuzz keep.wasm --for 60s
  pvmigrate policy fuzz keep.wasm --runs 2000 --seed 7 --write cases/found.test.yaml

Exit codes: 0 nothing was found, 1 an answer breaks a rule, 2 bad usage or input, 3 the policy does not load,
4 it took none of the made-up settings, 5 it faults."
)]
pub struct PolicyFuzzArgs {
    /// A component (.wasm), the folder of a policy, an artifact (oci://...), or `builtin`
    pub policy: PathBuf,
    /// How long to look, such as 90s or 10m (default: 60s, unless --runs is given)
    #[arg(long = "for", value_name = "TIME")]
    pub time: Option<jiff::SignedDuration>,
    /// How many questions to make up; with the same seed they are the same
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Where the dice start (default: the time, which is shown)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Its settings, in place of made-up ones: a JSON object, or a YAML or JSON file
    #[arg(long, value_name = "FILE|JSON")]
    pub settings: Option<String>,
    /// Label of the run that it sees, in place of made-up ones
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// New test file for what is found
    #[arg(long, value_name = "FILE.test.yaml")]
    pub write: Option<PathBuf>,
}

/// A number of volumes, such as `250` or `10k`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volumes(pub usize);

/// The most volumes of one question; more need more memory than a machine has to spare.
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

/// A part of a hundred, such as `2%`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
        let fits = number.filter(|number| number.is_finite() && *number >= 0.0);
        fits.map(Self).ok_or_else(|| "write a number of percent, such as 2% or 0.5%".to_owned())
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
    fn parts_of_a_hundred() {
        let read = |text: &str| text.parse::<Percent>().map(|percent| percent.0).ok();
        assert_eq!(["2%", "0.5 %", "0", "150%"].map(read), [Some(2.0), Some(0.5), Some(0.0), Some(150.0)]);
        assert_eq!(["-1%", "", "%", "much", "inf", "NaN%"].map(read), [None; 6]);
    }
}
