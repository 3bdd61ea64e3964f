use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "chat messages", field = "message-subscription", name = "9Message")]
struct Characters {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "größe", field = "__messages")]
struct NonAscii {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "a2345678901234567890123456789012345678901234567890123456789012345")]
struct Length {
    id: i64,
}

#[derive(ModelType)]
#[graphex(stream = "units")]
struct Ünit {
    id: i64,
    größe: i64,
}

fn main() {}
