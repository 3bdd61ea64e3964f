//! `#[derive(Field)]`: a wrapper of one field has the values of what it wraps, and an enum those of a
//! GraphQL enum.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};
use syn::{Data, DeriveInput, Fields, LitStr, Path, Type};

use crate::enumeration;
use crate::error::err;

const HELP: &str = "the correct form is `#[derive(Field)] struct UserId(i64);` or `#[derive(Field)] enum Status { Open, Closed }`; for other types implement `graphex::Field`";

pub(crate) fn expand(input: &DeriveInput) -> TokenStream {
    match field(input) {
        Ok(field) => field,
        Err(error) => error.into_compile_error(),
    }
}

fn field(input: &DeriveInput) -> syn::Result<TokenStream> {
    let private = private(input)?;
    if !input.generics.params.is_empty() {
        let parameters = &input.generics.params;
        return Err(
            err!(parameters, "`Field` is not derived for a type with parameters"; help: HELP),
        );
    }
    match &input.data {
        Data::Struct(data) if data.fields.len() == 1 => match &data.fields {
            Fields::Unnamed(fields) => Ok(wrapper(input, &fields.unnamed[0].ty, &private)),
            _ => Err(
                err!(input.ident, "`Field` is derived for a struct whose one field has no name"; help: HELP),
            ),
        },
        Data::Enum(data) => enumeration::impls(input, data, &private),
        _ => Err(
            err!(input.ident, "`Field` is derived for a struct of one field, or an enum"; help: HELP),
        ),
    }
}

/// Where graphex is: `#[graphex(crate = "path")]`.
fn private(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut graphex = quote!(::graphex);
    for attribute in &input.attrs {
        if !attribute.path().is_ident("graphex") {
            continue;
        }
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("crate") {
                return Err(err!(meta.path, "the only key here is `crate`"; help: HELP));
            }
            let path: Path = meta.value()?.parse::<LitStr>()?.parse()?;
            graphex = path.into_token_stream();
            Ok(())
        })?;
    }
    Ok(quote!(#graphex::__private))
}

/// Expands to impls that pass on those of the inner type, each where that has it: a bound with a
/// lifetime of its own may be false.
fn wrapper(input: &DeriveInput, inner: &Type, private: &TokenStream) -> TokenStream {
    let subject = &input.ident;
    quote! {
        const _: () = {
            use #private as __gx;
            #[automatically_derived]
            impl __gx::Field for #subject {
                const TYPE: __gx::FieldType = <#inner as __gx::Field>::TYPE;
                const IS_PLAIN: bool = <#inner as __gx::Field>::IS_PLAIN;
                fn to_value(&self) -> __gx::Value {
                    <#inner as __gx::Field>::to_value(&self.0)
                }
                fn from_log(column: &__gx::Logged<'_>) -> ::core::option::Option<__gx::Value> {
                    <#inner as __gx::Field>::from_log(column)
                }
            }
            #[automatically_derived]
            impl __gx::Equality for #subject where for<'__gx> #inner: __gx::Equality {}
            #[automatically_derived]
            impl __gx::Key for #subject where for<'__gx> #inner: __gx::Key {}
            #[automatically_derived]
            impl __gx::FromValue for #subject where for<'__gx> #inner: __gx::FromValue {
                fn from_value(value: &__gx::Value) -> ::core::option::Option<Self> {
                    <#inner as __gx::FromValue>::from_value(value).map(Self)
                }
            }
        };
    }
}
