//! `#[derive(Field)]` of enums: GraphQL enums in events, in filters and in lookups.

use std::time::Duration;

use async_graphql::{EmptyMutation, Enum, Object, Request, Variables};
use futures_util::StreamExt as _;
use graphex::prelude::*;
use graphex::{Field, FromValue, Identity, Value};
use serde_json::json;

/// A type of the application's own schema, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Field)]
enum Status {
    Open,
    InProgress,
    #[allow(dead_code, reason = "a row of the database has it")]
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Field)]
enum Tag {
    Red,
    Green,
}

#[derive(Clone, ModelType)]
#[graphex(stream = "tasks", serialize_data, scope(any_of(status)), lookup(at_least(status): Status))]
struct Task {
    id: i64,
    status: Status,
    before: Option<Status>,
    tags: Vec<Tag>,
}

impl Scoped for Task {
    async fn scope(_: &Context<'_>, _: &TaskSubscriptionArgs) -> Result<TaskScope> {
        Ok(TaskScope {
            status: vec![Status::Open, Status::InProgress],
        })
    }
}

impl TaskLookups for Task {
    async fn at_least(_: &LookupContext<'_>, status: Status, least: Status) -> Result<bool> {
        Ok(status as u8 >= least as u8)
    }
}

struct Query;

#[Object]
impl Query {
    async fn status(&self) -> Status {
        Status::Open
    }
}

type TaskSchema = Schema<Query, EmptyMutation, Subscription>;

#[derive(MergedSubscription, Default)]
struct Subscription(TaskSubscription, TaskChanges);

fn schema() -> (Hub, TaskSchema) {
    let hub = Hub::builder().model::<Task>().build();
    let schema = Schema::build(Query, EmptyMutation, Subscription::default())
        .data(hub.clone())
        .finish();
    (hub, schema)
}

fn task(id: i64, status: Status) -> Task {
    Task {
        id,
        status,
        before: (id > 1).then_some(Status::Open),
        tags: vec![Tag::Red, Tag::Green],
    }
}

#[test]
fn a_value_is_the_name_of_a_variant() {
    let in_progress = Value::Text("IN_PROGRESS".into());
    assert_eq!(Status::InProgress.to_value(), in_progress);
    assert_eq!(Status::from_value(&in_progress), Some(Status::InProgress));
    assert_eq!(Status::from_value(&Value::Text("in_progress".into())), None);
}

#[test]
fn the_schema_has_the_enum_once_with_its_lookups() {
    let sdl = schema().1.sdl();
    for line in [
        "enum Status {\n\tOPEN\n\tIN_PROGRESS\n\tCLOSED\n}",
        "enum Tag {\n\tRED\n\tGREEN\n}",
        "\tstatus: Status!\n",
        "\tbefore: Status\n",
        "\ttags: [Tag!]!\n",
        "\tstatus: Status\n",
        "status__in: [Status!]",
        "at_least: Status",
    ] {
        assert!(sdl.contains(line), "{line:?} in {sdl}");
    }
    assert_eq!(sdl.matches("enum Status").count(), 1);
    assert!(!sdl.contains("status__icontains"));
}

#[tokio::test]
async fn events_and_filters_have_its_values() {
    let (hub, schema) = schema();
    let document = "subscription($least: Status) { taskChanges(ready: true, \
         filters: { status__in: [IN_PROGRESS, CLOSED], at_least: $least }) \
         { action data { status before tags } } }";
    let variables = Variables::from_json(json!({ "least": "IN_PROGRESS" }));
    let request = Request::new(document).variables(variables);
    let mut events = std::pin::pin!(schema.execute_stream(request));
    let ready = events.next().await.unwrap();
    assert!(ready.errors.is_empty(), "{:?}", ready.errors);
    for task in [
        task(1, Status::Open),
        task(2, Status::Closed),
        task(3, Status::InProgress),
    ] {
        hub.publish(Action::Create, &task);
    }
    let event = tokio::time::timeout(Duration::from_secs(60), events.next());
    let event = event.await.unwrap().unwrap();
    let data = json!({ "status": "IN_PROGRESS", "before": "OPEN", "tags": ["RED", "GREEN"] });
    let told = event.data.into_json().unwrap();
    assert_eq!(told["taskChanges"]["data"], data);
    assert!(event.errors.is_empty());
}

#[tokio::test]
async fn a_name_that_is_none_of_its_values_is_refused() {
    let (hub, schema) = schema();
    let channel = hub.connect(Identity::new("ann")).unwrap();
    let subscribe = |filters: &str| {
        let document = format!(
            "subscription {{ taskSubscription(channelId: \"{}\", action: CREATE, operation: SUBSCRIBE, \
             filters: {filters}) {{ ok error }} }}",
            channel.id().as_str()
        );
        let request = Request::new(document).data(Identity::new("ann"));
        let schema = schema.clone();
        async move { graphex::execute(&schema, request).await }
    };
    let good = subscribe("{ status: OPEN }").await;
    assert_eq!(
        good.data.to_string(),
        "{taskSubscription: {ok: true, error: null}}"
    );
    let bad = subscribe("{ status: GONE }").await;
    let said = bad.into_result().unwrap_err();
    assert!(said[0].message.contains("GONE"), "{said:?}");
    let variables = Variables::from_json(json!({ "status": "gone" }));
    let document = format!(
        "subscription($status: Status) {{ taskSubscription(channelId: \"{}\", action: CREATE, \
         operation: SUBSCRIBE, filters: {{ status: $status }}) {{ ok error }} }}",
        channel.id().as_str()
    );
    let request = Request::new(document).variables(variables);
    let bad = graphex::execute(&schema, request.data(Identity::new("ann"))).await;
    let data = serde_json::to_string(&bad).unwrap();
    assert!(!data.contains("\"ok\":true"), "{data}");
}
