//! Model to code: one file for each generated item.

mod args;
mod descriptor;
mod fields;
mod lookups;
mod scope;
mod subscription;

pub(crate) use subscription::table;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::model::Model;

/// Everything that a sound model expands to. The impls name the runtime by a short alias, out of
/// sight of the user's own names.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let subject = model.subject();
    let (named, private, alias) = (named_items(model, &subject), model.private(), alias());
    let impls = [
        descriptor::model_type(model),
        args::open_to_all(model),
        scope::open_scope(model),
        table(model, &subject, &alias),
    ];
    quote! {
        #named
        const _: () = {
            use #private as #alias;
            #(#impls)*
        };
    }
}

/// What the impls call `graphex::__private`.
fn alias() -> TokenStream {
    quote!(__gx)
}

/// The items that users name. They exist after an error too.
pub(crate) fn named_items(model: &Model, subject: &Ident) -> TokenStream {
    let items = [
        fields::fields(model),
        args::args(model),
        scope::scope(model),
        lookups::lookups(model),
        subscription::roots(model, subject),
    ];
    quote!(#(#items)*)
}
