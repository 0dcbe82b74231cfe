//! What the command line asks for.

use anyhow::{Context as _, Result, bail, ensure};

/// How the program is called.
const USAGE: &str = "usage: tests/cluster/bench [--runs RUNS] [--pool local-path|csi] [CLAIMS...]";

/// Claims of one StatefulSet, by default.
const CLAIMS: [u32; 3] = [1, 5, 20];

/// Two classes of one kind of volumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
}

/// The pool on which the reference tool was measured as well.
pub(crate) const LOCAL: Pool = Pool { name: "local-path", from: "local-a", to: "local-b" };
const CSI: Pool = Pool { name: "csi", from: "csi-a", to: "csi-b" };
const POOLS: [Pool; 2] = [LOCAL, CSI];

/// What is measured.
#[derive(Debug)]
pub(crate) struct Options {
    /// Migrations of each size on each pool.
    pub(crate) runs: u32,
    pub(crate) pools: Vec<Pool>,
    pub(crate) claims: Vec<u32>,
    /// Whether a copy that is held to a rate is measured too.
    pub(crate) slowly: bool,
}

impl Options {
    /// Reads the command line.
    ///
    /// # Errors
    /// When an argument is not understood.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self> {
        let (mut runs, mut pools, mut claims) = (1, Vec::new(), Vec::new());
        // `--runs=5` is `--runs 5`.
        let split = |word: String| word.splitn(2, '=').map(str::to_owned).collect::<Vec<_>>();
        let mut words = words.flat_map(split);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--runs" => runs = number(&words.next().context(USAGE)?)?,
                "--pool" => pools.push(pool(&words.next().context(USAGE)?)?),
                _ => claims.push(number(&word)?),
            }
        }
        let pools = if pools.is_empty() { POOLS.to_vec() } else { pools };
        let slowly = claims.is_empty() && pools.contains(&LOCAL);
        let claims = if claims.is_empty() { CLAIMS.to_vec() } else { claims };
        Ok(Self { runs, pools, claims, slowly })
    }
}

fn number(word: &str) -> Result<u32> {
    let number = word.parse().with_context(|| format!("invalid number {word:?}; {USAGE}"))?;
    ensure!(number > 0, "0 is too few; {USAGE}");
    Ok(number)
}

fn pool(word: &str) -> Result<Pool> {
    match POOLS.iter().find(|pool| pool.name == word) {
        Some(pool) => Ok(*pool),
        None => bail!("unknown pool {word:?}; {USAGE}"),
    }
}
