//! A page of documentation as a test: its commands are run as they are written, and the output that it shows has to come.
//!
//! In fenced `console` blocks a line that begins with `$ ` is a command, one with `> ` continues it, and all others are
//! lines that its output must have, whatever their spacing; `...` stands for any lines between, or the rest of a line. A command ends with exit
//! code 0, or with the one that stands behind it: `# exit code 1`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;

/// The mark before the exit code of each command; no command prints it.
const MARK: char = '\u{1f}';

/// A command of a page, and what the page says about it.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    line: usize,
    command: String,
    code: i32,
    shown: Vec<String>,
}

/// Reads the commands of a page.
fn steps(page: &str) -> Result<Vec<Step>> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_console = false;
    for (line, text) in (1..).zip(page.lines()) {
        if let Some(language) = text.strip_prefix("```") {
            is_console = !is_console && language == "console";
        } else if !is_console {
            continue;
        } else if let Some(command) = text.strip_prefix("$ ") {
            let code = command.rsplit_once("# exit code ").map_or("0", |(_, code)| code);
            let code = code.parse().with_context(|| format!("line {line}: {code:?} is no exit code"))?;
            steps.push(Step { line, command: command.to_owned(), code, shown: Vec::new() });
        } else {
            let last = steps.last_mut().with_context(|| format!("line {line}: output comes before any command"))?;
            match text.strip_prefix("> ") {
                Some(more) if last.shown.is_empty() => last.command.extend(["\n", more]),
                _ => last.shown.push(spaced(text)),
            }
        }
    }
    Ok(steps)
}

/// Reduces the space between words to one: tables are as wide as what is in them.
fn spaced(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Step {
    fn check(&self, code: i32, output: &str) -> Result<()> {
        let Self { line, command, code: wanted, shown } = self;
        ensure!(code == *wanted, "line {line}: {command}\nended with exit code {code}, not {wanted}:\n{output}");
        let got: Vec<_> = output.lines().map(spaced).collect();
        let mut from = 0;
        for expected in shown.iter().filter(|expected| !["...", ""].contains(&expected.as_str())) {
            let is_it = |line: &String| match expected.strip_suffix("...") {
                Some(start) => line.starts_with(start.trim_end()),
                None => line == expected,
            };
            let Some(at) = got[from..].iter().position(is_it) else {
                bail!("line {line}: {command}\ndoes not print (here): {expected}\nbut:\n{output}");
            };
            from += at + 1;
        }
        Ok(())
    }
}

/// Runs the commands of a page one after the other, in a folder, with programs from another folder before all others.
///
/// # Errors
/// When one ends differently than the page says, or does not print what the page shows; with its line.
pub async fn run(page: &Path, folder: &Path, programs: &Path) -> Result<usize> {
    let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let steps = steps(&text)?;
    // One shell for all of them, so that `cd` and `export` do what a reader expects.
    let script: String =
        steps.iter().map(|step| format!("{}\nprintf '{MARK}%s{MARK}' $?\n", step.command)).collect::<String>();
    let path = std::env::var("PATH").unwrap_or_default();
    // Toolchains that policies are built with are kept for the next time, as tests/templates keeps them.
    let tools = std::env::var_os("PVMIGRATE_TOOLS").map_or_else(|| programs.join("policy-tools"), PathBuf::from);
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", programs.display()))
        .env_remove("CI")
        .env("PVMIGRATE_TOOLS", tools)
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start bash")?;
    let output = String::from_utf8_lossy(&output.stdout);
    let mut parts = output.split(MARK);
    for step in &steps {
        let (printed, code) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let code = code.parse().with_context(|| format!("line {}: {} did not end", step.line, step.command))?;
        step.check(code, printed).with_context(|| page.display().to_string())?;
    }
    Ok(steps.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    const PAGE: &str = "Text\n```console\n$ cd /\n$ cat <<'END'\n> one   two\n> END\none two\n```\n```yaml\n$ no\n```\n\
                        ```console\n$ false # exit code 1\n$ printf 'a\\nb\\nc d\\n'\na\n...\nc ...\n```\n";

    async fn ran(page: &str) -> Result<usize> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.md");
        std::fs::write(&file, page).unwrap();
        run(&file, folder.path(), Path::new("/")).await
    }

    #[tokio::test]
    async fn a_page_that_is_right_passes() {
        assert_eq!(ran(PAGE).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_page_that_is_wrong_fails_with_the_line() {
        for (right, wrong, line) in [
            ("one two\n```", "one three\n```", "line 4"),
            ("# exit code 1", "", "line 13"),
            ("...\nc", "...\na", "line 14"),
            ("false #", "exit 1 #", "line 13"),
        ] {
            let page = PAGE.replacen(right, wrong, 1);
            assert_ne!(page, PAGE);
            let error = format!("{:#}", ran(&page).await.unwrap_err());
            assert!(error.contains(line), "{error}");
        }
    }
}
