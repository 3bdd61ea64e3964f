//! Attributes and struct to model. What is wrong with one part is reported and the part left out
//! or guessed, so that the others are still read and the stubs resemble what was meant.

mod columns;
mod lookups;

use proc_macro2::Ident;
use syn::{Attribute, DeriveInput, Expr, ExprLit, Lit, Meta, Path, parse_quote};

use self::columns::Columns;
use crate::attr::container::ContainerAttr;
use crate::attr::value::{Flag, List, Switch, Text};
use crate::attr::{self, Read, diesel, hidden};
use crate::case;
use crate::error::{Errors, err};
use crate::help;
use crate::model::{Listed, Model, NamedTable, Payload, Spelled};

/// Stands in for a malformed name and passes every rule, so that nothing is said of it twice.
const PLACEHOLDER: &str = "malformed";

pub(crate) fn model(input: &DeriveInput, errors: &mut Errors) -> Model {
    let Read { keys: attrs, .. } = attr::read::<ContainerAttr>(&input.attrs, errors);
    let diesel = diesel::read(&input.attrs, errors);
    let columns = Columns::new(input, errors);

    let key = columns.key(&diesel, input, errors);
    let default_name = || Spelled::new(case::unraw(&input.ident), &input.ident);
    let name = spelled(attrs.name, errors, default_name);
    let default_field = || Spelled::new(case::camel(&name.text) + "Subscription", &name.at);
    let field = spelled(attrs.field, errors, default_field);
    let default_label = || Spelled::new(default_label(&input.ident), &input.ident);
    let default_description = || Spelled::new(default_description(input, &name), &input.ident);
    Model {
        ident: input.ident.clone(),
        vis: input.vis.clone(),
        allows: input
            .attrs
            .iter()
            .filter(|a| a.path().is_ident("allow"))
            .cloned()
            .collect(),
        generic: !input.generics.params.is_empty(),
        krate: given(attrs.krate, errors)
            .map_or_else(|| parse_quote!(::graphex), |krate| krate.path),
        stream: stream(input, attrs.stream, errors),
        label: spelled(attrs.label, errors, default_label).text,
        description: spelled(attrs.description, errors, default_description).text,
        payload: payload(attrs.serialize_data, errors),
        hidden: hidden::read_of_struct(&input.attrs),
        authorize: flag(attrs.authorize, errors),
        scope: attrs
            .scope
            .map(|list| columns.scope(given(Some(list), errors), errors)),
        index: attrs
            .index_fields
            .map(|list| columns.index(given(Some(list), errors), errors)),
        lookup: attrs
            .lookup
            .map(|list| columns.lookups(given(Some(list), errors), key, input, errors)),
        patterns: given(attrs.patterns, errors).is_none_or(|switch| switch.on),
        key,
        diesel_table: diesel.table_name,
        named_table: given(attrs.table, errors).and_then(|table| errors.keep(named_table(&table))),
        fields: columns.fields,
        name,
        field,
    }
}

/// The value of a key, unless it is absent or malformed.
fn given<T>(value: Option<darling::Result<T>>, errors: &mut Errors) -> Option<T> {
    value.and_then(|value| errors.keep(value.map_err(syn::Error::from)))
}

/// The key of a flag. A malformed one is meant, so that no rule misses it, unless it is `false`.
fn flag(value: Option<darling::Result<Flag>>, errors: &mut Errors) -> Option<Path> {
    let Flag { key, on, broken } = given(value, errors)?;
    if let Some(error) = broken {
        errors.push(error);
    }
    on.then_some(key)
}

/// The text of a key, or what is taken where the key is absent.
fn spelled(
    value: Option<darling::Result<Text>>,
    errors: &mut Errors,
    default: impl FnOnce() -> Spelled,
) -> Spelled {
    match value {
        None => default(),
        value => given(value, errors).map_or_else(
            || Spelled::new(PLACEHOLDER, &proc_macro2::TokenStream::new()),
            |text| Spelled::new(text.text.value(), &text.text),
        ),
    }
}

fn stream(
    input: &DeriveInput,
    value: Option<darling::Result<Text>>,
    errors: &mut Errors,
) -> Spelled {
    let is_list = |a: &&Attribute| matches!(a.meta, Meta::List(_));
    let mut attributes = input.attrs.iter().filter(|a| a.path().is_ident("graphex"));
    // An attribute that is no list has been reported, and with it the stream it might name.
    if value.is_none() && attributes.all(|a| is_list(&a)) {
        errors.push(err!(input.ident, "the model has no `stream`"; help: help::form("stream")));
    }
    spelled(value, errors, || Spelled::new(PLACEHOLDER, &input.ident))
}

fn payload(value: Option<darling::Result<Switch>>, errors: &mut Errors) -> Payload {
    let full = match value {
        None => cfg!(feature = "serialize-data"),
        // Malformed: full mode generates more, so more of the user's code finds its names.
        value => given(value, errors).is_none_or(|switch| switch.on),
    };
    if full { Payload::Full } else { Payload::IdOnly }
}

/// A table, or a schema and a table.
fn named_table(table: &Text) -> syn::Result<NamedTable> {
    let text = table.text.value();
    let parts: Vec<&str> = text.split('.').map(str::trim).collect();
    let (schema, name) = match *parts.as_slice() {
        [name] => (None, name),
        [schema, name] if !schema.is_empty() => (Some(schema.to_owned()), name),
        _ => (None, ""),
    };
    if name.is_empty() {
        return Err(err!(table.text, "`{text}` is no name of a table";
            help: format!("a table is named as `messages`, or with its schema as `chat.messages`; {}", help::form("table"))));
    }
    Ok(NamedTable {
        key: table.key.clone(),
        schema,
        name: name.to_owned(),
    })
}

/// `<crate>.<struct>` in lower case. Cargo names the crate under compilation; without Cargo there
/// is no name to give.
fn default_label(ident: &Ident) -> String {
    let model = case::unraw(ident).to_lowercase();
    let krate = std::env::var("CARGO_CRATE_NAME").or_else(|_| std::env::var("CARGO_PKG_NAME"));
    match krate {
        Ok(krate) => format!("{}.{model}", krate.replace('-', "_").to_lowercase()),
        Err(_) => model,
    }
}

fn default_description(input: &DeriveInput, name: &Spelled) -> String {
    let lines: Vec<String> = input.attrs.iter().filter_map(doc_line).collect();
    let text = lines.join("\n").trim().to_owned();
    if text.is_empty() {
        format!("Subscription Type for {} model", name.text)
    } else {
        text
    }
}

/// A line of a doc comment, without the space that follows the slashes.
fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(line),
            ..
        }) if pair.path.is_ident("doc") => {
            let line = line.value();
            Some(
                line.strip_prefix(' ')
                    .unwrap_or(&line)
                    .trim_end()
                    .to_owned(),
            )
        }
        _ => None,
    }
}

/// Resolves the entries of a list, and keeps what is wrong with the others.
fn listed<T, R>(
    list: Option<List<T>>,
    key: Path,
    errors: &mut Errors,
    mut resolve: impl FnMut(T, &mut Errors) -> Option<R>,
) -> Listed<R> {
    let Some(list) = list else {
        return Listed {
            key,
            entries: Vec::new(),
            complete: false,
        };
    };
    let mut complete = list.broken.is_empty();
    for error in list.broken {
        errors.push(error);
    }
    let mut entries = Vec::new();
    for entry in list.entries {
        match resolve(entry, errors) {
            Some(resolved) => entries.push(resolved),
            None => complete = false,
        }
    }
    Listed {
        key: list.key,
        entries,
        complete,
    }
}
