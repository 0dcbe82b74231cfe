//! JavaScript projects: building them with componentize-js, which is fetched once with npm, and running them from their
//! source.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use pvmigrate_policy::{Source, SourceProblem, text};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Workshop;
use super::engine::Interpreted;
use super::error::ProjectError;
use super::run::{self, Missing};
use super::stale::digest;
use super::vendored::{self, Embedded, WORLD};

const INSTALL: &str =
    "install Node.js 20 or newer with npm (https://nodejs.org, on Debian and Ubuntu: `apt install nodejs npm`)";

/// What is fetched, and the scripts that work with it. The two packages stand for large ones that are not needed.
const TOOL: &[Embedded] = &[
    ("package.json", include_str!("js/package.json")),
    ("build.mjs", include_str!("js/build.mjs")),
    ("modules.mjs", include_str!("js/modules.mjs")),
    ("problem.mjs", include_str!("js/problem.mjs")),
    (
        "jco/package.json",
        r#"{"name": "@bytecodealliance/jco", "version": "1.35.0", "type": "module", "main": "index.js"}"#,
    ),
    ("jco/index.js", include_str!("js/jco.js")),
    (
        "weval/package.json",
        r#"{"name": "@bytecodealliance/weval", "version": "0.5.0", "type": "module", "main": "index.js"}"#,
    ),
    ("weval/index.js", include_str!("js/weval.js")),
];

/// The code around a policy that runs from its source.
const ENGINE: &str = include_str!("js/engine.js");

pub(super) fn make(workshop: &Workshop<'_>, entry: &str) -> Result<PathBuf, ProjectError> {
    let tool = tool(workshop)?;
    // Its words for a mistake are better than those of the tool.
    modules(workshop, &tool, entry)?;
    let to = workshop.hidden.join("js.wasm");
    (workshop.note)("building with componentize-js (about 20 s)");
    build(&tool, &workshop.project.dir, entry, &workshop.world()?, &to)?;
    Ok(to)
}

/// A JavaScript project, run from its source.
pub(super) struct Js<'a> {
    /// The file that has the exported objects.
    pub(super) entry: &'a str,
}

impl Interpreted for Js<'_> {
    fn name(&self) -> &'static str {
        "js"
    }

    fn ingredients(&self) -> &[&str] {
        const { &[include_str!("js/package.json"), include_str!("js/build.mjs"), ENGINE] }
    }

    fn make_engine(&self, workshop: &Workshop<'_>, scratch: &Path) -> Result<Vec<u8>, ProjectError> {
        let exports = workshop.project.sorted_exports();
        let names = ["manifest"].into_iter().chain(exports.iter().map(String::as_str)).map(camel_case);
        let lines: String = names.map(|name| format!("export const {name} = through('{name}');\n")).collect();
        let entry = "engine.js";
        vendored::write(scratch, entry, &format!("{ENGINE}{lines}"))?;
        let to = scratch.join("engine.wasm");
        (workshop.note)("building an engine for JavaScript with componentize-js (once, about 20 s)");
        build(&tool(workshop)?, scratch, entry, &workshop.engine_world(scratch)?, &to)?;
        super::wrap(&std::fs::read(&to).map_err(ProjectError::io("read", &to))?)
    }

    fn source(&self, workshop: &Workshop<'_>) -> Result<Source, ProjectError> {
        let Modules { main, files } = modules(workshop, &tool(workshop)?, self.entry)?;
        Ok(Source { files, main })
    }
}

/// Fetches the tool if it is missing, and returns its folder.
fn tool(workshop: &Workshop<'_>) -> Result<PathBuf, ProjectError> {
    let name = format!("js-{}", &digest(TOOL.iter().flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]))[..16]);
    workshop.shared.tool(
        &name,
        |_| true,
        |home| {
            (workshop.note)("fetching componentize-js from npm (once, about 10 s)");
            for (name, text) in TOOL {
                vendored::write(home, name, text)?;
            }
            let arguments = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
            run::run(
                Command::new("npm").current_dir(home).args(arguments),
                Some(&Missing { what: "npm", install: INSTALL }),
            )?;
            Ok(())
        },
    )
}

/// What the scripts print.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said<T> {
    Wrong { problem: Wrong },
    Right(T),
}

#[derive(Deserialize)]
struct Wrong {
    file: String,
    line: u32,
    column: u32,
    message: String,
    excerpt: Vec<String>,
}

impl From<Wrong> for ProjectError {
    fn from(Wrong { file, line, column, message, excerpt }: Wrong) -> Self {
        let known = |number: u32| Some(number).filter(|number| *number > 0);
        let problem = SourceProblem {
            file: Some(text::escape(&file)),
            line: known(line),
            column: known(column),
            message: text::escape(&message),
        };
        // Tabs are as wide in both lines, so the caret stays below its place.
        let line = |line: &String| line.split('\t').map(text::escape).collect::<Vec<_>>().join("    ");
        Self::Excerpt { problem, excerpt: excerpt.iter().map(line).collect::<Vec<_>>().join("\n") }
    }
}

/// Runs one of the scripts and reads the last line that it prints.
fn node<T: DeserializeOwned>(tool: &Path, script: &str, arguments: &[&OsStr]) -> Result<T, ProjectError> {
    let mut command = Command::new("node");
    // Paths in what componentize-js says are relative to the policy unless that lies below this folder. Checking a module
    // without running it is still an experiment of Node.js.
    command.current_dir(tool).args(["--no-warnings", "--experimental-vm-modules", script]).args(arguments);
    let said = run::run(&mut command, Some(&Missing { what: "node", install: INSTALL }))?;
    // What the policy printed at its top level comes first, and is dropped: while it is built there is no log.
    let answer = said.trim_end().lines().next_back().unwrap_or_default();
    match serde_json::from_str(answer) {
        Ok(Said::Right(value)) => Ok(value),
        Ok(Said::Wrong { problem }) => Err(problem.into()),
        Err(error) => Err(ProjectError::io("read what is printed by", &tool.join(script))(error.into())),
    }
}

/// Nothing but that all went well.
#[derive(Deserialize)]
struct Done {}

fn build(tool: &Path, project: &Path, entry: &str, world: &Path, to: &Path) -> Result<(), ProjectError> {
    let arguments = [project.as_ref(), entry.as_ref(), world.as_ref(), WORLD.as_ref(), to.as_ref()];
    node(tool, "build.mjs", &arguments).map(|Done {}| ())
}

/// The modules of a project, as scripts for the engine.
#[derive(Deserialize)]
struct Modules {
    main: String,
    files: BTreeMap<String, String>,
}

fn modules(workshop: &Workshop<'_>, tool: &Path, entry: &str) -> Result<Modules, ProjectError> {
    let project = workshop.project;
    let mut arguments: Vec<&OsStr> = vec![project.dir.as_ref(), entry.as_ref()];
    arguments.extend(project.exports.iter().map(OsStr::new));
    node(tool, "modules.mjs", &arguments)
}

/// Returns the name of an interface as JavaScript spells it: `access-modes` is `accessModes`.
fn camel_case(interface: &str) -> String {
    let mut parts = interface.split('-');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (head, tail) = part.split_at(part.len().min(1));
        name + &head.to_uppercase() + tail
    })
}
