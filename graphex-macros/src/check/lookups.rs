//! Rules of `lookup(...)`.

use std::collections::HashSet;

use super::report_repeated;
use crate::case::is_graphql_name;
use crate::error::{Errors, err};
use crate::help;
use crate::model::{Model, Reference, Spelled};

pub(super) fn check(model: &Model, errors: &mut Errors) {
    check_lookup_names(model, errors);
    check_lookup_names_differ(model, errors);
    check_lookups_are_no_filters_of_fields(model, errors);
    check_lookup_arguments_differ(model, errors);
    check_lookup_arguments_can_be_had_back(model, errors);
}

/// Names of filters. Inside of one `__` is welcome: `author__name` reads like the lookup of a
/// relation, and no field can be called so.
fn check_lookup_names(model: &Model, errors: &mut Errors) {
    for Spelled { text, at } in model.lookups().iter().map(|lookup| &lookup.name) {
        if !is_graphql_name(text) {
            errors.push(err!(at, "`{text}` is no GraphQL name"; help: help::GRAPHQL_NAME));
        }
    }
}

fn check_lookup_names_differ(model: &Model, errors: &mut Errors) {
    let mut seen = HashSet::new();
    for Spelled { text, at } in model.lookups().iter().map(|lookup| &lookup.name) {
        if !seen.insert(text) {
            errors.push(err!(at, "duplicate lookup `{text}`"; help: "remove one of the two"));
        }
    }
}

/// `filters: { text: "urgent" }` must mean one thing.
fn check_lookups_are_no_filters_of_fields(model: &Model, errors: &mut Errors) {
    for Spelled { text, at } in model.lookups().iter().map(|lookup| &lookup.name) {
        for field in model.visible().map(|field| field.name.text.as_str()) {
            if text == field {
                errors.push(
                    err!(at, "the lookup `{text}` is called like a field, which is a filter itself";
                    help: "give the lookup another name"),
                );
            } else if is_lookup_of(field, text, model.patterns) {
                errors.push(err!(at, "the lookup `{text}` is called like one that the field `{field}` has by itself";
                    help: "give the lookup another name"));
            }
        }
    }
}

fn is_lookup_of(field: &str, name: &str, patterns: bool) -> bool {
    let rest = name.strip_prefix(field);
    let lookup = rest.and_then(|rest| rest.strip_prefix("__"));
    lookup.is_some_and(|lookup| {
        help::LOOKUPS.contains(&lookup) && (patterns || !help::PATTERNS.contains(&lookup))
    })
}

/// Nobody gives a function the same value twice on purpose.
fn check_lookup_arguments_differ(model: &Model, errors: &mut Errors) {
    for lookup in model.lookups() {
        report_repeated("lookup", lookup.args.iter().flatten(), errors);
    }
}

/// An opaque value is what serde made of it. That a primary key is opaque has been reported.
fn check_lookup_arguments_can_be_had_back(model: &Model, errors: &mut Errors) {
    let args = model.lookups().iter().flat_map(|lookup| &lookup.args);
    for Reference { field, at, .. } in args.flatten() {
        if model.fields[*field].opaque.is_some() && model.key != Some(*field) {
            errors.push(
                err!(at, "the field `{at}` in `lookup` is `opaque`, so no function can have it back";
                help: "implement `Field` and `FromValue` for its type and remove `#[graphex(opaque)]`"),
            );
        }
    }
}
