//! `#[derive(Field)]` of an enum: its variants are the values of a GraphQL enum.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{DataEnum, DeriveInput, Expr, ExprLit, Fields, Lit, Meta, Variant};

use crate::case::{is_graphql_name, unraw, upper_snake};
use crate::error::{Errors, err};

const HELP: &str = "the correct form is `#[derive(Field)] enum Status { Open, Closed }`; for other types implement `graphex::Field`";

/// A variant, its value in GraphQL, and its label in the database.
struct Value<'i> {
    ident: &'i Ident,
    graphql: String,
    label: String,
}

/// The impls of an enum.
pub(crate) fn impls(
    input: &DeriveInput,
    data: &DataEnum,
    private: &TokenStream,
) -> syn::Result<TokenStream> {
    Ok(expand(input, &values(input, data)?, private))
}

fn values<'i>(input: &'i DeriveInput, data: &'i DataEnum) -> syn::Result<Vec<Value<'i>>> {
    let mut errors = Errors::default();
    if data.variants.is_empty() {
        errors.push(err!(input.ident, "an enum without variants has no values"; help: HELP));
    }
    let name = unraw(&input.ident);
    if !is_graphql_name(&name) {
        errors.push(err!(input.ident, "`{name}` is no GraphQL name"; help: HELP));
    }
    let mut values: Vec<Value<'_>> = Vec::new();
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            let fields = &variant.fields;
            errors.push(err!(fields, "a value of a GraphQL enum has no fields"; help: HELP));
        }
        let graphql = upper_snake(&unraw(&variant.ident));
        if !is_graphql_name(&graphql) || values.iter().any(|value| value.graphql == graphql) {
            let ident = &variant.ident;
            errors.push(err!(
                ident,
                "`{graphql}` is no GraphQL name, or that of another variant"
            ));
        }
        values.push(Value {
            label: label(variant).unwrap_or_else(|| graphql.to_lowercase()),
            ident: &variant.ident,
            graphql,
        });
    }
    errors.finish().map(|()| values)
}

/// What `#[db_rename = "…"]` of `diesel-derive-enum` says.
fn label(variant: &Variant) -> Option<String> {
    variant
        .attrs
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(named) if named.path.is_ident("db_rename") => match &named.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(label),
                    ..
                }) => Some(label.value()),
                _ => None,
            },
            _ => None,
        })
}

/// Expands to them.
fn expand(input: &DeriveInput, values: &[Value<'_>], private: &TokenStream) -> TokenStream {
    let (subject, name) = (&input.ident, unraw(&input.ident));
    let idents: Vec<_> = values.iter().map(|value| value.ident).collect();
    let graphql: Vec<_> = values.iter().map(|value| &value.graphql).collect();
    let labels = values.iter().map(|value| &value.label);
    quote! {
        const _: () = {
            use #private as __gx;
            #[automatically_derived]
            impl __gx::Field for #subject {
                const TYPE: __gx::FieldType = __gx::FieldType::required(__gx::Kind::Enum(&__gx::EnumType {
                    name: #name,
                    values: &[#(#graphql),*],
                    rust_name: ::core::concat!(::core::module_path!(), "::", #name),
                }));
                fn to_value(&self) -> __gx::Value {
                    let name = match self { #(Self::#idents => #graphql,)* };
                    __gx::Value::Text(__gx::String::from(name))
                }
                fn from_log(column: &__gx::Logged<'_>) -> ::core::option::Option<__gx::Value> {
                    if column.is_null() {
                        return ::core::option::Option::Some(__gx::Value::Null);
                    }
                    let label = column.text()?;
                    let name = match &*label {
                        #(#labels => #graphql,)*
                        _ => return ::core::option::Option::None,
                    };
                    ::core::option::Option::Some(__gx::Value::Text(__gx::String::from(name)))
                }
            }
            #[automatically_derived]
            impl __gx::Equality for #subject {}
            #[automatically_derived]
            impl __gx::FromValue for #subject {
                fn from_value(value: &__gx::Value) -> ::core::option::Option<Self> {
                    let __gx::Value::Text(name) = value else {
                        return ::core::option::Option::None;
                    };
                    match name.as_str() {
                        #(#graphql => ::core::option::Option::Some(Self::#idents),)*
                        _ => ::core::option::Option::None,
                    }
                }
            }
        };
    }
}
