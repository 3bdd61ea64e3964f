//! The derive macro of [graphex](https://docs.rs/graphex). Use it through the `graphex` crate.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod attr;
mod case;
mod check;
mod error;
mod expand;
mod fallback;
mod help;
mod lower;
mod model;
mod secret;
mod ty;

use proc_macro2::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::error::Errors;

/// Docs
#[proc_macro_derive(ModelType, attributes(graphex, diesel))]
pub fn model_type(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    derive(&parse_macro_input!(input as DeriveInput)).into()
}

fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let model = lower::model(input, &mut errors);
    check::check(&model, &mut errors);
    match errors.finish() {
        Ok(()) => expand::expand(&model),
        Err(errors) => fallback::fallback(model, &errors),
    }
}
