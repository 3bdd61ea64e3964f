//! The entries of `lookup(...)`.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Path, Type};

use super::split;
use super::value::{Entry, List};
use crate::error::err;
use crate::help;

/// `key(a: T, b(field, field2): T)`
pub(crate) type LookupNames = List<LookupName>;

/// One custom lookup. What is wrong behind its name does not hide the name.
#[derive(Clone, Debug)]
pub(crate) struct LookupName {
    pub(crate) name: Ident,
    /// The fields in parentheses; `None` without any.
    pub(crate) fields: Option<syn::Result<Vec<syn::Result<Ident>>>>,
    pub(crate) operand: syn::Result<Type>,
}

impl Entry for LookupName {
    const NOUN: &'static str = "lookup";

    fn parse(key: &Path, piece: TokenStream) -> syn::Result<Self> {
        let mut tokens = piece.clone().into_iter().peekable();
        let name = match tokens.next() {
            Some(TokenTree::Ident(name)) => name,
            Some(TokenTree::Literal(text)) if text.to_string().starts_with('"') => {
                return Err(err!(text, "a lookup is named without quotes"; help: form()));
            }
            _ => return Err(err!(piece, "expected the name of a lookup"; help: form())),
        };
        if matches!(
            name.to_string().as_str(),
            "_" | "self" | "Self" | "super" | "crate"
        ) {
            return Err(err!(name, "`{name}` cannot be the name of a lookup";
                help: "a lookup is a function of a trait, and named like one"));
        }
        let fields = match tokens.peek() {
            Some(TokenTree::Group(group)) => Some(fields(key, &name, group)),
            _ => None,
        };
        let rest: TokenStream = tokens.skip(usize::from(fields.is_some())).collect();
        Ok(Self {
            operand: operand(&name, &rest),
            name,
            fields,
        })
    }
}

fn fields(key: &Path, name: &Ident, group: &Group) -> syn::Result<Vec<syn::Result<Ident>>> {
    if group.delimiter() != Delimiter::Parenthesis {
        return Err(err!(group, "the fields of a lookup stand in parentheses"; help: form()));
    }
    if group.stream().is_empty() {
        return Err(err!(group, "the lookup `{name}` names no field";
            help: format!("leave the parentheses out and `{name}` gets the primary key, or name fields: `{name}(field)`")));
    }
    let pieces = split(&group.stream()).into_iter();
    Ok(pieces
        .map(|piece| piece.and_then(|piece| Ident::parse(key, piece)))
        .collect())
}

/// The type after `:`.
fn operand(name: &Ident, rest: &TokenStream) -> syn::Result<Type> {
    let mut tokens = rest.clone().into_iter();
    match tokens.next() {
        Some(TokenTree::Punct(colon)) if colon.as_char() == ':' => {}
        Some(_) => {
            return Err(err!(rest, "expected `:` and the type of the operand"; help: form()));
        }
        None => {
            return Err(err!(name, "the lookup `{name}` has no operand type"; help: form()));
        }
    }
    let ty: TokenStream = tokens.collect();
    let blame = if ty.is_empty() {
        name.to_token_stream()
    } else {
        ty.clone()
    };
    syn::parse2(ty)
        .map_err(|_| err!(blame, "expected the type of the operand of `{name}`"; help: form()))
}

fn form() -> String {
    help::form("lookup")
}
