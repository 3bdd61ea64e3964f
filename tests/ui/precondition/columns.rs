use diesel::prelude::*;
use graphex::ModelType;

diesel::table! { messages (id) { id -> BigInt, tenant -> BigInt, text -> Text, } }

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = messages)]
#[graphex(stream = "messages")]
struct Unknown {
    id: i64,
    tennant: i64,
    #[diesel(column_name = body)]
    text: String,
}

/// The fields that are not read need no column.
#[derive(ModelType)]
#[diesel(table_name = messages)]
#[graphex(stream = "messages")]
struct Elsewhere {
    id: i64,
    #[graphex(skip)]
    nowhere: i64,
    #[diesel(embed)]
    #[graphex(opaque)]
    embedded: String,
    #[diesel(select_expression = messages::id + 1)]
    computed: i64,
}

#[derive(ModelType)]
#[diesel(table_name = massages)]
#[graphex(stream = "messages")]
struct UnknownTable {
    id: i64,
}

fn main() {}
