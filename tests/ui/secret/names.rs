use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "users")]
struct User {
    id: i64,
    password: String,
    password_hash: String,
    api_key: String,
    #[graphex(opaque)]
    credentials: Vec<String>,
    #[graphex(rename = "token")]
    harmless: String,
    #[graphex(rename = "harmless")]
    salt: String,
    #[graphex(skip)]
    pwd: String,
    #[graphex(expose)]
    otp: String,
}

#[derive(ModelType)]
#[graphex(stream = "users", serialize_data)]
#[allow(non_snake_case)]
struct FullUser {
    id: i64,
    clientSecret: String,
    token_count: i64,
    password_changed_at: i64,
}

#[derive(ModelType)]
#[graphex(stream = "users")]
struct Exposed {
    id: i64,
    #[graphex(expose)]
    name: String,
    #[graphex(expose)]
    token_count: i64,
}

fn main() {}
