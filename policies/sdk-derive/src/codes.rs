//! `#[derive(Codes)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Variant};

use crate::text::{documentation, kebab};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "codes are the variants of an enum"));
    };
    let name = &input.ident;
    let mut documented = Vec::new();
    let mut arms = Vec::new();
    for variant in &data.variants {
        let (ident, code) = (&variant.ident, kebab(&variant.ident.to_string()));
        documented.push(document(variant, &code)?);
        arms.push(quote!(Self::#ident => #code,));
    }
    Ok(quote! {
        impl ::pvmigrate_policy_sdk::Codes for #name {
            const ALL: &'static [::pvmigrate_policy_sdk::Code] = &[#(#documented),*];

            fn code(&self) -> &'static str {
                match *self { #(#arms)* }
            }
        }
    })
}

fn document(variant: &Variant, code: &str) -> syn::Result<TokenStream> {
    if !matches!(variant.fields, Fields::Unit) {
        return Err(Error::new_spanned(variant, "a code has no fields"));
    }
    let summary = documentation(&variant.attrs);
    if summary.is_empty() {
        return Err(Error::new_spanned(variant, "say in a doc comment what this code means: users read it"));
    }
    let mut docs = quote!(::core::option::Option::None);
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("code")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("docs") {
                return Err(meta.error("only `docs` is known here"));
            }
            let url: LitStr = meta.value()?.parse()?;
            docs = quote!(::core::option::Option::Some(#url));
            Ok(())
        })?;
    }
    Ok(quote!(::pvmigrate_policy_sdk::Code { code: #code, summary: #summary, docs_url: #docs }))
}
