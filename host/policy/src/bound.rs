//! Bounds on the work of compiling a component, held before it is compiled.
//!
//! Compiling takes time and memory in proportion to more than the size of a file: branches times values that live across
//! them, instances of instances, types of types. All of that can be seen by reading the component once, so the bounds are
//! the same on every machine, and need no process that could be ended from outside.

mod function;
mod scope;

use std::collections::BTreeMap;
use std::fmt;

use wasmparser::{BinaryReaderError, Encoding, Parser, Payload, TypeRef};

use crate::failure::{FailureKind, NotComponent};
use crate::text;
use function::Module;
use scope::Scopes;

/// What is measured of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Measure {
    Instructions,
    Branches,
    Flow,
    Code,
    Tables,
    Segments,
    Declarations,
    Types,
    Instances,
}

impl Measure {
    /// Returns the most that is accepted.
    ///
    /// Beside each stands the largest amount of the components of this repository: Rust's (at most 120 kB), Python's (19 MB)
    /// and JavaScript's (12 MB), whose runtimes are about the largest programs there are in WebAssembly. Just below a bound
    /// for one function, the worst shapes that were found take a compiler without optimisations 1 to 4 s and 165 MB.
    const fn limit(self) -> u64 {
        match self {
            Self::Instructions => 900_000, // Python: 500,593, a function that only fills a table
            Self::Branches => 20_000,      // JavaScript: 13,053
            Self::Flow => 3_000_000,       // JavaScript: 1,839,354
            Self::Code => 25_000_000,      // JavaScript: 16.5 million, in 12,675 functions
            Self::Tables => 1_000_000,     // Python: 11,185
            Self::Segments => 2_000,       // Python: 8
            Self::Declarations => 2 << 20, // Python: 322,563
            Self::Types => 1_000_000,      // Rust: 50,483
            Self::Instances => 20_000,     // Python: 3,533
        }
    }

    /// Returns what there is too much of, and what to do about it.
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Instructions => {
                ("instructions, weighed by what they move", "split it up, or move tables from code to data")
            }
            Self::Branches => ("branches", "split it up"),
            Self::Flow => {
                ("branches times values that live across them", "split it up, or give it fewer local variables")
            }
            Self::Code => {
                ("instructions in all functions, weighed", "leave out libraries that the policy does not need")
            }
            Self::Tables => ("elements in all tables", "build it with smaller tables"),
            Self::Segments => ("segments of elements", "join them"),
            Self::Declarations => {
                ("bytes of declarations", "leave out imports, exports and types that it does not need")
            }
            Self::Types => ("parts of types", "build it against the policy interface alone"),
            Self::Instances => ("instances, with what they are given", "build it from fewer components"),
        }
    }
}

/// What a component has too much of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    measure: Measure,
    is: u64,
    /// The index of the function in its module, where one function is too much.
    function: Option<usize>,
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, hint) = self.measure.words();
        match self.function {
            Some(index) => write!(f, "function {index} has ")?,
            None => f.write_str("it has ")?,
        }
        match self.is {
            u64::MAX => write!(f, "any number of {what}")?,
            is => write!(f, "{is} {what}")?,
        }
        write!(f, ", and at most {} are accepted; {hint}", self.measure.limit())
    }
}

/// What else the one reading finds.
#[derive(Debug)]
pub(crate) struct Read {
    /// Its code was made for a system, whatever the component gives it instead.
    pub(crate) asks_system: bool,
}

/// Checks that a component can be compiled in reasonable time and memory.
pub(crate) fn check(bytes: &[u8]) -> Result<Read, FailureKind> {
    match measure(bytes, |measure| measure.limit()) {
        Ok(measured) => Ok(Read { asks_system: measured.asks_system }),
        Err(Stop::Excess(excess)) => Err(FailureKind::TooComplex(excess)),
        Err(Stop::Malformed(error)) => {
            Err(FailureKind::NotAComponent(NotComponent::Invalid(text::escape(&format!("it is damaged: {error}")))))
        }
    }
}

/// Why a component was not read to its end.
#[derive(Debug)]
enum Stop {
    Excess(Excess),
    Malformed(BinaryReaderError),
}

impl From<BinaryReaderError> for Stop {
    fn from(error: BinaryReaderError) -> Self {
        Self::Malformed(error)
    }
}

/// Amounts seen so far, each held to its limit.
struct Measured<F> {
    amounts: BTreeMap<Measure, u64>,
    asks_system: bool,
    limit: F,
}

impl<F: Fn(Measure) -> u64> Measured<F> {
    /// Adds to what the component has in all.
    fn add(&mut self, measure: Measure, amount: u64) -> Result<(), Stop> {
        let sum = self.amounts.get(&measure).copied().unwrap_or(0).saturating_add(amount);
        self.set(measure, sum, None)
    }

    /// Notes the amount of one function; the largest one counts.
    fn function(&mut self, measure: Measure, amount: u64, function: usize) -> Result<(), Stop> {
        let largest = self.amounts.get(&measure).copied().unwrap_or(0).max(amount);
        self.set(measure, largest, Some(function))
    }

    fn set(&mut self, measure: Measure, is: u64, function: Option<usize>) -> Result<(), Stop> {
        self.amounts.insert(measure, is);
        match is > (self.limit)(measure) {
            true => Err(Stop::Excess(Excess { measure, is, function })),
            false => Ok(()),
        }
    }
}

/// Reads a component once, up to the first excess.
fn measure<F: Fn(Measure) -> u64>(bytes: &[u8], limit: F) -> Result<Measured<F>, Stop> {
    let mut measured = Measured { amounts: BTreeMap::new(), asks_system: false, limit };
    let mut scopes = Scopes::default();
    let mut module = None;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        measured.add(Measure::Declarations, declared_bytes(&payload))?;
        match (&payload, &mut module) {
            (Payload::Version { encoding: Encoding::Module, .. }, _) => module = Some(Module::default()),
            (Payload::Version { encoding: Encoding::Component, .. }, _) => scopes.enter(),
            (Payload::End(_), Some(_)) => module = None,
            (Payload::End(_), None) => scopes.leave(),
            (_, Some(module)) => in_module(&payload, module, &mut measured)?,
            (_, None) => scopes.read(&payload)?,
        }
        measured.set(Measure::Types, scopes.types(), None)?;
        measured.set(Measure::Instances, scopes.instances(), None)?;
    }
    Ok(measured)
}

fn in_module<F: Fn(Measure) -> u64>(
    payload: &Payload<'_>,
    module: &mut Module,
    measured: &mut Measured<F>,
) -> Result<(), Stop> {
    match payload {
        Payload::TypeSection(reader) => {
            for group in reader.clone() {
                module.types.extend(group?.into_types());
            }
        }
        Payload::ImportSection(reader) => {
            for import in reader.clone().into_imports() {
                let import = import?;
                measured.asks_system |= import.module.starts_with("wasi");
                match import.ty {
                    TypeRef::Func(of_type) => module.functions.push(of_type),
                    TypeRef::Table(table) => measured.add(Measure::Tables, table.initial)?,
                    _ => {}
                }
            }
            module.imported = module.functions.len();
        }
        Payload::FunctionSection(reader) => {
            for of_type in reader.clone() {
                module.functions.push(of_type?);
            }
        }
        Payload::TableSection(reader) => {
            for table in reader.clone() {
                measured.add(Measure::Tables, table?.ty.initial)?;
            }
        }
        Payload::ElementSection(reader) => measured.add(Measure::Segments, u64::from(reader.count()))?,
        Payload::CodeSectionEntry(body) => {
            let (index, cost) = module.next_body(body)?;
            measured.function(Measure::Instructions, cost.instructions, index)?;
            measured.function(Measure::Branches, cost.branches, index)?;
            measured.function(Measure::Flow, cost.flow(), index)?;
            measured.add(Measure::Code, cost.total())?;
        }
        _ => {}
    }
    Ok(())
}

/// Returns the size of a section that declares things, which take more memory than they have bytes.
fn declared_bytes(payload: &Payload<'_>) -> u64 {
    match payload {
        // These are measured by what is in them, or are copied as they are.
        Payload::CodeSectionStart { .. }
        | Payload::CodeSectionEntry(_)
        | Payload::DataSection(_)
        | Payload::CustomSection(_)
        | Payload::ModuleSection { .. }
        | Payload::ComponentSection { .. } => 0,
        declaring => declaring.as_section().map_or(0, |(_, range)| range.len() as u64),
    }
}

#[cfg(test)]
#[path = "bound/tests.rs"]
mod tests;
