//! `#[derive(Field)]`: wrappers of values as fields, keys, scope fields, in filters and in lookups.

use crate::hello::Query;
use async_graphql::EmptyMutation;
use futures_util::StreamExt as _;
use graphex::prelude::*;
use graphex::{Field, FromValue, Key, LookupContext, Value};

#[derive(Clone, Debug, PartialEq, Field)]
struct OrderId(i64);

#[derive(Clone, Debug, PartialEq, Field)]
struct Tenant(uuid::Uuid);

/// No scope field and no key, since a float is none.
#[derive(Clone, Debug, PartialEq, Field)]
struct Weight(f64);

#[derive(Clone, Debug, PartialEq, Field)]
#[graphex(crate = "graphex")]
struct Note(Option<String>);

#[derive(Clone, ModelType)]
#[graphex(stream = "orders", serialize_data, scope(tenant), index_fields(tenant), lookup(heavy(weight): Weight))]
struct Order {
    id: OrderId,
    tenant: Tenant,
    weight: Weight,
    note: Note,
    before: Option<OrderId>,
}

impl Scoped for Order {
    async fn scope(_: &Context<'_>, _: &OrderSubscriptionArgs) -> Result<OrderScope> {
        let tenant = Tenant(uuid::Uuid::from_u128(1));
        Ok(OrderScope { tenant })
    }
}

impl OrderLookups for Order {
    async fn heavy(_: &LookupContext<'_>, weight: Weight, least: Weight) -> Result<bool> {
        Ok(weight.0 >= least.0)
    }
}

#[test]
fn a_wrapper_has_the_values_of_what_it_wraps() {
    assert_eq!(OrderId::TYPE, i64::TYPE);
    assert_eq!(OrderId(7).to_value(), Value::Int(7));
    assert_eq!(OrderId::from_value(&Value::Int(7)), Some(OrderId(7)));
    assert_eq!(OrderId::from_value(&Value::Null), None);
    assert_eq!(Note::TYPE, Option::<String>::TYPE);
    fn is_key<T: Key>() {}
    is_key::<OrderId>();
    is_key::<Tenant>();
}

#[tokio::test]
async fn wrappers_are_keys_scope_fields_filters_and_operands() {
    let hub = Hub::builder().model::<Order>().build();
    let schema = Schema::build(Query, EmptyMutation, OrderChanges::default())
        .data(hub.clone())
        .finish();
    let sdl = schema.sdl();
    for line in [
        "id: Int!",
        "weight: Float!",
        "note: String\n",
        "before: Int\n",
        "weight__gte: Float",
        "heavy: Float",
    ] {
        assert!(sdl.contains(line), "{line} in {sdl}");
    }
    let document = "subscription { orderChanges(ready: true, filters: { id__in: [7, 8], heavy: 2.0 }) \
         { action id data { id weight note before } } }";
    let mut events = std::pin::pin!(schema.execute_stream(document));
    let ready = events.next().await.unwrap();
    assert!(ready.errors.is_empty(), "{:?}", ready.errors);
    let order = |id, tenant, weight| Order {
        id: OrderId(id),
        tenant: Tenant(uuid::Uuid::from_u128(tenant)),
        weight: Weight(weight),
        note: Note(Some("a".into())),
        before: None,
    };
    for order in [
        order(7, 2, 3.0),
        order(6, 1, 3.0),
        order(7, 1, 1.0),
        order(8, 1, 2.5),
    ] {
        hub.publish(Action::Create, &order);
    }
    let event = tokio::time::timeout(std::time::Duration::from_secs(60), events.next());
    let event = event.await.unwrap().unwrap().data.into_json().unwrap();
    let data = serde_json::json!({ "id": 8, "weight": 2.5, "note": "a", "before": null });
    assert_eq!(event["orderChanges"]["data"], data);
}
