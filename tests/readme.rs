//! The README's quick start is the crate's, whose documentation test runs it.

#![allow(missing_docs)]

/// The lines of the first block that opens with `fence`, without what rustdoc hides.
fn first_block<'t>(text: impl Iterator<Item = &'t str>, fence: &str) -> Vec<&'t str> {
    text.skip_while(|line| *line != fence)
        .skip(1)
        .take_while(|line| *line != "```")
        .filter(|line| *line != "#" && !line.starts_with("# "))
        .collect()
}

fn documentation() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../src/lib.rs").lines();
    let lines = lines.filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line))
}

#[test]
fn the_quick_start_is_the_tested_one() {
    let readme = first_block(include_str!("../README.md").lines(), "```rust");
    assert_eq!(readme, first_block(documentation(), "```"));
    let code = readme.iter().filter(|line| !line.is_empty()).count();
    assert!((10..=25).contains(&code), "{code} lines");
}

#[test]
fn the_feature_tables_are_the_same() {
    let readme = feature_table(include_str!("../README.md").lines());
    assert!(!readme.is_empty());
    assert_eq!(readme, feature_table(documentation()));
}

fn feature_table<'t>(text: impl Iterator<Item = &'t str>) -> Vec<&'t str> {
    text.skip_while(|line| !line.starts_with("| Feature"))
        .take_while(|line| line.starts_with('|'))
        .collect()
}
