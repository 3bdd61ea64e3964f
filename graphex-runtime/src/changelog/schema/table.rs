//! What is logged of a model, as SQL has it.

use crate::model::Model;
use crate::value::Database;

/// A table that triggers watch for one stream.
#[derive(Clone, Debug)]
pub(in crate::changelog) struct LoggedTable {
    pub(in crate::changelog) stream: String,
    /// The schema, where the model names one.
    pub(in crate::changelog) schema: Option<String>,
    /// The table, unquoted.
    pub(in crate::changelog) name: String,
    /// For each column its name, and the SQL of what is logged of it in the row `OLD`.
    pub(super) old: Vec<(&'static str, String)>,
    /// The same in the row `NEW`.
    pub(super) new: Vec<(&'static str, String)>,
}

impl LoggedTable {
    /// The table of a model, if it is known.
    pub(in crate::changelog) fn of(model: &'static Model, database: Database) -> Option<Self> {
        let name = model.table?.name();
        Some(Self {
            stream: model.stream.to_owned(),
            schema: name.schema,
            name: name.name,
            old: model.logged_columns(database, "OLD").collect(),
            new: model.logged_columns(database, "NEW").collect(),
        })
    }

    /// What is known of a stream whose model is gone.
    pub(super) fn gone(stream: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            schema: None,
            name: String::new(),
            old: Vec::new(),
            new: Vec::new(),
        }
    }

    /// The table as SQL writes it.
    pub(in crate::changelog) fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", identifier(schema), identifier(&self.name)),
            None => identifier(&self.name),
        }
    }

    /// A name of our own for this stream that is no longer than an identifier may be.
    pub(in crate::changelog) fn object(&self, prefix: &str) -> String {
        /// What PostgreSQL keeps of an identifier.
        const LONGEST: usize = 63;
        let name = format!("{prefix}{}", self.stream);
        if name.len() <= LONGEST {
            return name;
        }
        // The names of streams are ASCII, so that any length is a boundary.
        let kept = &name[..LONGEST - 17];
        format!("{kept}_{:016x}", fingerprint(&name))
    }
}

/// A name as SQL writes it.
pub(in crate::changelog) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub(in crate::changelog) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// FNV-1a with 64 bits: it tells one version of a text from another, and is the same in every
/// build.
pub(in crate::changelog) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
