//! The derives of `pvmigrate-policy-sdk`. Use them through that crate, which documents them.

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

mod codes;
mod settings;
mod text;

/// Makes a struct the settings of a policy: `serde::Deserialize`, and the JSON Schema that belongs to it.
///
/// * Fields are keys in camelCase, and unknown keys are refused. Doc comments become descriptions.
/// * A field of `Option` may be left out, and so may one with `#[setting(default = ...)]`: a literal, or a list of such.
///   Strings stand for whatever reads from a string, such as `Bytes` or an enum.
/// * `#[setting(minimum = 1, maximum = 9, min_length = 1, max_length = 9, min_items = 1, pattern = "^a")]` become the
///   keywords of JSON Schema.
/// * An enum without fields is one of its variants' names in kebab-case.
/// * A struct without fields takes no settings.
#[proc_macro_derive(Settings, attributes(setting))]
pub fn settings(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    settings::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes an enum without fields the codes that a policy may use: each variant in kebab-case, its doc comment is what
/// the code means. `#[code(docs = "https://...")]` says where to read more.
#[proc_macro_derive(Codes, attributes(code))]
pub fn codes(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    codes::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}
