//! From the rows of a query to changes and batches.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::INCOMPLETE;
use crate::changelog::connection::{Entry, Texts};
use crate::changelog::log::{Batch, LogError, Visible};
use crate::cursor::Cursor;

/// A change and its position.
pub(super) type Numbered = (Cursor, Entry);

/// Whole transactions, in the order of their last changes.
pub(super) fn order(entries: &mut [Entry]) {
    let mut last: HashMap<i64, i64> = HashMap::new();
    for entry in entries.iter() {
        let last = last.entry(entry.xid).or_insert(entry.seq);
        *last = entry.seq.max(*last);
    }
    entries.sort_unstable_by_key(|entry| (last.get(&entry.xid).copied(), entry.seq));
}

/// Gives each change its position; nothing where a batch has not as many as it had.
pub(super) fn number(entries: Vec<Entry>, run: &[Batch], log: u64) -> Option<Vec<Numbered>> {
    let mut of_batches: Vec<Vec<Entry>> = vec![Vec::new(); run.len()];
    for entry in entries {
        let batch = run.iter().position(|batch| batch.visible.has(entry.xid))?;
        of_batches[batch].push(entry);
    }
    let mut numbered = Vec::new();
    for (batch, mut entries) in run.iter().zip(of_batches) {
        if i64::try_from(entries.len()) != Ok(batch.n) {
            return None;
        }
        order(&mut entries);
        let token = batch.token.cast_unsigned();
        let cursor = |position| Cursor {
            log,
            position,
            token,
        };
        let positions = (batch.first.cast_unsigned()..).map(cursor);
        numbered.extend(positions.zip(entries));
    }
    Some(numbered)
}

pub(super) fn batch(row: &Texts) -> Result<Batch, LogError> {
    let batch = || {
        Some(Batch {
            first: row.number(0)?,
            n: row.number(1)?,
            token: row.number(4)?,
            visible: Visible {
                top: row.number(2)?,
                unseen: elements(row.text(3))?,
            },
        })
    };
    batch().ok_or(INCOMPLETE)
}

/// Reads an array of numbers, and sorts it.
fn elements(text: &str) -> Option<Vec<i64>> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    let elements = inner.split(',').filter(|element| !element.is_empty());
    let mut elements = elements
        .map(str::parse)
        .collect::<Result<Vec<_>, _>>()
        .ok()?;
    elements.sort_unstable();
    Some(elements)
}

/// Writes an array of numbers.
pub(super) fn array(elements: &[i64]) -> String {
    let mut text = String::from("{");
    for (position, element) in elements.iter().enumerate() {
        let _ = write!(text, "{}{element}", if position > 0 { "," } else { "" });
    }
    text + "}"
}
