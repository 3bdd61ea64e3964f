//! Each struct has one mistake. The code around it, which names everything that is generated,
//! gets no error of its own.

use graphex::prelude::*;

diesel::table! {
    messages (id) { id -> BigInt, tenant -> BigInt, room -> BigInt, kind -> Integer, }
}

#[derive(Clone, ModelType)]
#[diesel(table_name = messages)]
#[graphex(
    stream = "messages",
    serialize_data,
    scope(tenant, optional(room), any_of(kind)),
    index_fields(tenant),
    authorize,
    colour = "red"
)]
pub struct Message {
    pub id: i64,
    pub tenant: i64,
    pub room: i64,
    pub kind: i32,
}

impl Scoped for Message {
    async fn scope(_: &Context<'_>, args: &MessageSubscriptionArgs) -> Result<MessageScope> {
        let _ = (&args.id, args.action, args.operation, &args.channel_id);
        let _ = args.data.iter().flatten().any(|field| *field == MessageFields::Room);
        Ok(MessageScope { tenant: 1, room: None, kind: vec![1, 2] })
    }
}

impl Authorized for Message {
    async fn authorize(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<()> {
        Ok(())
    }
}

// Misspelt where it is declared, not where it is used.
#[derive(ModelType)]
#[graphex(stream = "notes", scope(rom), serialize_data)]
pub struct Note {
    pub id: i64,
    pub room: i64,
}

impl Scoped for Note {
    async fn scope(_: &Context<'_>, _: &NoteSubscriptionArgs) -> Result<NoteScope> {
        Ok(NoteScope { room: 1 })
    }
}

#[derive(ModelType)]
#[graphex(stream = "tasks")]
pub struct Task {
    pub id: i64,
    pub password: String,
}

// The scope cannot even be read.
#[derive(ModelType)]
#[graphex(stream = "pings", scope = "tenant")]
pub struct Ping {
    pub id: i64,
}

impl Scoped for Ping {
    async fn scope(_: &Context<'_>, _: &PingSubscriptionArgs) -> Result<PingScope> {
        Ok(PingScope {})
    }
}

#[derive(ModelType)]
#[graphex(stream = "pongs")]
pub enum Pong {
    A,
}

#[derive(ModelType)]
#[graphex(stream = "drafts")]
pub struct Draft<T> {
    pub id: T,
}

#[derive(MergedSubscription, Default)]
struct Subscription(
    MessageSubscription,
    NoteSubscription,
    TaskSubscription,
    PingSubscription,
    PongSubscription,
    DraftSubscription,
);

fn main() {
    let _ = Hub::builder().model::<Message>().model::<Note>().model::<Task>().model::<Pong>();
    let _ = Message { id: 1, tenant: 1, room: 1, kind: 1 }.to_row();
    let _ = Message::MODEL.name;
}
