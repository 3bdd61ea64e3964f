use graphex::ModelType;

diesel::table! { messages (id) { id -> BigInt, tenant -> BigInt, } }

#[derive(ModelType)]
#[diesel(table_name = messages)]
#[graphex(stream = "messages", table = "chat.messages")]
struct Twice {
    id: i64,
    tenant: i64,
}

#[derive(ModelType)]
#[diesel(table_name = messages)]
#[graphex(stream = "messages")]
struct ColumnOfDiesel {
    id: i64,
    #[graphex(column = "tenant")]
    owner: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct ColumnOfNoTable {
    id: i64,
    #[graphex(column = "tenant")]
    owner: i64,
}

#[derive(ModelType)]
#[graphex(stream = "messages", table = "messages")]
struct ColumnThatIsNotRead {
    id: i64,
    #[graphex(skip, column = "tenant")]
    owner: i64,
}

fn main() {}
