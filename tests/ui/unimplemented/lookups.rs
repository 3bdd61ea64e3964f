use graphex::prelude::*;

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(author_name(author, r#type): String, tagged: Vec<Option<i64>>)
)]
struct Message {
    id: i64,
    author: i32,
    r#type: String,
}

#[derive(ModelType)]
#[graphex(stream = "notes", lookup(author_name(author): String, tagged: Vec<String>))]
struct Note {
    id: i64,
    author: i32,
}

impl NoteLookups for Note {
    async fn author_name(_: &LookupContext<'_>, _: i64, _: String) -> Result<bool> {
        Ok(true)
    }
}

fn main() {}
