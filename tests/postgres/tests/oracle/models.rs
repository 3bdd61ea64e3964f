//! Models that have, between them, every type with and without null, every kind of key, and
//! each of: id-only and whole rows, scope, index fields.

use bigdecimal::BigDecimal;
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use diesel::prelude::*;
use graphex::{Action, BroadcastDsl as _, ModelType};
use rust_decimal::Decimal;
use time::{OffsetDateTime, PrimitiveDateTime};
use uuid::Uuid;

use crate::oracle::{Datum, Model, Stored, model};

macro_rules! numbers {
    ($name:ident, $table:ident, $stream:literal, [$($option:tt)*],
     $key:ty => $sql:ty $(, $scope:ident($args:ident))?) => {
        model! {
            PgConnection, $name, $table, $stream, [$($option)*],
            $(scope $scope($args): small, maybe_price, flag;)?
            {
                id: $key => $sql,
                small: i16 => SmallInt,
                maybe_small: Option<i16> => Nullable<SmallInt>,
                medium: i32 => Integer,
                maybe_medium: Option<i32> => Nullable<Integer>,
                large: i64 => BigInt,
                maybe_large: Option<i64> => Nullable<BigInt>,
                real: f32 => Float,
                maybe_real: Option<f32> => Nullable<Float>,
                double: f64 => Double,
                maybe_double: Option<f64> => Nullable<Double>,
                flag: bool => Bool,
                maybe_flag: Option<bool> => Nullable<Bool>,
                price: Decimal => Numeric,
                maybe_price: Option<Decimal> => Nullable<Numeric>,
                exact: BigDecimal => Numeric,
                maybe_exact: Option<BigDecimal> => Nullable<Numeric>,
            }
        }
    };
}

macro_rules! texts {
    ($name:ident, $table:ident, $stream:literal, [$($option:tt)*],
     $key:ty => $sql:ty $(, $scope:ident($args:ident))?) => {
        model! {
            PgConnection, $name, $table, $stream, [$($option)*],
            $(scope $scope($args): text, maybe_uuid, maybe_text;)?
            {
                id: $key => $sql,
                text: String => Text,
                maybe_text: Option<String> => Nullable<Text>,
                uuid: Uuid => diesel::sql_types::Uuid,
                maybe_uuid: Option<Uuid> => Nullable<diesel::sql_types::Uuid>,
                json: serde_json::Value => Jsonb,
                maybe_json: Option<serde_json::Value> => Nullable<Jsonb>,
                list: Vec<i32> => Array<Integer>,
                maybe_list: Option<Vec<i32>> => Nullable<Array<Integer>>,
            }
        }
    };
}

macro_rules! moments {
    ($name:ident, $table:ident, $stream:literal, [$($option:tt)*],
     $key:ty => $sql:ty $(, $scope:ident($args:ident))?) => {
        model! {
            PgConnection, $name, $table, $stream, [$($option)*],
            $(scope $scope($args): time_of_day, maybe_instant, date;)?
            {
                id: $key => $sql,
                date: NaiveDate => Date,
                maybe_date: Option<NaiveDate> => Nullable<Date>,
                time_of_day: NaiveTime => Time,
                maybe_time_of_day: Option<NaiveTime> => Nullable<Time>,
                local: NaiveDateTime => Timestamp,
                maybe_local: Option<NaiveDateTime> => Nullable<Timestamp>,
                instant: DateTime<Utc> => Timestamptz,
                maybe_instant: Option<DateTime<Utc>> => Nullable<Timestamptz>,
                date_2: time::Date => Date,
                maybe_date_2: Option<time::Date> => Nullable<Date>,
                time_of_day_2: time::Time => Time,
                maybe_time_of_day_2: Option<time::Time> => Nullable<Time>,
                local_2: PrimitiveDateTime => Timestamp,
                maybe_local_2: Option<PrimitiveDateTime> => Nullable<Timestamp>,
                instant_2: OffsetDateTime => Timestamptz,
                maybe_instant_2: Option<OffsetDateTime> => Nullable<Timestamptz>,
            }
        }
    };
}

numbers!(Figure, figures, "figures", [serialize_data = false], Uuid => diesel::sql_types::Uuid);
numbers!(
    Amount,
    amounts,
    "amounts",
    [
        serialize_data,
        scope(small, optional(maybe_price), any_of(flag)),
        index_fields(small, maybe_price)
    ],
    i64 => BigInt,
    AmountScope(AmountSubscriptionArgs)
);
texts!(Remark, remarks, "remarks", [serialize_data], i64 => BigInt);
texts!(
    Label,
    labels,
    "labels",
    [
        serialize_data = false,
        scope(text, optional(maybe_uuid), any_of(maybe_text)),
        index_fields(maybe_text)
    ],
    String => Text,
    LabelScope(LabelSubscriptionArgs)
);
moments!(Moment, moments, "moments", [serialize_data = false], String => Text);
moments!(
    Visit,
    visits,
    "visits",
    [
        serialize_data,
        scope(time_of_day, optional(maybe_instant), any_of(date)),
        index_fields(date, maybe_instant)
    ],
    Uuid => diesel::sql_types::Uuid,
    VisitScope(VisitSubscriptionArgs)
);

pub(crate) fn all() -> Vec<Model<PgConnection>> {
    vec![
        Figure::describe(),
        Amount::describe(),
        Remark::describe(),
        Label::describe(),
        Moment::describe(),
        Visit::describe(),
    ]
}
