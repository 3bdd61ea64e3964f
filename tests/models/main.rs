//! Models and fields as the derives make them, down to the schema that clients see.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../hello/mod.rs"]
mod hello;

mod enums;
mod lookup;
mod newtypes;
mod schema;
