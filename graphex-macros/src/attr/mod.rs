//! The syntax of `#[graphex(...)]` and of the part of `#[diesel(...)]` that is read here. Nothing
//! in this directory knows what a key means.

pub(crate) mod container;
pub(crate) mod diesel;
pub(crate) mod field;
pub(crate) mod hidden;
pub(crate) mod lookup;
pub(crate) mod value;

use darling::FromMeta;
use darling::ast::NestedMeta;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Meta, MetaNameValue, Path, Token};

use crate::error::{Errors, err};
use crate::help::{self, Key};
use crate::synonym::{self, Synonym};

/// Keys of one place (the struct, or a field), read by darling.
pub(crate) trait Keys: FromMeta + Default {
    /// Where the keys stand, for errors: "struct" or "field".
    const PLACE: &'static str;
    const KEYS: &'static [Key];
    /// The keys of the other place and its name, for a key that strayed.
    const ELSEWHERE: (&'static str, &'static [Key]);
    /// What others call them.
    const SYNONYMS: &'static [Synonym];
    /// The keys that take no value.
    const FLAGS: &'static [&'static str];
}

/// The keys of an item.
#[derive(Debug, Default)]
pub(crate) struct Read<K> {
    pub(crate) keys: K,
    /// Whether something is there of which nobody knows what it was meant to be.
    pub(crate) doubtful: bool,
}

/// Reads all `#[graphex(...)]` of an item. Unknown and repeated keys, and what is no key at all,
/// are reported here in graphex's voice, so darling sees only known keys, each of them once.
pub(crate) fn read<K: Keys>(attributes: &[Attribute], errors: &mut Errors) -> Read<K> {
    let attributes = attributes.iter().filter(|a| a.path().is_ident("graphex"));
    let pieces: Vec<Option<Meta>> = attributes.flat_map(|a| keys_of::<K>(a, errors)).collect();
    let mut doubtful = pieces.iter().any(Option::is_none);
    let found: Vec<Meta> = pieces.into_iter().flatten().collect();
    let mut accepted: Vec<Meta> = Vec::new();
    for item in &found {
        if is_accepted::<K>(item, &accepted, errors) {
            accepted.push(item.clone());
            continue;
        }
        let meant = meant::<K>(item);
        let is_there = |meant: &Meta| {
            let mut others = accepted.iter().chain(&found);
            others.any(|other| other.path() == meant.path())
        };
        doubtful |= meant.is_none();
        accepted.extend(meant.filter(|meant| !is_there(meant)));
    }
    let items: Vec<NestedMeta> = accepted.into_iter().map(NestedMeta::Meta).collect();
    let keys = errors.keep(K::from_list(&items).map_err(syn::Error::from));
    Read {
        keys: keys.unwrap_or_default(),
        doubtful,
    }
}

/// The keys of one attribute, nothing for one that cannot be parsed.
fn keys_of<K: Keys>(attribute: &Attribute, errors: &mut Errors) -> Vec<Option<Meta>> {
    let Meta::List(list) = &attribute.meta else {
        let first = K::KEYS.first().map_or("", |key| key.name);
        errors.push(
            err!(attribute.path(), "`graphex` takes a list of keys"; help: help::form(first)),
        );
        return vec![None];
    };
    let pieces = split(&list.tokens).into_iter();
    pieces
        .map(|piece| {
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
    let synonym = synonym::find(K::SYNONYMS, &name).map(Synonym::help);
    if names::<K>().all(|key| key != name) {
        let is_elsewhere = other_keys.iter().any(|key| key.name == name);
        errors.push(if is_elsewhere {
            let help = synonym.unwrap_or_else(|| help::form(&name));
            err!(path, "`{name}` is a key of a {elsewhere}, not of a {}", K::PLACE; help: help)
        } else {
            let known = || help::instead_of("key", &name, names::<K>());
            err!(path, "unknown key `{name}`"; help: synonym.unwrap_or_else(known))
        });
    } else if before.iter().any(|item| item.path() == path) {
        errors.push(err!(path, "duplicate key `{name}`"; help: "remove one of the two"));
    } else {
        return true;
    }
    false
}

/// An unknown key as the one it is another word for, or resembles: what follows is then read, and
/// nobody misses it. A key that is known has been said before.
fn meant<K: Keys>(item: &Meta) -> Option<Meta> {
    let name = value::name_of(item.path());
    let synonym = synonym::find(K::SYNONYMS, &name);
    let meant = match synonym {
        Some(synonym) => synonym.meant?,
        None => help::nearest(&name, names::<K>())?,
    };
    let key: Path = Ident::new(meant, item.path().span()).into();
    if synonym.is_some() && K::FLAGS.contains(&meant) {
        // What the other word takes is not what the flag takes.
        return Some(Meta::Path(key));
    }
    let mut item = item.clone();
    *match &mut item {
        Meta::Path(path) => path,
        Meta::List(list) => &mut list.path,
        Meta::NameValue(pair) => &mut pair.path,
    } = key;
    Some(item)
}

/// The identifiers that stand in these keys of an item, whatever else does.
pub(crate) fn named_in(attributes: &[Attribute], keys: &[&str]) -> Vec<Ident> {
    let pieces = pieces_of(attributes, keys);
    pieces.flat_map(|piece| piece.into_iter().skip(1)).collect()
}

/// Whether an item has one of these keys.
pub(crate) fn has(attributes: &[Attribute], keys: &[&str]) -> bool {
    pieces_of(attributes, keys).next().is_some()
}

/// The identifiers of each of these keys, itself the first.
fn pieces_of(attributes: &[Attribute], keys: &[&str]) -> impl Iterator<Item = Vec<Ident>> {
    let lists = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::List(list) if attribute.path().is_ident("graphex") => Some(&list.tokens),
            _ => None,
        });
    let pieces = lists.flat_map(split).flatten().map(value::idents);
    pieces.filter(|piece| {
        let key = piece.first();
        key.is_some_and(|key| keys.iter().any(|known| key == known))
    })
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
