//! What a struct expands to after an error: the errors, and stubs of everything users name, so
//! that their code gets no second error.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::expand;
use crate::model::Model;

pub(crate) fn fallback(mut model: Model, errors: &syn::Error) -> TokenStream {
    let errors = errors.to_compile_error();
    let (subject, stand_in) = subject(&mut model);
    let named = expand::named_items(&model, &subject);
    let (private, args, scope) = (model.private(), model.args_ident(), model.scope_ident());
    let table = expand::table(&model, &subject, &private);
    quote! {
        #errors
        #stand_in
        #named
        #table
        impl #private::ScopeValues for #scope {
            fn pins(self) -> #private::Pins {
                #private::Pins::new()
            }
        }
        impl #private::ModelType for #subject {
            type Args = #args;
            type Scope = #scope;
            const MODEL: &'static #private::Model = &#private::Model {
                name: "", stream: "", label: "", field: "", changes: "", description: "",
                payload: #private::Payload::IdOnly,
                key: 0, fields: &[], index: &[], lookups: &[],
            };
            fn to_row(&self) -> #private::Row {
                ::core::convert::From::from([])
            }
            fn hooks() -> #private::Hooks {
                ::core::unreachable!()
            }
        }
    }
}

/// The type that the stubs are for. Without its parameters a generic struct is no type, so
/// another one stands in for it, and fields whose types may name a parameter are left out.
fn subject(model: &mut Model) -> (Ident, TokenStream) {
    if !model.generic {
        return (model.subject(), TokenStream::new());
    }
    model.scope = None;
    let (vis, ident) = (&model.vis, format_ident!("__{}Model", model.ident));
    let stand_in = quote!(#[doc(hidden)] #vis struct #ident;);
    (ident, stand_in)
}
