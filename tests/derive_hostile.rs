//! Structs that make careless macros fail: names that shadow the standard library, raw and
//! non-ASCII identifiers, many fields, odd places.

#![allow(
    missing_docs,
    dead_code,
    non_camel_case_types,
    non_snake_case,
    unreachable_pub,
    missing_debug_implementations,
    clippy::expect_used
)]

use graphex::ModelType;

/// Every name of the prelude and of the standard library means something else here.
mod shadowed {
    pub mod std {}
    pub mod diagnostic {}
    pub mod core {}
    pub mod alloc {}
    pub mod graphex {}
    pub mod __private {}

    pub struct Option;
    pub struct Result;
    pub struct String;
    pub struct Vec;
    pub struct Box;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Model;
    pub struct Field;
    pub struct Row;
    pub struct Payload;
    pub struct Context;
    pub struct Self_;
    pub struct raw;
    pub struct data;
    pub struct i64;
    pub trait Clone {}
    pub trait Copy {}
    pub trait Debug {}
    pub trait Send {}
    pub trait From {}
    pub trait Into {}
    pub trait Future {}
    pub trait ModelType {}
    pub trait Scoped {}
    pub trait Authorized {}
    pub trait Key {}
    pub trait FromValue {}
    pub struct LookupContext;
    pub struct CustomLookup;
    pub struct Pin;

    #[derive(::graphex::ModelType)]
    #[graphex(
        stream = "messages",
        serialize_data,
        scope(room, optional(kind), any_of(tenant)),
        lookup(typed(tenant): ::std::string::String)
    )]
    pub struct Message {
        pub id: ::core::primitive::i64,
        pub tenant: ::core::primitive::i64,
        pub room: ::core::primitive::i64,
        pub kind: ::core::primitive::i64,
        #[graphex(skip)]
        pub draft: Option,
    }

    impl ::graphex::Scoped for Message {
        async fn scope(
            _: &::graphex::__private::Context<'_>,
            _: &MessageSubscriptionArgs,
        ) -> ::graphex::__private::HookResult<MessageScope> {
            let kind = ::core::option::Option::None;
            ::core::result::Result::Ok(MessageScope {
                room: 1,
                kind,
                tenant: ::std::vec![],
            })
        }
    }

    impl MessageLookups for Message {
        async fn typed(
            _: &::graphex::LookupContext<'_>,
            _: ::core::primitive::i64,
            _: ::std::string::String,
        ) -> ::graphex::__private::HookResult<bool> {
            ::core::result::Result::Ok(true)
        }
    }

    #[derive(::graphex::ModelType)]
    #[graphex(stream = "open", serialize_data)]
    pub struct Open {
        pub id: ::core::primitive::i64,
    }
}

mod raw_identifiers {
    #[derive(graphex::ModelType)]
    #[graphex(
        stream = "raw",
        serialize_data,
        scope(r#type, optional(match)),
        index_fields(type, r#match),
        lookup(
            r#use(r#type, match): String,
            impl: i64,
            same(ctx, operand, __row): i64,
        )
    )]
    #[diesel(primary_key(r#fn))]
    pub struct r#struct {
        pub r#fn: i64,
        pub r#type: i64,
        pub r#match: i64,
        pub self_: i64,
        pub _under: i64,
        pub type_: i64,
        pub _1: i64,
        #[graphex(skip)]
        pub ctx: i64,
        #[graphex(skip)]
        pub operand: i64,
        #[graphex(skip)]
        pub __row: i64,
    }

    impl structLookups for r#struct {
        async fn r#use(
            _: &graphex::LookupContext<'_>,
            _: i64,
            r#match: i64,
            _: String,
        ) -> graphex::__private::HookResult<bool> {
            Ok(r#match > 0)
        }

        async fn r#impl(
            _: &graphex::LookupContext<'_>,
            r#fn: i64,
            operand: i64,
        ) -> graphex::__private::HookResult<bool> {
            Ok(r#fn == operand)
        }

        async fn same(
            _: &graphex::LookupContext<'_>,
            ctx: i64,
            operand: i64,
            __row: i64,
            value: i64,
        ) -> graphex::__private::HookResult<bool> {
            Ok([ctx, operand, __row] == [value; 3])
        }
    }

    impl graphex::Scoped for r#struct {
        async fn scope(
            _: &graphex::__private::Context<'_>,
            _: &structSubscriptionArgs,
        ) -> graphex::__private::HookResult<structScope> {
            Ok(structScope {
                r#type: 1,
                r#match: None,
            })
        }
    }
}

#[test]
fn raw_identifiers_lose_their_prefix() {
    let model = raw_identifiers::r#struct::MODEL;
    assert_eq!(
        (model.name, model.label, model.field),
        ("struct", "derive_hostile.struct", "structSubscription")
    );
    let names: Vec<_> = model
        .fields
        .iter()
        .map(|field| (field.name, field.graphql))
        .collect();
    assert_eq!(
        names,
        [
            ("fn", "FN"),
            ("type", "TYPE"),
            ("match", "MATCH"),
            ("self_", "SELF_"),
            ("_under", "_UNDER"),
            ("type_", "TYPE_"),
            ("_1", "_1"),
            ("ctx", "CTX"),
            ("operand", "OPERAND"),
            ("__row", "__ROW"),
        ]
    );
    assert_eq!((model.key, model.index), (0, &[1, 2][..]));
    let lookups: Vec<_> = model.lookups.iter().map(|lookup| lookup.name).collect();
    assert_eq!(lookups, ["use", "impl", "same"]);
    use raw_identifiers::structFields as Fields;
    let _ = [
        Fields::Fn,
        Fields::Type,
        Fields::Match,
        Fields::Self_,
        Fields::_Under,
        Fields::Type_,
        Fields::_1,
    ];
}

mod non_ascii {
    #[derive(graphex::ModelType)]
    #[graphex(
        stream = "units",
        serialize_data,
        scope(größe),
        index_fields(größe),
        name = "Unit"
    )]
    pub struct Ünit {
        pub id: i64,
        #[graphex(rename = "size")]
        pub größe: i64,
        #[graphex(rename = "date")]
        pub 日付: i64,
        #[graphex(skip)]
        pub ßcharf: f32,
    }

    impl graphex::Scoped for Ünit {
        async fn scope(
            _: &graphex::__private::Context<'_>,
            _: &ÜnitSubscriptionArgs,
        ) -> graphex::__private::HookResult<ÜnitScope> {
            Ok(ÜnitScope { größe: 1 })
        }
    }
}

#[test]
fn non_ascii_names_get_ascii_ones() {
    let model = non_ascii::Ünit::MODEL;
    assert_eq!((model.name, model.field), ("Unit", "unitSubscription"));
    let names: Vec<_> = model.fields.iter().map(|field| field.name).collect();
    assert_eq!(names, ["id", "size", "date"]);
    let _ = [non_ascii::ÜnitFields::Größe, non_ascii::ÜnitFields::日付];
}

macro_rules! wide {
    ($name:literal: $($field:ident)*) => {
        #[derive(graphex::ModelType)]
        #[graphex(stream = $name, serialize_data, label = $name)]
        pub struct Wide {
            pub id: i64,
            $(pub $field: Option<String>,)*
        }
    };
}

/// All of the attribute is the macro's own, and none of it the derive's.
macro_rules! looked_up {
    ($lookup:ident: $ty:ty) => {
        #[derive(graphex::ModelType)]
        #[graphex(stream = "made", lookup($lookup(room): $ty, pairs: Pair<i32, Vec<i32>>))]
        pub struct Made {
            pub id: i64,
            pub room: i64,
        }

        impl MadeLookups for Made {
            async fn $lookup(
                _: &graphex::LookupContext<'_>,
                _: i64,
                _: $ty,
            ) -> graphex::__private::HookResult<bool> {
                Ok(true)
            }
            async fn pairs(
                _: &graphex::LookupContext<'_>,
                _: i64,
                _: Pair<i32, Vec<i32>>,
            ) -> graphex::__private::HookResult<bool> {
                Ok(true)
            }
        }
    };
}

pub struct Pair<A, B>(A, std::marker::PhantomData<fn() -> B>);

impl<A: graphex::Field, B> graphex::Field for Pair<A, B> {
    const TYPE: graphex::FieldType = A::TYPE;
    fn to_value(&self) -> graphex::Value {
        self.0.to_value()
    }
}

impl<A: graphex::FromValue, B> graphex::FromValue for Pair<A, B> {
    fn from_value(value: &graphex::Value) -> Option<Self> {
        A::from_value(value).map(|value| Self(value, std::marker::PhantomData))
    }
}

looked_up! { named: Option<Vec<String>> }

#[test]
fn a_macro_may_make_lookups() {
    let names: Vec<_> = Made::MODEL
        .lookups
        .iter()
        .map(|lookup| lookup.name)
        .collect();
    assert_eq!(names, ["named", "pairs"]);
}

wide! { "wide":
    a1 a2 a3 a4 a5 a6 a7 b1 b2 b3 b4 b5 b6 b7 b8 c1 c2 c3 c4 c5 c6 c7 c8 d1 d2 d3 d4 d5 d6 d7 d8
    e1 e2 e3 e4 e5 e6 e7 e8 f1 f2 f3 f4 f5 f6 f7 f8 g1 g2 g3 g4 g5 g6 g7 g8 h1 h2 h3 h4 h5 h6 h7 h8
}

#[test]
fn sixty_four_fields() {
    assert_eq!(Wide::MODEL.fields.len(), 64);
    assert_eq!((Wide::MODEL.stream, Wide::MODEL.label), ("wide", "wide"));
}

/// Types of the model's own: `Self`, private ones, macro-made ones.
mod types {
    use graphex::{Equality, Field, FieldType, Key, Value};

    pub struct Id<T>(i64, std::marker::PhantomData<fn() -> T>);

    impl<T> Field for Id<T> {
        const TYPE: FieldType = i64::TYPE;
        fn to_value(&self) -> Value {
            self.0.to_value()
        }
    }
    impl<T> Equality for Id<T> {}
    impl<T> Key for Id<T> {}

    struct Hidden(i64);

    impl Field for Hidden {
        const TYPE: FieldType = i64::TYPE;
        fn to_value(&self) -> Value {
            self.0.to_value()
        }
    }
    impl Equality for Hidden {}

    macro_rules! node {
        ($name:ident, $parent:ty) => {
            #[derive(graphex::ModelType)]
            #[graphex(stream = "nodes", serialize_data, scope(optional(parent), hidden))]
            pub struct $name {
                pub id: Id<Self>,
                pub parent: $parent,
                hidden: Hidden,
            }
        };
    }
    node!(Node, Option<Id<Self>>);

    impl graphex::Scoped for Node {
        async fn scope(
            _: &graphex::__private::Context<'_>,
            _: &NodeSubscriptionArgs,
        ) -> graphex::__private::HookResult<NodeScope> {
            Ok(NodeScope {
                parent: graphex::Pinned::Nothing,
                hidden: Hidden(1),
            })
        }
    }
}

/// A skipped field needs no impl unless the server routes by it.
mod skipped {
    pub struct Blob;

    #[derive(graphex::ModelType)]
    #[graphex(stream = "files", serialize_data, scope(owner), index_fields(owner))]
    pub struct File {
        #[graphex(skip)]
        pub content: Blob,
        #[graphex(skip)]
        pub owner: i64,
        pub id: i64,
        #[graphex(skip)]
        pub weird__name: Blob,
        pub name: String,
    }

    impl graphex::Scoped for File {
        async fn scope(
            _: &graphex::__private::Context<'_>,
            _: &FileSubscriptionArgs,
        ) -> graphex::__private::HookResult<FileScope> {
            Ok(FileScope { owner: 7 })
        }
    }
}

#[test]
fn positions_do_not_count_what_is_left_out() {
    let model = skipped::File::MODEL;
    let fields: Vec<_> = model
        .fields
        .iter()
        .map(|field| (field.name, field.hidden))
        .collect();
    assert_eq!(fields, [("owner", true), ("id", false), ("name", false)]);
    assert_eq!((model.key, model.index), (1, &[0][..]));
    let file = skipped::File {
        content: skipped::Blob,
        owner: 7,
        id: 5,
        weird__name: skipped::Blob,
        name: "n".into(),
    };
    let row = graphex::__private::Row::from([
        7_i64.to_value(),
        5_i64.to_value(),
        "n".to_owned().to_value(),
    ]);
    assert_eq!(file.to_row(), row);
}

use graphex::Field as _;

#[test]
fn a_model_may_live_in_a_function() {
    use graphex as gx;

    diesel::table! { messages (id) { id -> BigInt, } }

    #[derive(graphex::ModelType)]
    #[diesel(table_name = messages)]
    #[graphex(stream = "local", serialize_data, crate = "gx")]
    struct Local {
        id: i64,
    }

    assert_eq!(Local::MODEL.stream, "local");
    let _: LocalSubscription;
}
