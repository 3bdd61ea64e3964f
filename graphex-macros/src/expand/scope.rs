//! `MessageScope`: the values that the server forces on a subscriber.

use std::collections::HashSet;

use proc_macro2::{Literal, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{PathArguments, Type, TypeGroup, TypeParen};

use super::alias;
use crate::attr::value::ScopeForm;
use crate::case::unraw;
use crate::model::{Model, ScopeEntry};

/// Expands to the struct `MessageScope`. It derives nothing: the model's types may not support it.
pub(super) fn scope(model: &Model) -> TokenStream {
    let Model { vis, allows, .. } = model;
    let (private, ident) = (model.private(), model.scope_ident());
    let doc = format!(
        "The values that restrict a subscriber of `{}`.",
        unraw(&model.ident)
    );
    let fields = entries(model).map(|entry| {
        let field = &model.fields[entry.field.field];
        let (name, ty) = (&field.ident, &field.ty);
        let doc = document(entry.form, &field.name.text);
        let ty = match entry.form {
            ScopeForm::Required => ty.clone(),
            ScopeForm::Optional => match item_of_option(ty) {
                Some(item) => quote!(#private::Pinned<#item>),
                None => quote!(::core::option::Option<#ty>),
            },
            ScopeForm::AnyOf => quote!(#private::Vec<#ty>),
            ScopeForm::Unknown => model.unknown_ident().into_token_stream(),
        };
        quote!(#[doc = #doc] #vis #name: #ty,)
    });
    quote! {
        #[doc = #doc]
        #(#allows)*
        #[allow(dead_code, missing_debug_implementations, private_interfaces)]
        #vis struct #ident {
            #(#fields)*
        }
    }
}

/// Expands to the predicates that the struct forces.
pub(super) fn values(model: &Model) -> TokenStream {
    let (private, ident) = (alias(), model.scope_ident());
    let pins = entries(model).filter_map(|entry| {
        let field = &model.fields[entry.field.field];
        let (name, ty) = (&field.ident, &field.ty);
        let position = Literal::usize_unsuffixed(model.position(entry.field.field));
        let item = item_of_option(ty);
        let (method, exact, ty) = match (entry.form, &item) {
            (ScopeForm::Required, _) => (quote!(equal), quote!(exact), ty),
            (ScopeForm::Optional, Some(item)) => (quote!(pinned), quote!(exact_pinned), item),
            (ScopeForm::Optional, None) => (quote!(optional), quote!(exact_if_any), ty),
            (ScopeForm::AnyOf, _) => (quote!(any_of), quote!(all_exact), ty),
            (ScopeForm::Unknown, _) => return None,
        };
        let pin = quote!(.#method(#position, <#ty as #private::Equality>::#exact(&self.#name)));
        let is_plain = entry.form == ScopeForm::Optional && item.is_none();
        Some((pin, is_plain.then(|| never_null(ty))))
    });
    let (pins, never_null): (Vec<_>, Vec<_>) = pins.unzip();
    quote! {
        #[automatically_derived]
        impl #private::ScopeValues for #ident {
            fn pins(self) -> #private::Pins {
                #private::Pins::new()#(#pins)*
            }
        }

        #(#never_null)*
    }
}

/// Without `scope(...)`, expands to a `Scoped` that restricts nobody.
pub(super) fn open_scope(model: &Model) -> TokenStream {
    if model.scope.is_some() {
        return TokenStream::new();
    }
    let (private, subject, ident) = (alias(), model.subject(), model.scope_ident());
    let made = quote_spanned!(ident.span()=> #ident {});
    quote! {
        #[automatically_derived]
        impl #private::Scoped for #subject {
            fn scope(
                _: &#private::Context<'_>,
                _: &Self::Args,
            ) -> impl ::core::future::Future<Output = #private::HookResult<Self::Scope>> + ::core::marker::Send {
                ::core::future::ready(::core::result::Result::Ok(#made))
            }
        }
    }
}

/// The entries, each field once: only in front of stubs is one there twice.
fn entries(model: &Model) -> impl Iterator<Item = &ScopeEntry> {
    let mut seen = HashSet::new();
    model
        .scope_entries()
        .iter()
        .filter(move |entry| seen.insert(entry.field.field))
}

/// The `None` of an optional scope has one meaning: a type that may be null is seen to be an `Option`.
fn never_null(ty: &TokenStream) -> TokenStream {
    let private = alias();
    quote_spanned! {Span::call_site().located_at(ty.span())=>
        const _: () = ::core::assert!(
            !<#ty as #private::Equality>::MAY_BE_NULL,
            "this may be null, and `optional` does not see it: write the type as `Option<…>`",
        );
    }
}

/// What an `Option`, written as one, is an option of.
fn item_of_option(ty: &TokenStream) -> Option<TokenStream> {
    let mut ty = syn::parse2(ty.clone()).ok()?;
    while let Type::Group(TypeGroup { elem, .. }) | Type::Paren(TypeParen { elem, .. }) = ty {
        ty = *elem;
    }
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.into_iter().next_back()?;
    match last.arguments {
        PathArguments::AngleBracketed(items) if last.ident == "Option" => {
            items.args.first().map(ToTokens::to_token_stream)
        }
        _ => None,
    }
}

fn document(form: ScopeForm, name: &str) -> String {
    match form {
        ScopeForm::Required => format!("The one value of `{name}`."),
        ScopeForm::Optional => format!("The one value of `{name}`, or any."),
        ScopeForm::AnyOf => format!("The values of `{name}`."),
        ScopeForm::Unknown => format!("What restricts `{name}`."),
    }
}
