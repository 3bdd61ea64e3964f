//! The derive's output is as clean as the strictest crate wants its own code.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    unused_lifetimes,
    single_use_lifetimes,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    let_underscore_drop,
    non_ascii_idents,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unused_results,
    redundant_lifetimes,
    rust_2018_idioms,
    rust_2024_compatibility,
    nonstandard_style,
    future_incompatible,
    keyword_idents,
    unsafe_code,
    rustdoc::all,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::cargo
)]
#![allow(clippy::cargo, reason = "speaks of the package, not of code")]
#![allow(
    clippy::redundant_pub_crate,
    reason = "wants what `unreachable_pub` forbids"
)]

/// A public model with everything.
pub mod public {
    use graphex::prelude::*;
    use graphex::{Field, FieldType, FromValue, Value};

    /// What Diesel expands to is not ours.
    #[allow(missing_docs, unused, clippy::pedantic, clippy::nursery)]
    mod tables {
        diesel::table! {
            messages (id) {
                id -> BigInt,
                tenant -> BigInt,
                room -> BigInt,
                kind -> Integer,
                tags -> Text,
                hidden -> Bool,
                author -> Integer,
                at -> BigInt,
            }
        }
    }

    /// A chat message.
    #[derive(Debug, Clone, PartialEq, Eq, ModelType)]
    #[diesel(table_name = tables::messages)]
    #[graphex(
        stream = "messages",
        serialize_data,
        scope(tenant, optional(room), any_of(kind)),
        index_fields(tenant, room),
        authorize,
        lookup(
            author_name(author): String,
            tagged: Vec<String>,
            all(id, tenant, room, kind, author, hidden, at): Point
        )
    )]
    pub struct Message {
        /// The key.
        pub id: i64,
        /// The tenant.
        pub tenant: i64,
        /// The room.
        pub room: i64,
        /// The kind.
        pub kind: i32,
        /// Whatever.
        #[graphex(opaque)]
        pub tags: Vec<String>,
        hidden: bool,
        #[graphex(skip)]
        author: i32,
        #[graphex(skip)]
        at: Point,
    }

    /// A type of the model's own.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Point(i64);

    impl Field for Point {
        const TYPE: FieldType = i64::TYPE;
        fn to_value(&self) -> Value {
            self.0.to_value()
        }
    }

    impl FromValue for Point {
        fn from_value(value: &Value) -> Option<Self> {
            i64::from_value(value).map(Self)
        }
    }

    impl MessageLookups for Message {
        async fn author_name(_: &LookupContext<'_>, author: i32, name: String) -> Result<bool> {
            Ok(name == author.to_string())
        }

        async fn tagged(_: &LookupContext<'_>, id: i64, tags: Vec<String>) -> Result<bool> {
            Ok(tags.contains(&id.to_string()))
        }

        async fn all(
            _: &LookupContext<'_>,
            id: i64,
            _: i64,
            _: i64,
            _: i32,
            _: i32,
            hidden: bool,
            at: Point,
            operand: Point,
        ) -> Result<bool> {
            Ok(!hidden && at == operand && at == Point(id))
        }
    }

    impl Scoped for Message {
        async fn scope(_: &Context<'_>, args: &MessageSubscriptionArgs) -> Result<MessageScope> {
            let rooms = args
                .data
                .as_ref()
                .is_some_and(|data| data.contains(&MessageFields::Room));
            Ok(MessageScope {
                tenant: 1,
                room: rooms.then_some(1),
                kind: vec![1],
            })
        }
    }

    impl Authorized for Message {
        async fn authorize(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<()> {
            Ok(())
        }
    }
}

/// Models that nobody outside sees, and of which nothing is used.
mod private {
    use graphex::ModelType;

    #[derive(ModelType)]
    #[graphex(stream = "private", serialize_data)]
    struct Private {
        id: i64,
        text: String,
    }

    #[derive(ModelType)]
    #[graphex(stream = "crate")]
    pub(crate) struct Crate {
        pub(crate) id: i64,
    }

    #[derive(ModelType)]
    #[graphex(stream = "super", serialize_data, scope(id), index_fields(id))]
    pub(super) struct Super {
        pub(super) id: i64,
    }

    impl graphex::Scoped for Super {
        async fn scope(
            _: &graphex::prelude::Context<'_>,
            _: &SuperSubscriptionArgs,
        ) -> graphex::prelude::Result<SuperScope> {
            Ok(SuperScope { id: 1 })
        }
    }

    const _: fn(&Private, &Crate, &Super) = |_, _, _| ();
}

/// Models that their author marks.
pub mod marked {
    use graphex::ModelType;

    /// An old model.
    #[derive(Debug, ModelType)]
    #[deprecated = "use another"]
    #[graphex(stream = "old", serialize_data, scope(room))]
    pub struct Old {
        /// The key.
        pub id: i64,
        /// The room.
        pub room: i64,
    }

    #[allow(deprecated)]
    impl graphex::Scoped for Old {
        async fn scope(
            _: &graphex::prelude::Context<'_>,
            _: &OldSubscriptionArgs,
        ) -> graphex::prelude::Result<OldScope> {
            Ok(OldScope { room: 1 })
        }
    }

    /// A model with an old field.
    #[derive(Debug, ModelType)]
    #[graphex(stream = "old_field", serialize_data)]
    pub struct OldField {
        /// The key.
        pub id: i64,
        /// The room.
        #[deprecated = "use another"]
        pub room: i64,
    }

    /// A model with names of another taste.
    #[derive(Debug, ModelType)]
    #[allow(non_camel_case_types, non_snake_case)]
    #[graphex(stream = "odd", serialize_data, scope(roomId))]
    pub struct odd_model {
        /// The key.
        pub id: i64,
        /// The room.
        pub roomId: i64,
    }

    impl graphex::Scoped for odd_model {
        async fn scope(
            _: &graphex::prelude::Context<'_>,
            _: &odd_modelSubscriptionArgs,
        ) -> graphex::prelude::Result<odd_modelScope> {
            Ok(odd_modelScope { roomId: 1 })
        }
    }
}

/// In a function body everything is local.
#[test]
fn in_a_function() {
    use graphex::ModelType;

    #[allow(unused, clippy::pedantic, clippy::nursery)]
    mod tables {
        diesel::table! { messages (id) { id -> BigInt, } }
    }

    #[derive(ModelType)]
    #[diesel(table_name = tables::messages)]
    #[graphex(stream = "local", serialize_data)]
    struct Local {
        id: i64,
    }

    assert_eq!(Local::MODEL.stream, "local");
    assert_eq!(Local { id: 1 }.to_row(), Local { id: 1 }.to_row());
}
