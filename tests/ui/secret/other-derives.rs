use async_graphql::{Context, Guard, SimpleObject};
use graphex::ModelType;
use serde::{Serialize, Serializer};

#[derive(Serialize, ModelType)]
#[graphex(stream = "users", serialize_data)]
struct OfSerde {
    #[serde(skip_serializing)]
    id: i64,
    #[serde(default, skip)]
    notes: String,
    #[serde(skip_serializing_if = "is_private")]
    phone: String,
    #[serde(serialize_with = "redact_email")]
    email: String,
    #[serde(skip)]
    password: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    absent: Option<String>,
    #[serde(skip)]
    #[graphex(skip)]
    kept: String,
    #[serde(skip)]
    #[graphex(expose)]
    shown: String,
}

fn is_private(_: &str) -> bool {
    true
}

fn redact_email<S: Serializer>(_: &str, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str("...")
}

struct Admin;

impl Guard for Admin {
    async fn check(&self, _: &Context<'_>) -> async_graphql::Result<()> {
        Err("no".into())
    }
}

fn is_admin(_: &Context<'_>) -> bool {
    false
}

fn star(text: &mut String) {
    *text = "***".into();
}

#[derive(SimpleObject, ModelType)]
#[graphex(stream = "accounts", serialize_data)]
struct OfGraphql {
    id: i64,
    #[graphql(skip)]
    notes: String,
    #[graphql(name = "phoneNumber", visible = false)]
    phone: String,
    #[graphql(visible = "is_admin")]
    email: String,
    #[graphql(guard = "Admin")]
    salary: i64,
    #[graphql(process_with = "star")]
    iban: String,
    #[graphql(visible = true)]
    city: String,
}

/// Who may see the type is asked by async-graphql, of its own fields.
#[derive(SimpleObject, ModelType)]
#[graphex(stream = "payments")]
#[graphql(guard = "Admin")]
struct Guarded {
    id: i64,
}

#[derive(SimpleObject, ModelType)]
#[graphex(stream = "invoices", authorize)]
#[graphql(guard = "Admin")]
struct Authorized {
    id: i64,
}

impl graphex::Authorized for Authorized {
    async fn authorize(ctx: &Context<'_>, _: &AuthorizedSubscriptionArgs) -> async_graphql::Result<()> {
        Admin.check(ctx).await
    }
}

fn main() {}
