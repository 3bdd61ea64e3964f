//! [`Pinned`]: what a scope pins of a field that may be null.

/// What `scope(optional(field))` pins of a field that may be `NULL`: a value, nothing at all, or so
/// much that no row is left.
///
/// The field of `MessageScope` is an `Option` where the model's field is not one. Here "has none"
/// would have two meanings, a user without a room and a user of every room, so each is named. From
/// an `Option`, `None` is a user without one, who sees nothing:
///
/// ```
/// use async_graphql::{Context, Result};
/// use graphex_macros::ModelType;
/// use graphex_runtime::{Pinned, Scoped};
///
/// struct User { is_admin: bool, room: Option<i64> }
///
/// #[derive(ModelType)]
/// #[graphex(stream = "messages", scope(optional(room)))]
/// # #[graphex(crate = "graphex_runtime")]
/// struct Message { id: i64, room: Option<i64> }
///
/// impl Scoped for Message {
///     async fn scope(ctx: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
///         let user = ctx.data::<User>()?;
///         let room = if user.is_admin { Pinned::Anything } else { user.room.into() };
///         Ok(MessageScope { room })
///     }
/// }
///
/// assert_eq!(Pinned::from(Some(7)), Pinned::Only(7));
/// assert_eq!(Pinned::<i64>::from(None), Pinned::Nothing);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pinned<T> {
    /// Every row, whatever its field holds, `NULL` included.
    Anything,
    /// Rows whose field holds this value.
    Only(T),
    /// No row.
    Nothing,
}

/// `None` pins [`Nothing`](Pinned::Nothing): who has no value sees no row.
impl<T> From<Option<T>> for Pinned<T> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Self::Only)
    }
}
