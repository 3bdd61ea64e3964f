//! `MessageSubscription`: the root that a schema mounts; and the table it follows.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::case::unraw;
use crate::model::Model;

/// Expands to the alias `MessageSubscription`.
pub(crate) fn subscription(model: &Model, subject: &Ident) -> TokenStream {
    let Model { vis, allows, .. } = model;
    let (private, ident) = (model.private(), model.subscription_ident());
    let doc = format!(
        "The subscription to `{}`, for the schema's root.",
        unraw(&model.ident)
    );
    quote! {
        #[doc = #doc]
        #(#allows)*
        #[allow(dead_code)]
        #vis type #ident = #private::ModelSubscription<#subject>;
    }
}

/// Expands to the tie between the model and its Diesel table.
pub(crate) fn table(model: &Model, subject: &Ident, private: &TokenStream) -> TokenStream {
    let Some(table) = &model.table else {
        return TokenStream::new();
    };
    quote! {
        #[automatically_derived]
        impl #private::BroadcastTable<#subject> for #table::table {}
    }
}
