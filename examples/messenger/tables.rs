//! The tables, as Diesel sees them. `migrations/` creates them.

diesel::table! {
    users (id) {
        id -> BigInt,
        company -> BigInt,
        name -> Text,
        password_hash -> Text,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        company -> BigInt,
        author -> BigInt,
        text -> Text,
        created -> Timestamptz,
    }
}
