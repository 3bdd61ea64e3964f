use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::change::{Action, Change, Row};
use crate::model::{FieldDescriptor, Model, Payload};
use crate::node::NodeId;
use crate::value::{
    Date, DateTime, Decimal, Field as _, FieldType, Instant, Kind as ValueKind, Time, Value,
};

const ORIGIN: Origin = Origin {
    node: NodeId(7),
    number: 9,
};

static MODEL: Model = Model::sample(
    Payload::Full,
    &[
        i64::TYPE.named("id", "ID"),
        Option::<String>::TYPE.named("text", "TEXT"),
    ],
    &[],
);

/// A later version of it: `text` is gone, `tag` and `pinned` are new.
static LATER: Model = Model::sample(
    Payload::Full,
    &[
        i64::TYPE.named("id", "ID"),
        Option::<String>::TYPE.named("tag", "TAG"),
        bool::TYPE.named("pinned", "PINNED"),
    ],
    &[],
);

fn change(model: &'static Model, values: impl Into<Vec<Value>>) -> Arc<Change> {
    Arc::new(Change {
        model,
        action: Action::Update,
        row: Row::new(values.into()),
        before: None,
        cursor: None,
        position: None,
        published: false,
        received: crate::measure::Stamp::now(),
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

/// The rows of a message, as this model has them.
fn rows(message: &[u8], model: &'static Model) -> Result<Vec<Row>, Unreadable> {
    let (kind, parts) = open(message)?;
    // Another kind would be read as such.
    if kind != Kind::Changes {
        return Err(Unreadable::Garbage);
    }
    let changes = Changes::read(parts)?.changes(model)?;
    Ok(changes.into_iter().map(|change| change.row).collect())
}

/// `PartialEq` for values is the one of predicates: this is exact.
fn exact(value: &Value) -> String {
    format!("{value:?}")
}

fn value() -> impl Strategy<Value = Value> {
    let number = prop_oneof![any::<i128>(), -300..300_i128];
    let json = prop_oneof![
        any::<f64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
        any::<(String, i64)>().prop_map(|(key, number)| serde_json::json!({key: [number, null]})),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number.prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        any::<String>().prop_map(Value::Text),
        "-?[0-9]{1,40}(\\.[0-9]{1,40})?"
            .prop_map(|text| Value::Decimal(Decimal::new(text).unwrap())),
        any::<[u8; 16]>().prop_map(Value::Uuid),
        any::<i64>().prop_map(|days| Value::Date(Date { days })),
        any::<u64>().prop_map(|nanos| Value::Time(Time { nanos })),
        any::<(i64, u64)>().prop_map(|(days, nanos)| Value::DateTime(DateTime {
            date: Date { days },
            time: Time { nanos },
        })),
        any::<(i64, u32)>().prop_map(|(seconds, nanos)| Value::Instant(Instant { seconds, nanos })),
        json.prop_map(|json| Value::Json(Arc::new(json))),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| vec(inner, 0..4).prop_map(Value::List))
}

proptest! {
    #[test]
    fn every_value_comes_back_exactly(value in value()) {
        let mut written = Writer::default();
        written.value(&value);
        let bytes = written.finish();
        let mut left = Reader::new(&bytes);
        prop_assert_eq!(exact(&left.value().unwrap()), exact(&value));
        prop_assert!(left.is_empty());
        let mut skipped = Reader::new(&bytes);
        skipped.skip_value().unwrap();
        prop_assert!(skipped.is_empty());
    }

    #[test]
    fn changes_come_back_in_order(ids in vec(any::<i64>(), 1..20), number in any::<u64>()) {
        let row = |id: &i64| [Value::Int((*id).into()), text(&"x".repeat(200))];
        let changes: Vec<_> = ids.iter().map(|id| change(&MODEL, row(id))).collect();
        let origin = Origin { number, ..ORIGIN };
        let message = write_changes(origin, &changes);
        let (_, parts) = open(&message).unwrap();
        let read = Changes::read(parts).unwrap();
        prop_assert_eq!((read.origin, read.stream), (origin, "messages"));
        let read = read.changes(&MODEL).unwrap();
        prop_assert!(read.iter().all(|change| change.action == Action::Update));
        let read: Vec<_> = read.into_iter().map(|change| change.row).collect();
        prop_assert_eq!(read, changes.iter().map(|change| change.row.clone()).collect::<Vec<_>>());
    }

    #[test]
    fn a_request_comes_back(
        id in proptest::option::of(value()),
        filters in vec((any::<String>(), value()), 0..3),
        scope in vec((any::<String>(), vec(value(), 0..3)), 0..3),
        data in proptest::option::of(vec(any::<String>(), 0..3)),
        identity in proptest::option::of(any::<String>()),
        left in proptest::option::of(any::<u64>()),
        after in proptest::option::of(any::<String>()),
        ready: bool,
        snapshot: bool,
    ) {
        let request = Request {
            asker: NodeId(1),
            number: 2,
            channel: "c".into(),
            identity,
            left: left.map(Duration::from_millis),
            stream: "messages".into(),
            actions: vec![Action::Create, Action::Delete],
            id,
            filters,
            operation: Operation::Subscribe { scope, data, after, ready, snapshot },
        };
        let message = request.write();
        let (kind, parts) = open(&message).unwrap();
        prop_assert_eq!(kind, Kind::Request);
        let read = Request::read(parts).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{request:?}"));
    }

    #[test]
    fn a_revocation_comes_back(
        name in proptest::option::of(any::<String>()),
        peer in proptest::option::of(any::<std::net::IpAddr>()),
        reason in proptest::option::of(any::<String>()),
        left in proptest::option::of(any::<u64>()),
    ) {
        let left = left.map(Duration::from_millis);
        let revocation = Revocation { name, peer, reason, left };
        let message = revocation.write();
        let (kind, parts) = open(&message).unwrap();
        prop_assert_eq!(kind, Kind::Revocation);
        prop_assert_eq!(Revocation::read(parts), Ok(revocation));
    }

    #[test]
    fn a_rescoping_comes_back(
        name in proptest::option::of(any::<String>()),
        peer in proptest::option::of(any::<std::net::IpAddr>()),
        number: u64,
    ) {
        let rescoping = Rescoping { name, peer, number };
        let message = rescoping.write();
        let (kind, parts) = open(&message).unwrap();
        prop_assert_eq!(kind, Kind::Rescoping);
        prop_assert_eq!(Rescoping::read(parts), Ok(rescoping));
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in vec(any::<u8>(), 0..80), kind in 1..8_u8) {
        let _ = open(&bytes);
        let mut message = vec![MARK, VERSION, LEAST_VERSION, kind];
        message.extend(bytes);
        let (_, parts) = open(&message).unwrap();
        let _ = Changes::read(parts).and_then(|changes| changes.changes(&MODEL));
        let _ = (Request::read(parts), Answer::read(parts), Revocation::read(parts));
        let _ = Rescoping::read(parts);
        let _ = (read_probe(parts), read_loss(parts));
    }

    #[test]
    fn no_broken_message_makes_a_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut message = write_changes(ORIGIN, &[change(&MODEL, [Value::Int(1), text("a")])]);
        let at = at.index(message.len());
        message[at] = byte;
        let _ = rows(&message, &MODEL);
        message.truncate(at);
        let _ = rows(&message, &MODEL);
    }
}

#[test]
fn an_unknown_field_is_ignored_and_a_missing_one_is_null() {
    let message = write_changes(ORIGIN, &[change(&MODEL, [Value::Int(5), text("hi")])]);
    let expected = Row::new(vec![Value::Int(5), Value::Null, Value::Null]);
    assert_eq!(rows(&message, &LATER), Ok(vec![expected]));
    let later = change(&LATER, [Value::Int(5), text("tag"), Value::Bool(true)]);
    let message = write_changes(ORIGIN, &[later]);
    let expected = Row::new(vec![Value::Int(5), Value::Null]);
    assert_eq!(rows(&message, &MODEL), Ok(vec![expected]));
}

#[test]
fn a_field_that_has_another_kind_of_values_is_null_and_a_key_is_none() {
    const CHANGED: &[FieldDescriptor] = &[
        i64::TYPE.named("id", "ID"),
        FieldType::required(ValueKind::Bool).named("text", "TEXT"),
    ];
    static OTHER: Model = Model::sample(Payload::Full, CHANGED, &[]);
    static OTHER_KEY: Model = Model::sample(Payload::Full, &[String::TYPE.named("id", "ID")], &[]);
    let message = write_changes(ORIGIN, &[change(&MODEL, [Value::Int(5), text("hi")])]);
    let expected = Row::new(vec![Value::Int(5), Value::Null]);
    assert_eq!(rows(&message, &OTHER), Ok(vec![expected]));
    assert_eq!(rows(&message, &OTHER_KEY), Err(Unreadable::Garbage));
}

#[test]
fn what_later_versions_add_is_skipped_and_what_they_change_is_refused() {
    let mut message = write_changes(ORIGIN, &[change(&MODEL, [Value::Int(5), text("hi")])]);
    let mut added = Writer::default();
    added.part(1_000, |part| part.text("a cursor"));
    message[1] = VERSION + 1;
    message.splice(4..4, added.finish());
    assert_eq!(rows(&message, &MODEL).map(|rows| rows.len()), Ok(1));
    message[2] = VERSION + 1;
    assert_eq!(
        rows(&message, &MODEL),
        Err(Unreadable::Version(VERSION + 1))
    );
    assert_eq!(open(b"g\x01\x01\xff").err(), Some(Unreadable::Kind(0xff)));
    assert_eq!(open(b"hello").err(), Some(Unreadable::Garbage));
}

#[test]
fn a_value_of_an_unknown_kind_is_null() {
    let mut written = Writer::default();
    written.byte(200);
    written.text("from the future");
    let bytes = written.finish();
    assert!(Reader::new(&bytes).value().unwrap().is_null());
}

fn logged() -> Arc<Change> {
    let cursor = crate::cursor::Cursor {
        log: u64::MAX,
        position: 3,
        token: 1 << 40,
    };
    Arc::new(Change {
        before: Some(Row::new(vec![Value::Int(5), Value::Null])),
        cursor: Some(cursor),
        published: true,
        received: crate::measure::Stamp::now(),
        ..Change::clone(&change(&MODEL, [Value::Int(5), text("hi")]))
    })
}

#[test]
fn a_change_keeps_its_position_and_what_was_there_before() {
    let plain = change(&MODEL, [Value::Int(6), text("ho")]);
    let message = write_changes(ORIGIN, &[logged(), plain, logged()]);
    let (_, parts) = open(&message).unwrap();
    let changes = Changes::read(parts).unwrap().changes(&MODEL).unwrap();
    let read = |change: &Change| (change.before.clone(), change.cursor, change.published);
    let (first, none) = (read(&logged()), (None, None, false));
    assert_eq!(
        changes.iter().map(read).collect::<Vec<_>>(),
        [first.clone(), none, first]
    );
}

#[test]
fn the_first_version_reads_the_rows_of_logged_changes() {
    let message = write_changes(ORIGIN, &[logged(), logged()]);
    let (_, mut parts) = open(&message).unwrap();
    let mut rows = 0;
    // What it does: it takes rows, by their tag, and passes over what it does not know.
    while let Some((tag, mut part)) = parts.part().unwrap() {
        if tag == 6 {
            assert_eq!(part.value(), Ok(Value::Int(5)));
            assert_eq!(part.value(), Ok(text("hi")));
            rows += 1;
        }
    }
    assert_eq!(rows, 2);
}

#[test]
fn the_form_is_as_it_was() {
    // Bytes that a released version wrote must stay readable: change these only with the version.
    let message = write_changes(ORIGIN, &[change(&MODEL, [Value::Int(5), text("hi")])]);
    let expected = b"g\x01\x01\x01\x01\x01\x07\x02\x01\x09\x03\x08messages\x04\x06update\
        \x05\x08\x02id\x04text\x06\x07\x03\x01\x05\x05\x02hi";
    assert_eq!(message, expected);
    let answer = Answer {
        number: 3,
        refusal: Some("no".into()),
    };
    assert_eq!(answer.write(), b"g\x01\x01\x05\x02\x01\x03\x0c\x02no");
    let (_, parts) = open(b"g\x01\x01\x05\x02\x01\x03").unwrap();
    assert_eq!(Answer::read(parts).unwrap().refusal, None);
    let message = loss("messages");
    assert_eq!(message, b"g\x01\x01\x02\x01\x08messages");
    let (_, parts) = open(&message).unwrap();
    assert_eq!(read_loss(parts), Ok(Some("messages")));
    // As it was before it named the stream.
    let (_, parts) = open(b"g\x01\x01\x02").unwrap();
    assert_eq!(read_loss(parts), Ok(None));
    let revocation = Revocation {
        name: Some("ann".into()),
        peer: None,
        reason: Some("no".into()),
        left: Some(Duration::from_millis(5)),
    };
    assert_eq!(
        revocation.write(),
        b"g\x01\x01\x06\x01\x03ann\x03\x02no\x04\x01\x05"
    );
    let message = probe(300);
    let (_, parts) = open(&message).unwrap();
    assert_eq!(read_probe(parts), Ok(300));
}
