//! A key of the filters means one thing.

use graphex::prelude::*;

#[derive(ModelType)]
#[graphex(
    stream = "messages",
    lookup(
        text: String,
        body: String,
        text__icontains: String,
        body__week_day: i32,
        id__in: Vec<i64>,
        hidden: String,
        title: String,
        title__exact: String,
        text__about: String,
        tagged: String,
        tagged: Vec<String>,
    )
)]
struct Message {
    id: i64,
    text: String,
    #[graphex(rename = "body")]
    title: String,
    #[graphex(skip)]
    hidden: String,
}

fn main() {}
