//! A change as a listener of the process has it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::change::{Action, Change, Row, Transition};
use crate::model::ModelType;
use crate::value::FromValue;

/// A changed row of the model `M`, as it was captured.
///
/// A field is had by its name, with the exact type that the model gives it; the whole row as any
/// type that serde can read, by the same names: `M` itself, if it derives `Deserialize`.
#[must_use]
pub struct TypedChange<M> {
    change: Arc<Change>,
    transition: Transition,
    _model: PhantomData<fn() -> M>,
}

/// Why a changed row is not what was asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The model has no captured field of this name.
    #[error(
        "`{model}` has no captured field `{field}`: name it as payloads do, by its Rust name or its `rename`; a field with `skip` is captured only where a scope, an index or a lookup needs it"
    )]
    Unknown {
        /// The model.
        model: &'static str,
        /// The name that was asked for.
        field: String,
    },
    /// The field holds no value of the type that was asked for.
    #[error("the field `{field}` of `{model}` holds no `{wanted}`")]
    Type {
        /// The model.
        model: &'static str,
        /// The field.
        field: String,
        /// The type.
        wanted: &'static str,
    },
    /// serde cannot make the type of the row.
    #[error("a row of `{model}` is no `{wanted}`: {error}")]
    Row {
        /// The model.
        model: &'static str,
        /// The type.
        wanted: &'static str,
        /// What serde says.
        #[source]
        error: serde_json::Error,
    },
}

impl<M> Clone for TypedChange<M> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.change), self.transition)
    }
}

impl<M> fmt::Debug for TypedChange<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedChange")
            .field("model", &self.change.model.name)
            .field("action", &self.change.action)
            .field("row", &self.change.row)
            .finish_non_exhaustive()
    }
}

impl<M> TypedChange<M> {
    /// A change that nobody has told yet.
    #[cfg(all(feature = "testing", feature = "diesel"))]
    pub(crate) fn of(change: Change) -> Self {
        Self::new(Arc::new(change), Transition::Stays)
    }

    pub(super) fn new(change: Arc<Change>, transition: Transition) -> Self {
        Self {
            change,
            transition,
            _model: PhantomData,
        }
    }
}

impl<M: ModelType> TypedChange<M> {
    /// What happened to the row.
    #[must_use]
    pub fn action(&self) -> Action {
        self.change.action
    }

    /// Whether the update made the row one of those that the listener asked for; only a change log
    /// can tell.
    #[must_use]
    pub fn enters(&self) -> bool {
        self.transition == Transition::Enters
    }

    /// Whether since the update the row is none of those that the listener asked for any more; only
    /// a change log can tell.
    #[must_use]
    pub fn leaves(&self) -> bool {
        self.transition == Transition::Leaves
    }

    /// The captured values: as written by a create or update, as they were before a delete.
    #[must_use]
    pub fn captured(&self) -> &Row {
        &self.change.row
    }

    /// The value of a field.
    ///
    /// # Errors
    ///
    /// When there is no such field, or it is of another type.
    pub fn get<T: FromValue>(&self, field: &str) -> Result<T, FieldError> {
        self.value_of(&self.change.row, field)
    }

    /// The value that a field had before an update, where a change log tells it.
    ///
    /// # Errors
    ///
    /// When there is no such field, or it is of another type.
    pub fn get_before<T: FromValue>(&self, field: &str) -> Result<Option<T>, FieldError> {
        let before = self.change.before.as_ref();
        before.map(|row| self.value_of(row, field)).transpose()
    }

    /// The primary key.
    ///
    /// # Errors
    ///
    /// When it is of another type.
    pub fn id<T: FromValue>(&self) -> Result<T, FieldError> {
        self.get(M::MODEL.fields[M::MODEL.key].name)
    }

    /// The row as a type that serde can read: `M`, or one with some of its fields. It is read from
    /// the JSON that clients get, with the hidden fields that were captured besides.
    ///
    /// # Errors
    ///
    /// When serde cannot make one of the captured values.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, FieldError> {
        let mut json = vec![b'{'];
        for (position, field) in M::MODEL.fields.iter().enumerate() {
            if position > 0 {
                json.push(b',');
            }
            crate::value::write_json_text(&mut json, field.name);
            json.push(b':');
            self.change.row.value(position).write_json(&mut json);
        }
        json.push(b'}');
        serde_json::from_slice(&json).map_err(|error| FieldError::Row {
            model: M::MODEL.name,
            wanted: std::any::type_name::<T>(),
            error,
        })
    }

    /// The row as its model.
    ///
    /// # Errors
    ///
    /// When serde cannot make it of the captured values.
    pub fn row(&self) -> Result<M, FieldError>
    where
        M: DeserializeOwned,
    {
        self.read()
    }

    fn value_of<T: FromValue>(&self, row: &Row, name: &str) -> Result<T, FieldError> {
        let model = M::MODEL;
        let field = || name.to_owned();
        let position = model.fields.iter().position(|field| field.name == name);
        let position = position.ok_or_else(|| FieldError::Unknown {
            model: model.name,
            field: field(),
        })?;
        T::from_value(row.value(position)).ok_or_else(|| FieldError::Type {
            model: model.name,
            field: field(),
            wanted: std::any::type_name::<T>(),
        })
    }
}
