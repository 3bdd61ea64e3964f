//! Model to code: one file for each generated item.

mod args;
mod descriptor;
mod fields;
mod scope;
mod subscription;

pub(crate) use subscription::table;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::model::Model;

/// Everything that a sound model expands to.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let subject = model.subject();
    let impls = [
        descriptor::model_type(model),
        args::open_to_all(model),
        scope::open_scope(model),
        table(model, &subject),
    ];
    let named = named_items(model, &subject);
    quote!(#named #(#impls)*)
}

/// The items that users name. They exist after an error too.
pub(crate) fn named_items(model: &Model, subject: &Ident) -> TokenStream {
    let items = [
        fields::fields(model),
        args::args(model),
        scope::scope(model),
        subscription::subscription(model, subject),
    ];
    quote!(#(#items)*)
}
