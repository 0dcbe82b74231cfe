//! `pvmigrate:policy@0.1.0`: its own way of saying who a policy is, and its log.
//!
//! All its other types are those of later versions. A policy of 0.1.0 has neither settings nor look-ups.

use pvmigrate_core::policy::LogLevel;
use wasmtime::component::{HasSelf, Linker};

use super::exported::Exported;
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
            log::Level::Debug => LogLevel::Debug,
            log::Level::Info => LogLevel::Info,
            log::Level::Warn => LogLevel::Warn,
        };
        Context::write(self, level, &message, &fields)
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)
}

pub(super) fn check_describe(exported: &mut Exported<'_>) -> wasmtime::Result<()> {
    exported.typed::<(), (manifest::Info,)>().map(drop)
}

pub(super) fn describe(exported: Exported<'_>) -> wasmtime::Result<RawInfo> {
    let (info,): (manifest::Info,) = exported.call(())?;
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
