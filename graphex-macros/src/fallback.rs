//! What a struct expands to after an error: the errors, and stubs of everything users name, so
//! that their code gets no second error.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::parse_quote;

use crate::attr::value::ScopeForm;
use crate::expand;
use crate::model::{Lookup, Model, Reference, ScopeEntry};

pub(crate) fn fallback(mut model: Model, errors: &syn::Error) -> TokenStream {
    let (subject, stand_in) = subject(&mut model);
    let errors = reported(&model, errors);
    let named = expand::named_items(&model, &subject);
    keep_sound(&mut model);
    let sound = expand::expand_sound(&model, &subject, &named);
    quote! {
        #errors
        #stand_in
        #sound
    }
}

/// Leaves out what an error was reported of, so that rustc says nothing of it, and everything of
/// the rest: a missing impl and a type that cannot be a field do not wait for the next run.
fn keep_sound(model: &mut Model) {
    if model.generic {
        // What stands in for the struct has no fields.
        model.fields.clear();
        (model.key, model.lookup) = (None, None);
    }
    let key = model.key;
    for (at, field) in model.fields.iter_mut().enumerate() {
        let is_bad_key = key == Some(at) && (field.skip.is_some() || field.opaque.is_some());
        field.doubtful |= is_bad_key;
    }
    model.key = key.filter(|key| !model.fields[*key].doubtful);
    let fields: Vec<bool> = model
        .fields
        .iter()
        .map(|field| !field.doubtful && field.opaque.is_none())
        .collect();
    let is_sound = |reference: &Reference| !reference.guessed && fields[reference.field];
    if let Some(scope) = &mut model.scope {
        scope.entries.retain(|entry| is_sound(&entry.field));
    }
    if let Some(index) = &mut model.index {
        index.entries.retain(is_sound);
    }
    if let Some(lookup) = &mut model.lookup {
        let mut seen = HashSet::new();
        lookup.entries.retain(|lookup| {
            let is_first = seen.insert(lookup.name.text.clone());
            let known = |arg: &Option<Reference>| arg.as_ref().is_some_and(is_sound);
            is_first && lookup.operand.is_some() && lookup.args.iter().all(known)
        });
    }
    for field in model.fields.iter_mut().filter(|field| field.doubtful) {
        // Not described, as nothing refers to it any more.
        field.skip = Some(parse_quote!(skip));
    }
}

/// Expands to the errors. Where the signature of a lookup has a gap or a scope entry could not be
/// read, a type that the first one is
/// part of fills it: of such a type rustc says nothing more, whatever the user's impl has there.
fn reported(model: &Model, errors: &syn::Error) -> TokenStream {
    let is_gap =
        |lookup: &Lookup| lookup.operand.is_none() || lookup.args.iter().any(Option::is_none);
    let is_unread = |entry: &ScopeEntry| entry.form == ScopeForm::Unknown;
    if !model.lookups().iter().any(is_gap) && !model.scope_entries().iter().any(is_unread) {
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
    model.authorize = None;
    for lookup in model
        .lookup
        .iter_mut()
        .flat_map(|lookup| &mut lookup.entries)
    {
        lookup.args.fill(None);
        lookup.operand = None;
    }
    model.index = None;
    let (vis, ident) = (&model.vis, format_ident!("__{}Model", model.ident));
    let stand_in = quote!(#[doc(hidden)] #vis struct #ident;);
    (ident, stand_in)
}
