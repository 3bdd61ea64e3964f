//! What a request takes in memory while it is executed.

use async_graphql::{Request, Value};

/// What the parser makes of a name: a field with its position and its lists, most often.
const NAME: usize = 256;

/// About what the executor keeps of a request while it runs, in bytes: the document, and the
/// variables.
pub(super) fn executing_bytes(request: &Request) -> usize {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let names = request.query.split(|character| !is_name(character));
    let names = names.filter(|name| !name.is_empty()).count();
    let variables = request.variables.iter();
    let variables = variables.map(|(name, value)| NAME + name.len() + value_bytes(value));
    request.query.len() + NAME * names + variables.sum::<usize>()
}

fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::List(items) => items.iter().map(value_bytes).sum(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| NAME + name.len() + value_bytes(value))
                .sum(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use async_graphql::Variables;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_costs_its_nodes_and_variables_what_they_are() {
        let bytes = |query: &str| executing_bytes(&Request::new(query));
        assert!(bytes("{a a a a a a a a}") > 8 * NAME);
        assert!(bytes(&"x".repeat(10_000)) < 11_000);
        let variables = |json| Request::new("").variables(Variables::from_json(json));
        assert!(executing_bytes(&variables(json!({"a": "x".repeat(10_000)}))) > 10_000);
        let nested = json!({"a": vec![json!([]); 1_000]});
        assert!(executing_bytes(&variables(nested)) > 1_000 * size_of::<Value>());
    }
}
