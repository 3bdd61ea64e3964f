//! Diesel's default instrumentation, which is one for the whole process.

#![cfg(feature = "diesel")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture;
#[path = "capture/sqlite.rs"]
mod database;

use std::sync::atomic::{AtomicUsize, Ordering};

use capture::{Feed, Note, created, notes};
use database::connect;
use diesel::connection::{
    Instrumentation, InstrumentationEvent, SimpleConnection as _, get_default_instrumentation,
    set_default_instrumentation,
};
use diesel::prelude::*;
use graphex::BroadcastDsl as _;

static DEFAULT_CALLS: AtomicUsize = AtomicUsize::new(0);

#[allow(clippy::needless_pass_by_value, reason = "as Diesel calls it")]
fn count_default(event: InstrumentationEvent<'_>) {
    if let InstrumentationEvent::StartQuery { .. } = event {
        DEFAULT_CALLS.fetch_add(1, Ordering::Relaxed);
    }
}

fn default_instrumentation() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(count_default))
}

#[test]
fn the_default_instrumentation_is_kept() {
    let mut feed = Feed::new();
    set_default_instrumentation(default_instrumentation).unwrap();
    let mut conn = connect();
    feed.hub.attach(&mut conn).unwrap();
    let calls = || DEFAULT_CALLS.swap(0, Ordering::Relaxed);
    calls();
    conn.batch_execute("SELECT 1").unwrap();
    assert_eq!(calls(), 1);

    // In an option, it can be taken whatever the default is by now.
    let mut boxed = connect();
    boxed.set_instrumentation(get_default_instrumentation());
    set_default_instrumentation(|| None).unwrap();
    feed.hub.attach(&mut boxed).unwrap();
    calls();
    boxed.batch_execute("SELECT 1").unwrap();
    assert_eq!(calls(), 1);

    for conn in [&mut conn, &mut boxed] {
        diesel::insert_into(notes::table)
            .values(Note::new(1, "new"))
            .broadcast()
            .execute(conn)
            .unwrap();
    }
    assert_eq!(feed.told(), [created(1, "new"), created(1, "new")]);
}
