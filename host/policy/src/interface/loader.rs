//! The interface between this program and an engine: the engine loads a policy's source before anything is asked.

use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre};

use super::exported::Exported;
use crate::call::Context;
use crate::failure::FailureKind;
use crate::source::{Source, SourceProblem};
use crate::text;

mod bindings {
    wasmtime::component::bindgen!({ path: "src/interface/loader.wit", world: "loading" });
}

use bindings::exports::pvmigrate::engine::loader::{File, Problem};

/// The interface by its full name.
pub(crate) const NAME: &str = "pvmigrate:engine/loader@0.1.0";

/// An engine's function that loads a source, and the source in the function's own types.
pub(crate) struct Loader {
    load: ComponentExportIndex,
    files: Vec<File>,
    main: String,
}

impl Loader {
    /// Finds the function in an engine, for this source.
    pub(crate) fn find(component: &InstancePre<Context>, source: &Source) -> wasmtime::Result<Self> {
        let component = component.component();
        let interface = component.get_export_index(None, NAME);
        let load = interface.and_then(|interface| component.get_export_index(Some(&interface), "load"));
        let load = load.ok_or_else(|| wasmtime::format_err!("{NAME} has no function load"))?;
        let file = |(name, text): (&String, &String)| File { name: name.clone(), text: text.clone() };
        Ok(Self { load, files: source.files.iter().map(file).collect(), main: source.main.clone() })
    }

    /// Loads the source into an instance; a problem with it ends the call.
    pub(crate) fn load(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<()> {
        let mut exported = Exported { store: &mut *store, instance, index: &self.load };
        if let Err(error) = exported.typed::<(&[File], &str), (Result<(), Problem>,)>() {
            return store.data_mut().end(FailureKind::WrongWorld(text::escape(&format!("{error:#}"))));
        }
        let exported = Exported { store: &mut *store, instance, index: &self.load };
        let (loaded,): (Result<(), Problem>,) = exported.call((self.files.as_slice(), self.main.as_str()))?;
        let Err(Problem { file, line, column, message }) = loaded else { return Ok(()) };
        let problem = SourceProblem {
            file: Some(text::escape(&file)).filter(|file| !file.is_empty()),
            line: Some(line).filter(|line| *line > 0),
            column: Some(column).filter(|column| *column > 0),
            message: text::escape(&message),
        };
        store.data_mut().end(FailureKind::Source(problem))
    }
}
