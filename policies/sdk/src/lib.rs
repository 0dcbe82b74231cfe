//! What every pvmigrate policy written in Rust needs: the values, the log, an allocator, and panics that the user
//! gets to read.
//!
//! A policy crate generates the glue for the questions it answers with `wit_bindgen::generate!` and points the
//! values at [`types`], so that its rule can be compiled, and tested, natively. On other targets than wasm32 the
//! log has no host behind it: keep it out of rules.
#![no_std]

extern crate alloc;

#[allow(missing_docs, reason = "the interface documents its own types")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/0.1.0",
        world: "host",
        generate_all,
        additional_derives: [PartialEq, Eq, Hash],
    });
}

pub use bindings::pvmigrate::policy::{log, types};

#[cfg(target_arch = "wasm32")]
mod runtime;

mod lookup;
pub use lookup::{get, is_on, pairs, reason};

pub use wit_bindgen;
