//! The derive's output stands on absolute paths: it compiles in a crate without any prelude.

#![no_implicit_prelude]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    missing_debug_implementations
)]

extern crate graphex as gx;

/// The same crate behind a path, as a façade of an application would have it.
mod facade {
    pub mod live {
        pub use ::gx::*;
    }
}

mod renamed {
    #[derive(::gx::ModelType)]
    #[graphex(
        stream = "messages",
        serialize_data,
        scope(tenant, optional(room), any_of(kind)),
        index_fields(tenant, room),
        authorize,
        lookup(by_key: ::std::string::String, by_room(room, kind): ::std::vec::Vec<i64>),
        crate = "::gx"
    )]
    pub struct Message {
        pub id: i64,
        pub tenant: i64,
        pub room: ::std::option::Option<i64>,
        pub kind: i32,
        #[graphex(opaque)]
        pub tags: ::std::vec::Vec<::std::string::String>,
    }

    impl ::gx::Scoped for Message {
        async fn scope(
            _: &::gx::__private::Context<'_>,
            _: &MessageSubscriptionArgs,
        ) -> ::gx::__private::HookResult<MessageScope> {
            ::std::result::Result::Ok(MessageScope {
                tenant: 1,
                room: ::gx::Pinned::Anything,
                kind: ::std::vec::Vec::new(),
            })
        }
    }

    impl MessageLookups for Message {
        async fn by_key(
            _: &::gx::LookupContext<'_>,
            _: i64,
            _: ::std::string::String,
        ) -> ::gx::__private::HookResult<bool> {
            ::std::result::Result::Ok(true)
        }
        async fn by_room(
            _: &::gx::LookupContext<'_>,
            _: ::std::option::Option<i64>,
            _: i32,
            _: ::std::vec::Vec<i64>,
        ) -> ::gx::__private::HookResult<bool> {
            ::std::result::Result::Ok(true)
        }
    }

    impl ::gx::Authorized for Message {
        async fn authorize(
            _: &::gx::__private::Context<'_>,
            _: &MessageSubscriptionArgs,
        ) -> ::gx::__private::HookResult<()> {
            ::std::result::Result::Ok(())
        }
    }
}

mod re_exported {
    #[derive(::gx::ModelType)]
    #[graphex(stream = "pings", lookup(even: bool), crate = "crate::facade::live")]
    struct Ping {
        id: i64,
    }

    impl PingLookups for Ping {
        async fn even(
            _: &crate::facade::live::LookupContext<'_>,
            id: i64,
            even: bool,
        ) -> ::gx::__private::HookResult<bool> {
            ::std::result::Result::Ok((id % 2 == 0) == even)
        }
    }

    mod inner {
        #[derive(::gx::ModelType)]
        #[graphex(stream = "pongs", crate = "super::super::facade::live")]
        struct Pong {
            id: i64,
        }
    }
}

mod without_crate_key {
    #[derive(::gx::ModelType)]
    #[graphex(stream = "notes", serialize_data)]
    pub(crate) struct Note {
        pub(crate) id: ::std::string::String,
        pub(crate) text: ::std::string::String,
    }
}

#[test]
fn the_models_are_there() {
    use ::gx::ModelType;
    ::std::assert_eq!(renamed::Message::MODEL.fields.len(), 5);
    ::std::assert_eq!(renamed::Message::MODEL.lookups.len(), 2);
    ::std::assert_eq!(without_crate_key::Note::MODEL.label, "hygiene.note");
}
