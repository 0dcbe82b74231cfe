//! One function that a component exports.

use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc};

use crate::call::Context;

/// An exported function of an instance, typed by its caller.
pub(crate) struct Exported<'a> {
    pub(super) store: &'a mut Store<Context>,
    pub(super) instance: &'a Instance,
    pub(super) index: &'a ComponentExportIndex,
}

impl Exported<'_> {
    /// Gives it the type that it must have.
    pub(crate) fn typed<P, R>(&mut self) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.instance.get_typed_func(&mut *self.store, self.index)
    }

    pub(crate) fn call<P, R>(mut self, parameters: P) -> wasmtime::Result<R>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.typed::<P, R>()?.call(self.store, parameters)
    }
}
