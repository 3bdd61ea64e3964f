//! The keys of `#[diesel(...)]` that say what a model is. All others are Diesel's to judge.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, LitStr, Meta, Path, Token};

use super::split;
use crate::error::{Errors, err};
use crate::help;

/// What `#[diesel(...)]` says of the struct or of a field.
#[derive(Debug, Default)]
pub(crate) struct DieselAttr {
    pub(crate) table_name: Option<Path>,
    pub(crate) primary_key: Option<Vec<Ident>>,
    pub(crate) column_name: Option<Ident>,
    /// Whether the field is no column of the table: it is embedded, or an expression.
    pub(crate) computed: bool,
}

/// Reads all `#[diesel(...)]` of an item. Of a repeated key the first counts, as Diesel has it.
pub(crate) fn read(attributes: &[Attribute], errors: &mut Errors) -> DieselAttr {
    let mut read = DieselAttr::default();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("diesel")) {
        let Meta::List(list) = &attribute.meta else {
            continue;
        };
        for piece in split(&list.tokens).into_iter().flatten() {
            errors.keep(read_key(piece, &mut read));
        }
    }
    read
}

fn read_key(piece: TokenStream, read: &mut DieselAttr) -> syn::Result<()> {
    let mut tokens = piece.into_iter();
    let Some(TokenTree::Ident(key)) = tokens.next() else {
        return Ok(());
    };
    let rest: TokenStream = tokens.collect();
    match key.to_string().as_str() {
        "table_name" => {
            let path = parse(&key, rest, equals(Path::parse_mod_style))?;
            read.table_name.get_or_insert(path);
        }
        "primary_key" => {
            let names = parse(&key, rest, parenthesised)?;
            read.primary_key.get_or_insert(names);
        }
        "column_name" => {
            let name = parse(&key, rest, equals(column))?;
            read.column_name.get_or_insert(name);
        }
        "embed" | "select_expression" => read.computed = true,
        _ => {}
    }
    Ok(())
}

/// Parses what follows a key; a failure names the key and shows it written correctly.
fn parse<T>(
    key: &Ident,
    rest: TokenStream,
    parser: impl FnOnce(ParseStream) -> syn::Result<T>,
) -> syn::Result<T> {
    let blame = if rest.is_empty() {
        key.to_token_stream()
    } else {
        rest.clone()
    };
    let help = help::form(&key.to_string());
    parser
        .parse2(rest)
        .map_err(|_| err!(blame, "malformed `{key}`"; help: help))
}

fn equals<T>(
    value: impl FnOnce(ParseStream) -> syn::Result<T>,
) -> impl FnOnce(ParseStream) -> syn::Result<T> {
    |input| {
        input.parse::<Token![=]>()?;
        value(input)
    }
}

/// An identifier, as such or in a string; a keyword gets its `r#`.
fn column(input: ParseStream) -> syn::Result<Ident> {
    if input.peek(LitStr) {
        let text: LitStr = input.parse()?;
        let raw = || syn::parse_str(&format!("r#{}", text.value()));
        let mut name: Ident = syn::parse_str(&text.value()).or_else(|_| raw())?;
        name.set_span(text.span());
        return Ok(name);
    }
    Ident::parse_any(input)
}

fn parenthesised(input: ParseStream) -> syn::Result<Vec<Ident>> {
    let inner;
    syn::parenthesized!(inner in input);
    let names = Punctuated::<Ident, Token![,]>::parse_terminated(&inner)?;
    if names.is_empty() {
        return Err(inner.error("no column"));
    }
    Ok(names.into_iter().collect())
}
