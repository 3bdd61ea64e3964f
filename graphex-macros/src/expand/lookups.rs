//! `MessageLookups`: the functions behind the custom lookups.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::alias;
use crate::case::unraw;
use crate::model::{Lookup, Model, Reference};

/// Where there are lookups, expands to the trait `MessageLookups`. It has no attribute of
/// `diagnostic`: a module of that name in the user's crate would be taken for it.
pub(super) fn lookups(model: &Model) -> TokenStream {
    if model.lookup.is_none() {
        return TokenStream::new();
    }
    let Model { vis, allows, .. } = model;
    let ident = model.lookups_ident();
    let doc = format!(
        "What a row of `{}` cannot tell by itself.",
        unraw(&model.ident)
    );
    // Only in front of stubs is one name there twice.
    let mut seen = HashSet::new();
    let distinct = model.lookups().iter();
    let distinct = distinct.filter(|lookup| seen.insert(&lookup.name.text));
    let functions = distinct.map(|lookup| function(model, lookup));
    quote! {
        #[doc = #doc]
        #(#allows)*
        #[allow(dead_code, non_snake_case, private_interfaces, clippy::too_many_arguments)]
        #vis trait #ident {
            #(#functions)*
        }
    }
}

fn function(model: &Model, lookup: &Lookup) -> TokenStream {
    let (private, ident) = (model.private(), &lookup.ident);
    let doc = format!(
        "Whether a changed row matches an operand of `{}`.",
        lookup.name.text
    );
    let args = arguments(model, lookup);
    let operand = lookup.operand.clone().unwrap_or_else(|| unknown(model));
    // Out of the sight of fields that are called so.
    let [ctx, value] = ["ctx", "operand"].map(|name| Ident::new(name, Span::mixed_site()));
    quote! {
        #[doc = #doc]
        ///
        /// # Errors
        ///
        /// When it cannot be told; then it does not match.
        fn #ident(
            #ctx: &#private::LookupContext<'_>,
            #(#args,)*
            #value: #operand,
        ) -> impl ::core::future::Future<Output = #private::HookResult<bool>> + ::core::marker::Send;
    }
}

/// `field: Type` for each field; a gap or a repeated field has no name, in front of stubs.
fn arguments(model: &Model, lookup: &Lookup) -> Vec<TokenStream> {
    let mut seen = HashSet::new();
    let argument = |arg: &Option<Reference>| match arg {
        None => {
            let ty = unknown(model);
            quote!(_: #ty)
        }
        Some(Reference { field, .. }) => {
            let (field, first) = (&model.fields[*field], seen.insert(*field));
            let (name, ty) = (&field.ident, &field.ty);
            if first {
                quote!(#name: #ty)
            } else {
                quote!(_: #ty)
            }
        }
    };
    lookup.args.iter().map(argument).collect()
}

fn unknown(model: &Model) -> TokenStream {
    model.unknown_ident().into_token_stream()
}

/// Expands to a `CustomLookup { .. }` for each lookup.
pub(super) fn descriptors(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = alias();
    model.lookups().iter().map(move |lookup| {
        let (name, operand, call) = (&lookup.name.text, &lookup.operand, call(model, lookup));
        quote! {
            #private::CustomLookup {
                name: #name,
                operand: <#operand as #private::FromValue>::TYPED.ty,
                evaluate: |__ctx, __row, __operand| #private::Box::pin(async move { #call }),
            }
        }
    })
}

/// Expands to the call of the function, all of it at the key: what a missing impl makes rustc say
/// of the call and of what is awaited is then one error.
fn call(model: &Model, lookup: &Lookup) -> TokenStream {
    let (private, ident, operand) = (alias(), model.lookups_ident(), &lookup.operand);
    let derive = Span::call_site();
    // The place of the key, from where the names of the closure are in sight.
    let span = match &model.lookup {
        Some(lookup) => lookup.key.span().resolved_at(derive),
        None => derive,
    };
    let mut function = lookup.ident.clone();
    function.set_span(span);
    let args = lookup.args.iter().flatten().map(|arg| {
        let ty = &model.fields[arg.field].ty;
        let position = Literal::usize_unsuffixed(model.position(arg.field));
        quote!(<#ty as #private::FromValue>::typed(__row.value(#position))?)
    });
    quote_spanned! {span=>
        <Self as #ident>::#function(
            __ctx,
            #(#args,)*
            <#operand as #private::FromValue>::typed(__operand)?,
        ).await
    }
}
