//! Building JavaScript projects with componentize-js, which is fetched once with npm.

use std::path::PathBuf;
use std::process::Command;

use super::Workshop;
use super::error::ProjectError;
use super::run::{self, Missing};
use super::vendored::WORLD;

const TOOL: &str = "@bytecodealliance/componentize-js";
const VERSION: &str = "0.23.0";
const INSTALL: &str =
    "install Node.js 20 or newer with npm (https://nodejs.org, on Debian and Ubuntu: `apt install nodejs npm`)";

/// A script that calls the tool's own interface: its command line has no way to leave WASI out.
const BUILD: &str = include_str!("js/build.mjs");

pub(super) fn make(workshop: &Workshop<'_>, entry: &str) -> Result<PathBuf, ProjectError> {
    let script = tool(workshop)?;
    let to = workshop.hidden.join("js.wasm");
    (workshop.note)("building with componentize-js (about 20 s)");
    run::run(
        Command::new("node")
            .arg(script)
            .arg(workshop.project.dir.join(entry))
            .arg(workshop.world()?)
            .arg(WORLD)
            .arg(&to),
        Some(&Missing { what: "node", install: INSTALL }),
    )?;
    Ok(to)
}

/// Returns the script that builds, and fetches the tool if it is missing.
fn tool(workshop: &Workshop<'_>) -> Result<PathBuf, ProjectError> {
    let name = format!("componentize-js-{VERSION}");
    let home = workshop.shared.tool(
        &name,
        |_| true,
        |home| {
            (workshop.note)("fetching componentize-js from npm (once, about a minute)");
            let package = home.join("package.json");
            std::fs::write(&package, "{\"private\": true}\n").map_err(ProjectError::io("write", &package))?;
            let wanted = format!("{TOOL}@{VERSION}");
            let arguments = ["install", "--no-audit", "--no-fund", "--loglevel=error", "--save-exact", &wanted];
            run::run(
                Command::new("npm").current_dir(&home).args(arguments),
                Some(&Missing { what: "npm", install: INSTALL }),
            )?;
            Ok(())
        },
    )?;
    let script = home.join("build.mjs");
    std::fs::write(&script, BUILD).map_err(ProjectError::io("write", &script))?;
    Ok(script)
}
