//! Nothing is shown that was meant to be hidden.

use crate::case;
use crate::error::{Errors, err};
use crate::model::{Field, Model};
use crate::secret;

pub(super) fn check(model: &Model, errors: &mut Errors) {
    check_struct_is_not_hidden(model, errors);
    for (at, field) in model.fields.iter().enumerate() {
        if field.visible() {
            check_field(model, at, field, errors);
        }
    }
}

/// Another derive that asks who may see the type is no boundary here.
fn check_struct_is_not_hidden(model: &Model, errors: &mut Errors) {
    if let (Some(hidden), None, None) = (&model.hidden, &model.authorize, &model.scope) {
        errors.push(err!(hidden.at, "`{}` {} the type, and everybody may subscribe to its rows", hidden.written, hidden.verb;
            help: "say who may with `#[graphex(authorize)]`, or who sees which rows with `#[graphex(scope(...))]`"));
    }
}

/// Whoever shows a secret must say so; who says so of anything else believes in a protection
/// that is not there.
fn check_field(model: &Model, at: usize, field: &Field, errors: &mut Errors) {
    let names = [case::unraw(&field.ident), field.name.text.clone()];
    let secret = names.iter().find(|name| secret::speaks_of_secret(name));
    let out = if model.key == Some(at) {
        ""
    } else {
        "keep it on the server with `#[graphex(skip)]`, or "
    };
    let help = format!("{out}show it with `#[graphex(expose)]`");
    match (&field.hidden, secret, &field.expose) {
        (Some(hidden), _, None) => {
            errors.push(err!(hidden.at, "`{}` {} the field `{}` there, and every subscriber would see it", hidden.written, hidden.verb, names[0];
                help: help));
        }
        (None, Some(name), None) => {
            errors.push(err!(field.ident, "the name of the field `{name}` speaks of a secret, and every subscriber would see it";
                help: help));
        }
        (None, None, Some(key)) => {
            errors.push(err!(key, "`expose` does nothing here: the name `{}` does not speak of a secret", names[0];
                help: "remove `#[graphex(expose)]`; a field without it is visible"));
        }
        _ => {}
    }
}
