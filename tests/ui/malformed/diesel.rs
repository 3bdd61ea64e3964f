use graphex::ModelType;

#[derive(ModelType)]
#[diesel(table_name = "messages")]
#[graphex(stream = "messages")]
struct Table {
    id: i64,
}

#[derive(ModelType)]
#[diesel(table_name, primary_key = id)]
#[graphex(stream = "messages")]
struct Forms {
    id: i64,
    #[diesel(column_name(text))]
    text: String,
}

#[derive(ModelType)]
#[diesel(primary_key())]
#[graphex(stream = "messages")]
struct Empty {
    id: i64,
}

fn main() {}
