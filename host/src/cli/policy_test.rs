//! The flags of `policy test`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::EnvironmentArgs;

/// Holds the flags of `policy test`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pvmigrate policy test                                    all tests below this folder, on the policies they name
  pvmigrate policy test keep.wasm cases                    the same tests on this component
  pvmigrate policy test --environment prod cases           what the policies of pvmigrate.yaml decide there together
  pvmigrate policy test -k 'labelled' -v                   some of them, with what the policy logged
  pvmigrate policy test --report junit=out.xml --min-coverage 100

Exit codes: 0 all passed, 1 a case failed, 2 bad usage or test file, 3 the policy does not load, 4 no tests or too little
coverage, 5 a fault that no case expects, or an answer that was not the same twice.")]
pub struct PolicyTestArgs {
    /// Test files, and folders of such (default: this folder); before them a component (.wasm, oci://...) or `builtin`,
    /// to test in place of the policy that the files name
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Test what the chain of an environment decides, in place of the policies that the files name.
    #[command(flatten)]
    pub place: EnvironmentArgs,
    /// Another test file or folder
    #[arg(long, value_name = "PATH", hide = true)]
    pub fixtures: Vec<PathBuf>,
    /// Run only cases whose name this regular expression fits
    #[arg(long, short = 'k', value_name = "REGEX")]
    pub only: Option<String>,
    /// Show which cases there are, and run none
    #[arg(long, conflicts_with_all = ["watch", "update", "report", "min_coverage"])]
    pub list: bool,
    /// Run again whenever a file changes
    #[arg(long, conflicts_with_all = ["update", "report"])]
    pub watch: bool,
    /// Take what comes for what is expected: write goldens, and edit test files in place
    #[arg(long)]
    pub update: bool,
    /// Stop at the first case that does not pass
    #[arg(long)]
    pub fail_fast: bool,
    /// Cases run at once (default: one a processor); the outcome does not depend on it
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Least part of the codes that cases must expect, in percent
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100), conflicts_with = "only")]
    pub min_coverage: Option<u8>,
    /// Form of the result on stdout (default: human, or json with `--output json`)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<TestFormat>,
    /// Write the result to a file, too (repeatable), such as junit=out.xml
    #[arg(long, value_name = "FORMAT=FILE")]
    pub report: Vec<ReportTo>,
}

/// Holds the flags of `policy schema`.
#[derive(Args, Clone, Debug)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["policy", "test", "of_config"]))]
pub struct PolicySchemaArgs {
    /// A component (.wasm), the folder of a policy, an artifact (oci://...), or `builtin`
    pub policy: Option<PathBuf>,
    /// Of the files that `policy test` reads
    #[arg(long)]
    pub test: bool,
    /// Of the configuration file, pvmigrate.yaml
    #[arg(long = "config")]
    pub of_config: bool,
}

/// Names the forms of a test result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TestFormat {
    /// For people.
    Human,
    /// One JSON document.
    Json,
    /// A JSON document a line: one for each case, then one for the whole.
    Jsonl,
    /// `JUnit` XML, as CI systems read it.
    Junit,
    /// Test Anything Protocol, version 14.
    Tap,
    /// Annotations of GitHub Actions.
    Github,
}

/// Says where a result is written, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportTo {
    /// The form.
    pub format: TestFormat,
    /// The file.
    pub file: PathBuf,
}

impl FromStr for ReportTo {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, file) = text.split_once('=').ok_or("write FORMAT=FILE, such as junit=out.xml")?;
        let format = TestFormat::from_str(format, false).map_err(|_| {
            let known: Vec<_> = TestFormat::value_variants().iter().filter_map(TestFormat::to_possible_value).collect();
            let known: Vec<_> = known.iter().map(clap::builder::PossibleValue::get_name).collect();
            format!("{format:?} is no format; there are {}", known.join(", "))
        })?;
        match file.is_empty() {
            true => Err("the file's name is missing".to_owned()),
            false => Ok(Self { format, file: file.into() }),
        }
    }
}

impl PolicyTestArgs {
    /// Returns the policy that is named before the paths, if there is one, and the paths.
    pub fn split(&self) -> (Option<&Path>, Vec<PathBuf>) {
        let is_policy = |path: &&PathBuf| {
            let text = path.to_string_lossy();
            let is_component = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("wasm"));
            is_component || text == "builtin" || text.starts_with("oci://") || text.contains("@sha256:")
        };
        let policy = self.paths.first().filter(is_policy);
        let rest = self.paths.iter().skip(usize::from(policy.is_some())).chain(&self.fixtures);
        let mut paths: Vec<_> = rest.cloned().collect();
        if paths.is_empty() {
            paths.push(PathBuf::from("."));
        }
        (policy.map(PathBuf::as_path), paths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_has_a_format_and_a_file() {
        let read = |text: &str| text.parse::<ReportTo>();
        assert_eq!(read("junit=a=b.xml"), Ok(ReportTo { format: TestFormat::Junit, file: "a=b.xml".into() }));
        assert!(read("junit").is_err_and(|error| error.contains("junit=out.xml")));
        assert!(read("xml=a").is_err_and(|error| error.contains("json, jsonl, junit, tap, github")));
        assert!(read("tap=").is_err());
    }
}
