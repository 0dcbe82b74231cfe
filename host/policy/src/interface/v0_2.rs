//! The interface `pvmigrate:policy@0.2.0`, the latest: the only place that knows its generated types.
//!
//! Everything is converted at once into the types of `pvmigrate_core::policy`. The questions of earlier versions are asked
//! from here too, as long as their types are the same; what differs is in the file of that version.

mod from_guest;
mod to_guest;

use pvmigrate_core::policy::{Ballot, Finding, Kind, LogLevel, Mapping, ObjectRef, Planned, PolicyError};
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, HasSelf, Instance, InstancePre, Linker, TypedFunc};

use super::v0_1;
use crate::audit::{ACCESS_MODES, Audited, MANIFEST, PREFLIGHT, SELECTION, SETTINGS, Version};
use crate::call::{Call, Context};
use crate::info::RawInfo;
use crate::policies::Asked;
use crate::settings::SettingsProblem;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/0.2.0",
        world: "policy",
        imports: { default: trappable },
    });
}

use bindings::exports::pvmigrate::policy::{access_modes, manifest, preflight, selection, settings};
use bindings::pvmigrate::policy::{log, snapshot, types};

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

/// Offers policies everything that they may call, in every version that is offered.
pub(crate) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    log::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)?;
    snapshot::add_to_linker::<_, HasSelf<Context>>(linker, |context| context)?;
    v0_1::add_to_linker(linker)
}

/// Where a component keeps the functions that policies export.
pub(crate) struct Exports {
    version: Version,
    describe: ComponentExportIndex,
    validate: Option<ComponentExportIndex>,
    select: Option<ComponentExportIndex>,
    map_modes: Option<ComponentExportIndex>,
    check: Option<ComponentExportIndex>,
}

/// An answer, or the policy's word that it cannot decide.
pub(crate) type Decided<T> = Result<Vec<T>, PolicyError>;

type Describe = TypedFunc<(), (manifest::Info,)>;
type Validate<'a> = TypedFunc<(&'a str,), (Vec<settings::Problem>,)>;
type Answer<T> = (Result<Vec<T>, types::PolicyError>,);
type Select<'a> = TypedFunc<(&'a to_guest::Request<'a>,), Answer<selection::Ballot>>;
type MapModes<'a> = TypedFunc<(&'a to_guest::Request<'a>,), Answer<access_modes::Mapping>>;
type Check<'a> = TypedFunc<(&'a to_guest::Request<'a>, &'a [preflight::Planned]), Answer<preflight::Finding>>;

impl Exports {
    /// Finds the functions; an error says which one is missing.
    pub(crate) fn find(component: &InstancePre<Context>, audited: &Audited) -> wasmtime::Result<Self> {
        let find = |interface: &str, function: &str| {
            let Some(name) = audited.export(interface) else { return Ok(None) };
            let found = component.component().get_export_index(None, name);
            let found = found.and_then(|at| component.component().get_export_index(Some(&at), function));
            found.map(Some).ok_or_else(|| wasmtime::format_err!("{name} has no function {function}"))
        };
        let describe = find(MANIFEST, "describe")?;
        Ok(Self {
            version: audited.version,
            describe: describe.ok_or_else(|| wasmtime::format_err!("there is no interface {MANIFEST}"))?,
            validate: find(SETTINGS, "validate")?,
            select: find(SELECTION, "select")?,
            map_modes: find(ACCESS_MODES, "map-modes")?,
            check: find(PREFLIGHT, "check")?,
        })
    }

    /// Tells whether the policy has a function for this call.
    pub(crate) fn answers(&self, call: Call) -> bool {
        match call {
            Call::Describe => true,
            Call::Validate => self.validate.is_some(),
            Call::Select => self.select.is_some(),
            Call::MapModes => self.map_modes.is_some(),
            Call::Check => self.check.is_some(),
        }
    }

    /// Checks that every function has the type that the interface gives it.
    pub(crate) fn check_types(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<()> {
        match self.version {
            Version::V0_1 => {
                let _: v0_1::Describe = instance.get_typed_func(&mut *store, self.describe)?;
            }
            Version::V0_2 => {
                let _: Describe = instance.get_typed_func(&mut *store, self.describe)?;
            }
        }
        if let Some(validate) = &self.validate {
            let _: Validate<'_> = instance.get_typed_func(&mut *store, validate)?;
        }
        if let Some(select) = &self.select {
            let _: Select<'_> = instance.get_typed_func(&mut *store, select)?;
        }
        if let Some(map_modes) = &self.map_modes {
            let _: MapModes<'_> = instance.get_typed_func(&mut *store, map_modes)?;
        }
        if let Some(check) = &self.check {
            let _: Check<'_> = instance.get_typed_func(&mut *store, check)?;
        }
        Ok(())
    }

    pub(crate) fn describe(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<RawInfo> {
        match self.version {
            Version::V0_1 => v0_1::describe(store, instance, &self.describe),
            Version::V0_2 => {
                let describe: Describe = instance.get_typed_func(&mut *store, self.describe)?;
                Ok(from_guest::info(describe.call(&mut *store, ())?.0))
            }
        }
    }

    /// Asks what is wrong with settings; nothing when the policy does not export the question.
    pub(crate) fn validate(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        settings: &str,
    ) -> wasmtime::Result<Vec<SettingsProblem>> {
        let Some(validate) = &self.validate else { return Ok(Vec::new()) };
        let validate: Validate<'_> = instance.get_typed_func(&mut *store, validate)?;
        let (problems,) = validate.call(&mut *store, (settings,))?;
        Ok(problems.into_iter().map(from_guest::problem).collect())
    }

    /// Asks for ballots; empty when the policy does not export the question.
    pub(crate) fn select(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        asked: &Asked<'_>,
    ) -> wasmtime::Result<Decided<Ballot>> {
        let Some(select) = &self.select else { return Ok(Ok(Vec::new())) };
        let select: Select<'_> = instance.get_typed_func(&mut *store, select)?;
        let (answer,) = select.call(&mut *store, (&to_guest::request(asked),))?;
        Ok(decided(answer, from_guest::ballot))
    }

    /// Asks for shapes; empty when the policy does not export the question.
    pub(crate) fn map_modes(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        asked: &Asked<'_>,
    ) -> wasmtime::Result<Decided<Mapping>> {
        let Some(map_modes) = &self.map_modes else { return Ok(Ok(Vec::new())) };
        let map_modes: MapModes<'_> = instance.get_typed_func(&mut *store, map_modes)?;
        let (answer,) = map_modes.call(&mut *store, (&to_guest::request(asked),))?;
        Ok(decided(answer, from_guest::mapping))
    }

    /// Asks for findings; empty when the policy does not export the question.
    pub(crate) fn check(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        asked: &Asked<'_>,
        plan: &[Planned],
    ) -> wasmtime::Result<Decided<Finding>> {
        let Some(check) = &self.check else { return Ok(Ok(Vec::new())) };
        let check: Check<'_> = instance.get_typed_func(&mut *store, check)?;
        let plan: Vec<_> = plan.iter().map(to_guest::planned).collect();
        let (answer,) = check.call(&mut *store, (&to_guest::request(asked), &plan))?;
        Ok(decided(answer, from_guest::finding))
    }
}

fn decided<G, T>(answer: Result<Vec<G>, types::PolicyError>, convert: fn(G) -> T) -> Decided<T> {
    match answer {
        Ok(items) => Ok(items.into_iter().map(convert).collect()),
        Err(error) => Err(from_guest::policy_error(error)),
    }
}
