use graphex::prelude::*;

struct Opaque;

// Each unknown key is answered once, and what follows from what was meant is not.

#[derive(ModelType)]
#[graphex(
    topic = "messages",
    model = "chat.message",
    guard = "LoggedIn",
    table_name = "messages",
    primary_key = "number",
    rename_all = "camelCase",
    exclude(password, place),
    filters(room)
)]
struct OfAStruct {
    number: i64,
    password: String,
    place: Opaque,
    room: i64,
}

impl Authorized for OfAStruct {
    async fn authorize(_: &Context<'_>, _: &OfAStructSubscriptionArgs) -> Result<()> {
        Ok(())
    }
}

#[derive(ModelType)]
#[graphex(stream = "notes", authorize = false)]
struct OfAField {
    #[graphex(primary_key)]
    number: i64,
    #[graphex(ignore)]
    password: String,
    #[graphex(hidden)]
    place: Opaque,
    #[graphex(exclude = true)]
    token: Opaque,
    #[graphex(skip = false)]
    title: String,
    #[graphex(index)]
    room: i64,
    #[graphex(name = "text")]
    body: String,
    #[graphex(column_name = "author_id")]
    author: i64,
    #[graphex(visible = true)]
    kind: i64,
}

// As they are typed.
#[derive(ModelType)]
#[graphex(str = "drafts", ser, auth, sco(tenant), ind(tenant), desc = "Drafts", la = "chat.draft")]
struct Prefixes {
    id: i64,
    tenant: i64,
    #[graphex(sk)]
    place: Opaque,
    #[graphex(op)]
    json: serde_json::Value,
    #[graphex(ex)]
    token: String,
    #[graphex(ren = "text")]
    body: String,
}

impl Authorized for Prefixes {
    async fn authorize(_: &Context<'_>, _: &PrefixesSubscriptionArgs) -> Result<()> {
        Ok(())
    }
}

impl Scoped for Prefixes {
    async fn scope(_: &Context<'_>, _: &PrefixesSubscriptionArgs) -> Result<PrefixesScope> {
        Ok(PrefixesScope { tenant: 1 })
    }
}

fn main() {}
