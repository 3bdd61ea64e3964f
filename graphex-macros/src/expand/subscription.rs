//! `MessageSubscription` and `MessageChanges`: the roots that a schema mounts; and the table they
//! follow.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::case::unraw;
use crate::model::Model;

/// Expands to the aliases `MessageSubscription` and `MessageChanges`.
pub(crate) fn roots(model: &Model, subject: &Ident) -> TokenStream {
    let Model { vis, allows, .. } = model;
    let (private, name) = (model.private(), unraw(&model.ident));
    let (subscription, changes) = (model.subscription_ident(), model.changes_ident());
    let control = format!("The two-channel subscription to `{name}`, for the schema's root.");
    let events =
        format!("The events of `{name}` for the standard protocols, for the schema's root.");
    quote! {
        #[doc = #control]
        #(#allows)*
        #[allow(dead_code)]
        #vis type #subscription = #private::ModelSubscription<#subject>;
        #[doc = #events]
        #(#allows)*
        #[allow(dead_code)]
        #vis type #changes = #private::ModelChanges<#subject>;
    }
}

/// Expands to the tie between the model and its Diesel table.
pub(crate) fn table(model: &Model, subject: &Ident, private: &TokenStream) -> TokenStream {
    let Some(table) = &model.diesel_table else {
        return TokenStream::new();
    };
    quote! {
        #[automatically_derived]
        impl #private::BroadcastTable<#subject> for #table::table {
            type Model = #subject;
        }
    }
}
