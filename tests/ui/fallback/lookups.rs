//! Each struct has one mistake in or beside its lookups. Their functions get no error of their
//! own, whatever could not be read.

use graphex::prelude::*;

#[derive(ModelType)]
#[graphex(stream = "chat messages", lookup(author_name(author): String, tagged: Vec<Self>))]
pub struct Message {
    pub id: i64,
    pub author: i32,
}

impl MessageLookups for Message {
    async fn author_name(ctx: &LookupContext<'_>, author: i32, name: String) -> Result<bool> {
        let _ = ctx.action();
        Ok(name == author.to_string())
    }
    async fn tagged(_: &LookupContext<'_>, _: i64, _: Vec<Self>) -> Result<bool> {
        Ok(true)
    }
}

// Mistyped, and known to nobody.
#[derive(ModelType)]
#[graphex(stream = "notes", lookup(author_name(autor): String))]
pub struct Note {
    pub id: i64,
    pub author: i32,
}

impl NoteLookups for Note {
    async fn author_name(_: &LookupContext<'_>, _: i32, _: String) -> Result<bool> {
        Ok(true)
    }
}

#[derive(ModelType)]
#[graphex(stream = "tasks", lookup(author_name(nobody): String))]
pub struct Task {
    pub id: i64,
}

impl TaskLookups for Task {
    async fn author_name(_: &LookupContext<'_>, author: i32, _: String) -> Result<bool> {
        Ok(author.is_positive())
    }
}

// Without a type, and with one that cannot be read.
#[derive(ModelType)]
#[graphex(stream = "pings", lookup(author_name(id)))]
pub struct Ping {
    pub id: i64,
}

impl PingLookups for Ping {
    async fn author_name(_: &LookupContext<'_>, id: i64, name: String) -> Result<bool> {
        Ok(name == id.to_string())
    }
}

#[derive(ModelType)]
#[graphex(stream = "pongs", lookup(author_name("id"): "String"))]
pub struct Pong {
    pub id: i64,
}

impl PongLookups for Pong {
    async fn author_name(_: &LookupContext<'_>, _: i64, _: String) -> Result<bool> {
        Ok(true)
    }
}

#[derive(ModelType)]
#[graphex(stream = "repeats", lookup(same(id, id): String, same: i64))]
pub struct Repeat {
    pub id: i64,
}

impl RepeatLookups for Repeat {
    async fn same(_: &LookupContext<'_>, _: i64, _: i64, _: String) -> Result<bool> {
        Ok(true)
    }
}

#[derive(ModelType)]
#[graphex(stream = "drafts", lookup(tagged: T))]
pub struct Draft<T> {
    pub id: T,
}

impl<T> DraftLookups for Draft<T> {
    async fn tagged(_: &LookupContext<'_>, _: T, _: T) -> Result<bool> {
        Ok(true)
    }
}

#[derive(ModelType)]
#[graphex(stream = "kinds", lookup(tagged(size): String))]
pub enum Kind {
    A,
}

impl KindLookups for Kind {
    async fn tagged(_: &LookupContext<'_>, _: i64, _: String) -> Result<bool> {
        Ok(true)
    }
}

fn main() {
    let _ = Hub::builder().model::<Message>().model::<Note>();
}
