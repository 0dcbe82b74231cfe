//! Wraps a core module, in which `wit-bindgen` left the interface types, into a component.
//!
//! `componentize IN.wasm OUT.wasm`. The result depends on the input only. Sections that carry nothing for a host
//! (names, producers) stay out of the component, so that two toolchains' ways of naming themselves do not show.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        eprintln!("usage: componentize IN.wasm OUT.wasm");
        return ExitCode::from(2);
    };
    match componentize(Path::new(from), Path::new(to)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", Path::new(from).display());
            ExitCode::FAILURE
        }
    }
}

fn componentize(from: &Path, to: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let module = std::fs::read(from)?;
    let component = wit_component::ComponentEncoder::default().validate(true).module(&module)?.encode()?;
    std::fs::write(to, component)?;
    Ok(())
}
