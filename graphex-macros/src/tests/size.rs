//! How much code a model costs its crate, in lines as prettyplease prints them.

use quote::{format_ident, quote};
use syn::parse_quote;

use super::expand;

/// For a model of five fields.
const FIVE_FIELDS: usize = 160;
/// For each further field: two of its enum value and one of the list of these, three of its
/// description with its column, three of its capture.
const FURTHER_FIELD: usize = 9;
/// For each custom lookup of two fields.
const LOOKUP: usize = 28;

/// Lines for a model in full mode with so many fields, scoped and indexed by two of them, and
/// with so many lookups.
fn lines(fields: usize, lookups: usize) -> usize {
    let names = (0..lookups).map(|number| format_ident!("some_longer_lookup_name_{number}"));
    let lookup = (lookups > 0).then(|| quote!(lookup(#(#names(tenant, room): Vec<String>),*)));
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
            index_fields(tenant, room),
            #lookup
        )]
        pub struct Message {
            #(pub #names: #types,)*
        }
    });
    expanded.lines().count()
}

#[test]
fn the_expansion_stays_small() {
    let (five, ten, sixty_four) = (lines(5, 0), lines(10, 0), lines(64, 0));
    let further = (sixty_four - five).div_ceil(59);
    let lookup = (lines(5, 10) - five).div_ceil(10);
    println!(
        "5 fields: {five} lines; 10: {ten}; 64: {sixty_four}; \
         each further field: {further}; each lookup: {lookup}"
    );
    assert!(five <= FIVE_FIELDS, "{five} lines");
    assert!(
        further <= FURTHER_FIELD,
        "{further} lines for each further field"
    );
    assert!(lookup <= LOOKUP, "{lookup} lines for each lookup");
}
