//! Values of columns, in one form for all Rust types of a kind.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use graphex::Field;
use uuid::Uuid;

/// A value of a column, or one that a predicate compares with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// In plain notation.
    Decimal(String),
    Uuid(Uuid),
    Date(NaiveDate),
    Time(NaiveTime),
    DateTime(NaiveDateTime),
    Instant(DateTime<Utc>),
    Json(serde_json::Value),
    List(Vec<i32>),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sort {
    Bool,
    Int {
        min: i64,
        max: i64,
    },
    /// `f32`.
    Real,
    /// `f64`.
    Double,
    Text,
    /// A decimal, of 96 bits or of any size.
    Decimal {
        any_size: bool,
    },
    Uuid,
    Date(Years),
    Time,
    DateTime(Years),
    Instant(Years),
    Json,
    List,
}

impl Sort {
    /// What clients can compare a column with, which may be more than it holds.
    pub(crate) fn of_operands(self) -> Self {
        match self {
            Self::Decimal { .. } => Self::Decimal { any_size: true },
            Self::Date(_) => Self::Date(Years::More),
            Self::DateTime(_) => Self::DateTime(Years::More),
            Self::Instant(_) => Self::Instant(Years::More),
            sort => sort,
        }
    }
}

/// Which years the Rust type has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Years {
    /// Up to 9999.
    Four,
    /// Up to what PostgreSQL has, and more.
    More,
}

/// A Rust type that a column is read into.
pub(crate) trait Stored: Field {
    const SORT: Sort;
    /// The column's type in SQL.
    const SQL: &'static str;

    fn name() -> String;
    /// The value, which is one of this sort.
    fn of(datum: &Datum) -> Self;
}

impl<T: Stored> Stored for Option<T> {
    const SORT: Sort = T::SORT;
    const SQL: &'static str = T::SQL;

    fn name() -> String {
        format!("Option<{}>", T::name())
    }

    fn of(datum: &Datum) -> Self {
        (*datum != Datum::Null).then(|| T::of(datum))
    }
}

/// `type` in SQL and of a sort, made from a datum.
macro_rules! stored {
    ($($ty:ty, $name:literal, $sql:literal, $sort:expr, $pattern:pat => $value:expr;)*) => {$(
        impl $crate::oracle::Stored for $ty {
            const SORT: $crate::oracle::Sort = $sort;
            const SQL: &'static str = $sql;

            fn name() -> String {
                $name.to_owned()
            }

            fn of(datum: &$crate::oracle::Datum) -> Self {
                match datum {
                    $pattern => $value,
                    other => panic!("{other:?} in a column of {}", $name),
                }
            }
        }
    )*};
}
pub(crate) use stored;

const fn int(min: i64, max: i64) -> Sort {
    Sort::Int { min, max }
}

stored! {
    i16, "i16", "smallint", int(i16::MIN as i64, i16::MAX as i64),
        Datum::Int(value) => Self::try_from(*value).unwrap();
    i32, "i32", "integer", int(i32::MIN as i64, i32::MAX as i64),
        Datum::Int(value) => Self::try_from(*value).unwrap();
    i64, "i64", "bigint", int(i64::MIN, i64::MAX), Datum::Int(value) => *value;
    f64, "f64", "double precision", Sort::Double, Datum::Float(value) => *value;
    bool, "bool", "boolean", Sort::Bool, Datum::Bool(value) => *value;
    String, "String", "text", Sort::Text, Datum::Text(value) => value.clone();
}
