//! Between the generated exports and the traits. Only [`export!`](crate::export) uses this.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::bindings::manifest::{CodeDoc, Info, ObjectNeed};
use crate::{
    AccessModes, Ballot, Codes as _, Finding, Mapping, Planned, Policy, PolicyError, Preflight, Problem, Request,
    Selection,
};

/// Answers `manifest.describe`.
pub fn describe<P: Policy>() -> Info {
    let code = |code: &crate::Code| CodeDoc {
        code: code.code.to_string(),
        summary: code.summary.to_string(),
        docs_url: code.docs_url.map(ToString::to_string),
    };
    let need = |need: &crate::Need| ObjectNeed {
        api_version: need.api_version.to_string(),
        kind: need.kind.to_string(),
        purpose: need.purpose.to_string(),
        optional: need.optional,
    };
    Info {
        name: P::NAME.to_string(),
        version: P::VERSION.to_string(),
        summary: P::SUMMARY.to_string(),
        scope: P::SCOPE,
        settings_schema: P::schema(),
        needs: P::NEEDS.iter().map(need).collect(),
        codes: P::Code::ALL.iter().map(code).collect(),
    }
}

/// Answers `settings.validate`.
pub fn validate<P: Policy>(settings: &str) -> Vec<Problem> {
    match P::read(settings) {
        Ok(policy) => policy.problems(),
        Err(error) => Vec::from([Problem { pointer: "".to_string(), message: error }]),
    }
}

/// Leaves a question where it is. The instance ends with its answer, so to give back each string by itself would only be
/// work: more than half of what a question costs, in fuel.
fn leave<Q>(question: Q) {
    core::mem::forget(question);
}

/// Answers `selection.select`.
///
/// # Errors
/// The policy's.
pub fn select<P: Selection>(request: Request) -> Result<Vec<Ballot>, PolicyError> {
    let answer = with_settings::<P>(&request).select(&request);
    leave(request);
    answer
}

/// Answers `access-modes.map-modes`.
///
/// # Errors
/// The policy's.
pub fn map_modes<P: AccessModes>(request: Request) -> Result<Vec<Mapping>, PolicyError> {
    let answer = with_settings::<P>(&request).map_modes(&request);
    leave(request);
    answer
}

/// Answers `preflight.check`.
///
/// # Errors
/// The policy's.
pub fn check<P: Preflight>(request: Request, plan: Vec<Planned>) -> Result<Vec<Finding>, PolicyError> {
    let answer = with_settings::<P>(&request).check(&request, &plan);
    leave((request, plan));
    answer
}

/// The host has held the settings to the schema and to `validate` before, so what does not read here is a mistake.
fn with_settings<P: Policy>(request: &Request) -> P {
    match P::read(&request.settings) {
        Ok(policy) => policy,
        Err(error) => panic!("the settings do not read: {error}"),
    }
}

/// Tells at compile time which traits a type has: an inherent constant wins over that of [`Absent`].
#[derive(Debug)]
pub struct Has<P>(PhantomData<P>);

/// What [`Has`] says where the type lacks the trait.
pub trait Absent {
    /// Whether the type is a `Selection`.
    const SELECTION: bool = false;
    /// Whether the type is an `AccessModes`.
    const ACCESS_MODES: bool = false;
    /// Whether the type is a `Preflight`.
    const PREFLIGHT: bool = false;
}

impl<P> Absent for Has<P> {}

/// Exports a policy with the questions that it answers: `export!(Keep: Settings, Selection, AccessModes, Preflight)`.
///
/// What the type implements and the list leaves out is an error of the compiler, so that no rule goes unasked; so are
/// settings that are left out.
#[macro_export]
macro_rules! export {
    ($policy:ident: $($question:ident),+ $(,)?) => {
        const _: () = {
            use $crate::bindings::manifest::generated as in_manifest;

            struct Exported;

            impl $crate::bindings::manifest::Guest for Exported {
                fn describe() -> $crate::bindings::manifest::Info {
                    $crate::glue::describe::<$policy>()
                }
            }
            in_manifest::export_manifest!(Exported with_types_in in_manifest);

            $($crate::__export_question!($question $policy Exported);)+

            use $crate::glue::Absent as _;
            const LISTED: &[&str] = &[$(stringify!($question)),+];
            const fn lists(wanted: &str) -> bool {
                $crate::glue::lists(LISTED, wanted)
            }
            assert!(lists("Settings") || !<$policy as $crate::Settings>::SOME, "it has settings: list Settings");
            assert!(lists("Selection") || !$crate::glue::Has::<$policy>::SELECTION, "list Selection: it implements it");
            assert!(lists("AccessModes") || !$crate::glue::Has::<$policy>::ACCESS_MODES, "list AccessModes: it implements it");
            assert!(lists("Preflight") || !$crate::glue::Has::<$policy>::PREFLIGHT, "list Preflight: it implements it");
        };
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export_question {
    (Settings $policy:ident $exported:ident) => {
        impl $crate::bindings::settings::Guest for $exported {
            fn validate(settings: $crate::alloc::string::String) -> $crate::alloc::vec::Vec<$crate::Problem> {
                $crate::glue::validate::<$policy>(&settings)
            }
        }
        use $crate::bindings::settings::generated as in_settings;
        in_settings::export_settings!($exported with_types_in in_settings);
    };
    (Selection $policy:ident $exported:ident) => {
        impl $crate::bindings::selection::Guest for $exported {
            fn select(
                request: $crate::Request,
            ) -> ::core::result::Result<$crate::alloc::vec::Vec<$crate::Ballot>, $crate::PolicyError> {
                $crate::glue::select::<$policy>(request)
            }
        }
        use $crate::bindings::selection::generated as in_selection;
        in_selection::export_selection!($exported with_types_in in_selection);
    };
    (AccessModes $policy:ident $exported:ident) => {
        impl $crate::bindings::access_modes::Guest for $exported {
            fn map_modes(
                request: $crate::Request,
            ) -> ::core::result::Result<$crate::alloc::vec::Vec<$crate::Mapping>, $crate::PolicyError> {
                $crate::glue::map_modes::<$policy>(request)
            }
        }
        use $crate::bindings::access_modes::generated as in_access_modes;
        in_access_modes::export_access_modes!($exported with_types_in in_access_modes);
    };
    (Preflight $policy:ident $exported:ident) => {
        impl $crate::bindings::preflight::Guest for $exported {
            fn check(
                request: $crate::Request,
                plan: $crate::alloc::vec::Vec<$crate::Planned>,
            ) -> ::core::result::Result<$crate::alloc::vec::Vec<$crate::Finding>, $crate::PolicyError> {
                $crate::glue::check::<$policy>(request, plan)
            }
        }
        use $crate::bindings::preflight::generated as in_preflight;
        in_preflight::export_preflight!($exported with_types_in in_preflight);
    };
}

impl<P: Selection> Has<P> {
    /// Overrides that of [`Absent`].
    pub const SELECTION: bool = true;
}

impl<P: AccessModes> Has<P> {
    /// Overrides that of [`Absent`].
    pub const ACCESS_MODES: bool = true;
}

impl<P: Preflight> Has<P> {
    /// Overrides that of [`Absent`].
    pub const PREFLIGHT: bool = true;
}

/// Tells at compile time whether a word is in a list.
pub const fn lists(list: &[&str], wanted: &str) -> bool {
    let mut at = 0;
    while at < list.len() {
        if same(list[at].as_bytes(), wanted.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
