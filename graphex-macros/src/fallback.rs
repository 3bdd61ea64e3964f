//! What a struct expands to after an error: the errors, and stubs of everything users name, so
//! that their code gets no second error.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::expand;
use crate::model::{Lookup, Model};

pub(crate) fn fallback(mut model: Model, errors: &syn::Error) -> TokenStream {
    let (subject, stand_in) = subject(&mut model);
    let errors = reported(&model, errors);
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
                table: ::core::option::Option::None,
                payload: #private::Payload::IdOnly,
                key: 0, fields: &[], index: &[], patterns: true, lookups: &[],
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

/// Expands to the errors. Where the signature of a lookup has a gap, a type that the first one is
/// part of fills it: of such a type rustc says nothing more, whatever the user's impl has there.
fn reported(model: &Model, errors: &syn::Error) -> TokenStream {
    let is_gap =
        |lookup: &Lookup| lookup.operand.is_none() || lookup.args.iter().any(Option::is_none);
    if !model.lookups().iter().any(is_gap) {
        return errors.to_compile_error();
    }
    let unknown = model.unknown_ident();
    let mut errors = errors.into_iter().map(|error| error.to_compile_error());
    let first = errors.next();
    quote! {
        #[doc(hidden)]
        type #unknown = [(); #first];
        #(#errors)*
    }
}

/// The type that the stubs are for. Without its parameters a generic struct is no type, so
/// another one stands in for it, and what has types that may name a parameter is left out.
fn subject(model: &mut Model) -> (Ident, TokenStream) {
    if !model.generic {
        return (model.subject(), TokenStream::new());
    }
    model.scope = None;
    for lookup in model
        .lookup
        .iter_mut()
        .flat_map(|lookup| &mut lookup.entries)
    {
        lookup.args.fill(None);
        lookup.operand = None;
    }
    let (vis, ident) = (&model.vis, format_ident!("__{}Model", model.ident));
    let stand_in = quote!(#[doc(hidden)] #vis struct #ident;);
    (ident, stand_in)
}
