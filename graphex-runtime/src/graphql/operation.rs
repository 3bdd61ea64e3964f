//! What a document asks: its operation, and a subscription's root field.

use std::convert::Infallible;

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection,
};
use async_graphql::{Name, Request, ServerError, Value};

use super::filters::misnamed;
use crate::hub::Hub;

/// The required arguments that tell a two-channel subscription field from one that streams
/// events.
const TWO_CHANNEL_ARGUMENTS: [&str; 3] = ["channelId", "action", "operation"];

/// The operation of a document that a request with this `operationName` runs: the one of that
/// name, or the only one. async-graphql's parser lists a lone operation with a name as one of
/// several.
pub(super) fn operation<'d>(
    document: &'d ExecutableDocument,
    name: Option<&str>,
) -> Option<&'d OperationDefinition> {
    let operation = match (&document.operations, name) {
        (DocumentOperations::Single(operation), _) => operation,
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name)?,
        (DocumentOperations::Multiple(operations), None) => {
            let mut all = operations.values();
            all.next().filter(|_| operations.len() == 1)?
        }
    };
    Some(&operation.node)
}

/// The root field of a subscription.
pub(super) struct Root(Field);

impl Root {
    /// The one root field of a subscription.
    pub(super) fn of(operation: &OperationDefinition) -> Result<Self, ServerError> {
        let items = &operation.selection_set.node.items;
        match items.as_slice() {
            [one] => match &one.node {
                Selection::Field(field) => Ok(Self(field.node.clone())),
                // async-graphql subscribes to plain root fields only and ignores the rest.
                _ => Err(ServerError::new(
                    "the root field of a subscription must be written without a fragment",
                    Some(one.pos),
                )),
            },
            items => Err(ServerError::new(
                "a subscription must have exactly one root field; send one request for each",
                items.get(1).map(|second| second.pos),
            )),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.0.name.node
    }

    pub(super) fn is_two_channel(&self) -> bool {
        let required = |name| self.0.get_argument(name).is_some();
        TWO_CHANNEL_ARGUMENTS.into_iter().all(required)
    }

    /// The error for a filter that the field's model does not have.
    pub(super) fn unknown_filter(&self, request: &Request, hub: &Hub) -> Option<ServerError> {
        let filters = self.0.get_argument("filters")?;
        let model = hub.model_of_field(self.name())?;
        let variable = |name| request.variables.get(&name).cloned().unwrap_or_default();
        let sent = filters.node.clone();
        let sent = sent.into_const_with(|name| Ok::<_, Infallible>(variable(name)));
        let Ok(Value::Object(sent)) = sent else {
            return None;
        };
        let message = misnamed(model, sent.keys().map(Name::as_str))?;
        Some(ServerError::new(message, Some(filters.pos)))
    }
}
