//! Model to code: one file for each generated item.

mod args;
mod descriptor;
mod fields;
mod lookups;
mod scope;
mod subscription;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use self::subscription::table;
use crate::model::Model;

/// Everything that a sound model expands to. The impls name the runtime by a short alias, out of
/// sight of the user's own names.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let subject = model.subject();
    let (named, private, alias) = (named_items(model, &subject), model.private(), alias());
    let impls = [
        descriptor::model_type(model, &subject, &descriptor::hooks(model)),
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

/// What a model expands to after an error: `named` as it was meant, and of the impls what is sound.
/// Whatever rustc has to say of it stands beside the error.
pub(crate) fn expand_sound(model: &Model, subject: &Ident, named: &TokenStream) -> TokenStream {
    let (private, alias) = (model.private(), alias());
    let impls = [
        descriptor::model_type(model, subject, &descriptor::missing_hooks(model)),
        table(model, subject, &alias),
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
