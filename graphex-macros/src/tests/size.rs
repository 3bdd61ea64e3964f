//! How much code a model costs its crate, in lines as prettyplease prints them.

use quote::{format_ident, quote};
use syn::parse_quote;

use super::expand;

/// For a model of five fields.
const FIVE_FIELDS: usize = 160;
/// For each further field.
const FURTHER_FIELD: usize = 8;

/// Lines for a model in full mode with so many fields, scoped and indexed by two of them.
fn lines(fields: usize) -> usize {
    let names = (0..fields).map(|number| match number {
        0 => format_ident!("id"),
        1 => format_ident!("tenant"),
        2 => format_ident!("room"),
        _ => format_ident!("some_longer_column_name_{number}"),
    });
    // A long name and a long type: rustfmt's style breaks their lines.
    let types = (0..fields).map(|number| match number {
        0..=2 => quote!(i64),
        _ => quote!(Option<chrono::DateTime<chrono::Utc>>),
    });
    let expanded = expand(&parse_quote! {
        #[diesel(table_name = messages)]
        #[graphex(
            stream = "messages",
            serialize_data,
            scope(tenant, optional(room)),
            index_fields(tenant, room)
        )]
        pub struct Message {
            #(pub #names: #types,)*
        }
    });
    expanded.lines().count()
}

#[test]
fn the_expansion_stays_small() {
    let (five, ten, sixty_four) = (lines(5), lines(10), lines(64));
    let further = (sixty_four - five).div_ceil(59);
    println!("5 fields: {five} lines; 10: {ten}; 64: {sixty_four}; each further field: {further}");
    assert!(five <= FIVE_FIELDS, "{five} lines");
    assert!(
        further <= FURTHER_FIELD,
        "{further} lines for each further field"
    );
}
