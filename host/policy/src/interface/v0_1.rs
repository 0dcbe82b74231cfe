//! What `pvmigrate:policy@0.1.0` has that later versions have not: its own way of saying who a policy is.
//!
//! All other types of 0.1.0 are those of 0.2.0, and component types are compared by structure, so [`super::v0_2`]
//! asks the questions of both. A policy of 0.1.0 has neither settings nor look-ups.

use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance, Linker, TypedFunc};

use crate::call::Context;
use crate::info::{CodeDoc, RawInfo, Scope};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "policy",
        imports: { default: trappable },
    });
}

use bindings::exports::pvmigrate::policy::manifest;
use bindings::pvmigrate::policy::{log, types};

impl types::Host for Context {}

impl log::Host for Context {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Debug => pvmigrate_core::policy::LogLevel::Debug,
            log::Level::Info => pvmigrate_core::policy::LogLevel::Info,
            log::Level::Warn => pvmigrate_core::policy::LogLevel::Warn,
        };
        Context::write(self, level, &message, &fields)
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)
}

/// The function `describe`, as 0.1 has it.
pub(crate) type Describe = TypedFunc<(), (manifest::Info,)>;

/// Asks a policy who it is.
pub(crate) fn describe(
    store: &mut Store<Context>,
    instance: &Instance,
    index: &wasmtime::component::ComponentExportIndex,
) -> wasmtime::Result<RawInfo> {
    let describe: Describe = instance.get_typed_func(&mut *store, index)?;
    let (info,) = describe.call(&mut *store, ())?;
    let code = |code: manifest::CodeDoc| CodeDoc { code: code.code, summary: code.summary, docs_url: code.docs_url };
    Ok(RawInfo {
        name: info.name,
        version: info.version,
        summary: info.summary,
        scope: match info.scope {
            manifest::Scope::PerVolume => Scope::PerVolume,
            manifest::Scope::WholeBatch => Scope::WholeBatch,
        },
        settings_schema: None,
        needs: Vec::new(),
        codes: info.codes.into_iter().map(code).collect(),
    })
}
