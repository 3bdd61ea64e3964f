//! The browser page as the endpoints serve it; what it does is tested in a browser.

use crate::harness::{Server, within};
use crate::hello::Query;
use async_graphql::{EmptyMutation, EmptySubscription};
use axum::Router;
use graphex::axum::{Endpoints, client};
use graphex::prelude::*;

fn endpoints(hub: &Hub) -> Endpoints<Schema<Query, EmptyMutation, EmptySubscription>> {
    let schema = Schema::new(Query, EmptyMutation, EmptySubscription);
    Endpoints::new(schema, hub.clone())
}

async fn serve(app: impl FnOnce(&Hub) -> Router) -> Server {
    let hub = Hub::builder().build();
    Server::start(app(&hub), hub).await
}

async fn get(server: &Server, path: &str) -> reqwest::Response {
    let stay = reqwest::redirect::Policy::none();
    let client = reqwest::Client::builder().redirect(stay).build().unwrap();
    let request = client.get(format!("http://{}{path}", server.address));
    within(request.send()).await.unwrap()
}

/// What the page is told, out of its attribute.
async fn config(server: &Server, path: &str) -> serde_json::Value {
    let response = get(server, path).await;
    assert_eq!(response.status(), 200, "{path}");
    let page = response.text().await.unwrap();
    let (_, rest) = page
        .split_once("name=\"graphex-client\" content=\"")
        .unwrap();
    let (json, _) = rest.split_once('"').unwrap();
    let json = json.replace("&quot;", "\"").replace("&#39;", "'");
    let json = json.replace("&lt;", "<").replace("&gt;", ">");
    serde_json::from_str(&json.replace("&amp;", "&")).unwrap()
}

#[tokio::test]
async fn the_page_is_below_the_http_endpoint() {
    let server = serve(|hub| {
        let page = endpoints(hub).client_page(|page| page.title("Chat").parameter("user", "1"));
        page.into_router()
    })
    .await;
    let told = config(&server, "/graphql/client/").await;
    assert_eq!(told["title"], "Chat");
    assert_eq!(told["ws"], "../../ws/");
    assert_eq!(told["http"], "../../graphql");
    assert_eq!(told["parameters"], serde_json::json!([["user", "1"]]));
}

#[tokio::test]
async fn the_paths_follow_the_endpoints_and_nest() {
    let server = serve(|hub| {
        let moved = endpoints(hub).graphql_path("/api").ws_path("/live/ws");
        let root = endpoints(hub).graphql_path("/").ws_path("/ws");
        Router::new()
            .nest("/nested", moved.into_router())
            .nest("/root", root.into_router())
    })
    .await;
    let told = config(&server, "/nested/api/client/").await;
    assert_eq!(
        (told["ws"].as_str(), told["http"].as_str()),
        (Some("../../live/ws"), Some("../../api"))
    );
    let told = config(&server, "/root/client/").await;
    assert_eq!(
        (told["ws"].as_str(), told["http"].as_str()),
        (Some("../ws"), Some("../"))
    );
}

#[tokio::test]
async fn without_its_last_slash_the_page_is_one_step_away() {
    let server = serve(|hub| Router::new().nest("/nested", endpoints(hub).into_router())).await;
    let response = get(&server, "/nested/graphql/client").await;
    assert_eq!(response.status(), 308);
    assert_eq!(response.headers()["location"], "client/");
}

#[tokio::test]
async fn the_page_can_be_left_out_and_put_elsewhere() {
    let server = serve(|hub| {
        let page = client("/elsewhere/\"'></script>\\", "/graphql").title("</title>&");
        endpoints(hub)
            .client(false)
            .into_router()
            .route("/try", page.into_method_router())
    })
    .await;
    assert_eq!(get(&server, "/graphql/client/").await.status(), 404);
    let told = config(&server, "/try").await;
    assert_eq!(told["ws"], "/elsewhere/\"'></script>\\");
    assert_eq!(told["title"], "</title>&");
}
