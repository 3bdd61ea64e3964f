//! After any error the items that users name are still there.

use syn::{DeriveInput, parse_quote};

use super::expand;

fn assert_named(input: &DeriveInput, items: &[&str]) {
    let expanded = expand(input);
    assert!(expanded.contains("compile_error!"), "{expanded}");
    for item in items {
        assert!(expanded.contains(item), "`{item}` in\n{expanded}");
    }
}

const ITEMS: &[&str] = &[
    "struct MessageSubscriptionArgs",
    "struct MessageScope",
    "type MessageSubscription",
    "type MessageChanges",
    "ModelType for",
];

#[test]
fn whatever_the_struct_is() {
    assert_named(
        &parse_quote!(
            #[graphex]
            struct Message {
                id: i64,
            }
        ),
        ITEMS,
    );
    assert_named(
        &parse_quote!(
            #[graphex(stream = "s")]
            enum Message {
                A,
                B,
            }
        ),
        ITEMS,
    );
    assert_named(
        &parse_quote!(
            #[graphex(stream = "s")]
            struct Message(i64);
        ),
        ITEMS,
    );
    assert_named(
        &parse_quote!(
            #[graphex(stream = "s")]
            struct Message;
        ),
        ITEMS,
    );
    assert_named(
        &parse_quote!(#[graphex(stream = "s")] union Message { a: i64 }),
        ITEMS,
    );
    assert_named(
        &parse_quote!(
            #[graphex(stream = "s")]
            struct Message<'a, T> {
                id: &'a T,
            }
        ),
        ITEMS,
    );
    assert_named(
        &parse_quote!(
            struct Ünit {
                id: i64,
            }
        ),
        &["struct ÜnitScope"],
    );
    assert_named(
        &parse_quote!(
            struct r#type {
                id: i64,
            }
        ),
        &["struct typeScope"],
    );
}

#[test]
fn a_mistyped_scope_field_is_the_one_it_resembles() {
    assert_named(
        &parse_quote! {
            #[graphex(stream = "s", scope(tenant, optional(rom)))]
            struct Message { id: i64, tenant: i64, room: i64 }
        },
        &["tenant: i64", "room: ::core::option::Option<i64>"],
    );
}

#[test]
fn lookups_keep_their_names_and_arguments() {
    assert_named(
        &parse_quote! {
            #[graphex(lookup(by_key: String, by_autor(autor, "id"): Vec<Self>, untyped(nobody)))]
            struct Message { id: i64, author: i32 }
        },
        &[
            "trait MessageLookups",
            "operand: String",
            "fn by_autor",
            "author: i32",
            "operand: Vec<Message>",
            "fn untyped",
            "_: __MessageUnknown",
            "operand: __MessageUnknown",
            "type __MessageUnknown = [(); ::core::compile_error!",
        ],
    );
    assert_named(
        &parse_quote!(
            #[graphex(stream = "s", lookup = "tagged")]
            struct Message {
                id: i64,
            }
        ),
        &["trait MessageLookups {}"],
    );
}

#[test]
fn the_user_impls_meet_no_stub() {
    let expanded = expand(&parse_quote!(
        struct Message {
            id: i64,
        }
    ));
    assert!(!expanded.contains("Scoped for"), "{expanded}");
    assert!(!expanded.contains("Authorized for"), "{expanded}");
    assert!(!expanded.contains("Lookups"), "{expanded}");
}

#[test]
fn names_are_made_once() {
    let expanded = expand(&parse_quote! {
        #[graphex(stream = "s", serialize_data, scope(room_1, room_1), lookup(a: A, a: B))]
        struct Message { id: i64, room1: i64, room_1: i64 }
    });
    assert_eq!(expanded.matches("    Room1,").count(), 1, "{expanded}");
    assert_eq!(expanded.matches("room_1: i64").count(), 1, "{expanded}");
    assert_eq!(expanded.matches("fn a(").count(), 1, "{expanded}");
}
