//! The syntax of `#[graphex(...)]` and of the part of `#[diesel(...)]` that is read here. Nothing
//! in this directory knows what a key means.

pub(crate) mod container;
pub(crate) mod diesel;
pub(crate) mod field;
pub(crate) mod lookup;
pub(crate) mod value;

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Meta, MetaNameValue, Token};

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
    let attributes = attributes.iter().filter(|a| a.path().is_ident("graphex"));
    let found: Vec<Meta> = attributes.flat_map(|a| keys_of::<K>(a, errors)).collect();
    let mut accepted = Vec::new();
    for item in &found {
        if is_accepted::<K>(item, &accepted, errors) {
            accepted.push(item.clone());
        } else if let Some(meant) = resembled::<K>(item, &found) {
            accepted.push(meant);
        }
    }
    let items: Vec<NestedMeta> = accepted.into_iter().map(NestedMeta::Meta).collect();
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
    let pieces = split(&list.tokens).into_iter();
    pieces
        .filter_map(|piece| {
            errors
                .keep(piece)
                .and_then(|piece| parse_key::<K>(piece, errors))
        })
        .collect()
}

/// One key with its value. A value that cannot be parsed stays as its tokens: what the key takes
/// instead is known where its value is read.
fn parse_key<K: Keys>(piece: TokenStream, errors: &mut Errors) -> Option<Meta> {
    let mut tokens = piece.clone().into_iter();
    let Some(TokenTree::Ident(key)) = tokens.next() else {
        let help = format!(
            "the keys of a {} are {}",
            K::PLACE,
            help::list(names::<K>())
        );
        errors.push(err!(piece, "expected a key"; help: help));
        return None;
    };
    let parser = |input: ParseStream| Ok((input.parse::<Meta>()?, input.parse::<TokenStream>()?));
    match parser.parse2(piece) {
        Ok((item, rest)) if rest.is_empty() => Some(item),
        Ok((item @ (Meta::List(_) | Meta::NameValue(_)), rest)) => {
            errors.push(err!(rest, "expected `,` before this"));
            Some(item)
        }
        _ => Some(Meta::NameValue(MetaNameValue {
            path: key.into(),
            eq_token: Token![=](Span::call_site()),
            value: Expr::Verbatim(tokens.collect()),
        })),
    }
}

/// Whether this is a known key, here for the first time.
fn is_accepted<K: Keys>(item: &Meta, before: &[Meta], errors: &mut Errors) -> bool {
    let path = item.path();
    let name = value::name_of(path);
    let (elsewhere, other_keys) = K::ELSEWHERE;
    if other_keys.iter().any(|key| key.name == name) {
        errors.push(err!(path, "`{name}` is a key of a {elsewhere}, not of a {}", K::PLACE; help: help::form(&name)));
    } else if !names::<K>().any(|key| key == name) {
        errors.push(
            err!(path, "unknown key `{name}`"; help: help::instead_of("key", &name, names::<K>())),
        );
    } else if before.iter().any(|item| item.path() == path) {
        errors.push(err!(path, "duplicate key `{name}`"; help: "remove one of the two"));
    } else {
        return true;
    }
    false
}

/// A mistyped key as the one it resembles, if that is not there: what follows is then read, and
/// nobody misses it.
fn resembled<K: Keys>(item: &Meta, found: &[Meta]) -> Option<Meta> {
    let meant = help::nearest(&value::name_of(item.path()), names::<K>())?;
    let is_there = found
        .iter()
        .any(|item| value::name_of(item.path()) == meant);
    let mut item = item.clone();
    let path = match &mut item {
        Meta::Path(path) => path,
        Meta::List(list) => &mut list.path,
        Meta::NameValue(pair) => &mut pair.path,
    };
    *path = Ident::new(meant, path.span()).into();
    (!is_there).then_some(item)
}

fn names<K: Keys>() -> impl Iterator<Item = &'static str> {
    K::KEYS.iter().map(|key| key.name)
}

/// The pieces between commas, other than those of a type's parameters. A comma with nothing
/// before it is an error in its place.
pub(crate) fn split(tokens: &TokenStream) -> Vec<syn::Result<TokenStream>> {
    let mut pieces = Vec::new();
    let mut piece = TokenStream::new();
    let (mut open, mut before) = (0_usize, None);
    for token in tokens.clone() {
        let mark = match &token {
            TokenTree::Punct(punct) => Some(punct.as_char()),
            _ => None,
        };
        match (mark, before) {
            (Some('<'), _) => open += 1,
            // Not that of a function type's `->`.
            (Some('>'), before) if before != Some('-') => open = open.saturating_sub(1),
            _ => {}
        }
        before = mark;
        match token {
            TokenTree::Punct(comma) if comma.as_char() == ',' && open == 0 => {
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

    use quote::quote;

    use super::container::ContainerAttr;
    use super::field::FieldAttr;
    use super::*;

    #[test]
    fn commas_separate_but_inside_of_a_type() {
        let pieces = |tokens: TokenStream| {
            let pieces = split(&tokens).into_iter();
            pieces.map(|piece| piece.is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(pieces(quote!(a, b(c, d),)), [true, true]);
        assert_eq!(
            pieces(quote!(a: Map<K, Vec<V>>, b: Fn<A, fn(A) -> B>)),
            [true, true]
        );
        assert_eq!(pieces(quote!(, a > b, c)), [false, true, true]);
    }

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
