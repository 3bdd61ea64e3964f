//! A raw client of responses that go on: it reads what a test asks for and sends nothing.

use serde_json::{Value, json};

use crate::harness::{Server, within};

/// The body of a response, piece by piece.
pub(crate) struct Body {
    response: reqwest::Response,
    buffer: String,
}

/// An event of a stream: its name and its data.
pub(crate) type Event = (String, Value);

pub(crate) fn next(data: Value) -> Event {
    ("next".to_owned(), data)
}

pub(crate) fn complete(data: Value) -> Event {
    ("complete".to_owned(), data)
}

impl Body {
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Self {
        let response = within(request.send()).await.unwrap();
        let buffer = String::new();
        Self { response, buffer }
    }

    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.response.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The text before the next separator, which is taken away; none at the end.
    pub(crate) async fn until(&mut self, separator: &str) -> Option<String> {
        loop {
            if let Some((text, rest)) = self.buffer.split_once(separator) {
                let text = text.to_owned();
                self.buffer = rest.to_owned();
                return Some(text);
            }
            match within(self.response.chunk()).await.unwrap() {
                Some(chunk) => self.buffer.push_str(std::str::from_utf8(&chunk).unwrap()),
                None => return None,
            }
        }
    }

    /// The next event; none at the end. Comments are skipped.
    pub(crate) async fn event(&mut self) -> Option<Event> {
        loop {
            let Some(block) = self.until("\n\n").await else {
                assert_eq!(self.buffer, "");
                return None;
            };
            if block == ":" {
                continue;
            }
            let (name, data) = block.split_once('\n').expect("two lines");
            let name = name.strip_prefix("event: ").expect("an event").to_owned();
            let data = data.strip_prefix("data: ").expect("data");
            let data = match data {
                "" => Value::Null,
                data => serde_json::from_str(data).unwrap(),
            };
            return Some((name, data));
        }
    }

    /// What is left, to the end.
    pub(crate) async fn rest(&mut self) -> String {
        assert_eq!(self.until("no text has this").await, None);
        std::mem::take(&mut self.buffer)
    }
}

impl Server {
    /// A request in the distinct-connections mode.
    pub(crate) fn ask_for(&self, accept: &str, query: &str) -> reqwest::RequestBuilder {
        self.request(reqwest::Method::POST)
            .header("accept", accept)
            .json(&json!({ "query": query }))
    }

    pub(crate) async fn events_of(&self, query: &str) -> Body {
        let body = Body::of(self.ask_for("text/event-stream", query)).await;
        assert_eq!(body.status(), 200);
        body
    }

    pub(crate) async fn events_as(&self, user: i64, query: &str) -> Body {
        let request = self.ask_for("text/event-stream", query);
        let body = Body::of(request.header("x-user", user)).await;
        assert_eq!(body.status(), 200);
        body
    }
}
