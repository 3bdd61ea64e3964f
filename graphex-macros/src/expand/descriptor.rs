//! The model as data, and the capture of a row.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Path;
use syn::spanned::Spanned;

use super::alias;
use crate::case::upper_snake;
use crate::model::{Column, Field, Model, NamedTable, Payload};

/// Expands to `impl ModelType for Message`.
pub(super) fn model_type(model: &Model, subject: &Ident, hooks: &TokenStream) -> TokenStream {
    let private = alias();
    let (args, scope) = (model.args_ident(), model.scope_ident());
    let (data, values) = (data(model), values(model));
    let scope_values = super::scope::values(model);
    quote! {
        #scope_values
        #[automatically_derived]
        impl #private::ModelType for #subject {
            type Args = #args;
            type Scope = #scope;
            const MODEL: &'static #private::Model = &#data;
            fn to_row(&self) -> #private::Row {
                ::core::convert::From::from([#(#values),*])
            }
            fn hooks() -> #private::Hooks {
                #hooks
            }
        }
    }
}

/// Expands to the hooks, those of the user's or those that let everybody see everything.
pub(super) fn hooks(model: &Model) -> TokenStream {
    let private = alias();
    let authorize = blamed_self(model.authorize.as_ref());
    let scoped = blamed_self(model.scope.as_ref().map(|scope| &scope.key));
    quote! {
        #private::Hooks::new(
            <#authorize as #private::AuthorizeHook>::lets_pass,
            <#scoped as #private::ScopeHook>::pins,
        )
    }
}

/// Expands to hooks that are not there, but those that the user has to write are asked for.
pub(super) fn missing_hooks(model: &Model) -> TokenStream {
    let private = alias();
    let authorize = model.authorize.iter().map(|key| {
        let authorized = blamed_self(Some(key));
        quote!(let _ = <#authorized as #private::AuthorizeHook>::lets_pass;)
    });
    let scope = model.scope.iter().map(|scope| {
        let scoped = blamed_self(Some(&scope.key));
        quote!(let _ = <#scoped as #private::ScopeHook>::pins;)
    });
    quote!(#(#authorize)* #(#scope)* ::core::unreachable!())
}

/// `Self`, placed at the key that obliges the user to write an impl: a missing one is reported
/// there.
fn blamed_self(key: Option<&Path>) -> TokenStream {
    let span = key.map_or_else(Span::call_site, Spanned::span);
    quote_spanned!(span=> Self)
}

/// Expands to the `Model { .. }` literal.
fn data(model: &Model) -> TokenStream {
    let private = alias();
    let Model {
        name,
        stream,
        label,
        field,
        description,
        patterns,
        ..
    } = model;
    let (name, stream, field) = (&name.text, &stream.text, &field.text);
    let changes = model.changes_field();
    let table = table(model);
    let payload = match model.payload {
        Payload::Full => quote!(Full),
        Payload::IdOnly => quote!(IdOnly),
    };
    // A model without a key has been refused.
    let key = position(model, model.key.unwrap_or_default());
    let fields = model
        .described()
        .map(|(at, field)| descriptor(model, at, field));
    let index = model
        .index_entries()
        .iter()
        .map(|entry| position(model, entry.field));
    let lookups = super::lookups::descriptors(model);
    quote! {
        #private::Model {
            name: #name,
            stream: #stream,
            label: #label,
            field: #field,
            changes: #changes,
            description: #description,
            table: #table,
            payload: #private::Payload::#payload,
            key: #key,
            fields: &[#(#fields),*],
            index: &[#(#index),*],
            patterns: #patterns,
            lookups: &[#(#lookups),*],
        }
    }
}

fn position(model: &Model, field: usize) -> Literal {
    Literal::usize_unsuffixed(model.position(field))
}

fn descriptor(model: &Model, at: usize, field: &Field) -> TokenStream {
    let (private, ty, name) = (alias(), &field.ty, &field.name.text);
    let upper = upper_snake(name);
    let column = column(model, field);
    if field.opaque.is_some() {
        return quote!(#private::FieldDescriptor::opaque(#name, #upper) #column);
    }
    let ty = match wanted(model, at) {
        Wanted::Key => quote!(<#ty as #private::Key>::KEY),
        Wanted::FromValue => quote!(<#ty as #private::FromValue>::TYPED),
        Wanted::Field => quote!(<#ty as #private::Field>::DESCRIBED),
    };
    let hidden = field.skip.as_ref().map(|_| quote!(.hidden()));
    quote!(#ty.named(#name, #upper) #column #hidden)
}

/// Expands to the table: Diesel's, or the one that is named.
fn table(model: &Model) -> TokenStream {
    let private = alias();
    match (&model.diesel_table, &model.named_table) {
        (Some(table), _) => quote!(#private::Table::of::<#table::table>()),
        (None, Some(NamedTable { schema, name, .. })) => {
            let schema = match schema {
                Some(schema) => quote!(::core::option::Option::Some(#schema)),
                None => quote!(::core::option::Option::None),
            };
            quote!(::core::option::Option::Some(#private::Table::named(#schema, #name)))
        }
        (None, None) => quote!(::core::option::Option::None),
    }
}

/// Expands to the call that tells a field's column, where there is a table to have one.
fn column(model: &Model, field: &Field) -> TokenStream {
    match (&model.diesel_table, &model.named_table, &field.column) {
        (Some(table), _, Column::Ident(column)) => quote!(.column::<#table::#column>()),
        (None, Some(_), column) => {
            let name = column.name().into_iter();
            quote!(#(.in_column(#name))*)
        }
        _ => TokenStream::new(),
    }
}

/// Expands to one `Value` for each described field. The traits are named as in [`descriptor`], so
/// that a type without them is one error, not two.
fn values(model: &Model) -> impl Iterator<Item = TokenStream> {
    let private = alias();
    model.described().map(move |(at, field)| {
        let (ident, ty) = (&field.ident, &field.ty);
        if field.opaque.is_some() {
            return quote!(#private::opaque_value::<#ty>(&self.#ident));
        }
        match wanted(model, at) {
            Wanted::Key => quote!(<#ty as #private::Key>::key_value(&self.#ident)),
            Wanted::FromValue => quote!(<#ty as #private::FromValue>::typed_value(&self.#ident)),
            Wanted::Field => quote!(<#ty as #private::Field>::to_value(&self.#ident)),
        }
    })
}

/// What the type of a captured field has to implement.
enum Wanted {
    Key,
    /// Given to a custom lookup.
    FromValue,
    Field,
}

/// The trait that asks most. All of them ask for `Field`; a type without that is one error too.
fn wanted(model: &Model, at: usize) -> Wanted {
    let mut args = model.lookups().iter().flat_map(|lookup| &lookup.args);
    if model.key == Some(at) {
        Wanted::Key
    } else if args.any(|arg| arg.as_ref().is_some_and(|arg| arg.field == at)) {
        Wanted::FromValue
    } else {
        Wanted::Field
    }
}
