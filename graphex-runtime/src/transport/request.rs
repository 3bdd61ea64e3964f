//! GraphQL requests as clients send them: a JSON object, or a query string.

use ::http::Uri;
use async_graphql::Request;
use axum::extract::Query;
use serde::Deserialize;
use serde_json::Value;

use crate::graphql::NOT_PERSISTED;

/// A GraphQL request in a query string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetParams {
    query: Option<String>,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

/// Reads a query string, or says what is wrong with it.
pub(super) fn from_query(uri: &Uri) -> Result<Request, String> {
    let Query(params) = Query::<GetParams>::try_from_uri(uri).map_err(|error| error.body_text())?;
    let query = params.query.filter(|query| !query.is_empty());
    let Some(query) = query else {
        let extensions = params.extensions.unwrap_or_default();
        let extensions = serde_json::from_str::<Value>(&extensions).unwrap_or_default();
        // Of a persisted one a GET cannot tell that it only queries.
        return Err(match extensions.get("persistedQuery") {
            Some(_) => NOT_PERSISTED.to_owned(),
            None => "the request has no `query` parameter".to_owned(),
        });
    };
    let mut request = Request::new(query);
    request.operation_name = params.operation_name.filter(|name| !name.is_empty());
    if let Some(variables) = params.variables.filter(|text| !text.is_empty()) {
        request.variables = serde_json::from_str(&variables)
            .map_err(|error| format!("`variables` must be a JSON object: {error}"))?;
    }
    if let Some(extensions) = params.extensions.filter(|text| !text.is_empty()) {
        request.extensions = serde_json::from_str(&extensions)
            .map_err(|error| format!("`extensions` must be a JSON object: {error}"))?;
    }
    Ok(request)
}

/// Reads a JSON object, or says what is wrong with it.
pub(super) fn from_json(body: Value) -> Result<Request, String> {
    let Value::Object(mut fields) = body else {
        return Err("the body must be a JSON object with a `query`".to_owned());
    };
    // A null parameter is an absent one.
    fields.retain(|_, value| !value.is_null());
    if !fields.contains_key("query") && !fields.contains_key("extensions") {
        return Err("the body has no `query`".to_owned());
    }
    for (name, is_right, expected) in [
        ("query", Value::is_string as fn(&Value) -> bool, "a string"),
        ("operationName", Value::is_string, "a string"),
        ("variables", Value::is_object, "an object"),
        ("extensions", Value::is_object, "an object"),
    ] {
        if fields.get(name).is_some_and(|value| !is_right(value)) {
            return Err(format!("`{name}` must be {expected}"));
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| format!("the body is not a GraphQL request: {error}"))
}
