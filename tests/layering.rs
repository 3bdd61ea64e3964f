//! Holds the source to its layers: a file imports only from its own row and those above it,
//! and stays short enough to be read at once.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

/// The top row first. A module that is in no row may not exist.
const RUNTIME: &[&[&str]] = &[
    &[
        "deadline",
        "error",
        "limits",
        "measure",
        "node",
        "log_limit",
        "value",
    ],
    &[
        "change",
        "cursor",
        "custom",
        "filters",
        "lookup",
        "model",
        "hooks",
        "predicate",
        "projection",
        "topic",
        "wire",
    ],
    &["layer"],
    &["hub"],
    &["capture", "changelog"],
    &["graphql"],
    &["transport"],
    &["testing", "private", "lib"],
];

const MACROS: &[&[&str]] = &[
    &["error", "case", "help", "synonym", "ty", "secret"],
    &["attr"],
    &["model"],
    &["lower", "check"],
    &["expand", "fallback", "newtype", "enumeration"],
    &["lib", "tests"],
];

/// About what fits into one head.
const LINES: usize = 350;

#[test]
fn the_runtime_imports_upwards() {
    imports_upwards("graphex-runtime/src", RUNTIME);
}

#[test]
fn the_macros_import_upwards() {
    imports_upwards("graphex-macros/src", MACROS);
}

#[test]
fn files_are_short() {
    for directory in [
        "src",
        "graphex-runtime/src",
        "graphex-macros/src",
        "examples",
    ] {
        for file in files(Path::new(directory)) {
            let lines = fs::read_to_string(&file).unwrap().lines().count();
            assert!(
                lines <= LINES,
                "{} has {lines} lines: split it",
                file.display()
            );
        }
    }
}

/// A request reaches the parser and the schema in these files alone, which take none that the
/// guard has not looked at.
#[test]
fn documents_are_parsed_and_executed_behind_the_guard() {
    const BEHIND: &[&str] = &["graphql/execute.rs", "graphql/guard"];
    let mut found = 0;
    for file in files(Path::new("graphex-runtime/src")) {
        let path = file.strip_prefix("graphex-runtime/src").unwrap();
        let source = fs::read_to_string(&file).unwrap();
        let code = source
            .lines()
            .map(|line| line.split("//").next().unwrap_or_default());
        for line in code {
            let calls = [
                "parse_query(",
                "parsed_query(",
                "schema.execute(",
                "execute_batch(",
                "execute_stream(",
            ];
            if calls.iter().any(|call| line.contains(call)) {
                let is_behind = BEHIND.iter().any(|behind| path.starts_with(behind));
                assert!(is_behind, "{}: {line}", file.display());
                found += 1;
            }
        }
    }
    assert!(found > 0, "this looks for calls that are no longer there");
}

/// A limit may be as long as `Duration::MAX`, and such a sum panics.
#[test]
fn only_one_place_adds_a_time_to_now() {
    for file in files(Path::new("graphex-runtime/src")) {
        let source = fs::read_to_string(&file).unwrap();
        let code = source.lines().map(|line| line.split("//").next().unwrap());
        let sums = code.filter(|line| line.contains("now() +")).count();
        let allowed = usize::from(file.ends_with("deadline.rs"));
        assert_eq!(sums, allowed, "{} has to call `deadline`", file.display());
    }
}

fn imports_upwards(directory: &str, rows: &[&[&str]]) {
    let row_of = |module: &str| rows.iter().position(|row| row.contains(&module));
    for file in files(Path::new(directory)) {
        let path = file.strip_prefix(directory).unwrap();
        let module = path
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        let row = row_of(module).unwrap_or_else(|| panic!("module `{module}` is in no row"));
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            // What is no module is an item that the crate root re-exports, in docs and tests.
            let Some(imported) = row_of(&import) else {
                continue;
            };
            assert!(
                imported <= row,
                "{} imports from `{import}`, which is below it",
                file.display()
            );
        }
    }
}

/// The first segments of all `crate::…` paths outside of comments.
fn imports(source: &str) -> Vec<String> {
    let code = source
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code: Vec<_> = code.collect();
    let code = code.join("\n");
    let mut imports = Vec::new();
    for after in code.split("crate::").skip(1) {
        let names = match after.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => after
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default(),
        };
        let names = names
            .split(',')
            .map(|name| name.split("::").next().unwrap_or_default().trim());
        imports.extend(names.map(str::to_owned));
    }
    imports
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
