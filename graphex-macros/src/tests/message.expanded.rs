///The visible fields of `Message`.
#[derive(
    ::core::clone::Clone,
    ::core::marker::Copy,
    ::core::fmt::Debug,
    ::core::cmp::PartialEq,
    ::core::cmp::Eq,
    ::core::hash::Hash
)]
#[allow(dead_code)]
pub enum MessageFields {
    ///`id`
    Id,
    ///`tenant`
    Tenant,
    ///`room`
    Room,
    ///`text`
    Text,
}
#[automatically_derived]
impl ::graphex::__private::FieldsEnum for MessageFields {
    const ALL: &'static [Self] = &[Self::Id, Self::Tenant, Self::Room, Self::Text];
}
///What a client asked of `Message`.
#[derive(::core::clone::Clone, ::core::fmt::Debug)]
#[allow(dead_code)]
pub struct MessageSubscriptionArgs {
    /// The action subscribed to.
    pub action: ::graphex::__private::SubscriptionAction,
    /// Whether to subscribe or to unsubscribe.
    pub operation: ::graphex::__private::SubscriptionOperation,
    /// The primary key of the one row asked for.
    pub id: ::core::option::Option<::graphex::__private::ID>,
    /// What is asked of the rows.
    pub filters: ::graphex::__private::Filters,
    /// The fields asked for; `None` means all.
    pub data: ::core::option::Option<::graphex::__private::Vec<MessageFields>>,
    /// The channel that joins, in the two-channel protocol.
    pub channel_id: ::core::option::Option<::graphex::__private::String>,
}
#[automatically_derived]
impl ::core::convert::From<::graphex::__private::RawArgs> for MessageSubscriptionArgs {
    fn from(__raw: ::graphex::__private::RawArgs) -> Self {
        Self {
            data: __raw.data(),
            action: __raw.action,
            operation: __raw.operation,
            id: __raw.id,
            filters: __raw.filters,
            channel_id: __raw.channel_id,
        }
    }
}
///The values that restrict a subscriber of `Message`.
#[allow(dead_code, missing_debug_implementations, private_interfaces)]
pub struct MessageScope {
    ///The one value of `tenant`.
    pub tenant: i64,
    ///The one value of `room`, or any.
    pub room: ::core::option::Option<i64>,
}
///What a row of `Message` cannot tell by itself.
#[allow(dead_code, non_snake_case, private_interfaces, clippy::too_many_arguments)]
pub trait MessageLookups {
    ///Whether a changed row matches an operand of `tagged`.
    ///
    /// # Errors
    ///
    /// When it cannot be told; then it does not match.
    fn tagged(
        ctx: &::graphex::__private::LookupContext<'_>,
        id: i64,
        operand: Vec<String>,
    ) -> impl ::core::future::Future<
        Output = ::graphex::__private::HookResult<bool>,
    > + ::core::marker::Send;
}
///The two-channel subscription to `Message`, for the schema's root.
#[allow(dead_code)]
pub type MessageSubscription = ::graphex::__private::ModelSubscription<Message>;
///The events of `Message` for the standard protocols, for the schema's root.
#[allow(dead_code)]
pub type MessageChanges = ::graphex::__private::ModelChanges<Message>;
const _: () = {
    use ::graphex::__private as __gx;
    #[automatically_derived]
    impl __gx::ScopeValues for MessageScope {
        fn pins(self) -> __gx::Pins {
            __gx::Pins::new()
                .equal(1, <i64 as __gx::Equality>::exact(&self.tenant))
                .optional(2, <i64 as __gx::Equality>::exact_if_any(&self.room))
        }
    }
    const _: () = ::core::assert!(
        ! < i64 as __gx::Equality > ::MAY_BE_NULL,
        "this may be null, and `optional` does not see it: write the type as `Option<…>`",
    );
    #[automatically_derived]
    impl __gx::ModelType for Message {
        type Args = MessageSubscriptionArgs;
        type Scope = MessageScope;
        const MODEL: &'static __gx::Model = &__gx::Model {
            name: "Message",
            stream: "messages",
            label: "chat.message",
            field: "messageSubscription",
            changes: "messageChanges",
            description: "A chat message.",
            table: ::core::option::Option::None,
            payload: __gx::Payload::Full,
            key: 0,
            fields: &[
                <i64 as __gx::Key>::KEY.named("id", "ID"),
                <i64 as __gx::Field>::DESCRIBED.named("tenant", "TENANT"),
                <i64 as __gx::Field>::DESCRIBED.named("room", "ROOM"),
                <String as __gx::Field>::DESCRIBED.named("text", "TEXT"),
            ],
            index: &[1, 2],
            patterns: true,
            lookups: &[
                __gx::CustomLookup {
                    name: "tagged",
                    operand: <Vec<String> as __gx::FromValue>::TYPED.ty,
                    evaluate: |__ctx, __row, __operand| __gx::Box::pin(async move {
                        <Self as MessageLookups>::tagged(
                                __ctx,
                                <i64 as __gx::FromValue>::typed(__row.value(0))?,
                                <Vec<String> as __gx::FromValue>::typed(__operand)?,
                            )
                            .await
                    }),
                },
            ],
        };
        fn to_row(&self) -> __gx::Row {
            ::core::convert::From::from([
                <i64 as __gx::Key>::key_value(&self.id),
                <i64 as __gx::Field>::to_value(&self.tenant),
                <i64 as __gx::Field>::to_value(&self.room),
                <String as __gx::Field>::to_value(&self.text),
            ])
        }
        fn hooks() -> __gx::Hooks {
            __gx::Hooks::new(
                <Self as __gx::AuthorizeHook>::lets_pass,
                <Self as __gx::ScopeHook>::pins,
            )
        }
    }
    #[automatically_derived]
    impl __gx::Authorized for Message {
        fn authorize(
            _: &__gx::Context<'_>,
            _: &Self::Args,
        ) -> impl ::core::future::Future<
            Output = __gx::HookResult<()>,
        > + ::core::marker::Send {
            ::core::future::ready(::core::result::Result::Ok(()))
        }
    }
};
