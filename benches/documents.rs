//! What the largest documents within the default limits cost, and what refusing one costs.
//!
//! `cargo bench --bench documents`. Each line is the best of some runs, in ratio to `{ hello }`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use async_graphql::{
    EmptyMutation, EmptySubscription, Object, Request, Response, Schema, Variables,
};
use futures_util::FutureExt as _;
use serde_json::{Value, json};

struct Query;

struct Message;

#[Object]
impl Query {
    async fn hello(&self, of: Option<Vec<Option<i32>>>) -> i32 {
        of.map_or(0, |of| of.len() as i32)
    }
    async fn message(&self) -> Message {
        Message
    }
}

#[Object]
impl Message {
    async fn id(&self) -> i32 {
        1
    }
    async fn text(&self) -> &str {
        "text"
    }
    async fn author(&self) -> &str {
        "author"
    }
    async fn created_at(&self) -> &str {
        "now"
    }
    async fn updated_at(&self) -> &str {
        "now"
    }
    async fn attachments(&self) -> &str {
        "none"
    }
    async fn reactions(&self) -> &str {
        "none"
    }
    async fn parent(&self) -> Self {
        Self
    }
}

fn numbered(count: usize, write: impl Fn(usize) -> String) -> String {
    (0..count).map(write).collect()
}

/// Within the limits, each at one or several of them.
fn largest() -> Vec<(&'static str, String, Value)> {
    let none = || json!({});
    let unknown = |length| numbered(4_900, |at| format!("x{at:0length$} "));
    vec![
        (
            "fields",
            format!("{{ {} }}", "hello ".repeat(4_999)),
            none(),
        ),
        (
            "aliases",
            format!("{{ {} }}", numbered(1_000, |at| format!("a{at}:hello "))),
            none(),
        ),
        (
            "unknown fields, short",
            format!("{{ message {{ {} }} }}", unknown(1)),
            none(),
        ),
        (
            "unknown fields, long",
            format!("{{ message {{ {} }} }}", unknown(24)),
            none(),
        ),
        (
            "fields that conflict",
            format!("{{ message {{ {} }} }}", "a:id a:text ".repeat(500)),
            none(),
        ),
        (
            "arguments that differ",
            format!(
                "{{ hello({0}) hello({0}) }}",
                numbered(2_400, |at| format!("x{at}:1 "))
            ),
            none(),
        ),
        (
            "directives",
            format!("{{ hello {} }}", "@a".repeat(7_400)),
            none(),
        ),
        (
            "values",
            format!("{{ hello(of: [{}]) }}", "1 ".repeat(14_900)),
            none(),
        ),
        (
            "operations",
            numbered(2_900, |at| format!("query q{at}{{hello}} ")),
            none(),
        ),
        (
            "variables",
            format!(
                "query({}) {{ hello(of: [{}]) }}",
                numbered(2_400, |at| format!("$v{at}:Int ")),
                numbered(2_400, |at| format!("$v{at} "))
            ),
            none(),
        ),
        (
            "inline fragments",
            format!(
                "{}{{ {} }}{}",
                "{...".repeat(29),
                "hello ".repeat(4_900),
                "}".repeat(29)
            ),
            none(),
        ),
        (
            "a fragment in many",
            numbered(70, |at| format!("fragment f{at} on Query {{ ...g }} "))
                + &format!(
                    "fragment g on Query {{ {} }} {{ hello {} }}",
                    "hello ".repeat(64),
                    numbered(70, |at| format!("...f{at} "))
                ),
            none(),
        ),
        (
            "introspection",
            format!(
                "{{ __schema {{ types {{ {} }} }} }}",
                numbered(240, |at| format!("a{at}:fields {{ name }} "))
            ),
            none(),
        ),
        (
            "introspection, nested",
            format!(
                "{{ __schema {{ types {{ fields {{ type {{ fields {{ {} }} }} }} }} }} }}",
                numbered(480, |at| format!("a{at}:name "))
            ),
            none(),
        ),
        (
            "line breaks",
            format!("{{ hello {} }}", "\n".repeat(130_000)),
            none(),
        ),
        (
            "comments",
            format!("{{ hello {} }}", "#\n".repeat(65_000)),
            none(),
        ),
        (
            "a string",
            format!("{{ hello(x: \"{}\") }}", "a".repeat(130_000)),
            none(),
        ),
        (
            "a variable of 256 KiB",
            "query($v: [Int]) { hello(of: $v) }".to_owned(),
            json!({"v": vec![1; 130_000]}),
        ),
        (
            "a variable of 26 KiB, 10 times",
            format!(
                "query($v: [Int]) {{ {} }}",
                numbered(10, |at| format!("a{at}:hello(of: $v) "))
            ),
            json!({"v": vec![1; 13_000]}),
        ),
    ]
}

fn refused() -> Vec<(&'static str, String, Value)> {
    let fragments = numbered(22, |at| {
        format!("fragment f{at} on Query {{ ...f{0} ...f{0} }} ", at + 1)
    });
    vec![
        (
            "brackets",
            format!("{{ a(b: {}", "[".repeat(2_000)),
            json!({}),
        ),
        (
            "fragments",
            format!("{{ ...f0 }} {fragments} fragment f22 on Query {{ hello }}"),
            json!({}),
        ),
        (
            "aliases",
            format!(
                "{{ message {{ {} }} }}",
                numbered(10_000, |at| format!("a{at}:text "))
            ),
            json!({}),
        ),
        ("line breaks", "\n".repeat(1_000_000), json!({})),
        (
            "block strings",
            format!(
                "{{ a(b: [{} {}",
                r#""\"""""x" "#.repeat(100),
                "a ".repeat(50_000)
            ),
            json!({}),
        ),
        (
            "a variable of 100 KiB, 1,000 times",
            format!(
                "query($v: [Int]) {{ hello(of: [{}]) }}",
                "$v ".repeat(1_000)
            ),
            json!({"v": vec![1; 50_000]}),
        ),
    ]
}

fn main() {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    let ask = |document: &str, variables: &Variables| -> Response {
        let mut request = Request::new(document).variables(variables.clone());
        request.operation_name = document.starts_with("query q0").then(|| "q0".to_owned());
        graphex::execute(&schema, request).now_or_never().unwrap()
    };
    let unit = best(|| ask("{ hello }", &Variables::default()), 1_000);
    println!("{{ hello }}: {unit:?}");
    for (title, documents) in [("within the limits", largest()), ("refused", refused())] {
        println!("{title}");
        for (what, document, variables) in documents {
            let variables = Variables::from_json(variables);
            let time = best(|| ask(&document, &variables), 20);
            let response = ask(&document, &variables);
            let is_refused = response.errors.iter().any(|error| {
                error
                    .extensions
                    .as_ref()
                    .is_some_and(|it| it.get("code").is_some())
            });
            assert_eq!(
                is_refused,
                title == "refused",
                "{what}: {:?}",
                response.errors
            );
            let ratio = time.as_secs_f64() / unit.as_secs_f64();
            println!(
                "{what:36} {:8} bytes {:9.3} ms {ratio:8.0}",
                document.len(),
                time.as_secs_f64() * 1e3
            );
        }
    }
}

fn best<T>(mut run: impl FnMut() -> T, times: usize) -> Duration {
    let once = |_| {
        let began = Instant::now();
        black_box(run());
        began.elapsed()
    };
    (0..times).map(once).min().unwrap_or_default()
}
