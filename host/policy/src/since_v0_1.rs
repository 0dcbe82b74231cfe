//! The interface `pvmigrate:policy@0.1.0`: the only place that knows its generated types.
//!
//! Everything is converted at once into the types of `pvmigrate_core::policy`, so that a later version of the
//! interface is another file like this one.

mod from_guest;
mod to_guest;

use pvmigrate_core::policy::{Ballot, Finding, LogLevel, Mapping, Planned, PolicyError, Request};
use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};

use crate::audit::{ACCESS_MODES, Audited, PREFLIGHT, SELECTION};
use crate::call::{Call, Context};
use crate::load::RawInfo;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "policy",
        imports: { default: trappable },
    });
}

use bindings::exports::pvmigrate::policy::{access_modes, manifest, preflight, selection};
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

/// Offers policies everything that they may call.
pub(crate) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)
}

/// Where a component keeps the functions that policies export.
pub(crate) struct Exports {
    manifest: manifest::GuestIndices,
    selection: Option<selection::GuestIndices>,
    access_modes: Option<access_modes::GuestIndices>,
    preflight: Option<preflight::GuestIndices>,
}

/// An answer, or the policy's word that it cannot decide.
pub(crate) type Decided<T> = Result<Vec<T>, PolicyError>;

impl Exports {
    /// Finds the functions; an error says which one is missing.
    pub(crate) fn find(component: &InstancePre<Context>, audited: &Audited) -> wasmtime::Result<Self> {
        Ok(Self {
            manifest: manifest::GuestIndices::new(component)?,
            selection: audited.exports(SELECTION).then(|| selection::GuestIndices::new(component)).transpose()?,
            access_modes: audited
                .exports(ACCESS_MODES)
                .then(|| access_modes::GuestIndices::new(component))
                .transpose()?,
            preflight: audited.exports(PREFLIGHT).then(|| preflight::GuestIndices::new(component)).transpose()?,
        })
    }

    /// Tells whether the policy answers this question.
    pub(crate) fn answers(&self, call: Call) -> bool {
        match call {
            Call::Describe => true,
            Call::Select => self.selection.is_some(),
            Call::MapModes => self.access_modes.is_some(),
            Call::Check => self.preflight.is_some(),
        }
    }

    /// Checks that every function has the type that the interface gives it.
    pub(crate) fn check_types(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<()> {
        self.manifest.load(&mut *store, instance)?;
        if let Some(selection) = &self.selection {
            selection.load(&mut *store, instance)?;
        }
        if let Some(access_modes) = &self.access_modes {
            access_modes.load(&mut *store, instance)?;
        }
        if let Some(preflight) = &self.preflight {
            preflight.load(&mut *store, instance)?;
        }
        Ok(())
    }

    pub(crate) fn describe(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<RawInfo> {
        let guest = self.manifest.load(&mut *store, instance)?;
        Ok(from_guest::info(guest.call_describe(store)?))
    }

    /// Asks for ballots; empty when the policy does not export the question.
    pub(crate) fn select(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        request: &Request,
    ) -> wasmtime::Result<Decided<Ballot>> {
        let Some(selection) = &self.selection else {
            return Ok(Ok(Vec::new()));
        };
        let guest = selection.load(&mut *store, instance)?;
        let answer = guest.call_select(store, &to_guest::request(request))?;
        Ok(decided(answer, from_guest::ballot))
    }

    /// Asks for shapes; empty when the policy does not export the question.
    pub(crate) fn map_modes(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        request: &Request,
    ) -> wasmtime::Result<Decided<Mapping>> {
        let Some(access_modes) = &self.access_modes else {
            return Ok(Ok(Vec::new()));
        };
        let guest = access_modes.load(&mut *store, instance)?;
        let answer = guest.call_map_modes(store, &to_guest::request(request))?;
        Ok(decided(answer, from_guest::mapping))
    }

    /// Asks for findings; empty when the policy does not export the question.
    pub(crate) fn check(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        request: &Request,
        plan: &[Planned],
    ) -> wasmtime::Result<Decided<Finding>> {
        let Some(preflight) = &self.preflight else {
            return Ok(Ok(Vec::new()));
        };
        let guest = preflight.load(&mut *store, instance)?;
        let plan: Vec<_> = plan.iter().map(to_guest::planned).collect();
        let answer = guest.call_check(store, &to_guest::request(request), &plan)?;
        Ok(decided(answer, from_guest::finding))
    }
}

fn decided<G, T>(answer: Result<Vec<G>, types::PolicyError>, convert: fn(G) -> T) -> Decided<T> {
    match answer {
        Ok(items) => Ok(items.into_iter().map(convert).collect()),
        Err(error) => Err(from_guest::policy_error(error)),
    }
}
