//! The standard protocols' field: a stream of events, and what they hold.

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{MetaField, MetaInputValue, MetaType, Registry};

use super::filters::register_filters;
use super::{
    ACTION, CURSOR, enumeration, field, input, object, register, register_actions, register_begin,
    register_fields, register_kind,
};
use crate::graphql::filters::output_type;
use crate::model::{FieldDescriptor, Model, Payload};

const CHANGE_ACTION: &str = "ChangeAction";

/// The registry's name of the root; no client sees it in a merged one.
pub(in crate::graphql) fn changes_root_name(model: &Model) -> String {
    format!("{}ChangesRoot", model.name)
}

/// The name of the event's type.
pub(in crate::graphql) fn change_name(model: &Model) -> String {
    format!("{}Change", model.name)
}

/// The name of the row's type.
pub(in crate::graphql) fn data_name(model: &Model) -> String {
    format!("{}Data", model.name)
}

/// Registers the root of a model's events and all it refers to; returns its name.
pub(in crate::graphql) fn register_changes(
    registry: &mut Registry,
    model: &'static Model,
    rust_name: &'static str,
) -> String {
    register_actions(registry);
    let what = "What an event tells: what happened to a row; `ENTER` and `LEAVE`, that an update \
                has made it one of the subscription's rows, or one no longer, where a change log \
                tells; `SNAPSHOT`, that the row was there when the subscription began; `RESYNC`, that changes may have been missed: load again what you show; \
                `READY`, that the subscription stands.";
    let names = [
        "CREATE", "UPDATE", "DELETE", "ENTER", "LEAVE", "SNAPSHOT", "RESYNC", "READY",
    ];
    register(registry, enumeration(CHANGE_ACTION, what, names, "Action"));
    register(registry, change(model, rust_name));
    if model.may_have_log() && model.payload == Payload::Full {
        register_fields(registry, model, rust_name);
    }
    if model.payload == Payload::Full {
        register_data(registry, model, rust_name);
    }
    let actions = MetaInputValue {
        default_value: Some("ALL_ACTIONS".to_owned()),
        ..input(
            "action",
            &format!("{ACTION}!"),
            "The actions to be told of.",
        )
    };
    let id = input("id", "ID", "Only the row with this primary key.");
    let what = "The least time between two updates of one row, in milliseconds: of those in between comes the newest, and the last always.";
    let throttle = input("throttle", "Int", what);
    let args = [actions, id].into_iter();
    let args = args.chain(register_filters(registry, model, rust_name));
    let args = args.chain(register_begin(registry, model));
    let args = args.chain([throttle]);
    let events = MetaField {
        args: args.map(|arg| (arg.name.clone(), arg)).collect(),
        ..field(
            model.changes,
            &format!("{}!", change_name(model)),
            model.description,
        )
    };
    let root = changes_root_name(model);
    let fields = IndexMap::from_iter([(events.name.clone(), events)]);
    register(registry, object(&root, "", fields, true, rust_name));
    root
}

/// One event.
fn change(model: &Model, rust_name: &'static str) -> MetaType {
    let data = (model.payload == Payload::Full).then(|| {
        let what = "The row: as written, or as it was before its deletion; null where it is not one of the subscription's.";
        field("data", &data_name(model), what)
    });
    let fields = [
        field("action", &format!("{CHANGE_ACTION}!"), "What happened."),
        field(
            "id",
            "ID",
            "The row's primary key; null in what is about no row.",
        ),
        field("model", "String!", "The model, as notifications name it."),
    ];
    let fields = fields.into_iter().chain(data).chain(logged(model));
    let fields = fields.map(|field| (field.name.clone(), field)).collect();
    let what = format!("A change of one row of {}.", model.name);
    object(&change_name(model), &what, fields, false, rust_name)
}

/// What events can tell if the model has a change log.
fn logged(model: &Model) -> Vec<MetaField> {
    if !model.may_have_log() {
        return Vec::new();
    }
    let what = "The position of the change in the change log; null where there is none.";
    let mut fields = vec![field("cursor", CURSOR, what)];
    if model.payload == Payload::Full {
        let what = "The row before an update, where the change log tells.";
        fields.push(field("before", &data_name(model), what));
        let changed = format!("[{}Fields!]", model.name);
        let what = "The fields that an update has changed, where the change log tells.";
        fields.push(field("changed", &changed, what));
    }
    fields
}

/// The row of an event: the visible fields.
fn register_data(registry: &mut Registry, model: &Model, rust_name: &'static str) {
    let visible = model.visible().map(|position| &model.fields[position]);
    let fields: IndexMap<_, _> = visible
        .map(|FieldDescriptor { name, ty, .. }| {
            register_kind(registry, ty.kind);
            let ty = output_type(*ty);
            let mut field = field(name, &ty, "");
            field.description = None;
            ((*name).to_owned(), field)
        })
        .collect();
    let what = format!("A row of {}.", model.name);
    let ty = object(&data_name(model), &what, fields, false, rust_name);
    register(registry, ty);
}
