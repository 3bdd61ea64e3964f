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
#[path = "../../until/mod.rs"]
mod until;

use async_graphql::{EmptyMutation, MergedSubscription, Object, Schema};
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use graphex::{ChangeLog, Hub};
use graphex_postgres_tests::OwnDatabase;
use models::{
    Amount, AmountChanges, AmountSubscription, Figure, FigureChanges, FigureSubscription, Label,
    LabelChanges, LabelSubscription, Moment, MomentChanges, MomentSubscription, Remark,
    RemarkChanges, RemarkSubscription, Visit, VisitChanges, VisitSubscription,
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
    FigureChanges,
    AmountChanges,
    RemarkChanges,
    LabelChanges,
    MomentChanges,
    VisitChanges,
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
    let models = models::all();
    // Of its own, since a log is one per database.
    let own = OwnDatabase::create("oracle");
    let url = own.url();
    let mut conn = PgConnection::establish(&url).unwrap();
    conn.batch_execute("SET client_min_messages = warning")
        .unwrap();
    for model in &models {
        conn.batch_execute(&model.create_table()).unwrap();
    }
    let builder = Hub::builder()
        .model::<Figure>()
        .model::<Amount>()
        .model::<Remark>()
        .model::<Label>()
        .model::<Moment>()
        .model::<Visit>();
    let installed = builder.log_schema(graphex::Database::Postgres);
    installed.install(&mut conn).unwrap();
    let logged = {
        let _entered = runtime.enter();
        let log = ChangeLog::postgres(move || PgConnection::establish(&url));
        builder.change_log(log).try_build().unwrap()
    };
    let schemas = [&hub, &logged].map(|hub| {
        Schema::build(Query, EmptyMutation, Subscription::default())
            .data(hub.clone())
            .finish()
    });
    hub.attach(&mut conn).unwrap();
    let mut database = Postgres::new(conn);
    let volume = Volume {
        // With fewer, some lookup is not decided often enough.
        rounds: 5 + proof::steps(1),
        predicates: 400,
        snapshots: 100,
        changes: 50,
    };
    check(
        &mut database,
        &runtime,
        &hub,
        schemas.each_ref(),
        &models,
        volume,
    );
}
