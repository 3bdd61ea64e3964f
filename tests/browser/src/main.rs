//! Servers that show the page what the chat example does not: `graphex-browser-tests <scene>`
//! listens on the port `PORT`, or a free one, and prints its address.

#![allow(clippy::print_stdout, reason = "a program for tests")]

use std::error::Error;

use async_graphql::dynamic;
use async_graphql::{Executor, Object, SimpleObject};
use axum::Router;
use graphex::axum::{Endpoints, client};
use graphex::prelude::*;
use tokio::net::TcpListener;

/// A note.
#[derive(Clone, SimpleObject, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i32,
    text: String,
}

struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> &str {
        "world"
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn create_note(&self, ctx: &Context<'_>, id: i32, text: String) -> Result<Note> {
        let note = Note { id, text };
        ctx.data::<Hub>()?.publish(Action::Create, &note);
        Ok(note)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let scene = std::env::args().nth(1).unwrap_or_default();
    let app = match scene.as_str() {
        "introspection-off" => introspection_off(),
        "hundred" => hundred()?,
        "hostile-paths" => hostile_paths(),
        "nested" => Router::new().nest("/deep/er", endpoints().into_router()),
        _ => return Err("name a scene".into()),
    };
    let port = std::env::var("PORT").unwrap_or_else(|_| "0".to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}/", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}

fn schema(hub: &Hub) -> async_graphql::SchemaBuilder<Query, Mutation, NoteSubscription> {
    Schema::build(Query, Mutation, NoteSubscription::default()).data(hub.clone())
}

fn endpoints() -> Endpoints<impl Executor> {
    let hub = Hub::builder().model::<Note>().build();
    Endpoints::new(schema(&hub).finish(), hub).client_page(|page| page.title("Notes"))
}

fn introspection_off() -> Router {
    let hub = Hub::builder().model::<Note>().build();
    let schema = schema(&hub).disable_introspection().finish();
    Endpoints::new(schema, hub).into_router()
}

/// A hundred fields in the shape of the two-channel protocol; nobody runs them.
fn hundred() -> Result<Router, dynamic::SchemaError> {
    use dynamic::{Enum, Field, FieldFuture, InputValue, SubscriptionField, TypeRef};
    use dynamic::{SubscriptionFieldFuture, Type};

    let text = |name: &str| {
        Field::new(name, TypeRef::named(TypeRef::STRING), |_| {
            FieldFuture::from_value(None)
        })
    };
    let mut root = dynamic::Subscription::new("Subscription");
    let mut types: Vec<Type> = vec![
        Enum::new("Action").items(["CREATE", "ALL_ACTIONS"]).into(),
        Enum::new("Operation")
            .items(["SUBSCRIBE", "UNSUBSCRIBE"])
            .into(),
    ];
    for number in 0..100 {
        let (answer, fields) = (
            format!("Stream{number:02}Subscription"),
            format!("Stream{number:02}Fields"),
        );
        let field = SubscriptionField::new(
            format!("stream{number:02}Subscription"),
            TypeRef::named_nn(&answer),
            |_| {
                SubscriptionFieldFuture::new(async {
                    Ok(futures_util::stream::empty::<Result<dynamic::FieldValue<'_>>>())
                })
            },
        )
        .description(format!("Stream number {number}"));
        let field = [
            ("channelId", TypeRef::named_nn(TypeRef::STRING)),
            ("action", TypeRef::named_nn("Action")),
            ("operation", TypeRef::named_nn("Operation")),
            ("id", TypeRef::named(TypeRef::ID)),
            ("data", TypeRef::named_list(&fields)),
        ]
        .into_iter()
        .fold(field, |field, (name, of)| {
            field.argument(InputValue::new(name, of))
        });
        root = root.field(field);
        let names = ["ok", "error", "stream", "operation", "action"];
        let object = names
            .into_iter()
            .fold(dynamic::Object::new(answer), |object, name| {
                object.field(text(name))
            });
        types.push(object.into());
        let items = (0..30).map(|item| format!("A_FIELD_WITH_NUMBER_{item:02}"));
        types.push(Enum::new(fields).items(items).into());
    }
    let query = dynamic::Object::new("Query").field(text("hello"));
    let schema = dynamic::Schema::build("Query", None, Some("Subscription"))
        .register(query)
        .register(root);
    let schema = types
        .into_iter()
        .fold(schema, dynamic::SchemaBuilder::register);
    let hub = Hub::builder().build();
    Ok(Endpoints::new(schema.finish()?, hub).into_router())
}

/// Pages whose paths and title want to break out, and endpoints that are where they say.
fn hostile_paths() -> Router {
    const TITLE: &str = r#"</title></script><script>window.broken=1</script>"'\"#;
    let endpoints = endpoints();
    let ws = r#"/ws/"'%3C/script%3E\"#;
    let http = r#"/graphql"'</script><script>window.broken=1</script>\"#;
    let page = client(ws, http)
        .title(TITLE)
        .parameter(TITLE, TITLE)
        .into_method_router();
    // A browser writes these characters of a path with a percent sign.
    Router::new()
        .route("/graphql/client/", page)
        .route("/ws/%22'%3C/script%3E%5C", endpoints.ws())
        .fallback(endpoints.http())
}
