use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "messages")]
struct Type<T> {
    id: T,
}

#[derive(ModelType)]
#[graphex(stream = "messages", scope(text))]
struct Lifetime<'a> {
    id: i64,
    text: &'a str,
}

#[derive(ModelType)]
#[graphex(stream = "messages", serialize_data)]
struct Const<const N: usize> {
    id: i64,
    #[graphex(skip)]
    bytes: [u8; N],
}

#[derive(ModelType)]
#[graphex(stream = "messages")]
enum Enum<T> {
    A(T),
}

fn main() {}
