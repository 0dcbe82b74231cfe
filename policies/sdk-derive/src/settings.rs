//! `#[derive(Settings)]`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DataEnum, DeriveInput, Error, Expr, Field, Fields, Ident, Lit, Type, UnOp};

use crate::text::{camel, documentation, json_string, kebab};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(&input.generics, "settings have no type parameters"));
    }
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Unit => Ok(without_settings(&input.ident)),
            Fields::Named(fields) => with_settings(input, fields.named.iter()),
            Fields::Unnamed(_) => Err(Error::new_spanned(&input.ident, "the fields of settings have names")),
        },
        Data::Enum(data) => one_of(input, data),
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "settings are a struct or an enum")),
    }
}

fn without_settings(name: &Ident) -> TokenStream {
    quote! {
        impl ::pvmigrate_policy_sdk::Settings for #name {
            const SOME: bool = false;

            fn schema() -> ::core::option::Option<::pvmigrate_policy_sdk::alloc::string::String> {
                ::core::option::Option::None
            }

            fn read(_: &str) -> ::core::result::Result<Self, ::pvmigrate_policy_sdk::alloc::string::String> {
                ::core::result::Result::Ok(#name)
            }
        }
    }
}

fn with_settings<'a>(input: &DeriveInput, fields: impl Iterator<Item = &'a Field>) -> syn::Result<TokenStream> {
    let name = &input.ident;
    let keys: Vec<Key> = fields.enumerate().map(|(at, field)| Key::of(at, field)).collect::<syn::Result<_>>()?;
    let described = keys.iter().map(Key::described);
    let required = keys.iter().filter(|key| key.required).map(|key| &key.name);
    let mirrored = keys.iter().map(Key::mirrored);
    let defaults = keys.iter().map(Key::default_function);
    let idents: Vec<_> = keys.iter().map(|key| &key.ident).collect();
    let description = documentation(&input.attrs);
    Ok(quote! {
        const _: () = {
            #(#defaults)*

            #[derive(::pvmigrate_policy_sdk::serde::Deserialize)]
            #[serde(crate = "::pvmigrate_policy_sdk::serde", deny_unknown_fields)]
            struct Mirror { #(#mirrored),* }

            impl<'de> ::pvmigrate_policy_sdk::serde::Deserialize<'de> for #name {
                fn deserialize<D: ::pvmigrate_policy_sdk::serde::Deserializer<'de>>(
                    from: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    let Mirror { #(#idents),* } = ::pvmigrate_policy_sdk::serde::Deserialize::deserialize(from)?;
                    ::core::result::Result::Ok(#name { #(#idents),* })
                }
            }

            impl ::pvmigrate_policy_sdk::Setting for #name {
                fn describe(schema: &mut ::pvmigrate_policy_sdk::Schema) {
                    schema.begin_object();
                    #(#described)*
                    schema.end_object(&[#(#required),*]);
                }
            }

            impl ::pvmigrate_policy_sdk::Settings for #name {
                const SOME: bool = true;

                fn schema() -> ::core::option::Option<::pvmigrate_policy_sdk::alloc::string::String> {
                    ::core::option::Option::Some(::pvmigrate_policy_sdk::Schema::of::<Self>(#description))
                }

                fn read(
                    json: &str,
                ) -> ::core::result::Result<Self, ::pvmigrate_policy_sdk::alloc::string::String> {
                    ::pvmigrate_policy_sdk::read_json(json)
                }
            }
        };
    })
}

fn one_of(input: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    let name = &input.ident;
    if let Some(variant) = data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(Error::new_spanned(variant, "a choice among settings has no fields"));
    }
    let idents: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let words: Vec<_> = idents.iter().map(|ident| kebab(&ident.to_string())).collect();
    Ok(quote! {
        const _: () = {
            #[derive(::pvmigrate_policy_sdk::serde::Deserialize)]
            #[serde(crate = "::pvmigrate_policy_sdk::serde")]
            enum Mirror { #(#[serde(rename = #words)] #idents),* }

            impl<'de> ::pvmigrate_policy_sdk::serde::Deserialize<'de> for #name {
                fn deserialize<D: ::pvmigrate_policy_sdk::serde::Deserializer<'de>>(
                    from: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    ::core::result::Result::Ok(match ::pvmigrate_policy_sdk::serde::Deserialize::deserialize(from)? {
                        #(Mirror::#idents => #name::#idents,)*
                    })
                }
            }

            impl ::pvmigrate_policy_sdk::Setting for #name {
                fn describe(schema: &mut ::pvmigrate_policy_sdk::Schema) {
                    schema.one_of(&[#(#words),*]);
                }
            }
        };
    })
}

/// One field, and what its attributes say.
struct Key {
    ident: Ident,
    ty: Type,
    name: String,
    /// JSON Schema keywords, each with a comma before it.
    keywords: String,
    /// JSON.
    default: Option<String>,
    default_function: Ident,
    required: bool,
}

impl Key {
    fn of(at: usize, field: &Field) -> syn::Result<Self> {
        let ident =
            field.ident.clone().ok_or_else(|| Error::new_spanned(field, "the fields of settings have names"))?;
        let mut keywords = String::new();
        let description = documentation(&field.attrs);
        if !description.is_empty() {
            keywords.push_str(&format!(",\"description\":{}", json_string(&description)));
        }
        let mut default = None;
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("setting")) {
            attribute.parse_nested_meta(|meta| {
                let key = meta.path.require_ident()?.to_string();
                let value: Expr = meta.value()?.parse()?;
                match key.as_str() {
                    "default" => default = Some(json(&value)?),
                    "minimum" | "maximum" | "min_length" | "max_length" | "min_items" | "pattern" => {
                        keywords.push_str(&format!(",\"{}\":{}", camel(&key), json(&value)?));
                    }
                    _ => {
                        return Err(meta.error(
                            "known are default, minimum, maximum, min_length, max_length, min_items and pattern",
                        ));
                    }
                }
                Ok(())
            })?;
        }
        Ok(Self {
            name: camel(&ident.to_string()),
            required: default.is_none() && !is_option(&field.ty),
            ident,
            ty: field.ty.clone(),
            keywords,
            default,
            default_function: format_ident!("default_{at}"),
        })
    }

    fn described(&self) -> TokenStream {
        let (name, keywords, ty) = (&self.name, &self.keywords, &self.ty);
        match &self.default {
            Some(json) => quote!(schema.property_or::<#ty>(#name, #keywords, #json);),
            None => quote!(schema.property::<#ty>(#name, #keywords);),
        }
    }

    fn mirrored(&self) -> TokenStream {
        let (ident, name, ty) = (&self.ident, &self.name, &self.ty);
        let default = self.default.as_ref().map(|_| {
            let function = self.default_function.to_string();
            quote!(#[serde(default = #function)])
        });
        quote!(#default #[serde(rename = #name)] #ident: #ty)
    }

    fn default_function(&self) -> Option<TokenStream> {
        let json = self.default.as_ref()?;
        let (function, name, ty) = (&self.default_function, &self.name, &self.ty);
        Some(quote! {
            fn #function() -> #ty { ::pvmigrate_policy_sdk::default_of(#name, #json) }
        })
    }
}

fn is_option(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|segment| segment.ident == "Option"))
}

/// Writes a literal, or a list of literals, as JSON.
fn json(value: &Expr) -> syn::Result<String> {
    let wrong = || Error::new_spanned(value, "a literal, or a list of literals, is wanted here");
    match value {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Ok(json_string(&text.value())),
            Lit::Int(number) => Ok(number.base10_digits().to_owned()),
            Lit::Float(number) => Ok(number.base10_digits().to_owned()),
            Lit::Bool(yes) => Ok(yes.value.to_string()),
            _ => Err(wrong()),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => Ok(format!("-{}", json(&unary.expr)?)),
        Expr::Array(list) => {
            let items = list.elems.iter().map(json).collect::<syn::Result<Vec<_>>>()?;
            Ok(format!("[{}]", items.join(",")))
        }
        _ => Err(wrong()),
    }
}
