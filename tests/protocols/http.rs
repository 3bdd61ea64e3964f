//! GraphQL over HTTP: status codes, media types, batches, and every kind of bad request.

use crate::harness;
use crate::harness::{Server, answer, endpoints};
use async_graphql::{Enum, Object};
use futures_util::Stream;
use graphex::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};

#[derive(Clone, ModelType)]
#[graphex(stream = "notes", serialize_data)]
struct Note {
    id: i32,
}

struct Query;

#[derive(Clone, Copy, PartialEq, Eq, Enum)]
enum Colour {
    Red,
}

#[Object]
impl Query {
    async fn hello(&self, ctx: &Context<'_>) -> &str {
        ctx.insert_http_header("x-greeted", "yes");
        "world"
    }

    #[graphql(cache_control(max_age = 60))]
    async fn cached(&self) -> i32 {
        1
    }

    async fn cookie(&self, ctx: &Context<'_>, name: String) -> bool {
        ctx.append_http_header("set-cookie", format!("{name}=1"))
    }

    async fn fails(&self) -> Result<i32> {
        Err("it failed".into())
    }

    async fn colour(&self, colour: Colour) -> Colour {
        colour
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn twice(&self, number: i32) -> i32 {
        number * 2
    }
}

#[derive(Default)]
struct Ticks;

#[async_graphql::Subscription]
impl Ticks {
    async fn ticks(&self) -> impl Stream<Item = i32> {
        futures_util::stream::pending()
    }
}

#[derive(MergedSubscription, Default)]
struct Subscription(NoteSubscription, Ticks);

async fn server() -> Server {
    let hub = harness::nodes::build(Hub::builder().model::<Note>().limits(|limits| {
        limits.http_body = 4_096;
        limits.batch = 3;
    }));
    let schema = Schema::build(Query, Mutation, Subscription::default()).finish();
    Server::start(endpoints(schema, &hub).into_router(), hub).await
}

/// POSTs this text as JSON; the status and the first error's message.
async fn error_of(server: &Server, body: impl Into<reqwest::Body>) -> (u16, String) {
    let request = server
        .request(Method::POST)
        .header("content-type", "application/json")
        .body(body);
    let (status, body) = answer(request).await;
    assert_eq!(body.get("data"), None, "{body}");
    let message = body["errors"][0]["message"].as_str().unwrap_or_default();
    (status, message.to_owned())
}

async fn query_error(server: &Server, query: &str) -> (u16, String) {
    error_of(server, json!({"query": query}).to_string()).await
}

#[tokio::test]
async fn queries_and_mutations_are_answered() {
    let server = server().await;
    let (status, body) = server
        .post(None, json!({"query": "{ b: hello a: hello }"}))
        .await;
    assert_eq!(
        (status, body),
        (200, json!({"data": {"b": "world", "a": "world"}}))
    );
    let body = json!({"query": "mutation($n: Int!) { twice(number: $n) }", "variables": {"n": 4}, "extensions": null});
    assert_eq!(
        server.post(None, body).await,
        (200, json!({"data": {"twice": 8}}))
    );
}

#[tokio::test]
async fn an_error_while_executing_is_200_with_its_path() {
    let server = server().await;
    let (status, body) = server.post(None, json!({"query": "{ fails }"})).await;
    assert_eq!(status, 200);
    assert_eq!(body["data"], Value::Null);
    assert_eq!(body["errors"][0]["path"], json!(["fails"]));
}

#[tokio::test]
async fn the_media_type_is_the_clients_choice() {
    let server = server().await;
    for (accept, expected) in [
        ("application/json", "application/json; charset=utf-8"),
        ("*/*", "application/graphql-response+json; charset=utf-8"),
    ] {
        let response = server
            .request(Method::POST)
            .header("accept", accept)
            .json(&json!({"query": "{ hello }"}))
            .send()
            .await
            .unwrap();
        assert_eq!(response.headers()["content-type"], expected);
        assert_eq!(response.headers()["x-greeted"], "yes");
    }
    let request = server.request(Method::POST).header("accept", "text/plain");
    let (status, body) = answer(request.json(&json!({"query": "{ hello }"}))).await;
    assert_eq!(status, 406);
    assert_eq!(
        body["errors"][0]["message"],
        "this endpoint answers with application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
    );
}

#[tokio::test]
async fn a_get_queries_and_changes_nothing() {
    let server = server().await;
    let get = |query: &str| server.request(Method::GET).query(&[("query", query)]);
    assert_eq!(
        answer(get("{ hello }")).await,
        (200, json!({"data": {"hello": "world"}}))
    );
    let request = get("query A { hello } query B($c: Colour!) { colour(colour: $c) }")
        .query(&[("operationName", "B"), ("variables", r#"{"c": "RED"}"#)]);
    assert_eq!(
        answer(request).await,
        (200, json!({"data": {"colour": "RED"}}))
    );
    let client = server.connect(None).await;
    let subscribe = format!(
        "subscription {{ noteSubscription(channelId: \"{}\", action: CREATE, operation: SUBSCRIBE) {{ ok }} }}",
        client.channel_id
    );
    let named = subscribe.replace("subscription", "subscription S");
    for query in [
        "mutation { twice(number: 1) }",
        "mutation M { twice(number: 1) }",
        &subscribe,
        &named,
    ] {
        let response = get(query).send().await.unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, POST, PUT, DELETE");
    }
    assert_eq!(server.hub.stats().subscriptions, 0);
    assert_eq!(answer(get("query Q { hello }")).await.0, 200);
    assert_eq!(answer(server.request(Method::GET)).await.0, 400);
    assert_eq!(
        answer(get("{ hello }").query(&[("variables", "{")]))
            .await
            .0,
        400
    );
    assert_eq!(answer(get("{ unknown }")).await.0, 400);
    assert_eq!(answer(server.request(Method::PATCH)).await.0, 405);
}

/// As Apollo's automatic persisted queries: the document comes from the schema, not the request.
struct Persisted;

impl async_graphql::extensions::ExtensionFactory for Persisted {
    fn create(&self) -> std::sync::Arc<dyn async_graphql::extensions::Extension> {
        std::sync::Arc::new(Self)
    }
}

#[async_graphql::async_trait::async_trait]
impl async_graphql::extensions::Extension for Persisted {
    async fn prepare_request(
        &self,
        ctx: &async_graphql::extensions::ExtensionContext<'_>,
        mut request: async_graphql::Request,
        next: async_graphql::extensions::NextPrepareRequest<'_>,
    ) -> async_graphql::ServerResult<async_graphql::Request> {
        if request.query.is_empty() {
            request.query = "mutation { twice(number: 21) }".to_owned();
        }
        next.run(ctx, request).await
    }
}

#[tokio::test]
async fn a_persisted_query_runs_by_post_and_never_by_get() {
    let hub = harness::nodes::build(Hub::builder().model::<Note>());
    let schema = Schema::build(Query, Mutation, Subscription::default())
        .extension(Persisted)
        .finish();
    let server = Server::start(endpoints(schema, &hub).into_router(), hub).await;
    let body = json!({"extensions": {"persistedQuery": {"version": 1}}});
    assert_eq!(
        server.post(None, body).await,
        (200, json!({"data": {"twice": 42}}))
    );
    let extensions = ("extensions", r#"{"persistedQuery": {"version": 1}}"#);
    for parameters in [vec![extensions], vec![("query", ""), extensions]] {
        let request = server.request(Method::GET).query(&parameters);
        let (status, body) = answer(request).await;
        assert_eq!((status, body.get("data")), (400, None), "{body}");
    }
}

#[tokio::test]
async fn a_persisted_query_that_nothing_brings_is_answered_so_that_the_client_falls_back() {
    let server = server().await;
    let persisted = json!({"persistedQuery": {"version": 1, "sha256Hash": "ecf4edb4"}});
    let (status, body) = server.post(None, json!({"extensions": persisted})).await;
    assert_eq!(status, 400);
    let error = json!({
        "message": "PersistedQueryNotSupported",
        "extensions": {"code": "PERSISTED_QUERY_NOT_SUPPORTED"},
    });
    assert_eq!(body, json!({"errors": [error]}));
    // Apollo Client, with `useGETForHashedQueries`.
    let parameters = [("extensions", persisted.to_string())];
    let (_, body) = answer(server.request(Method::GET).query(&parameters)).await;
    assert_eq!(body["errors"][0]["message"], "PersistedQueryNotSupported");
    // The whole document, with or without its hash.
    let whole = json!({"query": "{ hello }", "extensions": persisted});
    let answered = (200, json!({"data": {"hello": "world"}}));
    assert_eq!(server.post(None, whole).await, answered);
    // An extension that is none of a persisted query changes nothing of what is wrong.
    let other = json!({"query": "", "extensions": {"other": 1}});
    let (_, body) = server.post(None, other).await;
    assert_ne!(body["errors"][0]["message"], "PersistedQueryNotSupported");
}

#[tokio::test]
async fn a_listed_origin_reads_what_is_answered_and_others_do_not() {
    let hub = harness::nodes::build(Hub::builder().model::<Note>());
    let schema = Schema::build(Query, Mutation, Subscription::default()).finish();
    let page = "https://app.example.com";
    let app = endpoints(schema, &hub).allowed_origins([page]);
    let server = Server::start(app.into_router(), hub).await;
    let header = |response: &reqwest::Response, name: &str| {
        let value = response.headers().get(name);
        value.map(|value| value.to_str().unwrap().to_owned())
    };
    let preflight = |origin: &str| {
        let request = server.request(Method::OPTIONS).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        let asked = "content-type,x-user";
        harness::within(
            request
                .header("access-control-request-headers", asked)
                .send(),
        )
    };
    let allowed = preflight(page).await.unwrap();
    assert_eq!(allowed.status(), 204);
    for (name, value) in [
        ("access-control-allow-origin", page),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST, PUT, DELETE"),
        ("access-control-allow-headers", "content-type,x-user"),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    ] {
        assert_eq!(header(&allowed, name).as_deref(), Some(value), "{name}");
    }
    let refused = preflight("https://evil.test").await.unwrap();
    assert_eq!(refused.status(), 405);
    assert_eq!(header(&refused, "access-control-allow-origin"), None);

    for (origin, readable) in [(page, Some(page)), ("https://evil.test", None)] {
        for body in [
            json!({"query": "{ hello }"}),
            json!({"query": "{ nonsense }"}),
        ] {
            let request = server.request(Method::POST).header("origin", origin);
            let response = harness::within(request.json(&body).send()).await.unwrap();
            let told = header(&response, "access-control-allow-origin");
            assert_eq!(told.as_deref(), readable, "{body}");
        }
    }
    // The same list is that of WebSockets.
    for (origin, status) in [(page, 101), ("https://evil.test", 403)] {
        let mut request = server.ws_request();
        let headers = request.headers_mut();
        headers.insert("origin", origin.parse().unwrap());
        let opened = tokio_tungstenite::connect_async(request);
        let got = match harness::within(opened).await {
            Ok((_, response)) => response.status().as_u16(),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => {
                response.status().as_u16()
            }
            Err(error) => panic!("{error}"),
        };
        assert_eq!(got, status, "{origin}");
    }
}

/// The application's own layer has the last word: no header comes twice.
#[tokio::test]
async fn a_cors_layer_of_the_application_has_the_last_word() {
    let hub = harness::nodes::build(Hub::builder().model::<Note>());
    let schema = Schema::build(Query, Mutation, Subscription::default()).finish();
    let app = endpoints(schema, &hub).allowed_origins(["https://app.example.com"]);
    let layer = tower_http::cors::CorsLayer::new().allow_origin(tower_http::cors::Any);
    let server = Server::start(app.into_router().layer(layer), hub).await;
    let request = server.request(Method::POST);
    let request = request.header("origin", "https://app.example.com");
    let request = request.json(&json!({"query": "{ hello }"}));
    let response = harness::within(request.send()).await.unwrap();
    let origins = response.headers().get_all("access-control-allow-origin");
    assert_eq!(origins.iter().collect::<Vec<_>>(), ["*"]);
}

#[tokio::test]
async fn a_path_is_served_with_a_slash_at_its_end_and_without() {
    let server = server().await;
    let slash = format!("http://{}/graphql/", server.address);
    let request = reqwest::Client::new().post(slash);
    let answered = answer(request.json(&json!({"query": "{ hello }"}))).await;
    assert_eq!(answered, (200, json!({"data": {"hello": "world"}})));
    let bare = format!("ws://{}/ws", server.address);
    let (mut socket, _) = harness::within(tokio_tungstenite::connect_async(bare))
        .await
        .unwrap();
    let first = harness::within(futures_util::StreamExt::next(&mut socket)).await;
    let handshake = first.unwrap().unwrap().into_text().unwrap();
    assert!(handshake.contains("channel_id"), "{handshake}");

    // Both are whatever path the application gives, and no path is taken twice.
    for (graphql, ws) in [("/api", "/api/"), ("/", "/live/"), ("/a/", "/b")] {
        let hub = Hub::builder().model::<Note>().build();
        let schema = Schema::build(Query, Mutation, Subscription::default()).finish();
        let endpoints = endpoints(schema, &hub).graphql_path(graphql).ws_path(ws);
        let _: axum::Router = endpoints.into_router();
    }
}

#[tokio::test]
async fn a_browser_gets_a_page() {
    let server = server().await;
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let response = server
        .request(Method::GET)
        .header("accept", accept)
        .send()
        .await
        .unwrap();
    assert_eq!(
        response.headers()["content-type"],
        "text/html; charset=utf-8"
    );
    let page = response.text().await.unwrap();
    assert!(page.contains("createUrl('/graphql')"), "{page}");
    // Where its subscriptions go.
    assert!(page.contains("createUrl('/graphql', true)"), "{page}");
    // The address bar of a browser can also query.
    let request = server
        .request(Method::GET)
        .header("accept", accept)
        .query(&[("query", "{ hello }")]);
    assert_eq!(answer(request).await.0, 200);
}

#[tokio::test]
async fn a_batch_is_answered_in_order() {
    let server = server().await;
    let batch = json!([
        {"query": "mutation { twice(number: 1) }"},
        {"query": "{ nonsense }"},
        {"query": "{ hello }"},
    ]);
    let (status, body) = server.post(None, batch).await;
    assert_eq!(status, 200);
    assert_eq!(body[0], json!({"data": {"twice": 2}}));
    assert_eq!(body[1]["errors"].as_array().unwrap().len(), 1);
    assert_eq!(body[2], json!({"data": {"hello": "world"}}));
    let too_many = json!([{"query": "{ hello }"}, {"query": "{ hello }"}, {"query": "{ hello }"}, {"query": "{ hello }"}]);
    for batch in [json!([]), too_many] {
        let message = error_of(&server, batch.to_string()).await;
        assert_eq!(message, (400, "a batch has 1 to 3 requests".into()));
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_says_what_is_wrong() {
    let server = server().await;
    for (body, expected) in [
        (
            "{\"query\": ",
            "the body is not JSON: EOF while parsing a value at line 1 column 10",
        ),
        (
            "",
            "the body is not JSON: EOF while parsing a value at line 1 column 0",
        ),
        ("3", "the body must be a JSON object with a `query`"),
        ("{}", "the body has no `query`"),
        ("{\"query\": null}", "the body has no `query`"),
        ("{\"query\": 3}", "`query` must be a string"),
        (
            "{\"query\": \"{ hello }\", \"variables\": []}",
            "`variables` must be an object",
        ),
        (
            "{\"query\": \"{ hello }\", \"operationName\": 1}",
            "`operationName` must be a string",
        ),
        ("[{\"query\": 3}]", "`query` must be a string"),
    ] {
        assert_eq!(
            error_of(&server, body).await,
            (400, expected.into()),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_body_in_another_type_or_too_large_is_refused() {
    let server = server().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
    ] {
        let request = server
            .request(Method::POST)
            .header("content-type", content_type);
        let (status, _) = answer(request.body(r#"{"query": "{ hello }"}"#)).await;
        assert_eq!(status, 415, "{content_type}");
    }
    let body = json!({"query": format!("{{ hello }} #{}", "x".repeat(5_000))}).to_string();
    assert_eq!(
        error_of(&server, body).await,
        (413, "the body has more than 4096 bytes".into())
    );
}

#[tokio::test]
async fn a_document_that_cannot_be_executed_is_400_and_joins_nothing() {
    let server = server().await;
    let client = server.connect(None).await;
    let channel = &client.channel_id;
    let ask = |arguments: &str| {
        format!(
            "subscription {{ noteSubscription(channelId: \"{channel}\", {arguments}) {{ ok }} }}"
        )
    };
    for query in [
        "{",
        "{ unknown }",
        "query A { hello } query B { hello }",
        "subscription { unknownSubscription(channelId: \"x\") { ok } }",
        "subscription { noteSubscription(action: CREATE, operation: SUBSCRIBE) { ok } }",
        &ask("action: CREATE"),
        &ask("action: EVERYTHING, operation: SUBSCRIBE"),
        &ask("action: CREATE, operation: SUBSCRIBE, data: [[ID]]"),
        &ask("action: CREATE, operation: SUBSCRIBE, id: 5.5"),
        &ask("action: CREATE, operation: SUBSCRIBE, data: [NAME]"),
        &ask("action: CREATE, operation: SUBSCRIBE, data: 3"),
        &ask("action: CREATE, operation: SUBSCRIBE, id: {a: 1}"),
        &ask("action: CREATE, operation: SUBSCRIBE, id: true"),
        &ask("action: CREATE, operation: SUBSCRIBE, filters: {name: 1}"),
        &ask("action: CREATE, operation: SUBSCRIBE, filters: {id: \"one\"}"),
        &ask("action: CREATE, operation: SUBSCRIBE, filters: \"id=1\""),
        &ask("action: CREATE, operation: SUBSCRIBE, filters: [{id: 1}]"),
    ] {
        let (status, message) = query_error(&server, query).await;
        assert_eq!(status, 400, "{query}");
        assert!(!message.is_empty());
    }
    let (status, message) = error_of(
        &server,
        json!({"query": "query A { hello }", "operationName": "B"}).to_string(),
    )
    .await;
    assert_eq!(status, 400);
    assert!(message.contains('B'), "{message}");
    // Of the wrong type by a variable: the same.
    for (ty, value) in [
        ("ID", json!(true)),
        ("ID", json!(1.5)),
        ("[NoteFields]", json!(["NAME"])),
        ("NoteFilters", json!({"name": 1})),
        ("NoteFilters", json!("id=1")),
        ("NoteFilters", json!(3)),
        ("NoteFilters", json!([{"id": 1}])),
        ("NoteFilters", json!(true)),
    ] {
        let argument = match ty {
            "ID" => "id",
            "NoteFilters" => "filters",
            _ => "data",
        };
        let query = ask(&format!(
            "action: CREATE, operation: SUBSCRIBE, {argument}: $v"
        ));
        let query = query.replace("subscription {", &format!("subscription($v: {ty}) {{"));
        let body = json!({"query": query, "variables": {"v": value}}).to_string();
        assert_eq!(error_of(&server, body).await.0, 400, "{value}");
    }
    let query = "subscription($a: ActionSubscriptionEnum!) { noteSubscription(channelId: \"x\", action: $a, operation: SUBSCRIBE) { ok } }";
    for value in [json!("EVERYTHING"), json!(3), Value::Null] {
        let body = json!({"query": query, "variables": {"a": value}}).to_string();
        assert_eq!(error_of(&server, body).await.0, 400);
    }
    assert_eq!(server.hub.stats().subscriptions, 0);
    drop(client);
    server.until_empty().await;
}

#[tokio::test]
async fn a_subscription_has_exactly_one_root_field() {
    let server = server().await;
    let client = server.connect(None).await;
    let field = format!(
        "noteSubscription(channelId: \"{}\", action: CREATE, operation: SUBSCRIBE) {{ ok }}",
        client.channel_id
    );
    let (status, message) =
        query_error(&server, &format!("subscription {{ {field} b: {field} }}")).await;
    assert_eq!(status, 400);
    assert_eq!(
        message,
        "a subscription must have exactly one root field; send one request for each"
    );
    let fragment = format!("subscription {{ ...F }} fragment F on Subscription {{ {field} }}");
    let (status, message) = query_error(&server, &fragment).await;
    assert_eq!(status, 400);
    assert_eq!(
        message,
        "the root field of a subscription must be written without a fragment"
    );
    assert_eq!(server.hub.stats().subscriptions, 0);
}

#[tokio::test]
async fn a_lone_operation_with_a_name_needs_no_operation_name() {
    let server = server().await;
    let mut client = server.connect(None).await;
    for query in ["query Q { hello }", "mutation M { twice(number: 1) }"] {
        assert_eq!(server.post(None, json!({"query": query})).await.0, 200);
    }
    let document = "subscription S { noteSubscription(channelId: \"$channel\", action: CREATE, operation: SUBSCRIBE) { ok } }";
    assert_eq!(server.confirm(&client, document).await, json!({"ok": true}));
    server.hub.publish(Action::Create, &Note { id: 1 });
    assert_eq!(client.json().await["payload"]["data"]["id"], 1);
}

#[tokio::test]
async fn an_absent_id_means_every_row_in_scope() {
    let server = server().await;
    let mut client = server.connect(None).await;
    let query = "subscription S($channel: String!, $id: ID) {
        noteSubscription(channelId: $channel, action: CREATE, operation: SUBSCRIBE, id: $id) { ok } }";
    let variables = json!({"channel": client.channel_id});
    let (status, body) = server
        .post(None, json!({"query": query, "variables": variables}))
        .await;
    assert_eq!(
        (status, &body["data"]["noteSubscription"]["ok"]),
        (200, &json!(true))
    );
    server.hub.publish(Action::Create, &Note { id: 1 });
    assert_eq!(client.json().await["payload"]["data"]["id"], 1);
}

#[tokio::test]
async fn what_a_cache_may_keep_depends_on_the_answer() {
    let server = server().await;
    let get = |query: &str| {
        server
            .request(Method::GET)
            .query(&[("query", query)])
            .send()
    };
    let fine = get("{ cached }").await.unwrap();
    assert_eq!(fine.headers()["cache-control"], "max-age=60");
    assert_eq!(fine.headers()["vary"], "accept");
    let failed = get("{ cached fails }").await.unwrap();
    assert_eq!(failed.headers().get("cache-control"), None);
}

#[tokio::test]
async fn the_headers_of_a_batch_are_all_sent() {
    let server = server().await;
    let batch = json!([{"query": "{ cookie(name: \"a\") }"}, {"query": "{ cookie(name: \"b\") }"}]);
    let response = server
        .request(Method::POST)
        .json(&batch)
        .send()
        .await
        .unwrap();
    let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=1"]);
}

#[tokio::test]
async fn endpoints_go_where_the_application_wants_them() {
    let hub = harness::nodes::build(Hub::builder().model::<Note>());
    let schema = Schema::build(Query, Mutation, Subscription::default()).finish();
    let own = endpoints(schema.clone(), &hub).graphiql(false);
    let app = axum::Router::new()
        .route("/graphql", own.http())
        .route("/ws/", own.ws())
        .nest(
            "/nested",
            endpoints(schema, &hub)
                .graphql_path("/api")
                .ws_path("/live")
                .into_router(),
        );
    let server = Server::start(app, hub).await;
    let client = server.connect(None).await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: CREATE, operation: SUBSCRIBE",
        )
        .await;
    let nested = format!("http://{}/nested/api", server.address);
    let page = reqwest::Client::new()
        .get(&nested)
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert!(
        page.text()
            .await
            .unwrap()
            .contains("createUrl('/nested/api')")
    );
    let request = server.request(Method::GET).header("accept", "text/html");
    assert_eq!(answer(request).await.0, 406);
    let mut live = server.ws_request();
    *live.uri_mut() = format!("ws://{}/nested/live", server.address)
        .parse()
        .unwrap();
    assert!(tokio_tungstenite::connect_async(live).await.is_ok());
}

#[tokio::test]
async fn a_field_that_streams_events_is_not_for_http() {
    let server = server().await;
    let (status, message) = query_error(&server, "subscription { ticks }").await;
    assert_eq!(status, 400);
    assert_eq!(
        message,
        "`ticks` streams events, which a single HTTP response cannot carry; subscribe over a WebSocket, or accept `text/event-stream`"
    );
}

#[tokio::test]
async fn a_schema_without_a_hub_tells_nothing_of_it() {
    let schema = Schema::build(Query, Mutation, NoteSubscription::default()).finish();
    let query = "subscription { noteSubscription(channelId: \"x\", action: CREATE, operation: SUBSCRIBE) { ok error } }";
    let answer = graphex::execute(&schema, query)
        .await
        .into_result()
        .unwrap();
    let answer = answer.data.into_json().unwrap();
    assert_eq!(
        answer["noteSubscription"],
        json!({"ok": false, "error": "the subscription failed on the server; its log says why"})
    );
}

#[tokio::test]
async fn the_plain_router_serves_the_documented_paths() {
    let hub = harness::nodes::build(Hub::builder().model::<Note>());
    let schema = Schema::build(Query, Mutation, Subscription::default()).finish();
    let server = Server::start(graphex::axum::router(schema, hub.clone()), hub).await;
    let mut client = server.connect(None).await;
    server
        .done(
            &client,
            "noteSubscription",
            "action: CREATE, operation: SUBSCRIBE",
        )
        .await;
    server.hub.publish(Action::Create, &Note { id: 7 });
    assert_eq!(client.json().await["payload"]["data"], json!({"id": 7}));
    let unknown = format!("http://{}/nowhere/", server.address);
    assert_eq!(reqwest::get(unknown).await.unwrap().status(), 404);
    let plain = format!("http://{}/ws/", server.address);
    assert_eq!(reqwest::get(plain).await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_body_that_never_ends_is_given_up_with_408() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let wait = std::time::Duration::from_millis(50);
    let hub = Hub::builder()
        .limits(|limits| limits.body_wait = wait)
        .build();
    let schema = Schema::new(Query, Mutation, async_graphql::EmptySubscription);
    let server = Server::start_alone(endpoints(schema, &hub).into_router(), hub).await;
    let mut socket = tokio::net::TcpStream::connect(server.address)
        .await
        .unwrap();
    let half = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{\"query\":";
    socket.write_all(half.as_bytes()).await.unwrap();
    let mut answer = String::new();
    harness::within(socket.read_to_string(&mut answer))
        .await
        .unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(
        answer.contains("the body took too long to arrive"),
        "{answer}"
    );
}
