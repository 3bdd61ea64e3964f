//! SQLite's binary form of JSON: each element is a byte with its type (low half) and size, up to
//! eight bytes more of size, and the payload. <https://sqlite.org/jsonb.html>
//!
//! Read as Diesel reads it, so without the forms that only JSON5 has.

use serde_json::{Map, Value};

/// Elements within elements that are read: as many as `serde_json` reads of text.
const NESTING: usize = 128;

/// The whole of these bytes as one element.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    match element(bytes, NESTING)? {
        (value, []) => Some(value),
        _ => None,
    }
}

/// The first element, and what follows it.
fn element(bytes: &[u8], nesting: usize) -> Option<(Value, &[u8])> {
    let nesting = nesting.checked_sub(1)?;
    let (&head, rest) = bytes.split_first()?;
    let (size, rest) = size(head >> 4, rest)?;
    let (payload, rest) = rest.split_at_checked(size)?;
    let value = match head & 0xf {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::Bool(false),
        3 => number(payload).filter(Value::is_i64)?,
        5 => number(payload).filter(Value::is_f64)?,
        // As it is, and as it is with nothing escaped that should be.
        7 | 10 => Value::String(text(payload)?.to_owned()),
        // With JSON's escapes.
        8 => serde_json::from_str(&format!("\"{}\"", text(payload)?)).ok()?,
        11 => array(payload, nesting)?,
        12 => object(payload, nesting)?,
        _ => return None,
    };
    Some((value, rest))
}

/// Up to 11 the size itself; then how many bytes hold it: 1, 2, 4 or 8.
fn size(half: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    let length = match half {
        ..12 => return Some((usize::from(half), rest)),
        half => 1 << (half - 12),
    };
    let (bytes, rest) = rest.split_at_checked(length)?;
    let size = bytes
        .iter()
        .fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
    Some((usize::try_from(size).ok()?, rest))
}

fn text(payload: &[u8]) -> Option<&str> {
    std::str::from_utf8(payload).ok()
}

fn number(payload: &[u8]) -> Option<Value> {
    serde_json::from_str(text(payload)?).ok()
}

fn array(mut payload: &[u8], nesting: usize) -> Option<Value> {
    let mut items = Vec::new();
    while !payload.is_empty() {
        let (item, rest) = element(payload, nesting)?;
        items.push(item);
        payload = rest;
    }
    Some(Value::Array(items))
}

fn object(mut payload: &[u8], nesting: usize) -> Option<Value> {
    let mut members = Map::new();
    while !payload.is_empty() {
        let (Value::String(name), rest) = element(payload, nesting)? else {
            return None;
        };
        let (member, rest) = element(rest, nesting)?;
        members.insert(name, member);
        payload = rest;
    }
    Some(Value::Object(members))
}
