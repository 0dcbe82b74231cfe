//! `pvmigrate:policy@0.2.0`, the latest version: its generated types, what policies may call, and who a policy is.
//!
//! The types of a question's own interface are used in the question's file and nowhere else; what several interfaces
//! share is converted here, into the types of `pvmigrate_core::policy`.

pub(crate) mod from_guest;
pub(crate) mod to_guest;

use pvmigrate_core::policy::{Kind, LogLevel, ObjectRef, PolicyError};
use wasmtime::component::{HasSelf, Linker};

use super::exported::Exported;
use crate::call::Context;
use crate::info::RawInfo;
use crate::settings::SettingsProblem;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "policy",
        imports: { default: trappable },
    });
}

pub(crate) use bindings::exports::pvmigrate::policy as exports;
pub(crate) use bindings::pvmigrate::policy::types;
use bindings::pvmigrate::policy::{log, snapshot};
use exports::{manifest, settings};

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

impl snapshot::Host for Context {
    fn get(
        &mut self,
        target: types::ObjectRef,
        fields: Vec<String>,
    ) -> wasmtime::Result<Result<Option<String>, snapshot::LookupError>> {
        let types::ObjectRef { api_version, kind, namespace, name } = target;
        let target = ObjectRef { api_version, kind, namespace, name };
        let found = self.look_up(&Kind::new(&*target.api_version, &*target.kind), |collected| {
            let found = collected.get(&target, &fields)?;
            let bytes = found.as_ref().map_or(0, String::len);
            Ok((found, bytes))
        })?;
        Ok(found.map_err(to_guest::lookup_error))
    }

    fn find(
        &mut self,
        api_version: String,
        kind: String,
        namespace: Option<String>,
        label_selector: String,
        fields: Vec<String>,
    ) -> wasmtime::Result<Result<Vec<String>, snapshot::LookupError>> {
        let kind = Kind::new(api_version, kind);
        let found = self.look_up(&kind, |collected| {
            let found = collected.find(&kind, namespace.as_deref(), &label_selector, &fields)?;
            let bytes = found.iter().map(String::len).sum();
            Ok((found, bytes))
        })?;
        Ok(found.map_err(to_guest::lookup_error))
    }
}

pub(super) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)?;
    snapshot::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)
}

pub(super) fn check_describe(exported: &mut Exported<'_>) -> wasmtime::Result<()> {
    exported.typed::<(), (manifest::Info,)>().map(drop)
}

pub(super) fn describe(exported: Exported<'_>) -> wasmtime::Result<RawInfo> {
    let (info,) = exported.call(())?;
    Ok(from_guest::info(info))
}

/// What `settings.validate` returns.
type Problems = (Vec<settings::Problem>,);

pub(super) fn check_validate(exported: &mut Exported<'_>) -> wasmtime::Result<()> {
    exported.typed::<(&str,), Problems>().map(drop)
}

pub(super) fn validate(exported: Exported<'_>, settings: &str) -> wasmtime::Result<Vec<SettingsProblem>> {
    let (problems,): Problems = exported.call((settings,))?;
    let problem = |problem: settings::Problem| SettingsProblem { pointer: problem.pointer, message: problem.message };
    Ok(problems.into_iter().map(problem).collect())
}

/// What a question's function returns.
pub(crate) type Returned<T> = (Result<Vec<T>, types::PolicyError>,);

/// Converts what a question's function returned.
pub(crate) fn decided<G, T>((returned,): Returned<G>, convert: fn(G) -> T) -> Result<Vec<T>, PolicyError> {
    match returned {
        Ok(answers) => Ok(answers.into_iter().map(convert).collect()),
        Err(error) => Err(from_guest::policy_error(error)),
    }
}
