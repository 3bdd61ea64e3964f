//! `examples/messenger` with a client that others wrote.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use graphex_client_tests::script;
use serde_json::json;

fn of(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run ./tests/run.sh, which sets it"))
}

#[tokio::test]
async fn logins_decide_who_hears_what_and_how_long() {
    let input =
        json!({ "server": of("GRAPHEX_MESSENGER"), "postgres": of("GRAPHEX_POSTGRES_URL") });
    let seen = script("messenger.mjs", &input).await;
    assert_eq!(seen["wrongLogins"], json!([401, 401]));
    let of_the_first = json!(["READY", "to the first company", "and an answer"]);
    assert_eq!(seen["heard"]["ann"], of_the_first);
    assert_eq!(
        seen["heard"]["eve"],
        json!(["READY", "to the second company"])
    );
    let closed = |how: &str| (&seen["closes"][how]["code"], &seen["closes"][how]["reason"]);
    let over = json!("the time of this login is over; connect again with a new one");
    assert_eq!(closed("expires"), (&json!(4403), &over));
    let over = json!("this login is over; log in again");
    assert_eq!(closed("expired"), (&json!(4403), &over));
    let invalid = json!("this is no token of ours; log in");
    assert_eq!(closed("forged"), (&json!(4403), &invalid));
    assert_eq!(closed("missing"), (&json!(4403), &invalid));
    let statuses = json!({ "good": 200, "expired": 401, "forged": 401 });
    assert_eq!(seen["statuses"], statuses);
    let anonymous = "log in first: POST /login gives a token";
    assert_eq!(seen["anonymous"], anonymous);
    assert_eq!(
        (&seen["closes"]["drained"]["code"], &seen["code"]),
        (&json!(1001), &json!(0))
    );
}

#[test]
fn what_is_missing_is_said_in_a_sentence() {
    let missing = |set: &[(&str, &str)]| {
        let mut program = Command::new(of("GRAPHEX_MESSENGER"));
        for name in ["DATABASE_URL", "JWT_SECRET", "PORT"] {
            program.env_remove(name);
        }
        let ended = program.arg("serve").envs(set.iter().copied()).output();
        let ended = ended.unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8(ended.stderr).unwrap();
        said.lines().next().unwrap().to_owned()
    };
    let secret = ("JWT_SECRET", "0123456789abcdef0123456789abcdef");
    assert_eq!(missing(&[]), "messenger: set JWT_SECRET");
    assert_eq!(missing(&[secret]), "messenger: set DATABASE_URL");
    let short = missing(&[("JWT_SECRET", "short")]);
    assert_eq!(short, "messenger: JWT_SECRET needs at least 32 bytes");
}
