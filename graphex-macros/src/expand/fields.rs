//! `MessageFields`: the visible fields as an enum.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;

use crate::case::{unraw, variant};
use crate::model::{Model, Payload};

/// Expands to the enum `MessageFields`, in full mode only.
pub(super) fn fields(model: &Model) -> TokenStream {
    if model.payload == Payload::IdOnly {
        return TokenStream::new();
    }
    let Model { vis, allows, .. } = model;
    let (private, ident) = (model.private(), model.fields_ident());
    let doc = format!("The visible fields of `{}`.", unraw(&model.ident));
    // Only in front of stubs can two fields make one variant; one is enough there.
    let mut seen = HashSet::new();
    let (docs, variants): (Vec<String>, Vec<_>) = model
        .visible()
        .map(|field| (format!("`{}`", field.name.text), variant(&field.ident)))
        .filter(|(_, variant)| seen.insert(variant.to_string()))
        .unzip();
    quote! {
        #[doc = #doc]
        #[derive(
            ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug,
            ::core::cmp::PartialEq, ::core::cmp::Eq, ::core::hash::Hash
        )]
        #(#allows)*
        #[allow(dead_code)]
        #vis enum #ident {
            #(#[doc = #docs] #variants,)*
        }
        #[automatically_derived]
        impl #private::FieldsEnum for #ident {
            const ALL: &'static [Self] = &[#(Self::#variants),*];
        }
    }
}
