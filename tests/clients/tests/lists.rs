//! Applications with Apollo and urql, whose code is that of `guide/lists.md`, keep a list live.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../proof/mod.rs"]
mod proof;

use std::time::Duration;

use graphex_client_tests::{chat, script_within};
use serde_json::json;

const GUIDE: &str = include_str!("../../../guide/lists.md");
/// Lines that an application may need.
const LINES: usize = 25;

/// The application's code, as it stands in the test and in the guide.
fn is_the_guides(application: &str) {
    let (_, rest) = application.split_once("// guide: begin\n").unwrap();
    let (code, _) = rest.split_once("  // guide: end\n").unwrap();
    let code: Vec<_> = code.lines().map(|line| &line[2..]).collect();
    assert!(code.len() <= LINES, "{} lines", code.len());
    let block = format!("```js\n{}\n```\n", code.join("\n"));
    assert!(GUIDE.contains(&block), "not in guide/lists.md:\n{block}");
}

async fn stays_live(application: &str) {
    let drops = proof::steps(6);
    let input = json!({ "application": application, "server": chat(), "drops": drops });
    let within = Duration::from_secs(60 + 10 * drops as u64);
    let seen = script_within(within, "lists.mjs", &input).await;
    let compared = seen["compared"].as_u64().unwrap();
    assert_eq!(compared as usize, 3 + drops + drops / 2, "{seen}");
    for (what, times) in seen["done"].as_object().unwrap() {
        assert!(times.as_u64().unwrap() > 0, "nothing was {what}: {seen}");
    }
}

#[tokio::test]
async fn apollo_client() {
    is_the_guides(include_str!("../lists/apollo.mjs"));
    stays_live("apollo").await;
}

#[tokio::test]
async fn urql() {
    is_the_guides(include_str!("../lists/urql.mjs"));
    stays_live("urql").await;
}
