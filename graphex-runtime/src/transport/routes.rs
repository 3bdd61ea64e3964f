//! The routes of an application's endpoints.

use std::sync::Arc;

use async_graphql::Executor;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
#[cfg(feature = "client")]
use axum::response::Redirect;
use axum::response::Response;
use axum::routing::{MethodRouter, any, get};

#[cfg(feature = "client")]
use super::client::relative;
use super::cors::Cors;
use super::http::Http;
use super::router::Endpoints;
use super::transport_ws::{TransportWs, is_upgrade};
use super::{health, two_channel};

impl<E: Executor> Endpoints<E> {
    /// The GraphQL endpoint alone: POST and GET per the GraphQL-over-HTTP specification,
    /// graphql-transport-ws for a WebSocket, GraphQL over SSE and Apollo's multipart
    /// subscriptions for a client that accepts them, and GraphiQL for a browser.
    pub fn http(&self) -> MethodRouter {
        let hub = &self.admission.hub;
        let http = Http {
            schema: self.schema.clone(),
            admission: self.admission.clone(),
            add_data: Arc::clone(&self.add_data),
            graphiql: self.graphiql,
            reservations: Arc::default(),
        };
        let sockets = TransportWs {
            schema: self.schema.clone(),
            add_data: Arc::clone(&self.add_data),
            on_connect: self.on_connect.clone(),
            renews: self.renews,
            admission: self.admission.clone(),
        };
        let handle = async move |request: Request| -> Response {
            if is_upgrade(&request) {
                return sockets.clone().handle(request).await;
            }
            let listed = &http.admission.allowed_origins;
            let Some(cors) = Cors::of(&request, listed) else {
                return http.clone().handle(request).await;
            };
            match cors.preflight(&request) {
                Some(response) => response,
                None => cors.allow(http.clone().handle(request).await),
            }
        };
        any(handle).layer(DefaultBodyLimit::max(hub.limits().http_body))
    }

    /// The WebSocket endpoint of the two-channel protocol alone.
    pub fn ws(&self) -> MethodRouter {
        let admission = self.admission.clone();
        any(move |request: Request| two_channel::handle(admission.clone(), request))
    }

    /// The endpoints on their paths, and the browser page. A path is served with a slash at its end
    /// and without one: a WebSocket cannot be told where else to go.
    ///
    /// # Panics
    ///
    /// As [`Router::route`], when a path is not one axum accepts or both are the same.
    pub fn into_router(self) -> Router {
        let (http, ws) = (self.http(), self.ws());
        let paths = [&self.graphql_path, &self.ws_path];
        let mut router = Router::new()
            .route(&self.graphql_path, http.clone())
            .route(&self.ws_path, ws.clone());
        for (path, endpoint) in paths.into_iter().zip([http, ws]) {
            let other = with_other_ending(path).filter(|other| !paths.contains(&other));
            if let Some(other) = other {
                router = router.route(&other, endpoint);
            }
        }
        #[cfg(feature = "client")]
        let router = self.with_client(router);
        if !self.health {
            return router;
        }
        let hub = self.admission.hub;
        router
            .route("/health/live", get(async || "live"))
            .route("/health/ready", get(async move || health::ready(&hub)))
    }

    #[cfg(feature = "client")]
    fn with_client(&self, router: Router) -> Router {
        let Some(page) = self.client.clone() else {
            return router;
        };
        let bare = format!("{}/client", self.graphql_path.trim_end_matches('/'));
        let path = format!("{bare}/");
        let page = page.paths(
            relative(&path, &self.ws_path),
            relative(&path, &self.graphql_path),
        );
        router
            .route(&path, page.into_method_router())
            // Relative, so that it holds behind `nest` and proxies too.
            .route(&bare, any(|| async { Redirect::permanent("client/") }))
    }
}

/// The path with a slash at its end if it has none, and without if it has; none for the root and for
/// what ends in a wildcard.
fn with_other_ending(path: &str) -> Option<String> {
    match path.strip_suffix('/') {
        Some("") => None,
        Some(bare) => Some(bare.to_owned()),
        None if path.is_empty() || path.contains("{*") => None,
        None => Some(format!("{path}/")),
    }
}
