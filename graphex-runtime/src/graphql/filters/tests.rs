use serde_json::json;

use super::*;
use crate::model::{FieldDescriptor, Payload};
use crate::predicate::{Pins, Predicate};
use crate::value::{Field as _, FieldType};

const fn required(kind: Kind) -> FieldType {
    FieldType::required(kind)
}

static MODEL: Model = Model::sample(
    Payload::Full,
    &[
        i64::TYPE.named("id", "ID"),
        Option::<i32>::TYPE.named("room", "ROOM"),
        u64::TYPE.named("size", "SIZE"),
        f64::TYPE.named("score", "SCORE"),
        bool::TYPE.named("pinned", "PINNED"),
        String::TYPE.named("text", "TEXT"),
        required(Kind::Decimal).named("price", "PRICE"),
        required(Kind::Uuid).named("uuid", "UUID"),
        required(Kind::Date).named("day", "DAY"),
        required(Kind::Time).named("time", "TIME"),
        required(Kind::DateTime).named("local", "LOCAL"),
        required(Kind::Instant).named("created", "CREATED"),
        serde_json::Value::TYPE.named("meta", "META"),
        Vec::<i32>::TYPE.named("tags", "TAGS"),
        String::TYPE.named("password", "PASSWORD").hidden(),
        FieldDescriptor::opaque("address", "ADDRESS"),
    ],
    &[],
);

fn parse(filters: serde_json::Value) -> Result<Filters, Refusal> {
    let Sent::Object(sent) = Sent::from_json(filters).unwrap() else {
        panic!("filters are an object");
    };
    parse_filters(&MODEL, &sent, &Limits::default())
}

/// The one filter of the object, typed.
fn operand_of(filters: serde_json::Value) -> Value {
    let filters = parse(filters).unwrap();
    let mut all = filters.iter();
    let (_, operand) = all.next().unwrap();
    assert!(all.next().is_none());
    operand.clone()
}

fn refused(filters: serde_json::Value) -> String {
    parse(filters).unwrap_err().to_string()
}

#[test]
fn operands_are_typed_by_their_field_and_lookup() {
    let typed = |kind: Kind, text| kind.parse_text(text).unwrap();
    let largest = u64::MAX.to_string();
    for (filters, expected) in [
        (json!({"room": 7}), Value::Int(7)),
        (json!({"size": largest}), Value::Int(u64::MAX.into())),
        (json!({"size": u64::MAX}), Value::Int(u64::MAX.into())),
        (json!({"score": 3}), Value::Float(3.0)),
        (json!({"score__gt": -0.5}), Value::Float(-0.5)),
        (json!({"pinned": true}), Value::Bool(true)),
        (
            json!({"text__icontains": "Urgent"}),
            Value::Text("Urgent".into()),
        ),
        (json!({"price": "1.50"}), typed(Kind::Decimal, "1.5")),
        (json!({"price": 2}), typed(Kind::Decimal, "2")),
        (json!({"day__year": 2026}), Value::Int(2026)),
        (
            json!({"created__date": "2026-03-04"}),
            typed(Kind::Date, "2026-03-04"),
        ),
        (
            json!({"created__gte": "2026-03-04T06:00:00+01:00"}),
            typed(Kind::Instant, "2026-03-04T05:00:00Z"),
        ),
        (json!({"meta__isnull": false}), Value::Bool(false)),
        (
            json!({"room__in": [1, 2]}),
            Value::List(vec![Value::Int(1), Value::Int(2)]),
        ),
        (json!({"room__in": 1}), Value::List(vec![Value::Int(1)])),
        (json!({"room__in": []}), Value::List(vec![])),
        (
            json!({"price__range": [1, "1.25"]}),
            Value::List(vec![
                typed(Kind::Decimal, "1"),
                typed(Kind::Decimal, "1.25"),
            ]),
        ),
    ] {
        assert_eq!(operand_of(filters.clone()), expected, "{filters}");
    }
}

#[test]
fn floats_are_read_exactly() {
    for text in ["1e-45", "1.6777218e7", "5e-324", "1.7976931348623157e308"] {
        let variables = serde_json::from_str(&format!("{{\"score\": {text}}}")).unwrap();
        assert_eq!(operand_of(variables), Value::Float(text.parse().unwrap()));
        // How async-graphql reads a literal.
        let literal: serde_json::Number = text.parse().unwrap();
        assert_eq!(literal.as_f64(), text.parse().ok());
    }
}

#[test]
fn errors_name_the_key_and_what_it_takes() {
    for (filters, error) in [
        (
            json!({"room": "7"}),
            "the filter `room` must be an integer from -2147483648 to 2147483647",
        ),
        (
            json!({"room": 3.0}),
            "the filter `room` must be an integer from -2147483648 to 2147483647",
        ),
        (
            json!({"room": 2_147_483_648_i64}),
            "the filter `room` must be an integer from -2147483648 to 2147483647",
        ),
        (
            json!({"size": "-1"}),
            "the filter `size` must be an integer from 0 to 18446744073709551615, in a string if it is large",
        ),
        (
            json!({"room__in": [1, "2"]}),
            "the filter `room__in` must be a list, each of it an integer from -2147483648 to 2147483647",
        ),
        (
            json!({"room__in": [1, null]}),
            "the filter `room__in` must be a list, each of it an integer from -2147483648 to 2147483647",
        ),
        (
            json!({"room__range": [1]}),
            "the filter `room__range` must be a list of two, each an integer from -2147483648 to 2147483647",
        ),
        (
            json!({"price": 1.5}),
            "the filter `price` must be a decimal number in a string, as \"1.50\", or an integer",
        ),
        (
            json!({"created": "2026-03-04T05:06:07"}),
            "the filter `created` must be a date and time with its offset in a string, as \"2026-03-04T05:06:07Z\"",
        ),
        (
            json!({"pinned": 1}),
            "the filter `pinned` must be a boolean",
        ),
        (
            json!({"text__isnull": "no"}),
            "the filter `text__isnull` must be a boolean",
        ),
        (
            json!({"room": null}),
            "the filter `room` is null, and nothing compares with null; leave it out, or ask for rows without a value with `room__isnull: true`",
        ),
        (
            json!({"text__regex": "("}),
            "the filter `text__regex` is no regular expression: unclosed group",
        ),
        (
            json!({"text__iregex": "\\w{900}{900}"}),
            "the filter `text__iregex` is too large a regular expression",
        ),
        (
            json!({"text__icontain": "x"}),
            "unknown filter `text__icontain`; did you mean `text__icontains`?",
        ),
        (
            json!({"rom": 1}),
            "unknown filter `rom`; did you mean `room`?",
        ),
        (
            json!({"texts__icontains": "x"}),
            "unknown filter `texts__icontains`; did you mean `text__icontains`?",
        ),
        (
            json!({"rom__contains": 1}),
            "unknown filter `rom__contains`; did you mean `room`?",
        ),
        (json!({"zebra": 1}), "unknown filter `zebra`"),
        (
            json!({"zebra__startswith": "x"}),
            "unknown filter `zebra__startswith`",
        ),
        (json!({"password": "x"}), "unknown filter `password`"),
        (
            json!({"password__startswith": "x"}),
            "unknown filter `password__startswith`",
        ),
        (json!({"address": {}}), "unknown filter `address`"),
        (
            json!({"meta": {}}),
            "unknown filter `meta`; the lookups of `meta` are isnull",
        ),
        (
            json!({"tags__contains": 1}),
            "unknown filter `tags__contains`; the lookups of `tags` are isnull",
        ),
    ] {
        assert_eq!(refused(filters.clone()), error, "{filters}");
    }
}

#[test]
fn filters_have_a_size() {
    let many: Vec<_> = (0..3_000).collect();
    assert_eq!(
        refused(json!({ "room__in": many })),
        "the filters are too large: together their values may take 65536 bytes"
    );
    assert!(parse(json!({ "room__in": many[..1_000] })).is_ok());
}

#[test]
fn equal_filters_are_equal_however_they_are_written() {
    let one = parse(json!({"room__exact": 7, "text": "a", "room": 8})).unwrap();
    let other = parse(json!({"room": 8, "text": "a", "room__exact": 7})).unwrap();
    assert_eq!(one, other);
    assert_eq!(one.get("room"), Some(&Value::Int(7)));
    assert_ne!(one, parse(json!({"room": 8, "text": "a"})).unwrap());
    // Both must hold.
    let predicate = Predicate::new(Pins::new(), None, &one);
    assert_eq!(predicate.pinned(1), Some(&[][..]));
}

#[test]
fn the_schema_lists_what_a_field_can_be_asked() {
    let types: Vec<_> = keys(&MODEL)
        .map(|key| (key.name, graphql_type(key.operand)))
        .collect();
    let ty = |name: &str| {
        let found = types.iter().find(|(key, _)| key == name);
        found.map(|(_, ty)| ty.as_str())
    };
    assert_eq!(ty("room"), Some("Int"));
    assert_eq!(ty("room__exact"), Some("Int"));
    assert_eq!(ty("room__in"), Some("[Int!]"));
    assert_eq!(ty("size__range"), Some("[BigInt!]"));
    assert_eq!(ty("created__hour"), Some("Int"));
    assert_eq!(ty("created__date"), Some("NaiveDate"));
    assert_eq!(ty("meta__isnull"), Some("Boolean"));
    for absent in [
        "password",
        "address__isnull",
        "meta",
        "pinned__gt",
        "day__hour",
    ] {
        assert_eq!(ty(absent), None, "{absent}");
    }
}
