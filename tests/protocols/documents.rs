//! Documents that cost more than they are: refused at every door, before they are parsed or
//! executed, while ordinary ones are far from every limit.

use crate::harness;
use std::fmt::Write as _;

use crate::harness::{Server, answer, nodes};
use crate::streams::sse::Body;
use crate::streams::{Fixture, Note, Query, start, start_with};
use async_graphql::{
    EmptyMutation, EmptySubscription, Object, Request, SDLExportOptions, Variables,
};
use graphex::prelude::*;
use graphex::{DocumentGuard, Limits};
use reqwest::Method;
use serde_json::{Value, json};

/// What is refused, and a part of the reason.
struct Hostile {
    what: &'static str,
    document: String,
    reason: &'static str,
}

const NESTED: &str = "nested too deeply: 64 brackets may be open at once";
const TOKENS: &str = "too large: it may have 15000 tokens";
const ALIASES: &str = "too many aliases: it may have 1000";

/// `levels` fragments that each spread the next one twice.
fn doubling(levels: usize, on: &str, first: &str, last: &str) -> String {
    let mut document = first.to_owned();
    for level in 0..levels {
        let next = level + 1;
        write!(
            document,
            " fragment f{level} on {on} {{ ...f{next} ...f{next} }}"
        )
        .unwrap();
    }
    write!(document, " fragment f{levels} on {on} {{ {last} }}").unwrap();
    document
}

fn numbered(count: usize, write: impl Fn(usize) -> String) -> String {
    (0..count).map(write).collect()
}

/// A document whose text around `middle` nests so often.
fn nested(
    before: &str,
    open: &str,
    middle: &str,
    close: &str,
    after: &str,
    times: usize,
) -> String {
    let (open, close) = (open.repeat(times), close.repeat(times));
    format!("{before}{open}{middle}{close}{after}")
}

fn hostile() -> Vec<Hostile> {
    let aliases = |count| numbered(count, |at| format!("a{at}:text "));
    let documents = [
        // Brackets.
        ("lists", nested("{ a(b: ", "[", "", "]", ") }", 2_000), NESTED),
        ("selection sets", nested("", "{a", "", "}", "", 1_500), NESTED),
        ("objects", nested("{ a(b: ", "{a:", "1", "}", ") }", 2_000), NESTED),
        ("lists in a directive", nested("{ hello @a(b: ", "[", "", "]", ") }", 2_000), NESTED),
        ("a variable's default", nested("query($a: A = ", "{a:[", "", "]}", ") { hello }", 2_000), NESTED),
        ("a variable's type", nested("query($a: ", "[", "Int", "]", ") { hello }", 2_000), NESTED),
        ("inline fragments", nested("", "{... on Query", "{ hello }", "}", "", 500), NESTED),
        ("parentheses", "{a".to_owned() + &"(a:".repeat(2_000), NESTED),
        ("brackets alone", "[{(".repeat(10_000), NESTED),
        ("brackets after what hides some", nested(
            "\u{feff}{ a(x: \"]]]\", y: \"\"\"]]\\\"\"\"]]\"\"\", z: \"\u{e9}\", b: # ]]] \"\"\"\n",
            "[ # ]\r", "", "]", ") }", 2_000), NESTED),
        ("brackets that nothing closes", "{ a(b: ".to_owned() + &"[".repeat(10_000), NESTED),
        // A block string that nothing ends is `""`, to the parser, and what follows it is read.
        ("brackets after a block string", nested("{ a(b: [\"\"\"x\" ", "[", "", "]", "]) }", 2_000),
            "a block string is not ended"),
        ("block strings that nothing ends",
            format!("{{ a(b: [{} {} }}", r#""\"""""x" "#.repeat(2_000), "a ".repeat(10_000)),
            "a block string is not ended"),
        // Fragments.
        ("fragments", doubling(22, "Query", "{ ...f0 }", "hello"), TOKENS),
        ("fragments in a mutation", doubling(22, "Mutation", "mutation { ...f0 }", "a"), TOKENS),
        ("fragments in a confirmation", doubling(22, "NoteSubscription",
            "subscription { noteSubscription(channelId: \"a\", action: CREATE, operation: SUBSCRIBE) { ...f0 } }",
            "ok"), TOKENS),
        ("fragments in events", doubling(22, "NoteData",
            "subscription { noteChanges { data { ...f0 } } }", "text"), TOKENS),
        ("fragments through others", doubling(22, "Query", "{ ...f0 }", "hello")
            .replace("{ ...f1 ", "{ ... on Query { ...f1 } ... @include(if: true) { hello } "), TOKENS),
        ("fragments that nothing spreads", doubling(22, "Query", "{ hello }", "hello"), TOKENS),
        ("a chain of fragments", numbered(1_000, |at| {
            format!("fragment f{at} on Query {{ ...f{} }} ", at + 1)
        }) + "{ hello }", NESTED),
        ("a circle of fragments", "{ ...a } fragment a on Query { ...b ...b } fragment b on Query { ...a ...a }".to_owned(),
            "spreads itself"),
        ("a fragment of the name `on`", doubling(22, "Query", "{ ...f0 }", "hello")
            .replace("...f3", "...on#\n").replace("fragment f3 ", "fragment on "), TOKENS),
        // Aliases and sizes.
        ("aliases", format!("subscription {{ noteChanges {{ data {{ {} }} }} }}", aliases(1_500)), ALIASES),
        ("aliases through fragments", format!(
            "subscription {{ noteChanges {{ data {{ ...a ... on NoteData {{ ...a x:id ...a }} }} }} }}
             fragment a on NoteData {{ {} }}", aliases(400)), ALIASES),
        ("aliases in merged fields", format!(
            "subscription {{ noteChanges {{ {} }} }}",
            numbered(20, |set| format!("data {{ {} }}", numbered(60, |at| format!("a{set}_{at}:text "))))), ALIASES),
        ("selections", format!("{{ {} }}", "hello ".repeat(6_000)), "selects too much: it may have 5000"),
        ("values", format!("{{ a(b: [{}]) }}", "1 ".repeat(16_000)), TOKENS),
        ("values that are written as one", format!("{{ a(b: [{}]) }}", "0".repeat(16_000)), TOKENS),
        ("names that are read as many", format!("{{ a(b: [{}]) }}", "true".repeat(16_000)), TOKENS),
        ("a name", format!("{{ {} }}", "a".repeat(10_000)), "it may have 256 bytes"),
        // Introspection.
        ("introspection of introspection",
            "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }".to_owned(),
            "may be 2 within each other"),
        ("introspection through fragments", "{ __type(name: \"Query\") { ...T } }
            fragment T on __Type { fields { type { ...U } } } fragment U on __Type { interfaces { fields { name } } }".to_owned(),
            "may be 2 within each other"),
        ("much introspection", format!("{{ __schema {{ types {{ {} }} }} }}",
            numbered(300, |at| format!("a{at}:fields {{ name }} "))), "it may have 500 selections"),
    ];
    let hostile = documents.into_iter();
    let hostile = hostile.map(|(what, document, reason)| Hostile {
        what,
        document,
        reason,
    });
    hostile.collect()
}

/// The first error of a response in JSON, which has no data.
fn refusal(body: &Value) -> &Value {
    assert_eq!(body.get("data"), None, "{body}");
    &body["errors"][0]
}

impl Hostile {
    fn is_told_by(&self, door: &str, error: &Value) {
        let message = error["message"].as_str().unwrap_or_default();
        assert!(
            message.contains(self.reason),
            "{}, {door}: {error}",
            self.what
        );
        assert!(error["extensions"]["code"].is_string(), "{door}: {error}");
    }
}

async fn post(server: &Server, hostile: &Hostile) {
    let (status, body) = server
        .post(Some(1), json!({"query": hostile.document}))
        .await;
    assert_eq!(status, 400, "{}", hostile.what);
    hostile.is_told_by("POST", refusal(&body));
    // What a client accepts makes no difference.
    let accept = "application/graphql-response+json";
    let (status, body) = answer(server.ask_for(accept, &hostile.document)).await;
    assert_eq!(status, 400, "{}", hostile.what);
    hostile.is_told_by("POST", refusal(&body));
}

async fn batch(server: &Server, hostile: &Hostile) {
    let one = json!({"query": hostile.document, "operationName": "A"});
    let fine = json!({"query": "{ hello }"});
    let (status, body) = server.post(Some(1), json!([fine, one, fine])).await;
    assert_eq!(status, 200);
    assert_eq!(body[2], json!({"data": {"hello": "world"}}));
    hostile.is_told_by("batch", refusal(&body[1]));
}

async fn get(server: &Server, hostile: &Hostile) {
    let request = server.request(Method::GET);
    let (status, body) = answer(request.query(&[("query", &hostile.document)])).await;
    assert_eq!(status, 400, "{}", hostile.what);
    hostile.is_told_by("GET", refusal(&body));
}

async fn websocket(server: &Server, hostile: &Hostile) {
    let mut socket = server.acknowledged_as(Some(1)).await;
    socket.subscribe("1", &hostile.document).await;
    let message = socket.next().await;
    assert_eq!(
        (&message["type"], &message["id"]),
        (&json!("error"), &json!("1"))
    );
    hostile.is_told_by("graphql-transport-ws", &message["payload"][0]);
    // The socket lives and the id is free.
    socket.subscribe("1", "{ hello }").await;
    socket.data("1", json!({"hello": "world"})).await;
}

async fn events(server: &Server, hostile: &Hostile) {
    let mut body = server.events_of(&hostile.document).await;
    let (name, data) = body.event().await.unwrap();
    assert_eq!(name, "next");
    hostile.is_told_by("SSE", refusal(&data));
    assert_eq!(body.event().await.unwrap().0, "complete");
}

async fn reserved(server: &Server, hostile: &Hostile) {
    let (_, token) = answer(server.request(Method::PUT)).await;
    let request = |method| {
        let request = server.request(method);
        request.header("x-graphql-event-stream-token", token.as_str().unwrap())
    };
    let body = json!({"query": hostile.document, "extensions": {"operationId": "1"}});
    let (status, body) = answer(request(Method::POST).json(&body)).await;
    assert_eq!(status, 400, "{}", hostile.what);
    hostile.is_told_by("SSE, single connection", refusal(&body));
    let body = Body::of(request(Method::GET).header("accept", "text/event-stream")).await;
    assert_eq!(body.status(), 200);
}

async fn multipart(server: &Server, hostile: &Hostile) {
    let accept = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0";
    let mut body = Body::of(server.ask_for(accept, &hostile.document)).await;
    assert_eq!(body.status(), 200);
    let rest = body.rest().await;
    let part = rest.split("\r\n\r\n").nth(1).unwrap();
    let part = part.split("\r\n--graphql").next().unwrap();
    let part: Value = serde_json::from_str(part).unwrap();
    hostile.is_told_by("multipart", refusal(&part["payload"]));
}

async fn refused_of(server: &Fixture) -> u64 {
    server.hub.stats().documents_refused
}

#[tokio::test]
async fn every_door_refuses_what_is_hostile() {
    let server = start().await;
    let mut refused = refused_of(&server).await;
    for hostile in hostile() {
        let length = hostile.document.len();
        post(&server, &hostile).await;
        batch(&server, &hostile).await;
        events(&server, &hostile).await;
        multipart(&server, &hostile).await;
        reserved(&server, &hostile).await;
        refused += 6;
        if length < 20_000 {
            get(&server, &hostile).await;
            refused += 1;
        }
        if length < 50_000 {
            websocket(&server, &hostile).await;
            refused += 1;
        }
        assert_eq!(refused_of(&server).await, refused, "{}", hostile.what);
    }
    assert_eq!(server.hub.stats().subscriptions, 0);
    server.until_empty().await;
}

#[tokio::test]
async fn a_mebibyte_of_anything_is_refused() {
    let server = start().await;
    for document in [
        "[".repeat(1_000_000),
        "\"".repeat(400_000),
        "{ hello } ".to_owned() + &"#\n".repeat(200_000),
        "{ hello".to_owned() + &"\n".repeat(400_000) + "}",
        format!("{{ hello(a: \"{}\") }}", "a".repeat(1_000_000)),
    ] {
        let (status, body) = server.post(None, json!({"query": document})).await;
        assert_eq!(status, 400);
        let message = refusal(&body)["message"].as_str().unwrap();
        assert_eq!(
            message,
            "the document is too large: it may have 131072 bytes"
        );
    }
}

#[tokio::test]
async fn an_application_with_doors_of_its_own_is_guarded() {
    let hub = Hub::builder().model::<Note>().build();
    let build = || Schema::build(Query, EmptyMutation, EmptySubscription);
    let own = build().finish();
    let guarded = build().data(hub.clone()).extension(DocumentGuard).finish();
    for (count, hostile) in hostile().iter().enumerate() {
        let with_hub = Request::new(&hostile.document).data(hub.clone());
        for response in [
            graphex::execute(&own, hostile.document.as_str()).await,
            graphex::execute(&own, with_hub).await,
            guarded.execute(hostile.document.as_str()).await,
            futures_util::StreamExt::next(&mut guarded.execute_stream(hostile.document.as_str()))
                .await
                .unwrap(),
        ] {
            let response = serde_json::to_value(response).unwrap();
            hostile.is_told_by("schema", &response["errors"][0]);
        }
        // Once by the hub of the request, twice by that of the schema.
        assert_eq!(hub.stats().documents_refused, 3 * (count as u64 + 1));
    }
    assert!(guarded.execute("{ hello }").await.is_ok());
}

/// An extension that brings documents of its own.
struct Persisted(String);

struct Bring(String);

impl async_graphql::extensions::ExtensionFactory for Persisted {
    fn create(&self) -> std::sync::Arc<dyn async_graphql::extensions::Extension> {
        std::sync::Arc::new(Bring(self.0.clone()))
    }
}

#[async_graphql::async_trait::async_trait]
impl async_graphql::extensions::Extension for Bring {
    async fn prepare_request(
        &self,
        ctx: &async_graphql::extensions::ExtensionContext<'_>,
        mut request: Request,
        next: async_graphql::extensions::NextPrepareRequest<'_>,
    ) -> async_graphql::ServerResult<Request> {
        request.query.clone_from(&self.0);
        next.run(ctx, request).await
    }
}

#[tokio::test]
async fn what_an_extension_brings_is_guarded_by_the_extension_before_it() {
    let hub = nodes::build(Hub::builder().model::<Note>());
    let document = doubling(22, "Query", "{ ...f0 }", "hello");
    let schema = Schema::build(Query, EmptyMutation, NoteSubscriptionOnly::default())
        .extension(DocumentGuard)
        .extension(Persisted(document))
        .finish();
    let app = harness::endpoints(schema, &hub).into_router();
    let server = Server::start(app, hub).await;
    let body = json!({"extensions": {"persistedQuery": {"version": 1}}});
    let (status, body) = server.post(None, body).await;
    assert_eq!(status, 400);
    let message = refusal(&body)["message"].as_str().unwrap();
    assert!(message.contains(TOKENS), "{message}");
    assert_eq!(server.hub.stats().documents_refused, 1);
}

type NoteSubscriptionOnly = graphex::ModelSubscription<Note>;

#[tokio::test]
async fn a_variable_cannot_multiply_itself() {
    let server = start().await;
    let text = "x".repeat(100_000);
    // 500 KB of request, 100 MB and 1 GB of arguments.
    for uses in [1_000, 9_000] {
        let query = format!(
            "query($v: String) {{ hello(a: [{}]) }}",
            "$v ".repeat(uses / 2)
        );
        let body = json!({"query": query, "variables": {"v": text}});
        let (status, body) = server.post(None, body).await;
        assert_eq!(status, 400);
        let message = refusal(&body)["message"].as_str().unwrap();
        assert!(message.contains("may come to 4194304 bytes"), "{message}");
    }
    // Through a fragment, and where graphex itself looks at the filters.
    let query = "subscription($v: [Int!]) { noteChanges(filters: {id__in: $v, id: [$v $v $v $v $v $v $v $v $v $v]}) { id } }";
    let many: Vec<i32> = (0..100_000).collect();
    let body = json!({"query": query, "variables": {"v": many}});
    let (status, body) = server.post(None, body).await;
    assert_eq!(status, 400);
    let message = refusal(&body)["message"].as_str().unwrap();
    assert!(message.contains("may come to 4194304 bytes"), "{message}");
    // Once is as the client likes it.
    let body = json!({"query": "query($v: String) { hello @include(if: true) }", "variables": {"v": text}});
    let (_, body) = server.post(None, body).await;
    assert!(!body.to_string().contains("may come to"), "{body}");
}

#[tokio::test]
async fn an_invalid_document_is_not_answered_with_all_its_errors() {
    let server = start().await;
    let query = format!("{{ {} }}", numbered(3_000, |at| format!("unknown{at} ")));
    let (status, body) = server.post(None, json!({"query": query})).await;
    assert_eq!(status, 400);
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100]["message"], "and 2900 more errors");
    // A socket's answer is as short.
    let mut socket = server.acknowledged().await;
    socket.subscribe("1", &query).await;
    let message = socket.next().await;
    assert_eq!(message["payload"].as_array().unwrap().len(), 101);
}

#[tokio::test]
async fn the_limits_are_the_applications() {
    let server = start_with(|limits| {
        limits.document_aliases = 2;
        limits.document_nesting = 3;
    })
    .await;
    let ask = async |query: &str| {
        let (status, body) = server.post(Some(1), json!({"query": query})).await;
        let message = body["errors"][0]["message"].as_str().unwrap_or_default();
        (status, message.to_owned())
    };
    assert_eq!(ask("{ a: hello b: hello }").await.0, 200);
    let (status, message) = ask("{ a: hello b: hello c: hello }").await;
    assert_eq!(status, 400);
    assert!(message.contains("it may have 2"), "{message}");
    let (status, message) = ask("{ a { b { c { d } } } }").await;
    assert_eq!(status, 400);
    assert!(message.contains("3 brackets"), "{message}");
}

/// Under a transport that looks at no document, the subscription itself is bounded.
#[tokio::test]
async fn a_projection_is_bounded_when_the_subscription_is_made() {
    let hub = Hub::builder()
        .model::<Open>()
        .limits(|limits: &mut Limits| limits.document_aliases = 50)
        .build();
    let schema = Schema::build(Query, EmptyMutation, OpenChanges::default())
        .data(hub.clone())
        .finish();
    let aliases = |count| numbered(count, |at| format!("a{at}: text "));
    for document in [
        format!(
            "subscription {{ openChanges {{ data {{ {} }} }} }}",
            aliases(51)
        ),
        format!(
            "subscription {{ openChanges {{ {} }} }}",
            numbered(51, |at| format!("a{at}: id "))
        ),
        format!(
            "subscription {{ openChanges {{ data {{ ...a ...b }} }} }} fragment a on OpenData {{ {} }} fragment b on OpenData {{ b: id }}",
            aliases(50)
        ),
    ] {
        let mut events = schema.execute_stream(document);
        let response = futures_util::StreamExt::next(&mut events).await.unwrap();
        let error = serde_json::to_value(&response.errors[0]).unwrap();
        assert_eq!(
            error["message"],
            "too many aliases: a subscription's events may have 50"
        );
        assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED");
    }
    assert_eq!(hub.stats().subscriptions, 0);
}

#[derive(Clone, ModelType)]
#[graphex(stream = "open", serialize_data)]
struct Open {
    id: i32,
    text: String,
}

/// A service with more types than most, for ordinary documents.
struct Shop;

struct Product;

#[Object]
impl Product {
    async fn id(&self) -> i32 {
        1
    }
    async fn name(&self) -> &str {
        "name"
    }
    async fn related(&self, first: Option<i32>, after: Option<String>) -> Vec<Self> {
        let _ = (first, after);
        vec![]
    }
}

#[Object]
impl Shop {
    async fn product(&self, id: i32) -> Product {
        let _ = id;
        Product
    }
    async fn products(&self, ids: Vec<i32>) -> Vec<Product> {
        ids.into_iter().map(|_| Product).collect()
    }
}

/// What graphql-js's `getIntrospectionQuery` asks, with all its options.
fn introspection() -> String {
    let mut of_type = "kind name".to_owned();
    for _ in 0..9 {
        of_type = format!("kind name ofType {{ {of_type} }}");
    }
    format!(
        "query IntrospectionQuery {{
            __schema {{
                description
                queryType {{ name kind }} mutationType {{ name kind }} subscriptionType {{ name kind }}
                types {{ ...FullType }}
                directives {{
                    name description isRepeatable locations
                    args(includeDeprecated: true) {{ ...InputValue }}
                }}
            }}
        }}
        fragment FullType on __Type {{
            kind name description specifiedByURL isOneOf
            fields(includeDeprecated: true) {{
                name description
                args(includeDeprecated: true) {{ ...InputValue }}
                type {{ ...TypeRef }}
                isDeprecated deprecationReason
            }}
            inputFields(includeDeprecated: true) {{ ...InputValue }}
            interfaces {{ ...TypeRef }}
            enumValues(includeDeprecated: true) {{ name description isDeprecated deprecationReason }}
            possibleTypes {{ ...TypeRef }}
        }}
        fragment InputValue on __InputValue {{
            name description type {{ ...TypeRef }} defaultValue isDeprecated deprecationReason
        }}
        fragment TypeRef on __Type {{ {of_type} }}"
    )
}

/// Fragments of components within components, as Relay's compiler writes them.
fn relay() -> String {
    let mut document = "query ProductPageQuery($count: Int!, $cursor: String, $id: Int!) {
        product(id: $id) { __typename ...Component0_product id } }\n"
        .to_owned();
    for at in 0..16 {
        writeln!(
            document,
            "fragment Component{at}_product on Product {{
                name
                related_{at}: related(first: $count, after: $cursor) {{ id name ...Leaf{at}_product __typename }}
                ...Component{}_product
            }}
            fragment Leaf{at}_product on Product {{ id name }}",
            at + 1
        )
        .unwrap();
    }
    document + "fragment Component16_product on Product { id }"
}

fn ordinary() -> Vec<(&'static str, String, Value)> {
    let fields = numbered(100, |at| format!("name id p{at}: related {{ id }}\n    "));
    let ids: Vec<_> = (0..2_000).map(|id| id.to_string()).collect();
    let operations = numbered(100, |at| {
        format!("query Q{at}($id: Int!) {{ product(id: $id) {{ ...All }} }}\n")
    });
    vec![
        ("introspection", introspection(), json!({})),
        ("Relay's", relay(), json!({"id": 1, "count": 10})),
        (
            "200 fields",
            format!("{{ product(id: 1) {{ {fields} }} }}"),
            json!({}),
        ),
        (
            "100 operations",
            operations + "fragment All on Product { id name related(first: 3) { id name } }",
            json!({"id": 1}),
        ),
        (
            "a large literal",
            format!("{{ products(ids: [{}]) {{ id }} }}", ids.join(", ")),
            json!({}),
        ),
        (
            "a large variable",
            "query($ids: [Int!]!) { products(ids: $ids) { id } }".to_owned(),
            json!({"ids": vec![1; 20_000]}),
        ),
        (
            "prose",
            format!(
                "# {0}\n{{ product(id: 1) {{ related(after: \"\"\"{0}\"\"\") {{ id }} }} }}",
                "{[(".repeat(3_000)
            ),
            json!({}),
        ),
        (
            "nested lists of products",
            nested("{ product(id: 1) ", "{ related ", "{ id }", "}", "}", 15),
            json!({}),
        ),
    ]
}

/// Each at a third of what it may be.
#[tokio::test]
async fn ordinary_documents_are_far_from_the_limits() {
    let hub = Hub::builder()
        .limits(|limits| {
            limits.document_bytes /= 3;
            limits.document_tokens /= 3;
            limits.document_name /= 3;
            limits.document_nesting /= 3;
            limits.document_selections /= 3;
            limits.document_aliases /= 3;
            limits.document_values /= 3;
        })
        .build();
    let schema = Schema::new(Shop, EmptyMutation, EmptySubscription);
    assert!(
        schema
            .sdl_with_options(SDLExportOptions::new())
            .contains("type Product")
    );
    for (what, document, variables) in ordinary() {
        let mut request = Request::new(&document).variables(Variables::from_json(variables));
        if what == "100 operations" {
            request = request.operation_name("Q7");
        }
        let response = graphex::execute(&schema, request.data(hub.clone())).await;
        assert!(response.is_ok(), "{what}: {:?}", response.errors);
    }
    assert_eq!(hub.stats().documents_refused, 0);
}

/// Half of what a thread of tokio has is enough for the deepest document, without optimisation.
#[test]
fn the_deepest_document_fits_into_the_stack() {
    let documents = [
        nested("{ a(b: ", "[", "", "]", ") }", 62),
        nested("{ a(b: ", "{a:", "1", "}", ") }", 62),
        nested("{ a @a(b: ", "{a:", "1", "}", ") }", 62),
        nested("", "{related", "", "}", "", 63).replacen("{related}", "{id}", 1),
        nested("", "{... on Query", "{ hello }", "}", "", 63),
        nested("query($a: ", "[", "Int", "]", ") { hello }", 63),
        nested("query($a: A = ", "[", "", "]", ") { hello }", 63),
        numbered(60, |at| {
            format!("fragment f{at} on Query {{ ...f{} }} ", at + 1)
        }) + "{ ...f0 }",
    ];
    let run = move || {
        let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
        for document in documents {
            let answer = graphex::execute(&schema, document.as_str());
            let answer = futures_util::FutureExt::now_or_never(answer).unwrap();
            let error = serde_json::to_value(&answer.errors[0]).unwrap();
            // It has come as far as the parser, at least.
            assert_eq!(
                error["extensions"]["code"],
                Value::Null,
                "{document}: {error}"
            );
        }
    };
    let thread = std::thread::Builder::new().stack_size(1024 * 1024);
    thread.spawn(run).unwrap().join().unwrap();
}
