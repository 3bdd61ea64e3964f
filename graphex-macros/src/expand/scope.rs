//! `MessageScope`: the values that the server forces on a subscriber.

use std::collections::HashSet;

use proc_macro2::{Literal, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

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
            ScopeForm::Optional => quote!(::core::option::Option<#ty>),
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
        let (method, exact) = match entry.form {
            ScopeForm::Required => (quote!(equal), quote!(exact)),
            ScopeForm::Optional => (quote!(optional), quote!(exact_if_any)),
            ScopeForm::AnyOf => (quote!(any_of), quote!(all_exact)),
            ScopeForm::Unknown => return None,
        };
        Some(quote!(.#method(#position, <#ty as #private::Equality>::#exact(&self.#name))))
    });
    quote! {
        #[automatically_derived]
        impl #private::ScopeValues for #ident {
            fn pins(self) -> #private::Pins {
                #private::Pins::new()#(#pins)*
            }
        }
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

fn document(form: ScopeForm, name: &str) -> String {
    match form {
        ScopeForm::Required => format!("The one value of `{name}`."),
        ScopeForm::Optional => format!("The one value of `{name}`, or any."),
        ScopeForm::AnyOf => format!("The values of `{name}`."),
        ScopeForm::Unknown => format!("What restricts `{name}`."),
    }
}
