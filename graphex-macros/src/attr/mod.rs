//! The syntax of `#[graphex(...)]` and of the part of `#[diesel(...)]` that is read here. Nothing
//! in this directory knows what a key means.

pub(crate) mod container;
pub(crate) mod diesel;
pub(crate) mod field;
pub(crate) mod value;

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Meta};

use crate::case;
use crate::error::{Errors, err};
use crate::help::{self, Key};

/// Keys of one place (the struct, or a field), read by darling.
pub(crate) trait Keys: FromMeta + Default {
    /// Where the keys stand, for errors: "struct" or "field".
    const PLACE: &'static str;
    const KEYS: &'static [Key];
    /// The keys of the other place and its name, for a key that strayed.
    const ELSEWHERE: (&'static str, &'static [Key]);
}

/// Reads all `#[graphex(...)]` of an item. Unknown and repeated keys, and what is no key at all,
/// are reported here in graphex's voice, so darling sees only known keys, each of them once.
pub(crate) fn read<K: Keys>(attributes: &[Attribute], errors: &mut Errors) -> K {
    let mut items: Vec<NestedMeta> = Vec::new();
    for attribute in attributes.iter().filter(|a| a.path().is_ident("graphex")) {
        for item in keys_of::<K>(attribute, errors) {
            match accept::<K>(&item, &items) {
                Ok(()) => items.push(NestedMeta::Meta(item)),
                Err(error) => errors.push(error),
            }
        }
    }
    errors
        .keep(K::from_list(&items).map_err(syn::Error::from))
        .unwrap_or_default()
}

/// The keys of one attribute. One that cannot be parsed does not hide its neighbours.
fn keys_of<K: Keys>(attribute: &Attribute, errors: &mut Errors) -> Vec<Meta> {
    let Meta::List(list) = &attribute.meta else {
        let first = K::KEYS.first().map_or("", |key| key.name);
        errors.push(
            err!(attribute.path(), "`graphex` takes a list of keys"; help: help::form(first)),
        );
        return Vec::new();
    };
    let mut keys = Vec::new();
    for piece in split(&list.tokens) {
        let piece = errors.keep(piece);
        keys.extend(piece.and_then(|piece| errors.keep(parse_key::<K>(piece))));
    }
    keys
}

fn parse_key<K: Keys>(piece: TokenStream) -> syn::Result<Meta> {
    match piece.clone().into_iter().next() {
        Some(TokenTree::Literal(literal)) => {
            let known = help::list(K::KEYS.iter().map(|key| key.name));
            let help = format!("the keys of a {} are {known}", K::PLACE);
            Err(err!(literal, "expected a key, found a literal"; help: help))
        }
        // `index_fields` alone is a `Meta::Path`; so is the first half of `index_fields tenant`.
        Some(TokenTree::Ident(name)) => {
            let form = help::form(&case::unraw(&name));
            syn::parse2(piece).map_err(|error| match form.is_empty() {
                true => error,
                false => syn::Error::new(error.span(), format!("{error}\n\nhelp: {form}")),
            })
        }
        _ => syn::parse2(piece),
    }
}

fn accept<K: Keys>(item: &Meta, before: &[NestedMeta]) -> syn::Result<()> {
    let path = item.path();
    let name = value::name_of(path);
    let (elsewhere, other_keys) = K::ELSEWHERE;
    if other_keys.iter().any(|key| key.name == name) {
        return Err(
            err!(path, "`{name}` is a key of a {elsewhere}, not of a {}", K::PLACE; help: help::form(&name)),
        );
    }
    if !K::KEYS.iter().any(|key| key.name == name) {
        let help = help::instead_of("key", &name, K::KEYS.iter().map(|key| key.name));
        return Err(err!(path, "unknown key `{name}`"; help: help));
    }
    let seen = |item: &NestedMeta| matches!(item, NestedMeta::Meta(meta) if meta.path() == path);
    if before.iter().any(seen) {
        return Err(err!(path, "duplicate key `{name}`"; help: "remove one of the two"));
    }
    Ok(())
}

/// The pieces between commas. A comma with nothing before it is an error in its place.
pub(crate) fn split(tokens: &TokenStream) -> Vec<syn::Result<TokenStream>> {
    let mut pieces = Vec::new();
    let mut piece = TokenStream::new();
    for token in tokens.clone() {
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' => {
                let full = std::mem::take(&mut piece);
                let missing = full.is_empty();
                pieces.push(if missing {
                    Err(err!(comma, "nothing before this comma"))
                } else {
                    Ok(full)
                });
            }
            token => piece.extend([token]),
        }
    }
    if !piece.is_empty() {
        pieces.push(Ok(piece));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use darling::FromMeta;
    use darling::ast::NestedMeta;

    use super::container::ContainerAttr;
    use super::field::FieldAttr;
    use super::*;

    /// Each documented form is accepted: the table in `help.rs` and the darling structs agree.
    #[test]
    fn every_form_in_the_help_is_read() {
        fn read_all<K: Keys>() {
            for key in K::KEYS {
                for form in key.form.split("` or `") {
                    let inner = form.trim_start_matches("#[graphex(").trim_end_matches(")]");
                    let item: NestedMeta = syn::parse_str(inner).unwrap();
                    let read = K::from_list(&[item]);
                    assert!(read.is_ok(), "{form}");
                }
            }
        }
        read_all::<ContainerAttr>();
        read_all::<FieldAttr>();
        let unknown: NestedMeta = syn::parse_str("other").unwrap();
        assert!(FieldAttr::from_list(&[unknown]).is_err());
    }
}
