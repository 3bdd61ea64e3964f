//! GraphiQL, for the person at a browser.

use ::http::Method;
use async_graphql::http::GraphiQLSource;
use axum::extract::{OriginalUri, Request};
use axum::response::{Html, IntoResponse as _, Response};

use super::media::Media;

/// A browser's own GET, without a query: the page is for the person at it.
pub(super) fn wants_page(request: &Request) -> bool {
    let offered = [Media::GraphqlResponse, Media::Json, Media::Html];
    let has_query = |query: &str| query.split('&').any(|pair| pair.starts_with("query="));
    matches!(*request.method(), Method::GET | Method::HEAD)
        && request.uri().query().is_none_or(|query| !has_query(query))
        && Media::negotiate(request.headers(), &offered) == Some(Media::Html)
}

pub(super) fn page(request: &Request) -> Response {
    // Behind `nest` the request's own URI is the rest of the path.
    let original = request.extensions().get::<OriginalUri>();
    let path = original
        .map_or(request.uri(), |original| &original.0)
        .path();
    let page = GraphiQLSource::build().endpoint(path);
    Html(page.subscription_endpoint(path).finish()).into_response()
}
