//! The tables as whoever reads the log builds them.

#![allow(dead_code, reason = "each test target uses its part")]

use std::collections::BTreeMap;

use graphex::__private::RawEntry;

/// The rows of all tables as the log has them, by stream and key.
pub(crate) type Rows = BTreeMap<(String, i64), String>;

#[derive(Debug, Default)]
pub(crate) struct Replica {
    pub(crate) rows: Rows,
    /// What did not fit what was there.
    pub(crate) faults: Vec<String>,
    pub(crate) changes: usize,
}

impl Replica {
    /// Applies a change. What it says of the row before must be what the last one made of it.
    pub(crate) fn apply(&mut self, entry: &RawEntry) {
        self.changes += 1;
        if entry.op == 't' {
            self.rows.retain(|(stream, _), _| *stream != entry.stream);
            return;
        }
        if let Some(old) = &entry.old {
            let there = self.rows.remove(&(entry.stream.clone(), key(old)));
            if there.as_ref() != Some(old) {
                self.faults.push(format!("{entry:?} follows {there:?}"));
            }
        }
        if let Some(new) = &entry.new {
            let there = self
                .rows
                .insert((entry.stream.clone(), key(new)), new.clone());
            if let Some(there) = there {
                self.faults.push(format!("{entry:?} over {there:?}"));
            }
        }
    }
}

fn key(json: &str) -> i64 {
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    json["id"].as_i64().unwrap()
}
