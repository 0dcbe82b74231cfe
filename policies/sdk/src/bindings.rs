//! Generated from the interface: what is imported once, and a module for each interface that can be exported. A policy
//! uses the export macros of those it answers, and its component exports no others.

mod host {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "host",
        generate_all,
        additional_derives: [PartialEq, Eq, Hash],
        runtime_path: "::pvmigrate_policy_sdk::bindings::wit_bindgen::rt",
    });
}

pub use host::pvmigrate::policy::{log, snapshot, types};
pub use wit_bindgen;

/// Makes the module of one exported interface, and the macro that exports it.
macro_rules! exported {
    ($module:ident, $macro:tt, $wit:tt, $with:tt) => {
        pub mod $module {
            pub mod generated {
                wit_bindgen::generate!({
                    path: "../../wit/0.2.0",
                    inline: $wit,
                    with: $with,
                    additional_derives: [PartialEq, Eq],
                    runtime_path: "::pvmigrate_policy_sdk::bindings::wit_bindgen::rt",
                    pub_export_macro: true,
                    export_macro_name: $macro,
                });
            }
            pub use generated::exports::pvmigrate::policy::$module::*;
        }
    };
}

exported!(
    manifest,
    "export_manifest",
    "package pvmigrate:sdk; world exports-manifest { export pvmigrate:policy/manifest@0.2.0; }",
    {}
);
exported!(
    settings,
    "export_settings",
    "package pvmigrate:sdk; world exports-settings { export pvmigrate:policy/settings@0.2.0; }",
    {}
);
exported!(
    selection,
    "export_selection",
    "package pvmigrate:sdk; world exports-selection { export pvmigrate:policy/selection@0.2.0; }",
    { "pvmigrate:policy/types@0.2.0": crate::bindings::types }
);
exported!(
    access_modes,
    "export_access_modes",
    "package pvmigrate:sdk; world exports-access-modes { export pvmigrate:policy/access-modes@0.2.0; }",
    { "pvmigrate:policy/types@0.2.0": crate::bindings::types }
);
exported!(
    preflight,
    "export_preflight",
    "package pvmigrate:sdk; world exports-preflight { export pvmigrate:policy/preflight@0.2.0; }",
    { "pvmigrate:policy/types@0.2.0": crate::bindings::types }
);
