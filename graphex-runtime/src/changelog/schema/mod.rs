//! The SQL that makes a change log, as pure text.

pub(super) mod postgres;
mod section;
pub(super) mod sqlite;
pub(super) mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

pub(super) use section::Section;
pub(super) use table::LoggedTable;

use crate::model::{Model, ModelType};
use crate::value::Database;

/// The tables, functions and triggers of a change log, for these models: the text of migrations,
/// their installation and a check of what is installed.
///
/// ```
/// use graphex_macros::ModelType;
/// use graphex_runtime::LogSchema;
///
/// #[derive(ModelType)]
/// #[graphex(stream = "messages", table = "messages", crate = "graphex_runtime")]
/// struct Message { id: i64, text: String }
///
/// let migration = LogSchema::postgres().model::<Message>().migration();
/// // What `diesel migration generate change_log` has made files for.
/// assert!(migration.up.contains("CREATE OR REPLACE TRIGGER \"!graphex:messages\""));
/// assert!(migration.down.contains("DROP SCHEMA"));
/// ```
#[derive(Clone, Debug)]
pub struct LogSchema {
    pub(super) database: Database,
    pub(super) models: Vec<&'static Model>,
    pub(super) retention: Retention,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retention {
    /// How long a change is kept at least, if there is room.
    pub(crate) keep: Duration,
    /// The room, in bytes.
    pub(crate) most: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            keep: Duration::from_secs(24 * 60 * 60),
            most: 1024 * 1024 * 1024,
        }
    }
}

/// The two files of a Diesel migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// `up.sql`.
    pub up: String,
    /// `down.sql`.
    pub down: String,
}

/// What is installed of a change log: see [`LogSchema::next_migration`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// By name: version, and the SQL that makes it again.
    pub(super) sections: HashMap<String, (String, String)>,
}

impl Installed {
    /// What these migrations install, the oldest first: the texts of all `up.sql` that
    /// [`LogSchema`] has made.
    pub fn from_migrations<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut sections = HashMap::new();
        for (name, version, sql) in texts.into_iter().flat_map(section::read) {
            if version == GONE {
                sections.remove(&name);
            } else {
                sections.insert(name, (version, sql));
            }
        }
        Self { sections }
    }
}

/// The version of what a migration takes away.
const GONE: &str = "-";

impl LogSchema {
    /// For PostgreSQL.
    #[must_use]
    pub fn postgres() -> Self {
        Self::new(Database::Postgres, Vec::new(), Retention::default())
    }

    /// For SQLite.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::new(Database::Sqlite, Vec::new(), Retention::default())
    }

    pub(crate) fn new(
        database: Database,
        models: Vec<&'static Model>,
        retention: Retention,
    ) -> Self {
        Self {
            database,
            models,
            retention,
        }
    }

    /// With the changes of this model.
    ///
    /// Its table is that of `#[diesel(table_name = …)]` or `#[graphex(table = "…")]`; a model that
    /// has neither is left out.
    #[must_use]
    pub fn model<M: ModelType>(mut self) -> Self {
        self.models.push(M::MODEL);
        self
    }

    /// How long changes are kept, and at most how many bytes of them: see
    /// [`ChangeLog::keep`](crate::ChangeLog::keep). Only SQLite has this in its schema.
    #[must_use]
    pub fn keep(mut self, keep: Duration, most_bytes: u64) -> Self {
        self.retention = Retention {
            keep,
            most: most_bytes,
        };
        self
    }

    /// What is logged of each model.
    pub(super) fn tables(&self) -> impl Iterator<Item = (&'static Model, LoggedTable)> + '_ {
        let models = self.models.iter().copied();
        models.filter_map(|model| Some((model, LoggedTable::of(model, self.database)?)))
    }

    pub(super) fn base(&self) -> Section {
        match self.database {
            Database::Postgres => postgres::base(),
            Database::Sqlite => sqlite::base(self.retention),
        }
    }

    pub(super) fn triggers(&self, table: &LoggedTable) -> Section {
        match self.database {
            Database::Postgres => postgres::triggers(table),
            Database::Sqlite => sqlite::triggers(table),
        }
    }

    /// The log first.
    pub(super) fn sections(&self) -> Vec<Section> {
        let triggers = self.tables().map(|(_, table)| self.triggers(&table));
        std::iter::once(self.base()).chain(triggers).collect()
    }

    /// The SQL that installs all of it, over what is there.
    pub(super) fn install_sql(&self) -> String {
        self.sections()
            .iter()
            .map(|section| section.sql.as_str())
            .collect()
    }

    /// The migration that makes the log and the triggers.
    #[must_use]
    pub fn migration(&self) -> Migration {
        let (mut up, mut down) = (String::new(), String::new());
        for section in self.sections() {
            section.write(&mut up);
            down.insert_str(0, &section.drop);
        }
        Migration { up, down }
    }

    /// The migration from what is installed to these models: the triggers of those that are new
    /// or have changed are made, those of models that are gone are dropped. Nothing where nothing
    /// differs.
    ///
    /// The triggers of a model belong to the migration that changes its table: where there is one
    /// already, put this text into its files, and the `ALTER TABLE` where the text says so.
    /// SQLite drops no column that a trigger reads.
    ///
    /// ```
    /// use graphex_macros::ModelType;
    /// use graphex_runtime::{Installed, LogSchema};
    ///
    /// mod before {
    ///     # use graphex_macros::ModelType;
    ///     #[derive(ModelType)]
    ///     #[graphex(stream = "messages", table = "messages", crate = "graphex_runtime")]
    ///     pub struct Message { id: i64 }
    /// }
    /// #[derive(ModelType)]
    /// #[graphex(stream = "messages", table = "messages", crate = "graphex_runtime")]
    /// struct Message { id: i64, text: String }
    ///
    /// let first = LogSchema::postgres().model::<before::Message>().migration();
    /// let installed = Installed::from_migrations([first.up.as_str()]);
    /// let schema = LogSchema::postgres().model::<Message>();
    /// let next = schema.next_migration(&installed).unwrap();
    /// assert!(next.up.contains(r#"NEW."text""#));
    /// assert!(!next.down.contains(r#"NEW."text""#));
    ///
    /// let installed = Installed::from_migrations([first.up.as_str(), &next.up]);
    /// assert_eq!(schema.next_migration(&installed), None);
    /// ```
    #[must_use]
    pub fn next_migration(&self, installed: &Installed) -> Option<Migration> {
        let (mut up, mut down) = (String::new(), String::new());
        let sections = self.sections();
        let is_wanted = |name: &str| sections.iter().any(|section| section.name == name);
        let mut gone: Vec<_> = installed.sections.iter().collect();
        gone.retain(|(name, _)| !is_wanted(name));
        gone.sort();
        for (name, (version, sql)) in gone {
            let section = |version: &str, sql: String| Section {
                name: name.clone(),
                version: version.to_owned(),
                sql,
                drop: String::new(),
            };
            section(GONE, self.drop_sql(name)).write(&mut up);
            section(version, sql.clone()).write(&mut down);
        }
        let is_new = |section: &&Section| {
            let there = installed.sections.get(&section.name);
            there.is_none_or(|(version, _)| *version != section.version)
        };
        let changed: Vec<_> = sections.iter().filter(is_new).collect();
        if changed.is_empty() && up.is_empty() {
            return None;
        }
        if self.database == Database::Sqlite {
            let drops = changed.iter().filter(|section| !section.name.is_empty());
            up.extend(drops.map(|section| section.drop.as_str()));
        }
        up.push_str("-- The ALTER TABLE of this migration, if it has one, goes here.\n");
        for section in changed {
            section.write(&mut up);
            match installed.sections.get(&section.name) {
                Some((version, sql)) => Section {
                    version: version.clone(),
                    sql: sql.clone(),
                    ..section.clone()
                }
                .write(&mut down),
                None => down.insert_str(0, &section.drop),
            }
        }
        Some(Migration { up, down })
    }

    /// What takes away the triggers of a stream that no model has any more.
    fn drop_sql(&self, stream: &str) -> String {
        // Only the names matter, which follow from the stream's.
        let table = LoggedTable::gone(stream);
        self.triggers(&table).drop
    }
}
