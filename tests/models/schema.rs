//! The schema that clients see, as files: `tests/models/schema/*.graphql`.
//!
//! After a change that is meant, write the files anew and read the difference:
//! `UPDATE_SCHEMA=1 cargo test --test models`

#![allow(
    missing_docs,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::hello::Query;
use async_graphql::{EmptyMutation, Object, SubscriptionType};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use graphex::Pinned;
use graphex::prelude::*;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use uuid::Uuid;

/// A wake-up call; its subscribers fetch the rest.
#[derive(ModelType)]
#[graphex(stream = "calls", serialize_data = false)]
struct Call {
    id: i32,
    room: Option<i32>,
}

/// A message with a field of every kind.
#[derive(ModelType)]
#[graphex(
    stream = "messages",
    serialize_data,
    scope(tenant, optional(room)),
    index_fields(tenant, room)
)]
struct Message {
    id: i64,
    tenant: i64,
    room: Option<i32>,
    size: u64,
    score: f64,
    pinned: bool,
    text: String,
    price: Decimal,
    key: Uuid,
    day: NaiveDate,
    time: NaiveTime,
    local: NaiveDateTime,
    created: DateTime<Utc>,
    meta: Value,
    tags: Vec<String>,
    #[graphex(rename = "headline")]
    title: String,
    #[graphex(opaque)]
    address: std::net::Ipv4Addr,
    #[graphex(skip)]
    password_hash: String,
}

impl Scoped for Message {
    async fn scope(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        Ok(MessageScope {
            tenant: 1,
            room: Pinned::Anything,
        })
    }
}

/// Has the scalars for itself, as async-graphql makes them.
struct OwnScalars;

#[Object]
#[allow(clippy::too_many_arguments, reason = "one of each")]
impl OwnScalars {
    async fn all(
        &self,
        price: Decimal,
        key: Uuid,
        day: NaiveDate,
        time: NaiveTime,
        local: NaiveDateTime,
        created: DateTime<Utc>,
        meta: Value,
    ) -> String {
        format!("{price} {key} {day} {time} {local} {created} {meta}")
    }

    async fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

/// Clients cannot filter its rows with regular expressions.
#[derive(ModelType)]
#[graphex(stream = "remarks", patterns = false)]
struct Remark {
    id: i64,
    title: Option<String>,
}

#[derive(MergedSubscription, Default)]
struct Both(CallSubscription, MessageSubscription);

fn sdl(subscription: impl SubscriptionType + 'static) -> String {
    Schema::build(Query, EmptyMutation, subscription)
        .finish()
        .sdl()
}

fn compare(name: &str, sdl: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/models/schema")
        .join(name);
    // async-graphql indents with tabs and leaves blanks at the ends of lines.
    let lines = sdl.lines().map(str::trim_end).collect::<Vec<_>>();
    let sdl = lines.join("\n").trim().replace('\t', "  ") + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &sdl).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    assert_eq!(sdl, expected, "see the head of {}", file!());
}

#[test]
fn an_id_only_model_has_nothing_to_choose() {
    let sdl = sdl(CallSubscription::default());
    compare("id_only.graphql", &sdl);
    assert!(!sdl.contains("CallFields"), "{sdl}");
    assert!(!sdl.contains("data:"), "{sdl}");
}

#[test]
fn a_full_model_names_all_that_is_visible() {
    let sdl = sdl(MessageSubscription::default());
    compare("full.graphql", &sdl);
    for hidden in ["password", "PASSWORD", "title", "address__", "address:"] {
        assert!(!sdl.contains(hidden), "{hidden} is in {sdl}");
    }
}

/// A model whose table is known: a change log can have it.
#[derive(ModelType)]
#[graphex(stream = "notes", table = "notes", serialize_data)]
struct Note {
    id: i64,
    text: String,
}

#[test]
fn only_a_model_with_a_table_promises_what_a_change_log_tells() {
    compare("changes_of_a_table.graphql", &sdl(NoteChanges::default()));
    let tableless = sdl(MessageChanges::default());
    for name in ["Cursor", "before: ", "changed: ", "after: "] {
        assert!(!tableless.contains(name), "{name}");
    }
}

#[test]
fn models_share_the_types_that_are_not_theirs() {
    let sdl = sdl(Both::default());
    let shared = [
        "enum ActionSubscriptionEnum",
        "scalar UUID",
        "scalar BigInt",
    ];
    for definition in shared.iter().chain(&["input CallFilters"]) {
        assert_eq!(sdl.matches(definition).count(), 1, "{definition}: {sdl}");
    }
}

const SCALARS: [&str; 7] = [
    "Decimal",
    "UUID",
    "NaiveDate",
    "NaiveTime",
    "NaiveDateTime",
    "DateTime",
    "JSON",
];

/// async-graphql has types of these names; a schema may have them from both sides.
#[tokio::test]
async fn scalars_of_async_graphql_are_the_same_types() {
    let schema = Schema::build(OwnScalars, EmptyMutation, Both::default()).finish();
    let sdl = schema.sdl();
    for scalar in SCALARS {
        let lines = sdl.lines().filter(|line| {
            let name = line.strip_prefix("scalar ");
            name.is_some_and(|name| name.split(' ').next() == Some(scalar))
        });
        assert_eq!(lines.count(), 1, "{scalar}: {sdl}");
    }
    let query = r#"{ all(price: "1.50", key: "67e55044-10b1-426f-9247-bb680e5fe0c8",
        day: "2026-03-04", time: "05:06:07", local: "2026-03-04T05:06:07",
        created: "2026-03-04T05:06:07Z", meta: {}) now }"#;
    let answer = schema.execute(query).await.into_result().unwrap().data;
    assert_eq!(
        answer.into_json().unwrap()["now"],
        "1970-01-01T00:00:00+00:00"
    );
}

/// The names and types of a model's filters, as a client asks for them.
async fn filters(model: &str) -> BTreeMap<String, String> {
    filters_of(Both::default(), model).await
}

async fn filters_of(
    subscription: impl SubscriptionType + 'static,
    model: &str,
) -> BTreeMap<String, String> {
    let schema = Schema::build(Query, EmptyMutation, subscription).finish();
    let query = format!(
        r#"{{ __type(name: "{model}Filters") {{ kind inputFields {{ name description defaultValue
            type {{ kind name ofType {{ kind name ofType {{ kind name }} }} }} }} }} }}"#
    );
    let answer = schema.execute(query).await.into_result().unwrap().data;
    let ty = &answer.into_json().unwrap()["__type"];
    assert_eq!(ty["kind"], "INPUT_OBJECT");
    let fields = ty["inputFields"].as_array().unwrap();
    let fields = fields.iter().map(|field| {
        assert_eq!(field["defaultValue"], Value::Null);
        assert!(field["description"].as_str().unwrap().ends_with('.'));
        let name = field["name"].as_str().unwrap();
        (name.to_owned(), written(&field["type"]))
    });
    fields.collect()
}

/// A type as it is written in a document.
fn written(ty: &Value) -> String {
    match ty["kind"].as_str() {
        Some("NON_NULL") => format!("{}!", written(&ty["ofType"])),
        Some("LIST") => format!("[{}]", written(&ty["ofType"])),
        _ => ty["name"].as_str().unwrap().to_owned(),
    }
}

/// The lookups of one field, with their types; the field's name alone is `""`.
fn lookups(filters: &BTreeMap<String, String>, field: &str) -> Value {
    let of_field = filters.iter().filter_map(|(name, ty)| {
        let rest = name.strip_prefix(field)?;
        let lookup = rest.strip_prefix("__").or(rest.is_empty().then_some(""))?;
        Some((lookup.to_owned(), Value::from(ty.as_str())))
    });
    Value::Object(of_field.collect())
}

const TEXT: [&str; 9] = [
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "iregex",
];
const DATE: [&str; 4] = ["year", "month", "day", "week_day"];
const TIME: [&str; 3] = ["hour", "minute", "second"];

#[tokio::test]
async fn introspection_shows_the_lookups_of_each_type() {
    let filters = filters("Message").await;
    let ordered = |ty: &str, more: &[&[&str]], of_more: &str| {
        let list = format!("[{ty}!]");
        let mut lookups = json!({
            "": ty, "exact": ty, "in": list, "gt": ty, "gte": ty, "lt": ty, "lte": ty,
            "range": list, "isnull": "Boolean",
        });
        for lookup in more.iter().copied().flatten() {
            lookups[*lookup] = of_more.into();
        }
        lookups
    };
    let with_date = |ty| {
        let mut lookups = ordered(ty, &[&DATE, &TIME], "Int");
        lookups["date"] = "NaiveDate".into();
        lookups
    };
    let none = json!({});
    let expected = [
        ("id", ordered("Int", &[], "")),
        ("room", ordered("Int", &[], "")),
        ("size", ordered("BigInt", &[], "")),
        ("score", ordered("Float", &[], "")),
        ("text", ordered("String", &[&TEXT], "String")),
        ("headline", ordered("String", &[&TEXT], "String")),
        ("price", ordered("Decimal", &[], "")),
        ("key", ordered("UUID", &[], "")),
        ("day", ordered("NaiveDate", &[&DATE], "Int")),
        ("time", ordered("NaiveTime", &[&TIME], "Int")),
        ("local", with_date("NaiveDateTime")),
        ("created", with_date("DateTime")),
        (
            "pinned",
            json!({"": "Boolean", "exact": "Boolean", "in": "[Boolean!]", "isnull": "Boolean"}),
        ),
        ("meta", json!({"isnull": "Boolean"})),
        ("tags", json!({"isnull": "Boolean"})),
        ("address", none.clone()),
        ("title", none.clone()),
        ("password_hash", none),
    ];
    for (field, expected) in expected {
        assert_eq!(lookups(&filters, field), expected, "{field}");
    }
}

/// Both roots have one type of filters.
#[tokio::test]
async fn a_model_without_patterns_has_all_other_lookups() {
    #[derive(MergedSubscription, Default)]
    struct Roots(RemarkSubscription, RemarkChanges);

    let filters = filters_of(Roots::default(), "Remark").await;
    let names = lookups(&filters, "title");
    let names = names.as_object().unwrap();
    let of_text = TEXT.iter().filter(|name| !name.ends_with("regex"));
    let of_all = [
        "", "exact", "in", "gt", "gte", "lt", "lte", "range", "isnull",
    ];
    let mut expected: Vec<_> = of_text.chain(&of_all).copied().collect();
    expected.sort_unstable();
    assert_eq!(names.keys().collect::<Vec<_>>(), expected);
}

/// What can be asked does not depend on what is sent.
#[tokio::test]
async fn an_id_only_model_has_its_filters() {
    let filters = filters("Call").await;
    assert_eq!(filters["room"], "Int");
    assert_eq!(filters["room__in"], "[Int!]");
    assert_eq!(filters["room__isnull"], "Boolean");
}
