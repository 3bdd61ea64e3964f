//! PostgreSQL decides who has to be told of each change.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "oracle/columns.rs"]
mod columns;
#[path = "oracle/models.rs"]
mod models;
#[path = "../../oracle/mod.rs"]
mod oracle;
#[path = "../../proof/mod.rs"]
mod proof;
#[path = "oracle/sql.rs"]
mod sql;

use async_graphql::{EmptyMutation, MergedSubscription, Object, Schema};
use diesel::connection::SimpleConnection as _;
use graphex::Hub;
use graphex_postgres_tests::connect;
use models::{
    Amount, AmountSubscription, Figure, FigureSubscription, Label, LabelSubscription, Moment,
    MomentSubscription, Remark, RemarkSubscription, Visit, VisitSubscription,
};
use oracle::{Volume, check};
use sql::Postgres;

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(
    FigureSubscription,
    AmountSubscription,
    RemarkSubscription,
    LabelSubscription,
    MomentSubscription,
    VisitSubscription,
);

#[test]
fn those_are_told_whose_predicate_postgresql_finds_true() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let hub = {
        let _entered = runtime.enter();
        Hub::builder()
            .model::<Figure>()
            .model::<Amount>()
            .model::<Remark>()
            .model::<Label>()
            .model::<Moment>()
            .model::<Visit>()
            .limits(|limits| {
                limits.channels_per_identity = 1_000;
                limits.bytes_per_identity = usize::MAX;
            })
            .build()
    };
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    let models = models::all();
    let mut conn = connect("oracle");
    for model in &models {
        conn.batch_execute(&model.create_table()).unwrap();
    }
    hub.attach(&mut conn).unwrap();
    let mut database = Postgres::new(conn);
    let volume = Volume {
        // With fewer, some lookup is not decided often enough.
        rounds: 5 + proof::steps(1),
        predicates: 400,
        changes: 50,
    };
    check(&mut database, &runtime, &hub, &schema, &models, volume);
}
