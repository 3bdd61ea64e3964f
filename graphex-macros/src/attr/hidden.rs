//! What other derives are told of a field: that it is not to be seen. A derive sees the attributes
//! of all derives on its struct.
//!
//! An attribute is in the list below when the field then does not appear, not for everybody or
//! not as it is, in what another derive makes: in JSON and other formats, in a GraphQL type, in an
//! API's description, in logs. Not in it are attributes that say where a value comes from
//! (`sqlx(skip)`), and those that write it differently, unless the function's name speaks of more
//! (`serialize_with = "redact"`).

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, LitStr, Meta};

use super::split;
use crate::case;

/// An attribute that hides a field or a struct from another derive.
#[derive(Debug)]
pub(crate) struct Hidden {
    /// As it reads in a sentence: `#[serde(skip)]`.
    pub(crate) written: String,
    /// What it does there: "hides", "guards" or "changes".
    pub(crate) verb: &'static str,
    pub(crate) at: TokenStream,
}

/// When a key hides.
#[derive(Clone, Copy)]
enum When {
    /// Unless it is `= false`.
    Set,
    /// Unless it is `= true`.
    NotTrue,
    /// When its function asks for more than whether there is anything to write.
    Asks,
    /// When its function speaks of hiding.
    Redacts,
    /// When `ignore`, `skip` or `false` is said of `Debug`, or behind it.
    Debug,
}

#[derive(Clone, Copy)]
struct Rule {
    attribute: &'static str,
    key: &'static str,
    when: When,
    verb: &'static str,
}

const fn hides(attribute: &'static str, key: &'static str, when: When) -> Rule {
    Rule {
        attribute,
        key,
        when,
        verb: "hides",
    }
}

const fn verb(verb: &'static str, rule: Rule) -> Rule {
    Rule { verb, ..rule }
}

const RULES: &[Rule] = &[
    hides("serde", "skip", When::Set),
    hides("serde", "skip_serializing", When::Set),
    hides("serde", "skip_serializing_if", When::Asks),
    hides("serde", "serialize_with", When::Redacts),
    hides("serde", "with", When::Redacts),
    hides("graphql", "skip", When::Set),
    hides("graphql", "skip_output", When::Set),
    hides("graphql", "ignore", When::Set),
    hides("graphql", "secret", When::Set),
    hides("graphql", "inaccessible", When::Set),
    hides("graphql", "visible", When::NotTrue),
    verb("guards", hides("graphql", "guard", When::Set)),
    verb("guards", hides("graphql", "requires_scopes", When::Set)),
    verb("changes", hides("graphql", "process_with", When::Set)),
    hides("schemars", "skip", When::Set),
    hides("schemars", "skip_serializing", When::Set),
    hides("schemars", "skip_serializing_if", When::Asks),
    hides("schema", "ignore", When::Set),
    hides("schema", "write_only", When::Set),
    hides("oai", "skip", When::Set),
    hides("oai", "write_only", When::Set),
    hides("ts", "skip", When::Set),
    hides("specta", "skip", When::Set),
    hides("typeshare", "skip", When::Set),
    hides("borsh", "skip", When::Set),
    hides("facet", "skip", When::Set),
    hides("facet", "skip_serializing", When::Set),
    hides("facet", "sensitive", When::Set),
    hides("minicbor", "skip", When::Set),
    hides("musli", "skip", When::Set),
    hides("nserde", "skip", When::Set),
    hides("valuable", "skip", When::Set),
    hides("debug", "skip", When::Set),
    hides("debug", "ignore", When::Set),
    hides("derivative", "Debug", When::Debug),
    hides("educe", "Debug", When::Debug),
    hides("derive_where", "skip", When::Debug),
];

/// Attributes that hide by themselves, unless they say `skip`.
const ALONE: &[&str] = &["redact", "sensitive", "secret", "mask"];

/// Last parts of functions that ask whether there is anything to write.
const ABSENCE: &[&str] = &["is_none", "is_empty", "is_default", "is_zero", "is_false"];

/// Words of functions that write something else than the value.
const REDACTION: &[&str] = &[
    "anonymize",
    "anonymise",
    "censor",
    "conceal",
    "hash",
    "hide",
    "hidden",
    "mask",
    "masked",
    "obfuscate",
    "obscure",
    "omit",
    "private",
    "redact",
    "redacted",
    "scrub",
    "secret",
    "skip",
];

/// The first attribute that hides a field.
pub(crate) fn read(attributes: &[Attribute]) -> Option<Hidden> {
    attributes.iter().find_map(|attribute| {
        let name = attribute.path().segments.last()?.ident.to_string();
        if ALONE.contains(&name.as_str()) {
            return alone(attribute, &name);
        }
        keys(attribute).find_map(|piece| {
            let key = leading_ident(&piece)?;
            let mut rules = RULES.iter();
            let rule = rules.find(|rule| rule.attribute == name && rule.key == key)?;
            rule.when.holds(&value(&piece)).then(|| Hidden {
                written: written(&name, &piece),
                verb: rule.verb,
                at: piece,
            })
        })
    })
}

/// What `#[graphql(...)]` says of a whole struct: who may see it.
pub(crate) fn read_of_struct(attributes: &[Attribute]) -> Option<Hidden> {
    let graphql: Vec<Attribute> = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("graphql"))
        .cloned()
        .collect();
    read(&graphql)
}

fn alone(attribute: &Attribute, name: &str) -> Option<Hidden> {
    let opted_out = keys(attribute).any(|piece| leading_ident(&piece).as_deref() == Some("skip"));
    (!opted_out).then(|| Hidden {
        written: format!("#[{name}]"),
        verb: "hides",
        at: attribute.path().to_token_stream(),
    })
}

fn keys(attribute: &Attribute) -> impl Iterator<Item = TokenStream> {
    let tokens = match &attribute.meta {
        Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    split(&tokens).into_iter().flatten()
}

fn leading_ident(piece: &TokenStream) -> Option<String> {
    match piece.clone().into_iter().next()? {
        TokenTree::Ident(ident) => Some(case::unraw(&ident)),
        _ => None,
    }
}

/// What follows the key.
fn value(piece: &TokenStream) -> TokenStream {
    piece.clone().into_iter().skip(1).collect()
}

/// `#[serde(skip)]`; a value is left out.
fn written(attribute: &str, piece: &TokenStream) -> String {
    let key = leading_ident(piece).unwrap_or_default();
    match value(piece).is_empty() {
        true => format!("#[{attribute}({key})]"),
        false => format!("#[{attribute}({key} ...)]"),
    }
}

impl When {
    fn holds(self, value: &TokenStream) -> bool {
        match self {
            Self::Set => !is_bool(value, "false"),
            Self::NotTrue => !is_bool(value, "true"),
            Self::Asks => {
                let path = function(value);
                !ABSENCE.contains(&path.rsplit("::").next().unwrap_or_default().trim())
            }
            Self::Redacts => case::words(&function(value).replace("::", "_"))
                .iter()
                .any(|word| REDACTION.contains(&word.to_lowercase().as_str())),
            Self::Debug => {
                let text = value.to_string();
                let said = |word| text.contains(word);
                text.is_empty() || said("ignore") || said("skip") || said("false") || said("Debug")
            }
        }
    }
}

fn is_bool(value: &TokenStream, text: &str) -> bool {
    let mut tokens = value.clone().into_iter().skip(1);
    matches!(tokens.next(), Some(TokenTree::Ident(ident)) if ident == text)
}

/// The path in `= "path::to::function"`, or in `= path::to::function`.
fn function(value: &TokenStream) -> String {
    let tokens: TokenStream = value.clone().into_iter().skip(1).collect();
    let text = syn::parse2::<LitStr>(tokens.clone()).map(|text| text.value());
    text.unwrap_or_else(|_| tokens.to_string().replace(' ', ""))
}

#[cfg(test)]
mod tests {
    use syn::{ItemStruct, parse_quote};

    use super::*;

    fn hidden(item: &ItemStruct) -> Option<String> {
        let field = item.fields.iter().next()?;
        read(&field.attrs).map(|hidden| format!("{} {}", hidden.written, hidden.verb))
    }

    macro_rules! field {
        ($(#[$attribute:meta])*) => {
            hidden(&parse_quote! { struct Message { $(#[$attribute])* text: String } })
        };
    }

    #[test]
    fn what_hides() {
        let text = |found: Option<String>| found.unwrap();
        assert_eq!(
            text(field!(#[serde(rename = "x", skip)])),
            "#[serde(skip)] hides"
        );
        assert_eq!(
            text(field!(#[serde(skip_serializing)])),
            "#[serde(skip_serializing)] hides"
        );
        assert_eq!(
            text(field!(#[serde(skip_serializing_if = "Profile::is_private")])),
            "#[serde(skip_serializing_if ...)] hides"
        );
        assert_eq!(
            text(field!(#[serde(serialize_with = "privacy::redact_email")])),
            "#[serde(serialize_with ...)] hides"
        );
        assert_eq!(
            text(field!(#[graphql(visible = false)])),
            "#[graphql(visible ...)] hides"
        );
        assert_eq!(
            text(field!(#[graphql(visible = "is_admin")])),
            "#[graphql(visible ...)] hides"
        );
        assert_eq!(
            text(field!(#[graphql(guard = "Admin.and(Owner)")])),
            "#[graphql(guard ...)] guards"
        );
        assert_eq!(
            text(field!(#[graphql(process_with = "upper")])),
            "#[graphql(process_with ...)] changes"
        );
        assert_eq!(
            text(field!(#[schema(write_only)])),
            "#[schema(write_only)] hides"
        );
        assert_eq!(
            text(field!(#[derivative(Debug = "ignore")])),
            "#[derivative(Debug ...)] hides"
        );
        assert_eq!(
            text(field!(#[educe(Debug(ignore))])),
            "#[educe(Debug ...)] hides"
        );
        assert_eq!(
            text(field!(#[derive_where(skip(Debug))])),
            "#[derive_where(skip ...)] hides"
        );
        assert_eq!(text(field!(#[redact])), "#[redact] hides");
        assert_eq!(text(field!(#[sensitive(Secret)])), "#[sensitive] hides");
    }

    #[test]
    fn what_does_not() {
        for shown in [
            field!(),
            field!(#[serde(rename = "skip")]),
            field!(#[serde(skip_deserializing, default)]),
            field!(#[serde(skip_serializing_if = "Option::is_none")]),
            field!(#[serde(skip_serializing_if = "is_default")]),
            field!(#[serde(with = "time::serde::rfc3339")]),
            field!(#[serde(serialize_with = "as_seconds")]),
            field!(#[graphql(visible = true)]),
            field!(#[graphql(skip = false, name = "x")]),
            field!(#[graphql(skip_input)]),
            field!(#[derivative(Debug(bound = ""))]),
            field!(#[educe(Hash(ignore))]),
            field!(#[redact(skip)]),
            field!(#[sqlx(skip)]),
            field!(#[diesel(skip_insertion)]),
            field!(#[other(skip)]),
            field!(#[serde = "skip"]),
        ] {
            assert_eq!(shown, None);
        }
    }
}
