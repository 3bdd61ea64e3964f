//! The table of a model, by its name in SQL.

use std::fmt;

/// Where the name of a model's table is written.
#[derive(Clone, Copy, Debug)]
pub struct Table(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    Named(Option<&'static str>, &'static str),
    /// Diesel tells the name only as SQL.
    #[cfg(feature = "diesel")]
    Diesel(fn() -> TableName),
}

/// The name of a table in SQL, as it is and unquoted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The schema; without one, where the connection looks for tables.
    pub schema: Option<String>,
    /// The table.
    pub name: String,
}

impl Table {
    /// The table of `#[graphex(table = "…")]`.
    #[must_use]
    pub const fn named(schema: Option<&'static str>, name: &'static str) -> Self {
        Self(Source::Named(schema, name))
    }

    /// A table of Diesel's `table!`.
    #[cfg(feature = "diesel")]
    #[must_use]
    pub const fn of<T>() -> Option<Self>
    where
        T: diesel::QuerySource + Default,
        T::FromClause: diesel::query_builder::QueryFragment<diesel::pg::Pg>,
    {
        Some(Self(Source::Diesel(diesel_name::<T>)))
    }

    /// Without Diesel nothing is known of its tables.
    #[cfg(not(feature = "diesel"))]
    #[must_use]
    pub const fn of<T>() -> Option<Self> {
        None
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> TableName {
        match self.0 {
            Source::Named(schema, name) => TableName {
                schema: schema.map(str::to_owned),
                name: name.to_owned(),
            },
            #[cfg(feature = "diesel")]
            Source::Diesel(name) => name(),
        }
    }
}

/// The name is the table's own `FROM` clause, quoted for PostgreSQL: `"chat"."messages"`.
#[cfg(feature = "diesel")]
fn diesel_name<T>() -> TableName
where
    T: diesel::QuerySource + Default,
    T::FromClause: diesel::query_builder::QueryFragment<diesel::pg::Pg>,
{
    use diesel::query_builder::{QueryBuilder as _, QueryFragment as _};

    let mut sql = diesel::pg::PgQueryBuilder::new();
    // Writing SQL into memory fails only for a fragment that refuses PostgreSQL; a table's name is
    // valid everywhere.
    let _ = T::default().from_clause().to_sql(&mut sql, &diesel::pg::Pg);
    unquoted(&sql.finish())
}

/// The parts of a quoted name.
#[cfg(feature = "diesel")]
fn unquoted(sql: &str) -> TableName {
    let mut schema = None;
    let mut name = String::new();
    let mut chars = sql.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => name.push('"'),
            '"' => quoted = !quoted,
            '.' if !quoted => schema = Some(std::mem::take(&mut name)),
            c => name.push(c),
        }
    }
    TableName { schema, name }
}

/// As SQL writes it, quoted, on PostgreSQL and SQLite alike.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", quoted(schema))?;
        }
        f.write_str(&quoted(&self.name))
    }
}

/// An identifier as SQL writes it.
pub(crate) fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "diesel")]
    mod tables {
        diesel::table! { plain (id) { id -> BigInt, } }
        diesel::table! { chat.in_schema (id) { id -> BigInt, } }
        diesel::table! {
            #[sql_name = "odd \"name\".with a dot"]
            chat.renamed (id) {
                id -> BigInt,
                #[sql_name = "text of \"it\""]
                body -> Text,
            }
        }
    }

    #[cfg(feature = "diesel")]
    #[test]
    fn diesel_tells_the_names_that_are_in_the_database() {
        fn name(table: Option<Table>) -> TableName {
            table.unwrap().name()
        }
        let plain = name(Table::of::<tables::plain::table>());
        assert_eq!((plain.schema.as_deref(), &*plain.name), (None, "plain"));
        let in_schema = name(Table::of::<tables::in_schema::table>());
        assert_eq!(in_schema.to_string(), r#""chat"."in_schema""#);
        let renamed = name(Table::of::<tables::renamed::table>());
        assert_eq!(renamed.name, "odd \"name\".with a dot");
        assert_eq!(renamed.to_string(), r#""chat"."odd ""name"".with a dot""#);
    }

    #[test]
    fn a_name_of_our_own_is_quoted_like_any() {
        let table = Table::named(Some("chat"), "messages");
        assert_eq!(table.name().to_string(), r#""chat"."messages""#);
        assert_eq!(Table::named(None, "a\"b").name().to_string(), r#""a""b""#);
    }
}
