//! What the derive says to people who make mistakes: `<concern>/*.rs`, each beside a
//! `.stderr` with the compiler's whole answer.
//!
//! To accept new answers, run `TRYBUILD=overwrite cargo test --package graphex-ui-tests` and read the difference
//! as you would read code: one error for each mistake, at the token to blame, with the correct
//! form.
//!
//! The answers are those of one compiler. Under another one this test fails and says which to
//! take: `cargo +1.95.0 test --package graphex-ui-tests`.

#![allow(clippy::expect_used, clippy::panic)]

use std::process::Command;

/// The compiler whose answers are kept.
const RUSTC: &str = "rustc 1.95.";

#[test]
fn mistakes_are_answered() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc runs")
        .stdout;
    let version = String::from_utf8_lossy(&version);
    assert!(
        version.starts_with(RUSTC),
        "the expected errors are those of {RUSTC}x, this is {version}: run `cargo +1.95.0 test --package graphex-ui-tests`"
    );
    trybuild::TestCases::new().compile_fail("*/*.rs");
}
