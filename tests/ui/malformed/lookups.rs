use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", lookup = "tagged")]
struct NoList {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", lookup)]
struct Word {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", lookup())]
struct Empty {
    id: i64,
}

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup("quoted": String, 5: String, , self: String, r#type::tagged: String)
)]
struct NoNames {
    id: i64,
}

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(
        none,
        nothing:,
        equals = String,
        quoted: "String",
        two: Vec<String> Vec<i64>,
        map: HashMap<String,
    )
)]
struct NoTypes {
    id: i64,
}

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(
        empty(): String,
        quoted("author"): String,
        brackets[author]: String,
        several("author", author.name, , author),
        path(self.author): String,
    )
)]
struct NoFields {
    id: i64,
    author: i64,
}

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(größe: i64, __typename: String, author__name: String)
)]
struct NoGraphqlNames {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct OnAField {
    #[graphex(lookup(author_name: String))]
    id: i64,
}

fn main() {}
