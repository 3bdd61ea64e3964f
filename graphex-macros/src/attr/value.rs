//! The values that keys take. Each keeps its tokens, so that later rules can point at them.

use darling::FromMeta;
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, ExprLit, Lit, LitStr, MacroDelimiter, Meta, MetaList, Path};

use super::split;
use crate::error::err;
use crate::help;

/// The text of a key: `stream`, or `a::b` where somebody wrote that.
pub(crate) fn name_of(path: &Path) -> String {
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|segment| segment.ident.unraw().to_string())
        .collect();
    names.join("::")
}

/// `key`. With a value it is meant all the same, unless the value is `false`.
#[derive(Clone, Debug)]
pub(crate) struct Flag {
    pub(crate) key: Path,
    pub(crate) on: bool,
    pub(crate) broken: Option<syn::Error>,
}

impl FromMeta for Flag {
    fn from_meta(item: &Meta) -> darling::Result<Self> {
        let key = item.path().clone();
        let off = matches!(literal(item), Some(Lit::Bool(value)) if !value.value);
        let broken = match item {
            Meta::Path(_) => None,
            _ if off => {
                let name = name_of(&key);
                Some(
                    err!(item, "`{name}` takes no value"; help: format!("leave `{name}` out: it is off without")),
                )
            }
            _ => Some(malformed(item, "takes no value").into()),
        };
        Ok(Self {
            key,
            on: !off,
            broken,
        })
    }
}

/// `key`, `key = true` or `key = false`
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    pub(crate) on: bool,
}

impl FromMeta for Switch {
    fn from_meta(item: &Meta) -> darling::Result<Self> {
        match (item, literal(item)) {
            (Meta::Path(_), _) => Ok(Self { on: true }),
            (_, Some(Lit::Bool(value))) => Ok(Self { on: value.value }),
            _ => Err(malformed(item, "takes `true`, `false` or nothing")),
        }
    }
}

/// `key = "text"`
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) key: Path,
    pub(crate) text: LitStr,
}

impl FromMeta for Text {
    fn from_meta(item: &Meta) -> darling::Result<Self> {
        match literal(item) {
            Some(Lit::Str(text)) if text.value().trim().is_empty() => {
                Err(malformed(item, "may not be empty"))
            }
            Some(Lit::Str(text)) => Ok(Self {
                key: item.path().clone(),
                text: text.clone(),
            }),
            _ => Err(malformed(item, "takes a string")),
        }
    }
}

/// `crate = "path"`
#[derive(Clone, Debug)]
pub(crate) struct CratePath {
    pub(crate) path: Path,
}

impl FromMeta for CratePath {
    fn from_meta(item: &Meta) -> darling::Result<Self> {
        match literal(item) {
            Some(Lit::Str(text)) => text
                .parse_with(Path::parse_mod_style)
                .map(|path| Self { path })
                .map_err(|_| malformed(item, "takes a path in a string")),
            _ => Err(malformed(item, "takes a path in a string")),
        }
    }
}

/// A parenthesised list: the entries that can be read, and what is wrong with the others.
#[derive(Clone, Debug)]
pub(crate) struct List<T> {
    pub(crate) key: Path,
    pub(crate) entries: Vec<T>,
    pub(crate) broken: Vec<syn::Error>,
    /// The identifiers of what is broken: the names of fields may be among them.
    pub(crate) mentioned: Vec<Ident>,
}

/// `key(a, b)`
pub(crate) type Names = List<Ident>;

/// `key(a, optional(b), any_of(c))`
pub(crate) type ScopeNames = List<ScopeName>;

/// One entry of a scope.
#[derive(Clone, Debug)]
pub(crate) struct ScopeName {
    pub(crate) form: ScopeForm,
    pub(crate) field: Ident,
}

/// How a scope entry restricts its field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeForm {
    Required,
    Optional,
    AnyOf,
    /// In front of stubs, one that could not be read.
    Unknown,
}

impl<T: Entry> FromMeta for List<T> {
    fn from_meta(item: &Meta) -> darling::Result<Self> {
        let broken = |takes: &str| {
            Ok(Self {
                key: item.path().clone(),
                entries: Vec::new(),
                broken: vec![malformed(item, takes).into()],
                mentioned: idents(item.to_token_stream()).into_iter().skip(1).collect(),
            })
        };
        let Meta::List(
            list @ MetaList {
                delimiter: MacroDelimiter::Paren(_),
                ..
            },
        ) = item
        else {
            return broken(&format!("takes a list of {}s in parentheses", T::NOUN));
        };
        if list.tokens.is_empty() {
            return broken(&format!("needs at least one {}", T::NOUN));
        }
        let mut parsed = Self {
            key: list.path.clone(),
            entries: Vec::new(),
            broken: Vec::new(),
            mentioned: Vec::new(),
        };
        for piece in split(&list.tokens) {
            let tokens = piece
                .as_ref()
                .map_or_else(|_| TokenStream::new(), Clone::clone);
            match piece.and_then(|piece| T::parse(&list.path, piece)) {
                Ok(entry) => parsed.entries.push(entry),
                Err(error) => {
                    parsed.broken.push(error);
                    parsed.mentioned.extend(idents(tokens));
                }
            }
        }
        Ok(parsed)
    }
}

/// What stands between the commas of a [`List`].
pub(crate) trait Entry: Sized {
    const NOUN: &'static str = "field";

    fn parse(key: &Path, piece: TokenStream) -> syn::Result<Self>;
}

impl Entry for Ident {
    fn parse(key: &Path, piece: TokenStream) -> syn::Result<Self> {
        match one_or_two(piece.clone()) {
            (Some(TokenTree::Ident(field)), None) => Ok(field),
            (Some(TokenTree::Literal(text)), None) if text.to_string().starts_with('"') => {
                Err(err!(piece, "a field is named without quotes"; help: help::form(&name_of(key))))
            }
            _ => Err(err!(piece, "expected the name of a field"; help: help::form(&name_of(key)))),
        }
    }
}

impl Entry for ScopeName {
    fn parse(key: &Path, piece: TokenStream) -> syn::Result<Self> {
        let (Some(TokenTree::Ident(word)), Some(TokenTree::Group(group))) =
            one_or_two(piece.clone())
        else {
            return Ident::parse(key, piece).map(|field| Self {
                form: ScopeForm::Required,
                field,
            });
        };
        let form = match word.to_string().as_str() {
            "optional" => ScopeForm::Optional,
            "any_of" => ScopeForm::AnyOf,
            other => return Err(unknown_form(&word, other)),
        };
        match one_or_two(group.stream()) {
            (Some(TokenTree::Ident(field)), None)
                if group.delimiter() == Delimiter::Parenthesis =>
            {
                Ok(Self { form, field })
            }
            _ => Err(err!(piece, "`{word}` takes the name of one field"; help: help::SCOPE_FORMS)),
        }
    }
}

fn unknown_form(word: &Ident, name: &str) -> syn::Error {
    let near =
        help::nearest(name, ["optional", "any_of"]).map(|near| format!("; did you mean `{near}`?"));
    let help = format!("{}{}", help::SCOPE_FORMS, near.unwrap_or_default());
    err!(word, "unknown scope form `{name}`"; help: help)
}

/// The identifiers in these tokens, those in groups and in texts too.
pub(crate) fn idents(tokens: TokenStream) -> Vec<Ident> {
    let of_token = |token| match token {
        TokenTree::Ident(ident) => vec![ident],
        TokenTree::Group(group) => idents(group.stream()),
        TokenTree::Literal(text) => syn::parse2::<LitStr>(text.to_token_stream())
            .ok()
            .and_then(|text| text.parse::<TokenStream>().ok().map(|inner| (text, inner)))
            .map(|(text, inner)| {
                let mut found = idents(inner);
                found
                    .iter_mut()
                    .for_each(|ident| ident.set_span(text.span()));
                found
            })
            .unwrap_or_default(),
        TokenTree::Punct(_) => Vec::new(),
    };
    tokens.into_iter().flat_map(of_token).collect()
}

/// The first two tokens; a third makes the answer nothing at all.
fn one_or_two(piece: TokenStream) -> (Option<TokenTree>, Option<TokenTree>) {
    let mut tokens = piece.into_iter();
    match (tokens.next(), tokens.next(), tokens.next()) {
        (first, second, None) => (first, second),
        _ => (None, None),
    }
}

/// The literal after `=`, seen through the invisible groups in which `macro_rules` passes it.
fn literal(item: &Meta) -> Option<&Lit> {
    let Meta::NameValue(pair) = item else {
        return None;
    };
    let mut value = &pair.value;
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        _ => None,
    }
}

/// The error for a known key with a wrong value: at the value if it has one.
fn malformed(item: &Meta, takes: &str) -> darling::Error {
    let name = name_of(item.path());
    let place: Span = match item {
        Meta::NameValue(pair) => first_span(&pair.value),
        _ => item.path().span(),
    };
    darling::Error::custom(format!("`{name}` {takes}\n\nhelp: {}", help::form(&name)))
        .with_span(&place)
}

fn first_span(tokens: &impl ToTokens) -> Span {
    let first = tokens.to_token_stream().into_iter().next();
    first.map_or_else(Span::call_site, |token| token.span())
}
