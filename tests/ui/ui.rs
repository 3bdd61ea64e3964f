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

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler whose answers are kept.
const RUSTC: &str = "rustc 1.95.";

/// What an answer of graphex's may take.
const LONGEST: usize = 15;
/// Those to which rustc adds notes that nobody can leave out, by what they say, with their lines.
const LONGER: &[(&str, usize)] = &[
    // The call that asks for it, and the bound.
    ("is not a graphex model", 19),
    // Of a wrapper what it wraps is named, too.
    ("cannot be a scope field", 23),
];
/// The beginnings of what rustc and Diesel say in words of their own.
const OTHERS: &[&str] = &[
    "the trait bound",
    "the method",
    "no method",
    "method",
    "mismatched types",
    "type mismatch",
    "cannot select",
    "cannot deserialize",
];

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

#[test]
fn answers_are_short() {
    let mut answers: Vec<(usize, String)> = Vec::new();
    for file in snapshots(Path::new(env!("CARGO_MANIFEST_DIR"))) {
        let text = fs::read_to_string(file).expect("a snapshot is readable");
        for line in text.lines().filter(|line| !line.is_empty()) {
            if line.starts_with("error") {
                let (_, said) = line.split_once(": ").expect("an error says something");
                answers.push((0, said.to_owned()));
            }
            if let Some((lines, _)) = answers.last_mut() {
                *lines += 1;
            }
        }
    }
    assert!(answers.len() > 200, "the snapshots are not to be found");
    answers.retain(|(_, said)| !OTHERS.iter().any(|other| said.starts_with(other)));
    answers.sort();
    let (longest, said) = answers.last().expect("there are answers");
    eprintln!(
        "{} answers of graphex's; the longest, {longest} lines: {said}",
        answers.len()
    );
    for (lines, said) in answers {
        let longer = LONGER.iter().find(|(words, _)| said.contains(words));
        let allowed = longer.map_or(LONGEST, |(_, lines)| *lines);
        assert!(lines <= allowed, "{lines} lines: {said}");
    }
}

fn snapshots(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("the folder is readable") {
        let path = entry.expect("the folder is readable").path();
        if path.is_dir() {
            found.extend(snapshots(&path));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "stderr")
        {
            found.push(path);
        }
    }
    found
}
