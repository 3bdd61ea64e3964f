//! Prints the public names of a crate, one on a line, from what rustdoc wrote about it as JSON.

#![expect(clippy::print_stdout, reason = "to print is all it does")]

use std::process::ExitCode;

use public_api::Builder;

/// Traits of the compiler that stable code cannot name.
const UNSTABLE: [&str; 2] = [
    "core::marker::Freeze for ",
    "core::marker::UnsafeUnpin for ",
];

fn main() -> ExitCode {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: graphex-surface <the JSON of rustdoc>");
        return ExitCode::from(2);
    };
    match Builder::from_rustdoc_json(&file)
        .omit_blanket_impls(true)
        .build()
    {
        Ok(names) => {
            for name in names.items().map(ToString::to_string) {
                if !UNSTABLE.iter().any(|of| name.contains(of)) {
                    println!("{name}");
                }
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{file}: {error}");
            eprintln!(
                "perhaps this rustdoc writes another format than `public-api` in tests/surface/Cargo.toml reads"
            );
            ExitCode::FAILURE
        }
    }
}
