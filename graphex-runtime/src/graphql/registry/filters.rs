//! The input type of a model's filters.

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{MetaInputValue, MetaType, Registry};

use super::{input, register, register_kind};
use crate::filters::{Target, keys};
use crate::graphql::filters::{graphql_type, named_kind};
use crate::model::Model;

/// Registers the input type of a model's filters and the scalars it refers to; the argument
/// that takes it. A model without a filter has no such argument.
pub(super) fn register_filters(
    registry: &mut Registry,
    model: &'static Model,
    rust_name: &'static str,
) -> Option<MetaInputValue> {
    let fields: IndexMap<_, _> = keys(model)
        .map(|key| {
            let ty = graphql_type(key.operand);
            register_kind(registry, named_kind(key.operand));
            let what = match key.target {
                Target::Field(_, lookup) => lookup.summary(),
                Target::Custom(_) => "",
            };
            (key.name.clone(), input(&key.name, &ty, what))
        })
        .collect();
    if fields.is_empty() {
        return None;
    }
    let name = format!("{}Filters", model.name);
    let ty = MetaType::InputObject {
        name: name.clone(),
        description: Some(format!(
            "What rows of {} have to satisfy: everything that is given.",
            model.name
        )),
        input_fields: fields,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        rust_typename: Some(rust_name),
        oneof: false,
        directive_invocations: Vec::new(),
    };
    register(registry, ty);
    Some(input("filters", &name, "What the rows have to satisfy."))
}
