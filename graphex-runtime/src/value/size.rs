//! What values take in memory.

use serde_json::Value as Json;

use super::Value;

/// The nodes of a map are arrays of eleven that may be half full.
const MAP_ENTRY: usize = 2 * (size_of::<String>() + size_of::<Json>());

impl Value {
    /// About what the value takes in memory, in bytes: its own size and what it points to.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Text(text) => text.len(),
                Self::Decimal(decimal) => decimal.as_str().len(),
                Self::List(items) => items.iter().map(Self::bytes).sum(),
                Self::Json(json) => json_bytes(json),
                _ => 0,
            }
    }
}

fn json_bytes(json: &Json) -> usize {
    size_of::<Json>()
        + match json {
            Json::String(text) => text.len(),
            Json::Array(items) => items.iter().map(json_bytes).sum(),
            Json::Object(members) => members
                .iter()
                .map(|(key, value)| MAP_ENTRY + key.len() + json_bytes(value))
                .sum(),
            Json::Null | Json::Bool(_) | Json::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_number_is_32_bytes_and_a_text_its_length_more() {
        assert_eq!(Value::Int(1).bytes(), 32);
        assert_eq!(Value::Text("abc".to_owned()).bytes(), 35);
        assert_eq!(Value::List(vec![Value::Int(1); 3]).bytes(), 4 * 32);
    }

    #[test]
    fn json_costs_what_its_nodes_take_not_its_text() {
        let bytes = |json| Value::Json(Arc::new(json)).bytes();
        let nested = Json::Array(vec![Json::Array(Vec::new()); 1_000]);
        assert!(bytes(nested) >= 1_000 * size_of::<Json>());
        let object = (0..1_000).map(|key| (key.to_string(), Json::Null));
        assert!(bytes(Json::Object(object.collect())) >= 1_000 * size_of::<(String, Json)>());
    }
}
