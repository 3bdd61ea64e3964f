//! The derive as a whole, on its own output.

mod expansion;
mod size;
mod stubs;

use syn::DeriveInput;

/// What the derive makes of a struct, as people would write it.
fn expand(input: &DeriveInput) -> String {
    let expanded = crate::derive(input);
    prettyplease::unparse(&syn::parse2(expanded).expect("the derive expands to items"))
}
