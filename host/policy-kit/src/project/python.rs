//! Building Python projects with componentize-py, which is fetched once into a virtual environment.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Workshop;
use super::error::ProjectError;
use super::run::{self, Missing};
use super::vendored::WORLD;

const TOOL: &str = "componentize-py";
const VERSION: &str = "0.25.1";
const MISSING: Missing = Missing {
    what: "python3",
    install: "install Python 3.10 or newer (on Debian and Ubuntu: `apt install python3 python3-venv`)",
};

pub(super) fn make(workshop: &Workshop<'_>, module: &str) -> Result<PathBuf, ProjectError> {
    let tool = tool(workshop)?;
    let to = workshop.hidden.join("python.wasm");
    (workshop.note)("building with componentize-py (about 15 s)");
    // No WASI is left in the component: what Python would ask of it is answered inside.
    run::run(
        Command::new(tool)
            .current_dir(&workshop.project.dir)
            .arg("--wit-path")
            .arg(workshop.world()?)
            // The tool's own frames say nothing about the policy.
            .env("RUST_BACKTRACE", "0")
            .args(["--world", WORLD, "componentize", "--stub-wasi", module, "--output"])
            .arg(&to),
        None,
    )?;
    Ok(to)
}

/// Returns the program, and fetches it if it is missing.
fn tool(workshop: &Workshop<'_>) -> Result<PathBuf, ProjectError> {
    let program = |home: &Path| home.join("bin").join(TOOL);
    // A virtual environment is no longer of use when the Python that it was made with is gone.
    let works = |home: &Path| run::succeeds(Command::new(program(home)).arg("--version"));
    let home = workshop.shared.tool(&format!("{TOOL}-{VERSION}"), works, |home| {
        (workshop.note)("fetching componentize-py from PyPI (once, about a minute)");
        environment(home)?;
        let wanted = format!("{TOOL}=={VERSION}");
        let arguments = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &wanted];
        run::run(Command::new(home.join("bin/python")).args(arguments), None)?;
        Ok(())
    })?;
    Ok(program(&home))
}

fn environment(home: &Path) -> Result<(), ProjectError> {
    run::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(home), Some(&MISSING)).map_err(|error| {
        match error {
            // Debian's python3 says in many lines that this package is not there.
            ProjectError::Command { output, .. } if output.contains("ensurepip") => ProjectError::Toolchain {
                what: "Python's venv module".to_owned(),
                install: "type `apt install python3-venv`".to_owned(),
            },
            other => other,
        }
    })?;
    Ok(())
}
