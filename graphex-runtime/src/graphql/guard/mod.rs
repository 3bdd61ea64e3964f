//! The guard in front of every parse and every execution: nothing reaches a schema but a
//! [`Guarded`] request, and only the guard makes one.

mod extension;
mod lexer;
mod outline;
mod parsed;
mod text;

use std::any::TypeId;

use async_graphql::parser::types::{ExecutableDocument, OperationType};
use async_graphql::{Data, ErrorExtensionValues, Request, ServerError};

pub use extension::DocumentGuard;

use self::outline::Outline;
use super::operation::{Root, operation};
#[cfg(feature = "axum")]
use super::size::executing_bytes;
use crate::error::Unfit;
use crate::hub::Hub;
use crate::limits::Limits;

/// A request that the guard has looked at.
pub(crate) struct Guarded {
    pub(super) request: Request,
    /// What it asks, or why it is not executed.
    pub(super) asked: Result<Asked, ServerError>,
}

/// What a request asks.
pub(super) enum Asked {
    Query,
    Mutation,
    /// With its root field, or what is wrong with it.
    Subscription(Result<Root, ServerError>),
    /// No operation that the document has, or what an extension of the schema brings: persisted
    /// queries.
    Unknown,
}

impl Guarded {
    /// Looks at a request with the limits of this hub, which counts a refused one; without a hub,
    /// with the default limits.
    pub(crate) fn new(mut request: Request, hub: Option<&Hub>) -> Self {
        let is_brought = request.query.is_empty()
            && !request.extensions.is_empty()
            // It may have been parsed before.
            && request.parsed_query().is_err();
        let asked = if is_brought {
            Ok(Asked::Unknown)
        } else {
            let name = request.operation_name.clone();
            admit(&mut request, hub).map(|document| Asked::of(document, name.as_deref()))
        };
        Self { request, asked }
    }

    /// What resolvers and hooks find.
    #[cfg(feature = "axum")]
    pub(crate) const fn data_mut(&mut self) -> &mut Data {
        &mut self.request.data
    }

    /// About what the executor keeps of the request while it runs, in bytes.
    #[cfg(feature = "axum")]
    pub(crate) fn executing_bytes(&self) -> usize {
        executing_bytes(&self.request)
    }

    /// Whether this subscribes to a stream of events, by more than one response.
    #[cfg(feature = "axum")]
    pub(crate) fn is_event_stream(&self) -> bool {
        matches!(&self.asked, Ok(Asked::Subscription(Ok(root))) if !root.is_two_channel())
    }

    /// Whether this is an operation that is no query.
    #[cfg(feature = "axum")]
    pub(crate) const fn is_no_query(&self) -> bool {
        matches!(self.asked, Ok(Asked::Mutation | Asked::Subscription(_)))
    }
}

impl Asked {
    fn of(document: &ExecutableDocument, name: Option<&str>) -> Self {
        let Some(operation) = operation(document, name) else {
            return Self::Unknown;
        };
        match operation.ty {
            OperationType::Query => Self::Query,
            OperationType::Mutation => Self::Mutation,
            OperationType::Subscription => Self::Subscription(Root::of(operation)),
        }
    }
}

/// The hub that is among these data.
pub(crate) fn hub_in(data: &Data) -> Option<&Hub> {
    data.get(&TypeId::of::<Hub>())?.downcast_ref()
}

/// Parses a request's document, if it is fit for that and for being executed.
fn admit<'r>(
    request: &'r mut Request,
    hub: Option<&Hub>,
) -> Result<&'r ExecutableDocument, ServerError> {
    admit_text(&request.query, hub)?;
    // The text may have been read otherwise than the parser reads it, and there may be none.
    let variables = std::mem::take(&mut request.variables);
    let name = request.operation_name.clone();
    let checked = request.parsed_query().map(|document| {
        let outline = parsed::read(document, name.as_deref(), &variables);
        with_limits(hub, |limits| fits(&outline, limits))
    });
    request.variables = variables;
    checked?.map_err(|unfit| refuse(&unfit, hub))?;
    request.parsed_query()
}

/// Refuses a text that the parser must not see.
fn admit_text(text: &str, hub: Option<&Hub>) -> Result<(), ServerError> {
    let fit = with_limits(hub, |limits| {
        text::read(text, limits).and_then(|outline| fits(&outline, limits))
    });
    fit.map_err(|unfit| refuse(&unfit, hub))
}

fn with_limits<T>(hub: Option<&Hub>, check: impl FnOnce(&Limits) -> T) -> T {
    match hub {
        Some(hub) => check(hub.limits()),
        None => check(&Limits::default()),
    }
}

fn refuse(unfit: &Unfit, hub: Option<&Hub>) -> ServerError {
    tracing::debug!(%unfit, "a document is not executed");
    if let Some(hub) = hub {
        hub.count_refused_document();
    }
    let mut error = ServerError::new(unfit.to_string(), None);
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", unfit.code());
    error.extensions = Some(extensions);
    error
}

fn fits(outline: &Outline<'_>, limits: &Limits) -> Result<(), Unfit> {
    let size = outline.size().map_err(|name| Unfit::Cycle {
        name: name.to_owned(),
    })?;
    let within = |size: usize, limit: usize, unfit: fn(usize) -> Unfit| {
        if size <= limit {
            Ok(())
        } else {
            Err(unfit(limit))
        }
    };
    within(size.nesting, limits.document_nesting, |limit| {
        Unfit::Nesting { limit }
    })?;
    within(size.tokens, limits.document_tokens, |limit| Unfit::Tokens {
        limit,
    })?;
    within(size.selections, limits.document_selections, |limit| {
        Unfit::Selections { limit }
    })?;
    within(size.aliases, limits.document_aliases, |limit| {
        Unfit::Aliases { limit }
    })?;
    within(size.values, limits.document_values, |limit| Unfit::Values {
        limit,
    })?;
    within(
        size.introspection,
        limits.introspection_selections,
        |limit| Unfit::Introspection { limit },
    )?;
    within(size.lists, limits.introspection_lists, |limit| {
        Unfit::IntrospectionLists { limit }
    })
}

#[cfg(test)]
mod tests;
