//! One statement, several models of its table: each of their subscribers is told.

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use graphex::prelude::*;
use graphex::{CaptureError, ChangeLog, Event, Listener, LogSchema};

use crate::queries::Queries;
use crate::sqlite_file::File;

diesel::table! {
    articles (id) {
        id -> BigInt,
        title -> Text,
        body -> Text,
    }
}

#[derive(Debug, PartialEq, Queryable, Selectable, Insertable, ModelType)]
#[diesel(table_name = articles)]
#[graphex(stream = "articles", serialize_data)]
struct Article {
    id: i64,
    title: String,
    body: String,
}

#[derive(Debug, PartialEq, Queryable, Selectable, ModelType)]
#[diesel(table_name = articles)]
#[graphex(stream = "headlines", serialize_data)]
struct Headline {
    id: i64,
    title: String,
}

#[derive(Queryable, Selectable, ModelType)]
#[diesel(table_name = articles)]
#[graphex(stream = "bodies", serialize_data)]
struct Body {
    id: i64,
    body: String,
}

const TABLE: &str = "CREATE TABLE articles \
     (id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT NOT NULL)";

struct Ears {
    hub: Hub,
    articles: Listener<Article>,
    headlines: Listener<Headline>,
    bodies: Listener<Body>,
}

async fn ears() -> Ears {
    let hub = Hub::builder()
        .model::<Article>()
        .model::<Headline>()
        .model::<Body>()
        .build();
    Ears {
        articles: hub.subscribe::<Article>().await.unwrap(),
        headlines: hub.subscribe::<Headline>().await.unwrap(),
        bodies: hub.subscribe::<Body>().await.unwrap(),
        hub,
    }
}

/// What the next change does, and the field of this name.
async fn next<M: ModelType>(ear: &mut Listener<M>, field: &str) -> (Action, String) {
    let heard = tokio::time::timeout(std::time::Duration::from_secs(60), ear.next());
    match heard.await.unwrap().unwrap() {
        Event::Change(change) => (change.action(), change.get(field).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn article(id: i64) -> Article {
    let (title, body) = (format!("title {id}"), format!("body {id}"));
    Article { id, title, body }
}

#[tokio::test]
async fn each_is_told_of_what_its_rows_hold() {
    let mut ears = ears().await;
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    diesel::sql_query(TABLE).execute(&mut conn).unwrap();
    ears.hub.attach(&mut conn).unwrap();

    let written: Article = diesel::insert_into(articles::table)
        .values(article(1))
        .broadcast::<Article>()
        .also::<Headline>()
        .also::<Body>()
        .get_result(&mut conn)
        .unwrap();
    assert_eq!(written, article(1));
    let (create, text) = (Action::Create, String::from);
    assert_eq!(
        next(&mut ears.articles, "body").await,
        (create, text("body 1"))
    );
    assert_eq!(
        next(&mut ears.headlines, "title").await,
        (create, text("title 1"))
    );
    assert_eq!(
        next(&mut ears.bodies, "body").await,
        (create, text("body 1"))
    );

    let rolled_back = conn.transaction(|conn| {
        let update = diesel::update(articles::table).set(articles::title.eq("never"));
        let update = update.broadcast::<Headline>().also::<Body>();
        assert_eq!(update.execute(conn), Ok(1));
        QueryResult::<()>::Err(diesel::result::Error::RollbackTransaction)
    });
    assert!(rolled_back.is_err());
    let titles: Vec<String> = diesel::delete(articles::table)
        .returning(articles::title)
        .broadcast::<Headline>()
        .also::<Body>()
        .get_results(&mut conn)
        .unwrap();
    assert_eq!(titles, ["title 1"]);
    let delete = Action::Delete;
    assert_eq!(
        next(&mut ears.headlines, "title").await,
        (delete, text("title 1"))
    );
    assert_eq!(
        next(&mut ears.bodies, "body").await,
        (delete, text("body 1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_is_told_on_diesel_async() {
    use diesel_async::{AsyncConnection as _, SimpleAsyncConnection as _};

    let mut ears = ears().await;
    let conn = SyncConnectionWrapper::<SqliteConnection>::establish(":memory:");
    let mut conn = conn.await.unwrap();
    conn.batch_execute(TABLE).await.unwrap();
    ears.hub.attach(&mut conn).await.unwrap();
    let count = diesel::insert_into(articles::table)
        .values(article(1))
        .broadcast::<Headline>()
        .also::<Article>()
        .execute(&mut conn);
    assert_eq!(count.await, Ok(1));
    let told = (Action::Create, "title 1".to_owned());
    assert_eq!(next(&mut ears.headlines, "title").await, told);
    assert_eq!(next(&mut ears.articles, "title").await, told);
}

#[test]
fn a_model_that_the_hub_does_not_know_is_named_before_anything_is_written() {
    let hub = Hub::builder().model::<Article>().build();
    let mut conn = SqliteConnection::establish(":memory:").unwrap();
    diesel::sql_query(TABLE).execute(&mut conn).unwrap();
    hub.attach(&mut conn).unwrap();
    let refused = diesel::insert_into(articles::table)
        .values(article(1))
        .broadcast::<Article>()
        .also::<Headline>()
        .execute(&mut conn);
    let unknown = CaptureError::UnknownModel { model: "Headline" };
    assert_eq!(refused.unwrap_err().to_string(), unknown.to_string());
    assert_eq!(articles::table.count().get_result(&mut conn), Ok(0_i64));
}

/// Of one of the models no log tells, and it waits for the commit.
#[tokio::test]
async fn one_without_a_log_keeps_the_transaction() {
    let file = File::new("several");
    let path = file.path();
    let mut conn = SqliteConnection::establish(&path).unwrap();
    diesel::sql_query(TABLE).execute(&mut conn).unwrap();
    let schema = LogSchema::sqlite().model::<Article>();
    schema.install(&mut conn).unwrap();
    let log = ChangeLog::sqlite(move || SqliteConnection::establish(&path));
    let hub = Hub::builder()
        .model::<Article>()
        .model::<Headline>()
        .change_log(log.without::<Headline>())
        .try_build()
        .unwrap();
    let mut articles = hub.subscribe::<Article>().await.unwrap();
    let mut headlines = hub.subscribe::<Headline>().await.unwrap();
    let queries = Queries::default();
    hub.attach_with(&mut conn, queries.receives()).unwrap();
    // Those of attaching.
    queries.first_words();
    let insert = |id| diesel::insert_into(articles::table).values(article(id));
    let both = insert(1).broadcast::<Article>().also::<Headline>();
    assert_eq!(both.execute(&mut conn), Ok(1));
    assert_eq!(queries.first_words(), ["BEGIN", "INSERT", "COMMIT"]);
    let logged = insert(2).broadcast::<Article>();
    assert_eq!(logged.execute(&mut conn), Ok(1));
    assert_eq!(queries.first_words(), ["INSERT"]);
    for id in [1, 2] {
        let told = next(&mut articles, "title").await;
        assert_eq!(told, (Action::Create, format!("title {id}")));
    }
    let told = next(&mut headlines, "title").await;
    assert_eq!(told, (Action::Create, "title 1".to_owned()));
}
