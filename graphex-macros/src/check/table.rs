//! Rules of the table and its columns.

use crate::error::{Errors, err};
use crate::help;
use crate::model::Model;

pub(super) fn check(model: &Model, errors: &mut Errors) {
    check_table_is_named_once(model, errors);
    check_columns_are_named_where_the_table_is(model, errors);
    check_columns_are_of_use(model, errors);
}

/// Of two names one would be wrong some day.
fn check_table_is_named_once(model: &Model, errors: &mut Errors) {
    if let (Some(table), Some(_)) = (&model.named_table, &model.diesel_table) {
        errors.push(
            err!(table.key, "the table is named twice: here and by `#[diesel(table_name = ...)]`";
            help: "remove `table`, which is for models without a table of Diesel's"),
        );
    }
}

/// A name in SQL stands in Diesel's `table!`, where there is one.
fn check_columns_are_named_where_the_table_is(model: &Model, errors: &mut Errors) {
    let help = match (&model.named_table, &model.diesel_table) {
        (Some(_), _) => return,
        (None, Some(_)) => help::form("column_name"),
        (None, None) => format!("name the table too: {}", help::form("table")),
    };
    for key in model
        .fields
        .iter()
        .filter_map(|field| field.column_key.as_ref())
    {
        errors.push(err!(key, "`column` without `table`"; help: &help));
    }
}

/// A field that is neither sent nor needed is not read.
fn check_columns_are_of_use(model: &Model, errors: &mut Errors) {
    for (at, field) in model.fields.iter().enumerate() {
        if let (Some(key), false) = (&field.column_key, model.is_described(at)) {
            errors.push(
                err!(key, "`column` on a field that is never read: it has `skip`";
                help: "remove one of the two"),
            );
        }
    }
}
