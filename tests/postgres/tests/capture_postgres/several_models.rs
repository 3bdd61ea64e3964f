//! Upserts tell several models of one table alike.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::prelude::*;
use graphex::{Event, Listener};

diesel::table! {
    articles (id) {
        id -> BigInt,
        title -> Text,
    }
}

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = articles)]
#[graphex(stream = "articles")]
struct Article {
    id: i64,
}

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = articles)]
#[graphex(stream = "headlines", serialize_data)]
struct Headline {
    id: i64,
    title: String,
}

async fn next<M: ModelType>(ear: &mut Listener<M>) -> (Action, i64) {
    let heard = tokio::time::timeout(Duration::from_secs(60), ear.next());
    match heard.await.unwrap().unwrap() {
        Event::Change(change) => (change.action(), change.id().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn created_rows_and_updated_rows_are_told_apart_to_each() {
    let hub = Hub::builder()
        .model::<Article>()
        .model::<Headline>()
        .build();
    let mut of_articles = hub.subscribe::<Article>().await.unwrap();
    let mut of_headlines = hub.subscribe::<Headline>().await.unwrap();
    let mut conn = graphex_postgres_tests::connect("several_models");
    conn.batch_execute(
        "DROP TABLE IF EXISTS articles; \
         CREATE TABLE articles (id bigint PRIMARY KEY, title text NOT NULL)",
    )
    .unwrap();
    hub.attach(&mut conn).unwrap();
    for action in [Action::Create, Action::Update] {
        let count = diesel::insert_into(articles::table)
            .values((articles::id.eq(1), articles::title.eq("a")))
            .on_conflict(articles::id)
            .do_update()
            .set(articles::title.eq("b"))
            .broadcast::<Article>()
            .also::<Headline>()
            .execute(&mut conn);
        assert_eq!(count, Ok(1));
        assert_eq!(next(&mut of_articles).await, (action, 1));
        assert_eq!(next(&mut of_headlines).await, (action, 1));
    }
}
