//! The versions of `pvmigrate:policy` that are offered, and the functions that a component exports.
//!
//! Each version is a leaf that knows its own generated types. Component types are compared by structure, so the questions
//! are put in the types of the latest version for as long as those of the earlier ones are the same; what differs is
//! dispatched here.

pub(crate) mod exported;
pub(crate) mod loader;
mod v0_1;
pub(crate) mod v0_2;
pub(crate) mod version;

use std::collections::BTreeMap;

use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, Linker};

use crate::audited::Audited;
use crate::call::Context;
use crate::function::Function;
use crate::info::RawInfo;
use crate::settings::SettingsProblem;
use exported::Exported;
use version::Version;

/// Offers policies everything that they may call, in every version.
pub(crate) fn add_to_linker(linker: &mut Linker<Context>) -> wasmtime::Result<()> {
    v0_1::add_to_linker(linker)?;
    v0_2::add_to_linker(linker)
}

/// The functions that a component exports, found but not typed yet.
pub(crate) struct Exports {
    version: Version,
    functions: BTreeMap<Function, ComponentExportIndex>,
}

impl Exports {
    /// Finds those of these functions whose interface the component exports; an error names the one that is missing.
    pub(crate) fn find(
        component: &InstancePre<Context>,
        audited: &Audited,
        functions: impl Iterator<Item = Function>,
    ) -> wasmtime::Result<Self> {
        let component = component.component();
        let mut found_functions = BTreeMap::new();
        for function in functions {
            let Some(interface) = audited.export(function.interface()) else { continue };
            let found = component.get_export_index(None, interface);
            let found = found.and_then(|at| component.get_export_index(Some(&at), function.name()));
            let index = found.ok_or_else(|| wasmtime::format_err!("{interface} has no function {function}"))?;
            found_functions.insert(function, index);
        }
        Ok(Self { version: audited.version, functions: found_functions })
    }

    /// Returns whether the policy has a function.
    pub(crate) fn has(&self, function: Function) -> bool {
        self.functions.contains_key(&function)
    }

    /// Returns a function of an instance.
    pub(crate) fn get<'a>(
        &'a self,
        store: &'a mut Store<Context>,
        instance: &'a Instance,
        function: Function,
    ) -> wasmtime::Result<Exported<'a>> {
        let index = self.functions.get(&function);
        let index = index.ok_or_else(|| wasmtime::format_err!("function {function} not found"))?;
        Ok(Exported { store, instance, index })
    }

    /// Checks that the functions that are not questions have the types that the interface gives them.
    pub(crate) fn check_types(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<()> {
        let mut describe = self.get(store, instance, Function::DESCRIBE)?;
        match self.version {
            Version::V0_1 => v0_1::check_describe(&mut describe)?,
            Version::V0_2 => v0_2::check_describe(&mut describe)?,
        }
        if self.has(Function::VALIDATE) {
            v0_2::check_validate(&mut self.get(store, instance, Function::VALIDATE)?)?;
        }
        Ok(())
    }

    /// Asks the policy who it is.
    pub(crate) fn describe(&self, store: &mut Store<Context>, instance: &Instance) -> wasmtime::Result<RawInfo> {
        let describe = self.get(store, instance, Function::DESCRIBE)?;
        match self.version {
            Version::V0_1 => v0_1::describe(describe),
            Version::V0_2 => v0_2::describe(describe),
        }
    }

    /// Asks the policy what is wrong with its settings.
    pub(crate) fn validate(
        &self,
        store: &mut Store<Context>,
        instance: &Instance,
        settings: &str,
    ) -> wasmtime::Result<Vec<SettingsProblem>> {
        v0_2::validate(self.get(store, instance, Function::VALIDATE)?, settings)
    }
}
