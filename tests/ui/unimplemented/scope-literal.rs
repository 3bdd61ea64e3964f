//! A scope that forgets a value, or gives one of another type, does not compile.

use graphex::prelude::*;

#[derive(ModelType)]
#[graphex(stream = "messages", scope(tenant, optional(room), any_of(kind)))]
struct Message {
    id: i64,
    tenant: i64,
    room: i64,
    kind: i32,
}

impl Scoped for Message {
    async fn scope(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        Ok(MessageScope { tenant: 1, kind: vec![] })
    }
}

#[derive(ModelType)]
#[graphex(stream = "notes", scope(tenant, optional(room)))]
struct Note {
    id: i64,
    tenant: i64,
    room: i64,
}

impl Scoped for Note {
    async fn scope(_: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<NoteScope> {
        Ok(NoteScope { tenant: None, room: 7 })
    }
}

fn main() {}
