use graphex::prelude::*;

#[derive(ModelType)]
#[graphex(stream = "messages", scope(score, optional(weight), any_of(tags)))]
struct Message {
    id: i64,
    score: f64,
    weight: f32,
    tags: Vec<String>,
}

impl Scoped for Message {
    async fn scope(_: &Context<'_>, _: &MessageSubscriptionArgs) -> Result<MessageScope> {
        Ok(MessageScope { score: 1.0, weight: None, tags: vec![] })
    }
}

fn main() {}
