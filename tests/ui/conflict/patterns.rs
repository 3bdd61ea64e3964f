use graphex::ModelType;

/// A lookup of its own is one that the field does not have.
#[derive(ModelType)]
#[graphex(stream = "messages", lookup(text__iregex: String))]
struct WithPatterns {
    id: i64,
    text: String,
}

#[derive(ModelType)]
#[graphex(stream = "messages", patterns = false, lookup(text__iexact: String))]
struct WithoutPatterns {
    id: i64,
    text: String,
}

/// As this field has no such lookup, the model may have one of its own.
#[derive(ModelType)]
#[graphex(stream = "messages", patterns = false, lookup(text__iregex: String))]
struct OfItsOwn {
    id: i64,
    text: String,
}

impl OfItsOwnLookups for OfItsOwn {
    async fn text__iregex(
        _: &graphex::LookupContext<'_>,
        _: i64,
        _: String,
    ) -> async_graphql::Result<bool> {
        Ok(true)
    }
}

fn main() {}
