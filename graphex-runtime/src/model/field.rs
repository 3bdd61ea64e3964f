//! A captured field as data.

use crate::value::{Described, FieldType, Kind, Logged, Value};

/// A captured field of a model.
#[derive(Debug)]
pub struct FieldDescriptor {
    /// The key of the field in payloads and topics: its Rust name, or `rename = "…"`.
    pub name: &'static str,
    /// The field's value of the `<Model>Fields` enum.
    pub graphql: &'static str,
    /// The column's name in SQL, where the field has one of its own.
    pub column: Option<&'static str>,
    /// What values it holds.
    pub ty: FieldType,
    /// What reads it back from a change log; by its type where there is nothing.
    #[doc(hidden)]
    pub from_log: Option<fn(&Logged<'_>) -> Option<Value>>,
    /// Whether each of its values is the column's own, so that SQL compares them alike.
    #[doc(hidden)]
    pub is_plain: bool,
    /// Whether it never leaves the server (`skip`).
    pub hidden: bool,
    /// Whether it goes through serde, so that nothing is known of its values (`opaque`).
    pub opaque: bool,
}

impl FieldDescriptor {
    /// A visible field that goes through serde.
    #[must_use]
    pub const fn opaque(name: &'static str, graphql: &'static str) -> Self {
        let ty = FieldType {
            kind: Kind::Json,
            nullable: true,
        };
        Self {
            opaque: true,
            ..ty.named(name, graphql)
        }
    }

    /// The same field, in a column of this name.
    #[must_use]
    pub const fn in_column(mut self, name: &'static str) -> Self {
        self.column = Some(name);
        self
    }

    /// The same field, in a column of Diesel's.
    #[cfg(feature = "diesel")]
    #[must_use]
    pub const fn column<C: diesel::Column>(self) -> Self {
        self.in_column(C::NAME)
    }

    /// Without Diesel nothing is known of its columns.
    #[cfg(not(feature = "diesel"))]
    #[must_use]
    pub const fn column<C>(self) -> Self {
        self
    }

    /// The same field, kept on the server.
    #[must_use]
    pub const fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }
}

impl Described {
    /// A visible field. Generated code writes `<T as Field>::DESCRIBED.named(…)`: rustc then words
    /// a missing impl as it does for the capture of the value, and reports it once.
    #[must_use]
    pub const fn named(self, name: &'static str, graphql: &'static str) -> FieldDescriptor {
        FieldDescriptor {
            from_log: Some(self.from_log),
            is_plain: self.is_plain,
            ..self.ty.named(name, graphql)
        }
    }
}

impl FieldType {
    /// A visible field of this type, read back from a change log by it.
    #[doc(hidden)]
    #[must_use]
    pub const fn named(self, name: &'static str, graphql: &'static str) -> FieldDescriptor {
        FieldDescriptor {
            name,
            graphql,
            column: None,
            ty: self,
            from_log: None,
            is_plain: true,
            hidden: false,
            opaque: false,
        }
    }
}
