//! The tables, as Diesel sees them. `migrations/` creates them.

diesel::table! {
    users (id) {
        id -> Integer,
        name -> Text,
        tenant -> Integer,
        password_hash -> Text,
    }
}

diesel::table! {
    messages (id) {
        id -> Integer,
        tenant -> Integer,
        room -> Integer,
        author -> Nullable<Integer>,
        text -> Text,
        priority -> Integer,
        pinned -> Bool,
        score -> Nullable<Double>,
        created -> Timestamptz,
        meta -> Jsonb,
    }
}

diesel::table! {
    notes (id) {
        id -> Integer,
        owner -> Integer,
        text -> Text,
    }
}
