//! `policy fuzz`: made-up clusters, until an answer breaks a rule.

use std::path::{Component, Path, PathBuf};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use pvmigrate_policy::Configured;
use pvmigrate_policy_kit::files;
use pvmigrate_policy_kit::fuzz::{self, Fuzzed, Options};
use pvmigrate_policy_kit::project::Want;

use super::settings;
use crate::cli::flags::LimitArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::policies::chain::{self, Chosen};
use crate::render::policy::fuzz as show;
use crate::render::{Screen, clean};

/// The flags of `policy fuzz`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "It looks for faults, for answers that change when the same question is repeated, reordered or asked about fewer volumes, \
and for decisions that pvmigrate's own safety rules would refuse. What it finds is reduced to a minimal case.

Examples:
  pvmigrate policy fuzz keep.wasm --for 60s
  pvmigrate policy fuzz keep.wasm --runs 2000 --seed 7 --write cases/found.test.yaml

Exit codes: 0 nothing found, 1 an answer breaks a rule, 2 bad usage or input, 3 the policy does not load, \
4 it accepted none of the generated settings, 5 it faults, 130 it was interrupted and had found nothing."
)]
pub struct FuzzArgs {
    /// Policy: a component (.wasm), a policy's folder, an artifact (oci://...), or `builtin`
    pub policy: PathBuf,
    /// What it may use up.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How long to search, such as 90s or 10m (default: 60s, unless --runs is given)
    #[arg(long = "for", value_name = "TIME")]
    pub time: Option<jiff::SignedDuration>,
    /// How many questions to generate; the same seed generates the same questions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub runs: Option<u64>,
    /// Seed of the random generator (default: the current time; it is printed)
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Settings to use in place of generated ones: a JSON object, or a YAML or JSON file
    #[arg(long, value_name = "FILE|JSON")]
    pub settings: Option<String>,
    /// Environment that the policy sees, in place of generated ones
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
    /// Write what is found to this new test file
    #[arg(long, value_name = "FILE.test.yaml")]
    pub write: Option<PathBuf>,
}

/// Looks for something wrong with a policy, and keeps what it finds.
///
/// # Errors
/// When the policy does not load or does not take the settings, or the file cannot be written.
pub(super) async fn run(args: &FuzzArgs, screen: &Screen) -> Result<Exit, Failure> {
    if let Some(file) = args.write.as_deref() {
        may_be_written(file)?;
    }
    Chosen::bare(slice::from_ref(&args.policy), args.limits.given.as_ref(), Want::Quick).limits_apply()?;
    let policy = chain::open(&args.policy, args.limits.given.as_ref(), Want::Quick, &screen.note()).await?;
    let given = args.settings.as_deref().map(settings::read).transpose()?;
    if let Some(given) = &given {
        // Settings that are refused are a usage error here; in the search they would only count as refused.
        Configured::new(policy.clone(), given)?;
    }
    let time = args.time.map(|time| Duration::try_from(time).map_err(|_| Failure::usage("--for is negative")));
    let options = Options {
        runs: args.runs,
        time: time.transpose()?,
        seed: args.seed.unwrap_or_else(seed),
        settings: given,
        environment: args.environment.clone(),
        named: named(&args.policy, args.write.as_deref()),
        stop: stopped_by_signal(),
    };
    screen.say(&format!("searching with seed {}; Ctrl-C ends it and shows what was found", options.seed));
    let fuzzed = fuzz::run(&policy, &options)?;
    if let (Some(file), Some(found)) = (&args.write, &fuzzed.found) {
        files::replace(file, found.test.as_bytes()).map_err(|error| {
            Failure::new(Exit::Usage, error).context(format!("cannot write the test file {}", file.display()))
        })?;
        screen.say(&format!("wrote {}", clean(&file.to_string_lossy())));
    }
    let exit = exit_of(&fuzzed);
    let given = show::Given {
        policy: &args.policy,
        settings: args.settings.as_deref(),
        environment: args.environment.as_deref(),
        write: args.write.as_deref(),
    };
    screen.result(|| show::text(&fuzzed, &given, screen), &show::json(&fuzzed, exit))?;
    Ok(exit)
}

fn exit_of(fuzzed: &Fuzzed) -> Exit {
    match &fuzzed.found {
        None if fuzzed.interrupted => Exit::Interrupted,
        // 4 means "no tests" here, where no cluster is involved.
        None if fuzzed.tried_nothing() => Exit::Cluster,
        None => Exit::Done,
        Some(found) if found.broken.is_fault() => Exit::PolicyFault,
        Some(_) => Exit::Finding,
    }
}

/// Returns what the first Ctrl-C sets, so that the search says what it has done. The second one ends the process.
fn stopped_by_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&stop);
    let Ok(mut signals) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()) else {
        return stop;
    };
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            if set.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(Exit::Interrupted.code()));
            }
        }
    });
    stop
}

/// Refuses a file name now rather than after a long search.
fn may_be_written(file: &Path) -> Result<(), Failure> {
    if file.exists() {
        return Err(Failure::usage(format!("{} already exists", file.display())).hint("choose a new file name"));
    }
    if !file.to_string_lossy().ends_with(".test.yaml") {
        return Err(Failure::usage(format!("{} is not a test file name", file.display()))
            .hint("use a name that ends in .test.yaml, so that policy test finds it"));
    }
    Ok(())
}

/// Returns a seed for when the user gives none; it is shown, so that it can be given again.
fn seed() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Returns the policy's name in a test file: `builtin`, or its path; `None` for one in a registry.
fn named(policy: &Path, file: Option<&Path>) -> Option<String> {
    if policy == Path::new("builtin") {
        return Some("builtin".to_owned());
    }
    let policy = policy.canonicalize().ok()?;
    let folder = file.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
    Some(relative(&policy, &folder).to_string_lossy().into_owned())
}

/// Returns the relative path from a folder to a path; both are absolute.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let same = path.components().zip(folder.components()).take_while(|(one, other)| one == other).count();
    let up = folder.components().skip(same).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(path.components().skip(same)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_policy() {
        let way = |path: &str, folder: &str| relative(Path::new(path), Path::new(folder)).display().to_string();
        assert_eq!(way("/a/b/keep.wasm", "/a/b/cases"), "../keep.wasm");
        assert_eq!(way("/a/b", "/a/b/cases"), "..");
        assert_eq!(way("/a/b/keep.wasm", "/a/b"), "keep.wasm");
        assert_eq!(way("/a/b", "/a/b"), ".");
        assert_eq!(way("/x/keep.wasm", "/a"), "../x/keep.wasm");
    }
}
