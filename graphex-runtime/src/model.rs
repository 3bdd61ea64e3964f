//! A model as data, and the traits that tie it to its Rust type.

mod field;
mod logged;
mod table;

use async_graphql::{Context, ID, Result};

use crate::change::{Row, SubscriptionAction, SubscriptionOperation};
use crate::custom::CustomLookup;
use crate::filters::Filters;
use crate::hooks::{HookFuture, Hooks};
use crate::predicate::Pins;
pub use field::FieldDescriptor;
pub use logged::UnreadableRow;
#[cfg(feature = "diesel")]
pub(crate) use table::quoted;
pub use table::{Table, TableName};

/// What graphex knows of a model. `#[derive(ModelType)]` writes it.
#[derive(Debug)]
pub struct Model {
    /// The prefix of the GraphQL types' names: the struct's name, or `name = "…"`.
    pub name: &'static str,
    /// The public name of the feed.
    pub stream: &'static str,
    /// The `model` of notifications, as `chat.message`.
    pub label: &'static str,
    /// The GraphQL subscription field of the two-channel protocol.
    pub field: &'static str,
    /// The GraphQL subscription field of the standard protocols.
    pub changes: &'static str,
    /// The description of those fields.
    pub description: &'static str,
    /// The table, where it is known.
    pub table: Option<Table>,
    /// What notifications carry.
    pub payload: Payload,
    /// Position of the primary key in `fields`.
    pub key: usize,
    /// The captured fields, in the struct's order: those that clients see, and of the others those
    /// that a scope, an index or a lookup needs.
    pub fields: &'static [FieldDescriptor],
    /// Positions of the index fields in `fields`.
    pub index: &'static [usize],
    /// Whether clients may filter with regular expressions: `patterns`.
    pub patterns: bool,
    /// The custom lookups.
    pub lookups: &'static [CustomLookup],
}

impl Model {
    /// A model for tests: stream `messages`, its key first.
    #[cfg(test)]
    pub(crate) const fn sample(
        payload: Payload,
        fields: &'static [FieldDescriptor],
        index: &'static [usize],
    ) -> Self {
        Self {
            name: "Message",
            stream: "messages",
            label: "chat.message",
            field: "messageSubscription",
            changes: "messageChanges",
            description: "",
            table: None,
            payload,
            key: 0,
            fields,
            index,
            patterns: true,
            lookups: &[],
        }
    }

    /// Whether a change log can have the model: its table is known.
    pub(crate) fn may_have_log(&self) -> bool {
        self.table.is_some()
    }

    /// Positions of the fields that clients may see, in order.
    pub fn visible(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.fields.len()).filter(|position| !self.fields[*position].hidden)
    }
}

/// What the notifications of a model carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The primary key alone: `{"id": 5}`.
    IdOnly,
    /// Every visible field, or those that `data` names.
    Full,
}

/// A Rust struct whose rows clients can subscribe to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a graphex model",
    label = "this type has no stream",
    note = "write `#[derive(graphex::ModelType)]` and `#[graphex(stream = \"…\")]` on `{Self}`"
)]
pub trait ModelType: Sized + Send + Sync + 'static {
    /// What a client asked, as `scope` and `authorize` see it.
    type Args: From<RawArgs> + Send + Sync + 'static;
    /// What `scope` returns: a field per entry of `scope(…)`.
    type Scope: ScopeValues + Send;

    /// The model as data.
    const MODEL: &'static Model;

    /// Captures the row.
    fn to_row(&self) -> Row;

    /// The model's `authorize` and `scope`.
    #[doc(hidden)]
    fn hooks() -> Hooks;
}

/// The values the server forces on a subscriber: its tenant, its rooms.
///
/// Written by hand for a model with `scope(…)`. The hook runs once per `SUBSCRIBE`, after
/// [`Authorized::authorize`] and before anything is joined, with the resolver's context. An
/// `Err` made from a sentence (`Err("no such room".into())`) is shown to the client; an error
/// of another type that came with `?` (a database error) is logged and answered by a generic
/// sentence, as is a panic.
///
/// `NULL` equals nothing: a scope value `None` for a nullable field matches no row. What
/// `optional(field)` pins of one is a [`Pinned`](crate::Pinned).
///
/// The scope holds for as long as the subscription does; subscribing again asks anew and replaces
/// it. It is no part of what a subscription is called by, so `UNSUBSCRIBE` does not ask and ends
/// the subscription whatever the scope would be by now.
///
/// ```
/// use async_graphql::{Context, Result};
/// use graphex_macros::ModelType;
/// use graphex_runtime::{Authorized, Scoped};
///
/// struct CurrentUser { tenant: i64, current_room: Option<i64> }
///
/// #[derive(ModelType)]
/// #[graphex(stream = "messages", authorize, scope(tenant, optional(room)))]
/// # #[graphex(crate = "graphex_runtime")]
/// struct Message { id: i64, tenant: i64, room: i64 }
///
/// impl Authorized for Message {
///     async fn authorize(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<()> {
///         ctx.data_opt::<CurrentUser>().map(|_| ()).ok_or_else(|| "log in first".into())
///     }
/// }
///
/// impl Scoped for Message {
///     async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
///         let user = ctx.data::<CurrentUser>()?;
///         Ok(MessageScope { tenant: user.tenant, room: user.current_room })
///     }
/// }
/// ```
pub trait Scoped: ModelType {
    /// The scope of the subscriber behind `ctx`.
    ///
    /// # Errors
    ///
    /// A denial, if it is a sentence; the trait says what becomes of others.
    fn scope(
        ctx: &Context<'_>,
        args: &Self::Args,
    ) -> impl Future<Output = Result<Self::Scope>> + Send;
}

/// [`Scoped`], as generated code asks for it: a missing impl is reported at the key alone, without
/// those of other models.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "model `{Self}` declares `scope(…)` but does not implement `Scoped`",
    label = "who may see which rows is not said",
    note = "write `impl Scoped for {Self} {{ async fn scope(ctx: &Context<'_>, args: &{Self}SubscriptionArgs) -> Result<{Self}Scope> {{ … }} }}`"
)]
pub trait ScopeHook {
    fn pins<'a>(ctx: &'a Context<'a>, args: RawArgs) -> HookFuture<'a, Pins>;
}

#[diagnostic::do_not_recommend]
impl<M: Scoped> ScopeHook for M {
    fn pins<'a>(ctx: &'a Context<'a>, args: RawArgs) -> HookFuture<'a, Pins> {
        Box::pin(async move { Ok(M::scope(ctx, &args.into()).await?.pins()) })
    }
}

/// Who may subscribe at all.
///
/// Written by hand for a model with `authorize`. Asked once per `SUBSCRIBE`, before anything is
/// joined, and not on `UNSUBSCRIBE`: who may no longer subscribe can still leave. Errors are
/// treated as those of [`Scoped::scope`].
///
/// What differs by action reads `args.action`, and a guard of async-graphql serves here too:
///
/// ```
/// use async_graphql::{Context, Guard, Result};
/// use graphex_macros::ModelType;
/// use graphex_runtime::{Authorized, SubscriptionAction};
///
/// struct LoggedIn;
///
/// impl Guard for LoggedIn {
///     async fn check(&self, ctx: &Context<'_>) -> Result<()> {
///         # struct CurrentUser;
///         ctx.data_opt::<CurrentUser>().map(|_| ()).ok_or_else(|| "log in first".into())
///     }
/// }
///
/// #[derive(ModelType)]
/// #[graphex(stream = "notes", authorize)]
/// # #[graphex(crate = "graphex_runtime")]
/// struct Note { id: i64 }
///
/// impl Authorized for Note {
///     async fn authorize(ctx: &Context<'_>, args: &NoteSubscriptionArgs) -> Result<()> {
///         match args.action {
///             SubscriptionAction::Create => Ok(()),
///             _ => LoggedIn.check(ctx).await,
///         }
///     }
/// }
/// ```
pub trait Authorized: ModelType {
    /// Lets the subscriber behind `ctx` pass, or not.
    ///
    /// # Errors
    ///
    /// A denial, if it is a sentence; [`Scoped`] says what becomes of others.
    fn authorize(ctx: &Context<'_>, args: &Self::Args) -> impl Future<Output = Result<()>> + Send;
}

/// [`Authorized`], as generated code asks for it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "model `{Self}` declares `authorize` but does not implement `Authorized`",
    label = "who may subscribe is not said",
    note = "write `impl Authorized for {Self} {{ async fn authorize(ctx: &Context<'_>, args: &{Self}SubscriptionArgs) -> Result<()> {{ … }} }}`"
)]
pub trait AuthorizeHook {
    fn lets_pass<'a>(ctx: &'a Context<'a>, args: RawArgs) -> HookFuture<'a, ()>;
}

#[diagnostic::do_not_recommend]
impl<M: Authorized> AuthorizeHook for M {
    fn lets_pass<'a>(ctx: &'a Context<'a>, args: RawArgs) -> HookFuture<'a, ()> {
        Box::pin(async move { M::authorize(ctx, &args.into()).await })
    }
}

/// A generated `<Model>Fields` enum.
#[doc(hidden)]
pub trait FieldsEnum: Copy + 'static {
    /// All values, parallel to [`Model::visible`].
    const ALL: &'static [Self];
}

/// A generated `<Model>Scope` struct.
#[doc(hidden)]
pub trait ScopeValues {
    /// The predicates that it forces.
    fn pins(self) -> Pins;
}

/// What a client asked, before the generated arguments type takes it.
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct RawArgs {
    pub action: SubscriptionAction,
    pub operation: SubscriptionOperation,
    pub id: Option<ID>,
    pub filters: Filters,
    /// Positions in [`FieldsEnum::ALL`].
    pub fields: Option<Vec<usize>>,
    pub channel_id: Option<String>,
}

impl RawArgs {
    /// The fields asked for in `data`; `None` means all.
    #[must_use]
    pub fn data<F: FieldsEnum>(&self) -> Option<Vec<F>> {
        let fields = self.fields.as_ref()?;
        Some(fields.iter().map(|position| F::ALL[*position]).collect())
    }
}

/// Ties a Diesel table to its model. `#[derive(ModelType)]` writes it.
pub trait BroadcastTable<M: ModelType> {
    /// The model. Without this trait it is unknown, so that rustc says one thing of a wrong one.
    #[doc(hidden)]
    type Model: ModelType;
}
