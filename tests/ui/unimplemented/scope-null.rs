use graphex::prelude::*;

type Room = Option<i64>;

/// Its `Option` is not seen.
#[derive(ModelType)]
#[graphex(stream = "messages", scope(optional(room)))]
struct Message {
    id: i64,
    room: Room,
}

impl Scoped for Message {
    async fn scope(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        Ok(MessageScope { room: None })
    }
}

/// What an `Option` becomes is said by the compiler.
#[derive(ModelType)]
#[graphex(stream = "notes", scope(optional(room)))]
struct Note {
    id: i64,
    room: Option<i64>,
}

impl Scoped for Note {
    async fn scope(ctx: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<NoteScope> {
        let room: Option<i64> = *ctx.data()?;
        Ok(NoteScope { room })
    }
}

fn main() {}
