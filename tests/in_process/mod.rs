//! A hub, a schema and clients in one process, without sockets.

#![allow(dead_code, reason = "each test target uses its part")]

use std::time::Duration;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{Data, Executor, Request, Variables};
use futures_util::FutureExt as _;
use graphex::{Action, Channel, Hub, Identity, ModelType};
use serde_json::Value;

use crate::until::until;

/// No test waits so long for a delivery; one that does has failed.
const DEADLINE: Duration = Duration::from_secs(20);

/// A schema on a hub that is told of changes.
pub(crate) struct Desk<E> {
    pub(crate) hub: Hub,
    schema: E,
    published: u64,
}

impl<E: Executor> Desk<E> {
    pub(crate) fn new(hub: Hub, schema: E) -> Self {
        Self {
            hub,
            schema,
            published: 0,
        }
    }

    /// The answer to a request of this identity, as JSON.
    pub(crate) async fn ask(&self, identity: &Identity, mut request: Request, data: Data) -> Value {
        request.data = data;
        request.data.insert(identity.clone());
        request.data.insert(self.hub.clone());
        serde_json::to_value(graphex::execute(&self.schema, request).await).unwrap()
    }

    pub(crate) fn publish<M: ModelType>(&mut self, action: Action, row: &M) {
        self.hub.publish(action, row);
        self.published += 1;
    }

    /// So many changes were captured.
    pub(crate) fn captured(&mut self, changes: u64) {
        self.published += changes;
    }

    /// Waits until everything that was published or captured is delivered.
    pub(crate) async fn delivered(&self) {
        let delivered = until(|| self.hub.stats().changes_published >= self.published);
        let in_time = tokio::time::timeout(DEADLINE, delivered).await;
        in_time.expect("the changes are not delivered");
        assert_eq!(self.hub.stats().changes_lost, 0);
    }
}

/// The frames that wait for a client.
pub(crate) fn frames(channel: &mut Channel) -> Vec<String> {
    let Some(taken) = channel.take().now_or_never() else {
        return Vec::new();
    };
    let taken = taken.expect("the channel is open");
    taken
        .iter()
        .map(|frame| std::str::from_utf8(frame).unwrap().to_owned())
        .collect()
}

/// A document that is parsed once and asked often.
#[derive(Clone)]
pub(crate) struct Prepared(ExecutableDocument);

impl Prepared {
    pub(crate) fn new(document: &str) -> Self {
        Self(parse_query(document).unwrap())
    }

    pub(crate) fn with(&self, variables: Value) -> Request {
        let mut request = Request::new("").variables(Variables::from_json(variables));
        request.set_parsed_query(self.0.clone());
        request
    }
}

/// A value as it stands in a document.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entry = |(key, value)| format!("{key}: {}", literal(value));
            let entries: Vec<_> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
        plain => plain.to_string(),
    }
}
