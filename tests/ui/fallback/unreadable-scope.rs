use graphex::prelude::*;

// Whatever is wrong with a scope, a literal of it finds its fields.

#[derive(ModelType)]
#[graphex(stream = "text", scope = "tenant, room")]
struct AsText {
    id: i64,
    tenant: i64,
    room: i64,
}

impl Scoped for AsText {
    async fn scope(_: &Context<'_>, _: &AsTextSubscriptionArgs) -> Result<AsTextScope> {
        Ok(AsTextScope { tenant: 1, room: Some(2) })
    }
}

#[derive(ModelType)]
#[graphex(stream = "pairs", scope(tenant = true, "room", maybe(label), optional(id, kind)))]
struct AsPairs {
    id: i64,
    tenant: i64,
    room: i64,
    label: String,
    kind: i32,
}

impl Scoped for AsPairs {
    async fn scope(_: &Context<'_>, _: &AsPairsSubscriptionArgs) -> Result<AsPairsScope> {
        Ok(AsPairsScope {
            id: None,
            tenant: 1,
            room: 2,
            label: None,
            kind: Some(3),
        })
    }
}

#[derive(ModelType)]
#[graphex(stream = "brackets", scope[tenant])]
struct InBrackets {
    id: i64,
    tenant: i64,
}

impl Scoped for InBrackets {
    async fn scope(_: &Context<'_>, _: &InBracketsSubscriptionArgs) -> Result<InBracketsScope> {
        Ok(InBracketsScope { tenant: vec![1] })
    }
}

fn main() {}
