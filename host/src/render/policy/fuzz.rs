//! What `policy fuzz` shows.

use std::fmt::Write as _;
use std::path::Path;

use pvmigrate_policy_kit::fuzz::{Found, Fuzzed};
use serde::Serialize;

use crate::exit::Exit;
use crate::render::json::{ExitJson, SCHEMA_VERSION};
use crate::render::lines::hanging;
use crate::render::{Screen, clean};

/// The user's flags, for a command line that does the same again.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The policy.
    pub policy: &'a Path,
    /// Its settings, if they were not to be made up.
    pub settings: Option<&'a str>,
    /// The environment's name, if it was not to be made up.
    pub environment: Option<&'a str>,
    /// The test file that was written.
    pub write: Option<&'a Path>,
}

/// The result, for scripts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FuzzJson<'a> {
    schema_version: u32,
    exit: ExitJson,
    #[serde(flatten)]
    fuzzed: &'a Fuzzed,
}

/// Returns the result for scripts.
pub fn json(fuzzed: &Fuzzed, exit: Exit) -> FuzzJson<'_> {
    FuzzJson { schema_version: SCHEMA_VERSION, exit: exit.into(), fuzzed }
}

/// Returns the result for people.
pub fn text(fuzzed: &Fuzzed, given: &Given<'_>, screen: &Screen) -> String {
    let title = clean(&format!("{} {}", fuzzed.policy.name, fuzzed.policy.version));
    let mut text = format!("{}\n", screen.paint.title(&title));
    let _ = writeln!(
        text,
        "  runs       {} with seed {} (settings refused in {}, undecided in {})",
        fuzzed.runs, fuzzed.seed, fuzzed.refused, fuzzed.undecided
    );
    if fuzzed.interrupted {
        let _ = writeln!(text, "  stopped    interrupted; the same questions again: --seed {}", fuzzed.seed);
    }
    match &fuzzed.found {
        None if fuzzed.tried_nothing() => {
            text.push_str(
                "  found      nothing, because nothing was tried: it accepted no settings; give some with --settings\n",
            );
        }
        None => text.push_str("  found      nothing\n"),
        Some(found) => text.push_str(&what(fuzzed, found, given, screen)),
    }
    text
}

fn what(fuzzed: &Fuzzed, found: &Found, given: &Given<'_>, screen: &Screen) -> String {
    let words = format!("{}: {}", screen.paint.bad(found.broken.rule), clean(&found.broken.message));
    let mut text = hanging("  found      ", &words, screen.width);
    let _ = writeln!(text, "  in         run {}, reduced {} times", found.run, found.smaller);
    let mut again = format!("pvmigrate policy fuzz {}", clean(&given.policy.to_string_lossy()));
    if let Some(settings) = given.settings {
        let _ = write!(again, " --settings '{}'", clean(settings).replace('\'', "'\\''"));
    }
    if let Some(environment) = given.environment {
        let _ = write!(again, " --environment '{}'", clean(environment).replace('\'', "'\\''"));
    }
    let _ = writeln!(text, "  again      {again} --seed {} --runs {}", fuzzed.seed, fuzzed.runs);
    if !found.reproduced {
        text.push_str("  note       policy test does not reproduce it with this test file\n");
    }
    match given.write {
        Some(file) => {
            let _ = writeln!(text, "  test       pvmigrate policy test {}", clean(&file.to_string_lossy()));
        }
        None => {
            text.push('\n');
            for line in found.test.lines() {
                // Cleaning takes the indent away, and in YAML that has a meaning.
                let indent = line.len() - line.trim_start().len();
                let _ = writeln!(text, "{:indent$}{}", "", clean(line.trim_start()));
            }
        }
    }
    text
}
