//! The expansion in full. It is part of the documentation, and reviewed as code: set
//! `UPDATE_EXPANSION=1` to write it anew, and read the difference.

use std::{env, fs};

use syn::parse_quote;

use super::expand;

#[test]
fn the_documented_expansion_is_the_real_one() {
    let expanded = expand(&parse_quote! {
        /// A chat message.
        #[graphex(
            stream = "messages",
            serialize_data,
            scope(tenant, optional(room)),
            index_fields(tenant, room),
            lookup(tagged: Vec<String>),
            label = "chat.message"
        )]
        pub struct Message {
            pub id: i64,
            pub tenant: i64,
            pub room: i64,
            pub text: String,
            #[graphex(skip)]
            pub draft: Option<String>,
        }
    });
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/message.expanded.rs");
    if env::var_os("UPDATE_EXPANSION").is_some() {
        fs::write(path, &expanded).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap();
    assert_eq!(expanded, expected, "see the head of {}", file!());
}

#[test]
fn defaults_follow_from_the_struct() {
    let expanded = expand(&parse_quote! {
        #[graphex(stream = "s")]
        struct HTTPServer { id: i64 }
    });
    for line in [
        r#"name: "HTTPServer","#,
        r#"field: "httpServerSubscription","#,
        r#"label: "graphex_macros.httpserver","#,
        r#"description: "Subscription Type for HTTPServer model","#,
    ] {
        assert!(expanded.contains(line), "{line} in\n{expanded}");
    }
}

#[test]
fn the_doc_comment_describes() {
    let expanded = expand(&parse_quote! {
        /// One.
        ///
        ///  * indented
        #[graphex(stream = "s")]
        struct Message { id: i64 }
    });
    assert!(
        expanded.contains(r#"description: "One.\n\n * indented","#),
        "{expanded}"
    );
}

#[test]
fn a_table_that_is_named_is_bound() {
    let expanded = expand(&parse_quote! {
        #[diesel(table_name = crate::schema::messages)]
        #[graphex(stream = "s")]
        struct Message { id: i64 }
    });
    assert!(expanded.contains("BroadcastTable<Message> for crate::schema::messages::table"));
    let expanded = expand(&parse_quote! {
        #[graphex(stream = "s")]
        struct Message { id: i64 }
    });
    assert!(!expanded.contains("BroadcastTable"));
}
