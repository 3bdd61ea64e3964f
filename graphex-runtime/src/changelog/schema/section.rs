//! The parts of a change log's SQL, each of which is installed and replaced as a whole.

use std::fmt::Write as _;

use super::table::fingerprint;

const BEGIN: &str = "-- graphex:begin ";
const END: &str = "-- graphex:end";

/// The SQL of the log itself, or of the triggers of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::changelog) struct Section {
    /// The stream; empty for the log itself.
    pub(in crate::changelog) name: String,
    /// What tells this version of the text from others.
    pub(in crate::changelog) version: String,
    /// What installs it, over an older version too.
    pub(super) sql: String,
    /// What takes it away.
    pub(super) drop: String,
}

impl Section {
    /// A section whose text names its own version.
    pub(super) fn new(name: &str, sql: impl Fn(&str) -> String, drop: &str) -> Self {
        let version = format!("{:016x}", fingerprint(&sql("")));
        Self {
            name: name.to_owned(),
            sql: sql(&version),
            drop: drop.to_owned(),
            version,
        }
    }

    /// What installs it, over an older version too.
    pub(in crate::changelog) fn sql(&self) -> &str {
        &self.sql
    }

    /// The text as a migration has it, so that [`read`] finds it there.
    pub(super) fn write(&self, text: &mut String) {
        let (version, sql) = (&self.version, &self.sql);
        let _ = writeln!(text, "{BEGIN}{version} {}\n{sql}{END}", self.name);
    }
}

/// The sections of a migration's text: name, version and SQL of each.
pub(super) fn read(text: &str) -> Vec<(String, String, String)> {
    let mut sections = Vec::new();
    for part in text.split(BEGIN).skip(1) {
        let Some((head, rest)) = part.split_once('\n') else {
            continue;
        };
        let (version, name) = head.split_once(' ').unwrap_or((head, ""));
        if let Some((sql, _)) = rest.split_once(END) {
            let section = (name.trim(), version, sql);
            sections.push((
                section.0.to_owned(),
                section.1.to_owned(),
                section.2.to_owned(),
            ));
        }
    }
    sections
}
