//! What runs on a connection.

#![allow(dead_code, reason = "each test target uses its part")]

use std::sync::{Arc, Mutex};

use diesel::connection::InstrumentationEvent;

/// The queries of a connection that it was given to as instrumentation.
#[derive(Clone, Default)]
pub(crate) struct Queries(Arc<Mutex<Vec<String>>>);

impl Queries {
    pub(crate) fn receives(&self) -> impl FnMut(InstrumentationEvent<'_>) + Send + use<> {
        let queries = Arc::clone(&self.0);
        move |event| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                queries.lock().unwrap().push(query.to_string());
            }
        }
    }

    pub(crate) fn count(&self, words: &str) -> usize {
        let queries = self.0.lock().unwrap();
        queries.iter().filter(|query| query.contains(words)).count()
    }

    /// The first word of each since the last call.
    pub(crate) fn first_words(&self) -> Vec<String> {
        let queries = std::mem::take(&mut *self.0.lock().unwrap());
        let first = |query: String| query.split_whitespace().next().unwrap().to_owned();
        queries.into_iter().map(first).collect()
    }
}
