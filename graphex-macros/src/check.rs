//! Rules that span several keys or fields. Each is one function; each reports all it finds.

mod lookups;
mod secrets;
mod table;

use std::collections::HashMap;

use crate::attr::value::ScopeForm;
use crate::case::{self, is_graphql_name, upper_snake};
use crate::error::{Errors, err};
use crate::help;
use crate::model::{Field, Model, Payload, Reference, ScopeEntry, Spelled};

pub(crate) fn check(model: &Model, errors: &mut Errors) {
    check_stream_name(model, errors);
    check_graphql_names(model, errors);
    check_entries_differ(model, errors);
    check_index_has_scope(model, errors);
    check_index_in_scope(model, errors);
    check_scope_is_comparable(model, errors);
    check_key_is_sent(model, errors);
    check_skip_stands_alone(model, errors);
    check_field_names(model, errors);
    check_field_names_differ(model, errors);
    check_enum_values_differ(model, errors);
    lookups::check(model, errors);
    table::check(model, errors);
    secrets::check(model, errors);
}

/// Stream names are parts of topics and of clients' code.
fn check_stream_name(model: &Model, errors: &mut Errors) {
    let Spelled { text, at } = &model.stream;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if text.len() > 64 {
        errors.push(err!(at, "a stream's name of {} characters is too long", text.chars().count(); help: help::STREAM_NAME));
    } else if let Some(bad) = text.chars().find(|&c| !legal(c)) {
        errors.push(err!(at, "a stream's name cannot hold `{bad}`"; help: help::STREAM_NAME));
    }
}

/// The prefix of the type names, and the subscription's field unless it follows from a bad prefix.
fn check_graphql_names(model: &Model, errors: &mut Errors) {
    let Spelled { text, at } = &model.name;
    if !is_graphql_name(text) {
        errors.push(err!(at, "`{text}` is no name for GraphQL types";
            help: format!("{}; choose one with `#[graphex(name = \"Message\")]`", help::GRAPHQL_NAME)));
    } else if !is_graphql_name(&model.field.text) {
        errors.push(bad_field_name(&model.field));
    } else if model.field.text == model.changes_field() {
        let Spelled { text, at } = &model.field;
        errors.push(
            err!(at, "`{text}` is the field of `{}`", model.changes_ident();
            help: help::form("field")),
        );
    }
}

fn bad_field_name(field: &Spelled) -> syn::Error {
    let Spelled { text, at } = field;
    err!(at, "`{text}` is no name for a GraphQL field";
        help: format!("{}; choose one with `#[graphex(field = \"messageSubscription\")]`", help::GRAPHQL_NAME))
}

fn check_entries_differ(model: &Model, errors: &mut Errors) {
    let scope = model.scope_entries().iter().map(|entry| &entry.field);
    report_repeated("scope", scope, errors);
    report_repeated("index_fields", model.index_entries().iter(), errors);
}

fn report_repeated<'a>(
    key: &str,
    references: impl Iterator<Item = &'a Reference>,
    errors: &mut Errors,
) {
    let mut seen = Vec::new();
    for Reference { field, at, guessed } in references {
        if seen.contains(field) && !guessed {
            errors
                .push(err!(at, "duplicate field `{at}` in `{key}`"; help: "remove one of the two"));
        }
        seen.push(*field);
    }
}

/// Without a scope the server pins nothing, so no subscriber could be routed by an index.
fn check_index_has_scope(model: &Model, errors: &mut Errors) {
    let (Some(index), None, false) = (&model.index, &model.scope, model.fields.is_empty()) else {
        return;
    };
    let fields: Vec<String> = index
        .entries
        .iter()
        .map(|entry| model.spell(entry.field))
        .collect();
    let scope = if fields.is_empty() {
        "...".to_owned()
    } else {
        fields.join(", ")
    };
    errors.push(err!(index.key, "`index_fields` without `scope`";
        help: format!("add `scope({scope})`: the fields that the server pins for each subscriber")));
}

/// A subscriber listens on the narrow topic only when its scope pins each index field.
fn check_index_in_scope(model: &Model, errors: &mut Errors) {
    let (Some(index), Some(scope)) = (&model.index, &model.scope) else {
        return;
    };
    let pinned = |field| scope.entries.iter().any(|entry| entry.field.field == field);
    for Reference { field, at, .. } in index.entries.iter().filter(|entry| !pinned(entry.field)) {
        if scope.complete {
            errors.push(err!(at, "the index field `{at}` is not in the scope";
                help: format!("write `{}`", scope_with(model, &scope.entries, *field))));
        }
    }
}

fn scope_with(model: &Model, entries: &[ScopeEntry], added: usize) -> String {
    let spelled = entries.iter().map(|entry| {
        let field = model.spell(entry.field.field);
        match entry.form {
            ScopeForm::Required | ScopeForm::Unknown => field,
            ScopeForm::Optional => format!("optional({field})"),
            ScopeForm::AnyOf => format!("any_of({field})"),
        }
    });
    let all: Vec<String> = spelled.chain([model.spell(added)]).collect();
    format!("scope({})", all.join(", "))
}

/// An opaque value is known only to serde, so nothing can be compared with it.
fn check_scope_is_comparable(model: &Model, errors: &mut Errors) {
    let scope = model
        .scope_entries()
        .iter()
        .map(|entry| ("scope", &entry.field));
    let index = model
        .index_entries()
        .iter()
        .map(|entry| ("index_fields", entry));
    for (key, Reference { field, at, .. }) in scope.chain(index) {
        if model.fields[*field].opaque.is_some() {
            errors.push(
                err!(at, "the field `{at}` in `{key}` is `opaque`, so it cannot be compared";
                help: "implement `Field` for its type and remove `#[graphex(opaque)]`"),
            );
        }
    }
}

/// Each notification carries the key, and `id` compares with it.
fn check_key_is_sent(model: &Model, errors: &mut Errors) {
    let Some(field) = model.key.and_then(|key| model.fields.get(key)) else {
        return;
    };
    for (word, key) in [("skip", &field.skip), ("opaque", &field.opaque)] {
        if let Some(key) = key {
            errors.push(
                err!(key, "the primary key cannot be `{word}`: every notification carries it";
                help: format!("remove `#[graphex({word})]`")),
            );
        }
    }
}

/// Nothing else can be said of a field that is never sent.
fn check_skip_stands_alone(model: &Model, errors: &mut Errors) {
    for field in model.fields.iter().filter(|field| !field.visible()) {
        let others = [
            ("rename", &field.rename),
            ("opaque", &field.opaque),
            ("expose", &field.expose),
        ];
        for (word, key) in others {
            if let Some(key) = key {
                errors.push(
                    err!(key, "`{word}` on a field that is never sent: it has `skip`";
                    help: "remove one of the two"),
                );
            }
        }
    }
}

/// Names of payload keys, of enum values and of filters.
fn check_field_names(model: &Model, errors: &mut Errors) {
    for Spelled { text, at } in model.visible().map(|field| &field.name) {
        if text.contains("__") {
            errors.push(
                err!(at, "`__` in the field name `{text}` would end a name and begin a lookup";
                help: "give it another name: `#[graphex(rename = \"...\")]`"),
            );
        } else if !is_graphql_name(text) {
            errors.push(err!(at, "`{text}` is no GraphQL name";
                help: format!("{}; give the field one with `#[graphex(rename = \"...\")]` or leave it out with `#[graphex(skip)]`", help::GRAPHQL_NAME)));
        }
    }
}

/// A payload has each key once; so has a topic, which hidden fields are part of.
fn check_field_names_differ(model: &Model, errors: &mut Errors) {
    let mut owners: HashMap<&str, &Field> = HashMap::new();
    for (_, field) in model.described() {
        let name = field.name.text.as_str();
        let Some(owner) = owners.insert(name, field) else {
            continue;
        };
        let renamed = if field.rename.is_some() { field } else { owner };
        errors.push(err!(renamed.name.at, "two fields are called `{name}`: `{}` and `{}`", owner.ident, field.ident;
            help: "rename one of the two"));
    }
}

/// `data: [TEXT]` and `MessageFields::Text` must name one field each.
fn check_enum_values_differ(model: &Model, errors: &mut Errors) {
    if model.payload == Payload::IdOnly {
        return;
    }
    let mut values: HashMap<String, &Field> = HashMap::new();
    let mut variants: HashMap<String, &Field> = HashMap::new();
    for field in model.visible() {
        let value = upper_snake(&field.name.text);
        let variant = case::variant(&field.ident).to_string();
        let same_value = values.insert(value.clone(), field);
        let same_variant = variants.insert(variant.clone(), field);
        // Two fields with one name have been reported.
        let reported = |other: &&Field| other.name.text == field.name.text;
        if let Some(other) = same_value.filter(|other| !reported(other)) {
            errors.push(err!(field.name.at, "the fields `{}` and `{}` are both `{value}` in `{}`", other.name.text, field.name.text, model.fields_ident();
                help: "give one of them another name: `#[graphex(rename = \"...\")]`"));
        } else if let Some(other) = same_variant.filter(|other| !reported(other)) {
            errors.push(err!(field.ident, "the fields `{}` and `{}` are both `{}::{variant}`", other.ident, field.ident, model.fields_ident();
                help: "rename one of the two in Rust, or leave it out with `#[graphex(skip)]`"));
        }
    }
}
