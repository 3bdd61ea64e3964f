//! Attributes and struct to model. What is wrong with one part is reported and the part left out
//! or guessed, so that the others are still read and the stubs resemble what was meant.

mod lookups;

use proc_macro2::Ident;
use syn::{Attribute, Data, DeriveInput, Expr, ExprLit, Fields, Lit, Meta, Path, parse_quote};

use crate::attr;
use crate::attr::container::ContainerAttr;
use crate::attr::diesel::{self, DieselAttr};
use crate::attr::field::FieldAttr;
use crate::attr::value::{Flag, List, Names, ScopeNames, Switch, Text};
use crate::case;
use crate::error::{Errors, err};
use crate::help;
use crate::model::{
    Column, Field, Listed, Model, NamedTable, Payload, Reference, ScopeEntry, Spelled,
};
use crate::ty;

/// Stands in for a malformed name and passes every rule, so that nothing is said of it twice.
const PLACEHOLDER: &str = "malformed";

pub(crate) fn model(input: &DeriveInput, errors: &mut Errors) -> Model {
    let attrs: ContainerAttr = attr::read(&input.attrs, errors);
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
        authorize: flag(attrs.authorize, parse_quote!(authorize), errors),
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

/// The key of a flag. A malformed one is meant, so that no rule misses it.
fn flag(value: Option<darling::Result<Flag>>, key: Path, errors: &mut Errors) -> Option<Path> {
    value.map(|value| given(Some(value), errors).map_or(key, |flag| flag.key))
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

/// The fields of the struct, which other keys name.
struct Columns {
    fields: Vec<Field>,
    /// Whether the input is a struct with named fields, so that an unknown name is an error.
    known: bool,
}

impl Columns {
    fn new(input: &DeriveInput, errors: &mut Errors) -> Self {
        let generics = &input.generics;
        if !generics.params.is_empty() {
            errors.push(err!(generics, "a model cannot have generic parameters";
                help: "a model is a row of one table: write its types out"));
        }
        let other = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(named) => {
                    let named = named
                        .named
                        .iter()
                        .filter_map(|f| Some((f, f.ident.as_ref()?)));
                    let read = |(f, ident)| field(f, ident, &input.ident, errors);
                    return Self {
                        fields: named.map(read).collect(),
                        known: true,
                    };
                }
                Fields::Unnamed(_) => "a tuple struct",
                Fields::Unit => "a unit struct",
            },
            Data::Enum(_) => "an enum",
            Data::Union(_) => "a union",
        };
        errors.push(err!(input.ident, "{other} cannot be a model";
            help: "a model is a struct with named fields, one for each column"));
        Self {
            fields: Vec::new(),
            known: false,
        }
    }

    fn scope(&self, list: Option<ScopeNames>, errors: &mut Errors) -> Listed<ScopeEntry> {
        listed(list, parse_quote!(scope), errors, |name, errors| {
            let field = self.reference(&name.field, "scope", errors)?;
            Some(ScopeEntry {
                form: name.form,
                field,
            })
        })
    }

    fn index(&self, list: Option<Names>, errors: &mut Errors) -> Listed<Reference> {
        listed(list, parse_quote!(index_fields), errors, |name, errors| {
            self.reference(&name, "index_fields", errors)
        })
    }

    /// The field that `name` names. A mistyped name is taken for the field it resembles.
    fn reference(&self, name: &Ident, key: &str, errors: &mut Errors) -> Option<Reference> {
        let wanted = case::unraw(name);
        let names: Vec<String> = self
            .fields
            .iter()
            .map(|field| case::unraw(&field.ident))
            .collect();
        let position = |wanted: &str| names.iter().position(|name| name == wanted);
        if let Some(field) = position(&wanted) {
            return Some(Reference {
                field,
                at: name.clone(),
                guessed: false,
            });
        }
        if self.known {
            let help = help::instead_of("field", &wanted, names.iter().map(String::as_str));
            errors.push(err!(name, "unknown field `{wanted}` in `{key}`"; help: help));
        }
        let near = help::nearest(&wanted, names.iter().map(String::as_str));
        let field = near.and_then(position)?;
        Some(Reference {
            field,
            at: name.clone(),
            guessed: true,
        })
    }

    /// The field whose column is the primary key.
    fn key(&self, diesel: &DieselAttr, input: &DeriveInput, errors: &mut Errors) -> Option<usize> {
        let (column, at) = match diesel.primary_key.as_deref() {
            Some([column]) => (case::unraw(column), column),
            Some([_, second, ..]) => {
                errors.push(err!(second, "a composite primary key cannot identify a row of a stream";
                    help: "give the table a key of one column and name it: `#[diesel(primary_key(id))]`"));
                return None;
            }
            Some([]) | None => ("id".to_owned(), &input.ident),
        };
        let is_key = |field: &Field| field.column.name().as_ref() == Some(&column);
        let found = self.fields.iter().position(is_key);
        if found.is_none() && self.known {
            errors.push(err!(at, "no field for the primary key `{column}`";
                help: "add the field, or name the column of another: `#[diesel(primary_key(column))]`"));
        }
        found
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

fn field(field: &syn::Field, ident: &Ident, model: &Ident, errors: &mut Errors) -> Field {
    let attrs: FieldAttr = attr::read(&field.attrs, errors);
    let diesel = diesel::read(&field.attrs, errors);
    let rename = given(attrs.rename, errors);
    let column = given(attrs.column, errors);
    Field {
        ident: ident.clone(),
        ty: ty::outside(&field.ty, model),
        name: rename.as_ref().map_or_else(
            || Spelled::new(case::unraw(ident), ident),
            |name| Spelled::new(name.text.value(), &name.text),
        ),
        column_key: column.as_ref().map(|name| name.key.clone()),
        column: match column {
            _ if diesel.computed => Column::Computed,
            Some(name) => Column::Named(name.text.value()),
            None => Column::Ident(diesel.column_name.unwrap_or_else(|| ident.clone())),
        },
        skip: flag(attrs.skip, parse_quote!(skip), errors),
        rename: rename.map(|name| name.key),
        opaque: flag(attrs.opaque, parse_quote!(opaque), errors),
        expose: flag(attrs.expose, parse_quote!(expose), errors),
    }
}
