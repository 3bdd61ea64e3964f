//! The two-channel protocol's field: its arguments and its answer.

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{MetaField, MetaType, Registry};

use super::filters::register_filters;
use super::{
    ACTION, enumeration, field, input, object, register, register_actions, register_begin,
    register_fields,
};
use crate::change::SubscriptionOperation;
use crate::model::{Model, Payload};

const OPERATION: &str = "OperationSubscriptionEnum";

/// The registry's name of the two-channel root; its field's output has the plain one.
pub(in crate::graphql) fn subscription_root_name(model: &Model) -> String {
    format!("{}SubscriptionRoot", model.name)
}

/// The name of the confirmation's type.
pub(in crate::graphql) fn confirmation_name(model: &Model) -> String {
    format!("{}Subscription", model.name)
}

/// Registers the two-channel root of a model and all it refers to; returns its name.
pub(in crate::graphql) fn register_subscription(
    registry: &mut Registry,
    model: &'static Model,
    rust_name: &'static str,
) -> String {
    let root = subscription_root_name(model);
    register_actions(registry);
    let names = SubscriptionOperation::VALUES.map(|(name, _)| name);
    let what = "Whether to start or to end a subscription.";
    register(
        registry,
        enumeration(OPERATION, what, names, "SubscriptionOperation"),
    );
    register(registry, confirmation(model, rust_name));
    let mut args = vec![
        input(
            "channelId",
            "String!",
            "The `channel_id` from the WebSocket's first frame.",
        ),
        input(
            "action",
            "ActionSubscriptionEnum!",
            "The actions to be told of.",
        ),
        input(
            "operation",
            "OperationSubscriptionEnum!",
            "Subscribe or unsubscribe.",
        ),
        input("id", "ID", "Only the row with this primary key."),
    ];
    args.extend(register_filters(registry, model, rust_name));
    if model.payload == Payload::Full {
        let name = register_fields(registry, model, rust_name);
        args.push(input(
            "data",
            &format!("[{name}]"),
            "The fields to send; all of them if it is left out.",
        ));
    }
    args.extend(register_begin(registry, model));
    let field = MetaField {
        args: args
            .into_iter()
            .map(|arg| (arg.name.clone(), arg))
            .collect(),
        ..field(model.field, &confirmation_name(model), model.description)
    };
    let fields = IndexMap::from_iter([(field.name.clone(), field)]);
    register(registry, object(&root, "", fields, true, rust_name));
    root
}

/// The answer to a subscribe or unsubscribe.
fn confirmation(model: &Model, rust_name: &'static str) -> MetaType {
    let fields = [
        field("ok", "Boolean", "Whether it was done."),
        field("error", "String", "Why it was not done."),
        field("stream", "String", "The stream."),
        field("operation", OPERATION, "The operation asked for."),
        field("action", ACTION, "The action asked for."),
    ];
    let fields = fields
        .into_iter()
        .map(|field| (field.name.clone(), field))
        .collect();
    let what = format!("The answer to `{}`.", model.field);
    object(&confirmation_name(model), &what, fields, false, rust_name)
}
