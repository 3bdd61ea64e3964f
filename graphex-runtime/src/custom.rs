//! Custom lookups: what a row cannot tell by itself.

use std::fmt;
use std::pin::Pin;

use async_graphql::{Data, Error, Result};

use crate::change::{Action, Row};
use crate::value::{FieldType, Value};

/// One entry of `lookup(…)`.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct CustomLookup {
    /// Its key in the filters.
    pub name: &'static str,
    /// What it compares with.
    pub operand: FieldType,
    /// Whether a row matches an operand.
    pub evaluate: for<'a> fn(&'a LookupContext<'a>, &'a Row, &'a Value) -> LookupFuture<'a>,
}

#[doc(hidden)]
pub type LookupFuture<'a> = Pin<Box<dyn Future<Output = Result<bool>> + Send + 'a>>;

impl fmt::Debug for CustomLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CustomLookup").field(&self.name).finish()
    }
}

/// What a custom lookup can use: the hub's data, and what happened to the row.
///
/// There is no request at delivery, so no user either: one answer serves all subscribers with
/// the same operand.
#[derive(Debug)]
pub struct LookupContext<'a> {
    data: &'a Data,
    action: Action,
}

impl<'a> LookupContext<'a> {
    pub(crate) fn new(data: &'a Data, action: Action) -> Self {
        Self { data, action }
    }

    /// What happened to the row.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// What [`HubBuilder::data`](crate::HubBuilder::data) was given of this type, for example
    /// a pool of connections.
    ///
    /// # Errors
    ///
    /// When it was given nothing of this type.
    pub fn data<T: Send + Sync + 'static>(&self) -> Result<&'a T> {
        let found = self.data.get(&std::any::TypeId::of::<T>());
        found.and_then(|data| data.downcast_ref()).ok_or_else(|| {
            let name = std::any::type_name::<T>();
            Error::new(format!(
                "no `{name}` in the hub; add `.data(…)` to `Hub::builder()`"
            ))
        })
    }
}
