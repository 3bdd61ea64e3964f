//! How the rows that an upsert inserted are told from those that it updated, table by table.

use diesel::RunQueryDsl;
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;

use crate::model::{Model, ModelType};

/// What tells an upsert's inserted rows from its updated ones in PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// The lock that an update leaves on its row: a table's rows have it.
    #[default]
    Lock,
    /// Whether the row was there when the statement began: for partitioned tables and views, of which
    /// PostgreSQL returns no system columns.
    Before,
}

/// Selects a row where the table of the model is a partitioned one or a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct HasNoLocks(&'static Model);

impl<DB: Backend> QueryFragment<DB> for HasNoLocks {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let name = self.0.table.map(|table| table.name().to_string());
        let name = name.unwrap_or_default().replace('\'', "''");
        out.push_sql("SELECT 1 FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass('");
        out.push_sql(&name);
        out.push_sql("') AND relkind IN ('p', 'v')");
        Ok(())
    }
}

impl QueryId for HasNoLocks {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Conn> RunQueryDsl<Conn> for HasNoLocks {}

impl HasNoLocks {
    pub(super) fn of<M: ModelType>() -> Self {
        Self(M::MODEL)
    }

    /// What the count of selected rows says.
    pub(super) fn read(count: usize) -> Evidence {
        if count == 0 {
            Evidence::Lock
        } else {
            Evidence::Before
        }
    }
}

/// What a connection knows of its tables, by the streams of their models.
#[derive(Debug, Default)]
pub(super) struct Known(Vec<(&'static str, Evidence)>);

impl Known {
    pub(super) fn of<M: ModelType>(&self) -> Option<Evidence> {
        let mut known = self.0.iter();
        let (_, evidence) = known.find(|(stream, _)| *stream == M::MODEL.stream)?;
        Some(*evidence)
    }

    pub(super) fn learn<M: ModelType>(&mut self, evidence: Evidence) {
        self.0.push((M::MODEL.stream, evidence));
    }
}
