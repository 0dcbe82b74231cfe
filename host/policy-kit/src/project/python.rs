//! Building Python projects with componentize-py, which is fetched once into a virtual environment.

mod traceback;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use pvmigrate_policy::{Source, SourceProblem};

use super::Workshop;
use super::engine::Interpreted;
use super::error::ProjectError;
use super::run::{self, Missing};
use super::vendored::{WORLD, write};

const TOOL: &str = "componentize-py";
const VERSION: &str = "0.25.1";
const MISSING: Missing = Missing {
    what: "python3",
    install: "install Python 3.10 or newer (on Debian and Ubuntu: `apt install python3 python3-venv`)",
};

/// The module that the engine is built from.
const ENGINE: &str = "engine";
const BOOTSTRAP: &str = include_str!("python/engine.py");
/// The short ways to write a policy, which the engine has imported already.
const HELPERS: &str = include_str!("../../../../policies/templates/python/pvmigrate_policy.py");

/// Python, with the module that has a policy's classes.
pub(super) struct Python<'a> {
    pub(super) module: &'a str,
}

impl Interpreted for Python<'_> {
    fn name(&self) -> &'static str {
        "python"
    }

    fn ingredients(&self) -> &[&str] {
        &[VERSION, BOOTSTRAP, HELPERS]
    }

    fn make_engine(&self, workshop: &Workshop<'_>, scratch: &Path) -> Result<Vec<u8>, ProjectError> {
        let tool = tool(workshop)?;
        let (world, to) = (workshop.engine_world(scratch)?, scratch.join("engine.wasm"));
        write(scratch, "engine.py", BOOTSTRAP)?;
        write(scratch, "pvmigrate_policy.py", HELPERS)?;
        (workshop.note)("preparing Python (once for all policies that export the same, about 20 s)");
        componentize(&tool, scratch, &world, ENGINE, &to)?;
        std::fs::read(&to).map_err(ProjectError::io("read", &to))
    }

    fn source(&self, workshop: &Workshop<'_>) -> Result<Source, ProjectError> {
        let project = workshop.project;
        let mut files = BTreeMap::new();
        for name in project.files()? {
            let path = project.dir.join(&name);
            let content = std::fs::read(&path).map_err(ProjectError::io("read", &path))?;
            let name = name.to_string_lossy().into_owned();
            let is_module = name.ends_with(".py");
            match String::from_utf8(content) {
                Ok(text) => drop(files.insert(name, text)),
                Err(_) if !is_module => {}
                Err(_) => return Err(problem(name, "SyntaxError: it is not UTF-8")),
            }
        }
        let main = main_file(self.module);
        match files.contains_key(&main) {
            true => Ok(Source { files, main: self.module.to_owned() }),
            false => Err(project.wrong(&format!("entry: {main} not found"))),
        }
    }
}

fn main_file(module: &str) -> String {
    format!("{}.py", module.replace('.', "/"))
}

fn problem(file: String, message: &str) -> ProjectError {
    ProjectError::Source(SourceProblem { file: Some(file), line: None, column: None, message: message.to_owned() })
}

pub(super) fn make(workshop: &Workshop<'_>, module: &str) -> Result<PathBuf, ProjectError> {
    let tool = tool(workshop)?;
    let to = workshop.hidden.join("python.wasm");
    (workshop.note)("building with componentize-py (about 15 s)");
    let componentized = componentize(&tool, &workshop.project.dir, &workshop.world()?, module, &to);
    let Err(ProjectError::Command { command, how, output }) = componentized else { return componentized.map(|()| to) };
    let files: Vec<_> = workshop.project.files()?.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    Err(match traceback::problem(&output, &main_file(module), &files, &workshop.project.exports) {
        Some(problem) => ProjectError::Source(problem),
        None => ProjectError::Command { command, how, output },
    })
}

/// Makes a component of a module in a folder. No WASI is left in it: what Python would ask of it is answered inside.
fn componentize(tool: &Path, dir: &Path, world: &Path, module: &str, to: &Path) -> Result<(), ProjectError> {
    run::run(
        Command::new(tool)
            .current_dir(dir)
            .arg("--wit-path")
            .arg(world)
            // The tool's own frames say nothing about the policy.
            .env("RUST_BACKTRACE", "0")
            .args(["--world", WORLD, "componentize", "--stub-wasi", module, "--output"])
            .arg(to),
        None,
    )?;
    Ok(())
}

/// Returns the program, and fetches it if it is missing.
fn tool(workshop: &Workshop<'_>) -> Result<PathBuf, ProjectError> {
    let program = |home: &Path| home.join("bin").join(TOOL);
    // A virtual environment breaks when the Python that it was made with is removed.
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
