use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages", table = "")]
struct Empty {
    id: i64,
    #[graphex(column = "")]
    text: String,
}

#[derive(ModelType)]
#[graphex(stream = "messages", table = "chat.")]
struct NoTable {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", table = ".messages")]
struct NoSchema {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", table = "server.chat.messages")]
struct TooMany {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", table(messages))]
struct NoText {
    id: i64,
    #[graphex(column(text))]
    text: String,
    #[graphex(table = "messages")]
    body: String,
}

#[derive(ModelType)]
#[graphex(stream = "messages", column = "id", tabel = "messages")]
struct Misplaced {
    id: i64,
    #[graphex(colum = "body")]
    text: String,
}

fn main() {}
