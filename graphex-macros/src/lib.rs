//! The derive macro of [graphex](https://docs.rs/graphex). Use it through the `graphex` crate.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout
    )
)]

mod attr;
mod case;
mod check;
mod enumeration;
mod error;
mod expand;
mod fallback;
mod help;
mod lower;
mod model;
mod newtype;
mod secret;
mod synonym;
#[cfg(test)]
mod tests;
mod ty;

use proc_macro2::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::error::Errors;

/// Makes a struct a model: clients can subscribe to the creates, updates and deletes of its rows.
///
/// The struct has named fields, one for each column, and no generic parameters. Everything that
/// is wrong with it is reported in one run, each mistake at its place.
///
/// ```ignore
/// /// A chat message.
/// #[derive(Clone, Queryable, Selectable, ModelType)]
/// #[diesel(table_name = messages)]
/// #[graphex(stream = "messages", serialize_data, scope(tenant, optional(room)), index_fields(tenant, room))]
/// #[graphex(lookup(tagged: Vec<String>))]
/// pub struct Message {
///     pub id: i64,
///     pub tenant: i64,
///     pub room: i64,
///     pub text: String,
///     #[graphex(skip)]
///     pub draft: Option<String>,
/// }
///
/// impl Scoped for Message {
///     async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
///         let user = ctx.data::<CurrentUser>()?;
///         Ok(MessageScope { tenant: user.tenant, room: user.current_room })
///     }
/// }
///
/// impl MessageLookups for Message {
///     async fn tagged(ctx: &LookupContext<'_>, id: i64, tags: Vec<String>) -> Result<bool> {
///         ctx.data::<Tags>()?.message_has_one_of(id, &tags).await
///     }
/// }
/// ```
///
/// # What is generated
///
/// | Item | What it is |
/// |---|---|
/// | `MessageFields` | the visible fields as a GraphQL enum; with `serialize_data` only |
/// | `MessageSubscriptionArgs` | what a client asked, as `scope` and `authorize` see it |
/// | `MessageScope` | one field for each entry of `scope` |
/// | `MessageLookups` | a trait with a function for each entry of `lookup`; with that key only |
/// | `MessageSubscription` | the root to mount in the schema, for the two-channel protocol |
/// | `MessageChanges` | the root to mount in the schema, for the standard protocols: `messageChanges(action, id, filters)` |
/// | impls | `ModelType`; `Scoped` without `scope`; `Authorized` without `authorize`; with a `table_name`, what lets `.broadcast()` find the model |
///
/// All have the visibility of the struct, and its `#[allow(...)]`s.
///
/// # Keys of the struct
///
/// Required:
///
/// * `stream = "messages"`: the public name of the feed.
///   *Errors*: it is missing; it is not 1 to 64 of the characters `A-Z a-z 0-9 _ . -`.
///
/// Optional:
///
/// * `serialize_data`, `serialize_data = true`, `serialize_data = false`: whether notifications
///   carry the visible fields, or the primary key alone. By default the key alone; the cargo
///   feature `serialize-data` turns the default.
///   *Errors*: another value; two fields with one enum value (`created_at` and `createdAt`) or
///   one Rust variant (`room1` and `room_1`).
/// * `scope(tenant, optional(room), any_of(label))`: what the server pins for each subscriber, who
///   can neither widen nor drop it. `tenant` pins one value, `optional(room)` one value or none,
///   `any_of(label)` a list. Of a field that may be null, `optional(room)` is a `Pinned`, so that
///   "no room" is not taken for "every room". The struct implements `Scoped`.
///   *Errors*: an unknown or repeated field; an unknown form; an `opaque` field; no field at all;
///   a type without `Equality`; `optional` of an `Option` under another name; `Scoped` is not
///   implemented. The other way round, `Scoped` is implemented without this key: E0119,
///   conflicting implementations.
/// * `index_fields(tenant, room)`: what changes are routed by. A subscriber whose scope pins them
///   all is sent no other rows, at no cost.
///   *Errors*: no `scope`; a field that is not in the scope; an unknown, repeated or `opaque` field.
/// * `authorize`: who may subscribe at all. The struct implements `Authorized`.
///   *Errors*: a value; `Authorized` is not implemented, or implemented without this key (E0119).
/// * `lookup(author_name(author): String, tagged: Vec<String>)`: filters of your own, for what the
///   row cannot tell by itself. The struct implements `MessageLookups`:
///   `async fn author_name(ctx: &LookupContext<'_>, author: i32, name: String) -> Result<bool>`
///   and `async fn tagged(ctx: &LookupContext<'_>, id: i64, tags: Vec<String>) -> Result<bool>`.
///   A function gets the fields in parentheses, which may be `skip` fields, or without any the
///   primary key; then what the client asks for. It runs once for each distinct operand and
///   change that pass all other filters, however many subscribers ask for it. Where it fails,
///   panics or takes longer than `Limits::lookup_time`, they are not told of the change.
///   *Errors*: no type after `:`; an unknown, repeated or `opaque` field; no field in the
///   parentheses; no lookup at all; a repeated name, one that is no GraphQL name, that of a visible
///   field or of a lookup it has anyway (`text__contains`); a type without `FromValue`;
///   `MessageLookups` is not implemented (``the trait bound `Message: MessageLookups` is not satisfied``), or
///   without one of its functions (E0046).
/// * `patterns = false`: clients cannot filter with regular expressions: `MessageFilters` has neither
///   `text__regex` nor `text__iregex`. By default it has. Every pattern costs its client's own budget
///   and no other's (`Limits::pattern_work`); `Limits::pattern_bytes = 0` turns them off for a whole hub.
///   *Errors*: another value.
/// * `table = "messages"`, `table = "chat.messages"`: the table in SQL, and its schema, of a model
///   without a table of Diesel's, for the change log. Diesel's traits are then not needed; the columns are called as
///   the fields are, or by `column`. The primary key is `id`, or `#[diesel(primary_key(…))]`.
///   *Errors*: no name; more than a schema and a table; a `#[diesel(table_name)]` beside it.
/// * `field = "messageSubscription"`: the GraphQL subscription field. By default `<name>Subscription`
///   in camel case. *Errors*: no GraphQL name; the field of `MessageChanges`.
/// * `name = "Message"`: the prefix of the GraphQL types. By default the name of the struct; give
///   one where that is no GraphQL name (`Größe`), or where two models have the same.
///   *Errors*: no GraphQL name.
/// * `label = "chat.message"`: the `model` of notifications. By default `<crate>.<struct>` in lower
///   case. *Errors*: it is empty.
/// * `description = "A chat message"`: the description of the subscription field. By default the
///   doc comment of the struct, else `Subscription Type for Message model`. Only text is read,
///   not a doc comment made by a macro such as `include_str!`. *Errors*: it is empty.
/// * `crate = "path::to::graphex"`: where graphex is, when it is renamed or re-exported.
///   *Errors*: no path.
///
/// # Keys of a field
///
/// * `skip`: never leaves the server and cannot be filtered on. It may be a scope or index field, or
///   one that a lookup gets: then it is part of each captured row, and of the change log, for the
///   server alone. Else it is neither, and its type may be any. *Errors*: it is the primary key; there is another key beside it.
/// * `rename = "text"`: its name in payloads, filters and the `data` argument. By default the
///   Rust name, without `r#`.
///   *Errors*: no GraphQL name; `__` inside, which separates lookups; a name that another field has.
/// * `column = "tenant_id"`: its column in SQL, in a model with `table`. By default its Rust name,
///   without `r#`. *Errors*: it is empty; the model has no `table`; the field is never read.
/// * `opaque`: sent through serde, not filterable, for types without `Field`.
///   *Errors*: it is the primary key, a scope or index field, or one that a lookup gets; its type
///   has no `Serialize`.
/// * `expose`: the name speaks of a secret, or another derive is told to hide the field, and it may be
///   seen all the same. *Errors*: neither is so.
///
/// A visible field whose name speaks of a secret is an error without `skip` or `expose`. A name
/// does when one of its words is `password`, `secret`, `token`, `salt`, `credentials`, `otp`,
/// `ssn` or the like, or two are `api_key`, `private_key` or the like. It does not when the last
/// word tells something about the secret (`token_count`, `password_changed_at`) or the first asks
/// (`has_password`).
///
/// So is a visible field that an attribute hides from another derive, since what is sent is the
/// row as it was captured, and no other derive's view of it:
///
/// * `#[serde(skip)]`, `skip_serializing`; `skip_serializing_if` with another function than
///   `is_none`, `is_empty`, `is_default`, `is_zero` and `is_false`; `serialize_with` and `with` where the
///   function's name speaks of it (`redact_email`, `mask`), not where it is but another format;
/// * `#[graphql(skip)]`, `skip_output`, `visible` but for `true`, `guard`, `process_with`, `secret`,
///   `inaccessible`, `requires_scopes`. On the struct, where they are of the whole type, they ask for `authorize` or `scope`;
/// * `#[schema(write_only)]`, `#[schemars(skip)]`, `#[oai(write_only)]`, `#[ts(skip)]`, `#[redact]`,
///   `#[sensitive]`, `#[derivative(Debug = "ignore")]` and the like of other crates.
///
/// Not among them is what says where a value comes from (`#[sqlx(skip)]`).
///
/// Unknown keys, keys in the wrong place and repeated keys are errors; other words for a key
/// (`guard`, `ignore`) and the beginning of one are answered with it.
///
/// An error hides no other: whatever rustc has to say of the rest, an impl that is missing or a
/// type that cannot be a field, is said in the same run.
///
/// # Keys of `#[diesel(...)]` that count here
///
/// * `table_name = messages`: the table, for `.broadcast()`, which also needs Diesel's `Queryable`
///   and `Selectable` on the struct. Where two models share a table, `.broadcast::<Message>()`
///   says which one a statement tells of.
/// * `primary_key(id)`: the column of the primary key, by default `id`.
///   *Errors*: several columns; no field for the column; a type without `Key`.
/// * `column_name = text`: the column of a field, by default its Rust name. A visible field, and one
///   that a scope, an index or a lookup names, is a column of the table, or it is one of `embed` and
///   `select_expression`, which the change log cannot have.
///
/// # Expanded code
///
/// The struct above, without `table_name`, expands to:
///
#[doc = concat!("```ignore\n", include_str!("tests/message.expanded.rs"), "```")]
#[proc_macro_derive(ModelType, attributes(graphex, diesel))]
pub fn model_type(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(&parse_macro_input!(input as DeriveInput)).into()
}

/// Makes a wrapper or an enum a field of a model.
///
/// A wrapper has the values of what it wraps, and is a key, a scope field or
/// given to lookups where that is. A column of such a type needs Diesel's traits, too.
///
/// ```ignore
/// #[derive(Field, DieselNewType)]
/// pub struct UserId(i64);
/// ```
///
/// An enum is a GraphQL enum of its name in events and filters, with its variants in upper case
/// (`OPEN`); async-graphql's `Enum` of the same type is that type. In a change log a variant is found by its
/// label in the database: its name in snake case, or `#[db_rename = "…"]` as `diesel-derive-enum` has it.
///
/// ```ignore
/// #[derive(Field, DbEnum)]
/// pub enum Status { Open, Closed }
/// ```
///
/// `#[graphex(crate = "path::to::graphex")]` says where graphex is, when it is renamed.
///
/// *Errors*: anything but a struct with one unnamed field or an enum whose variants have none; parameters. For other types, implement
/// `graphex::Field`.
#[proc_macro_derive(Field, attributes(db_rename, graphex))]
pub fn field(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    newtype::expand(&parse_macro_input!(input as DeriveInput)).into()
}

fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let model = lower::model(input, &mut errors);
    check::check(&model, &mut errors);
    match errors.finish() {
        Ok(()) => expand::expand(&model),
        Err(errors) => fallback::fallback(model, &errors),
    }
}
