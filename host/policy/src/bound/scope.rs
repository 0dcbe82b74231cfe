//! What a component is made of outside of its functions: types and instances. A few lines can stand for very many of them.

use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentDefinedType, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentType, ComponentTypeDeclaration, ComponentTypeRef, ComponentValType, Instance,
    InstanceTypeDeclaration, Payload, TypeBounds,
};

/// The components that are being read, the innermost one last, and the amounts found so far.
#[derive(Default)]
pub(super) struct Scopes {
    open: Vec<Scope>,
    /// The largest type so far that a value or a function can have.
    largest: u64,
    types: u64,
    instances: u64,
}

#[derive(Default)]
struct Scope {
    /// How many parts each type has, written out.
    types: Vec<u64>,
    /// What it takes to instantiate each component.
    components: Vec<u64>,
    /// What it takes to instantiate this one: the engine goes through all of it each time.
    weight: u64,
}

impl Scopes {
    /// Returns the parts of all types, each written out as often as it is used.
    pub(super) fn types(&self) -> u64 {
        self.types
    }

    /// Returns the steps to instantiate the component that takes the most.
    pub(super) fn instances(&self) -> u64 {
        self.instances
    }

    pub(super) fn enter(&mut self) {
        self.open.push(Scope::default());
    }

    pub(super) fn leave(&mut self) {
        let Some(inner) = self.open.pop() else { return };
        self.add_component(inner.weight);
    }

    /// Reads a section of a component.
    pub(super) fn read(&mut self, payload: &Payload<'_>) -> Result<(), BinaryReaderError> {
        match payload {
            Payload::ComponentTypeSection(reader) => {
                for of_type in reader.clone() {
                    let parts = self.parts(&of_type?);
                    self.add_type(parts);
                    self.weigh(1);
                }
            }
            Payload::ComponentAliasSection(reader) => {
                for alias in reader.clone() {
                    self.alias(&alias?);
                    self.weigh(1);
                }
            }
            Payload::ComponentImportSection(reader) => {
                for import in reader.clone() {
                    self.named(&import?.ty);
                    self.weigh(1);
                }
            }
            Payload::ComponentExportSection(reader) => {
                for export in reader.clone() {
                    let export = export?;
                    self.weigh(1);
                    match export.kind {
                        ComponentExternalKind::Type => self.add_type(self.type_at(0, export.index)),
                        ComponentExternalKind::Component => self.add_component(self.component_at(0, export.index)),
                        _ => {}
                    }
                }
            }
            Payload::ComponentInstanceSection(reader) => {
                for instance in reader.clone() {
                    self.weigh(match instance? {
                        ComponentInstance::Instantiate { component_index, args } => {
                            self.component_at(0, component_index).saturating_add(1 + args.len() as u64)
                        }
                        ComponentInstance::FromExports(exports) => 1 + exports.len() as u64,
                    });
                }
            }
            Payload::InstanceSection(reader) => {
                for instance in reader.clone() {
                    self.weigh(match instance? {
                        Instance::Instantiate { args, .. } => 1 + args.len() as u64,
                        Instance::FromExports(exports) => 1 + exports.len() as u64,
                    });
                }
            }
            Payload::ComponentCanonicalSection(reader) => self.weigh(u64::from(reader.count())),
            _ => {}
        }
        Ok(())
    }

    fn scope(&self, outward: u32) -> Option<&Scope> {
        let at = self.open.len().checked_sub(1)?.checked_sub(outward as usize)?;
        self.open.get(at)
    }

    fn type_at(&self, outward: u32, index: u32) -> u64 {
        self.scope(outward).and_then(|scope| scope.types.get(index as usize)).copied().unwrap_or(1)
    }

    /// Returns what it takes to instantiate a component: without bound, where it is not known before it is given.
    fn component_at(&self, outward: u32, index: u32) -> u64 {
        self.scope(outward).and_then(|scope| scope.components.get(index as usize)).copied().unwrap_or(u64::MAX)
    }

    fn add_type(&mut self, parts: u64) {
        self.types = self.types.saturating_add(parts);
        if let Some(scope) = self.open.last_mut() {
            scope.types.push(parts);
        }
    }

    fn add_component(&mut self, weight: u64) {
        if let Some(scope) = self.open.last_mut() {
            scope.components.push(weight);
        }
    }

    fn weigh(&mut self, weight: u64) {
        if let Some(scope) = self.open.last_mut() {
            scope.weight = scope.weight.saturating_add(weight);
            self.instances = self.instances.max(scope.weight);
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, count, index } => {
                self.add_type(self.type_at(*count, *index));
            }
            // It has one of the types before it; which one is not followed.
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Type, .. } => self.add_type(self.largest),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                self.add_component(self.component_at(*count, *index));
            }
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => {
                self.add_component(u64::MAX);
            }
            _ => {}
        }
    }

    /// Reads the type of an import, or of an export in a type.
    fn named(&mut self, of_type: &ComponentTypeRef) {
        match of_type {
            ComponentTypeRef::Type(TypeBounds::Eq(index)) => self.add_type(self.type_at(0, *index)),
            ComponentTypeRef::Type(TypeBounds::SubResource) => self.add_type(1),
            ComponentTypeRef::Func(index) | ComponentTypeRef::Instance(index) => {
                self.types = self.types.saturating_add(self.type_at(0, *index));
            }
            ComponentTypeRef::Component(index) => {
                self.types = self.types.saturating_add(self.type_at(0, *index));
                self.add_component(u64::MAX);
            }
            ComponentTypeRef::Module(_) | ComponentTypeRef::Value(_) => {}
        }
    }

    /// Returns how many parts a type has, written out.
    fn parts(&mut self, of_type: &ComponentType<'_>) -> u64 {
        let parts = match of_type {
            ComponentType::Defined(defined) => self.parts_of_value(defined),
            ComponentType::Func(function) => {
                self.sum(function.params.iter().map(|(_, param)| param).chain(&function.result))
            }
            ComponentType::Resource { .. } => 1,
            ComponentType::Instance(declarations) => {
                return self.inside(|scopes| {
                    for declaration in declarations {
                        match declaration {
                            InstanceTypeDeclaration::CoreType(_) => {}
                            InstanceTypeDeclaration::Type(of_type) => scopes.declare(of_type),
                            InstanceTypeDeclaration::Alias(alias) => scopes.alias(alias),
                            InstanceTypeDeclaration::Export { ty, .. } => scopes.named(ty),
                        }
                    }
                });
            }
            ComponentType::Component(declarations) => {
                return self.inside(|scopes| {
                    for declaration in declarations {
                        match declaration {
                            ComponentTypeDeclaration::CoreType(_) => {}
                            ComponentTypeDeclaration::Type(of_type) => scopes.declare(of_type),
                            ComponentTypeDeclaration::Alias(alias) => scopes.alias(alias),
                            ComponentTypeDeclaration::Export { ty, .. } => scopes.named(ty),
                            ComponentTypeDeclaration::Import(import) => scopes.named(&import.ty),
                        }
                    }
                });
            }
        };
        self.largest = self.largest.max(parts);
        parts
    }

    fn declare(&mut self, of_type: &ComponentType<'_>) {
        let parts = self.parts(of_type);
        self.add_type(parts);
    }

    /// Reads declarations that have a scope of their own; returns how many parts they add up to.
    fn inside(&mut self, read: impl FnOnce(&mut Self)) -> u64 {
        let before = self.types;
        self.enter();
        read(self);
        // A type is not a component that could be instantiated.
        self.open.pop();
        self.types - before
    }

    fn parts_of_value(&self, defined: &ComponentDefinedType<'_>) -> u64 {
        match defined {
            ComponentDefinedType::Primitive(_) | ComponentDefinedType::Own(_) | ComponentDefinedType::Borrow(_) => 1,
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => names.len() as u64,
            ComponentDefinedType::Record(fields) => self.sum(fields.iter().map(|(_, field)| field)),
            ComponentDefinedType::Variant(cases) => {
                self.sum(cases.iter().filter_map(|case| case.ty.as_ref())).saturating_add(cases.len() as u64)
            }
            ComponentDefinedType::List(item) | ComponentDefinedType::Option(item) => self.sum([item]),
            ComponentDefinedType::FixedLengthList(item, length) => self.sum([item]).saturating_mul(u64::from(*length)),
            ComponentDefinedType::Map(key, value) => self.sum([key, value]),
            ComponentDefinedType::Tuple(items) => self.sum(items.iter()),
            ComponentDefinedType::Result { ok, err } => self.sum(ok.iter().chain(err)),
            ComponentDefinedType::Future(item) | ComponentDefinedType::Stream(item) => self.sum(item),
        }
    }

    fn sum<'a>(&self, parts: impl IntoIterator<Item = &'a ComponentValType>) -> u64 {
        parts.into_iter().fold(1, |sum: u64, part| {
            sum.saturating_add(match part {
                ComponentValType::Primitive(_) => 1,
                ComponentValType::Type(index) => self.type_at(0, *index),
            })
        })
    }
}
