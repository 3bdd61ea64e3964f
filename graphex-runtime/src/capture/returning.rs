//! Statements with what capture reads added to their `RETURNING`.

use diesel::RunQueryDsl;
use diesel::backend::{Backend, DieselReserveSpecialization};
use diesel::expression::expression_types::Untyped;
use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{
    AstPass, DeleteStatement, InsertStatement, Query, QueryFragment, QueryId, ReturningClause,
    UpdateStatement,
};
use diesel::query_source::{QuerySource, Table};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;

use super::evidence::Evidence;
use super::reading::{Alone, Beside};
use crate::model::{Model, ModelType, quoted};

/// A statement, by whether its user wants something returned.
pub trait Returns {
    /// [`Alone`] if nothing is, [`Beside`] if something.
    type Reading;
}

impl<T: QuerySource, U, Op> Returns for InsertStatement<T, U, Op> {
    type Reading = Alone;
}

impl<T: QuerySource, U, Op, E: Expression> Returns
    for InsertStatement<T, U, Op, ReturningClause<E>>
{
    type Reading = Beside<E::SqlType>;
}

impl<T: QuerySource, U, V> Returns for UpdateStatement<T, U, V> {
    type Reading = Alone;
}

impl<T: QuerySource, U, V, E: Expression> Returns for UpdateStatement<T, U, V, ReturningClause<E>> {
    type Reading = Beside<E::SqlType>;
}

impl<T: QuerySource, U> Returns for DeleteStatement<T, U> {
    type Reading = Alone;
}

impl<T: QuerySource, U, E: Expression> Returns for DeleteStatement<T, U, ReturningClause<E>> {
    type Reading = Beside<E::SqlType>;
}

/// A statement that can also return a selection of ours, after what its user wants returned.
pub trait AlsoReturning<Sel>: Returns {
    /// The statement with both.
    type Query;

    /// Adds the selection.
    fn also_returning(self, selection: Sel) -> Self::Query;
}

impl<T, U, Op, Sel> AlsoReturning<Sel> for InsertStatement<T, U, Op>
where
    T: QuerySource,
    InsertStatement<T, U, Op, ReturningClause<Sel>>: Query,
{
    type Query = InsertStatement<T, U, Op, ReturningClause<Sel>>;

    fn also_returning(self, selection: Sel) -> Self::Query {
        self.returning(selection)
    }
}

impl<T, U, Op, E, Sel> AlsoReturning<Sel> for InsertStatement<T, U, Op, ReturningClause<E>>
where
    T: QuerySource,
    E: Expression,
{
    // Rebuilt rather than wrapped: SQLite runs batches through impls for this very type.
    type Query = InsertStatement<T, U, Op, ReturningClause<InParts<(E, Sel)>>>;

    fn also_returning(self, selection: Sel) -> Self::Query {
        let returning = ReturningClause(InParts((self.returning.0, selection)));
        InsertStatement::new(self.target, self.records, self.operator, returning)
    }
}

impl<T, U, V, Sel> AlsoReturning<Sel> for UpdateStatement<T, U, V>
where
    T: Table,
    UpdateStatement<T, U, V, ReturningClause<Sel>>: Query,
{
    type Query = UpdateStatement<T, U, V, ReturningClause<Sel>>;

    fn also_returning(self, selection: Sel) -> Self::Query {
        self.returning(selection)
    }
}

impl<T, U, V, E, Sel> AlsoReturning<Sel> for UpdateStatement<T, U, V, ReturningClause<E>>
where
    T: QuerySource,
    E: Expression,
{
    type Query = Appended<Self, Sel>;

    fn also_returning(self, selection: Sel) -> Self::Query {
        Appended {
            statement: self,
            selection,
        }
    }
}

impl<T, U, Sel> AlsoReturning<Sel> for DeleteStatement<T, U>
where
    T: Table,
    Sel: SelectableExpression<T>,
    DeleteStatement<T, U, ReturningClause<Sel>>: Query,
{
    type Query = DeleteStatement<T, U, ReturningClause<Sel>>;

    fn also_returning(self, selection: Sel) -> Self::Query {
        self.returning(selection)
    }
}

impl<T, U, E, Sel> AlsoReturning<Sel> for DeleteStatement<T, U, ReturningClause<E>>
where
    T: QuerySource,
    E: Expression,
{
    type Query = Appended<Self, Sel>;

    fn also_returning(self, selection: Sel) -> Self::Query {
        Appended {
            statement: self,
            selection,
        }
    }
}

/// A statement that ends with its `RETURNING` clause, and a selection appended to it.
#[derive(Debug)]
pub struct Appended<S, Sel> {
    statement: S,
    selection: Sel,
}

impl<S, Sel, DB> QueryFragment<DB> for Appended<S, Sel>
where
    DB: Backend + DieselReserveSpecialization,
    S: QueryFragment<DB>,
    Sel: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.statement.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.selection.walk_ast(out)
    }
}

impl<S, Sel> QueryId for Appended<S, Sel> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<S: Query, Sel: Expression> Query for Appended<S, Sel> {
    type SqlType = Untyped;
}

impl<S, Sel, Conn> RunQueryDsl<Conn> for Appended<S, Sel> {}

/// A selection that is read as [`Parts`](super::reading::Parts), which know its type.
#[derive(Clone, Copy, Debug)]
pub struct InParts<Sel>(Sel);

impl<Sel: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for InParts<Sel> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }
}

impl<Sel: QueryId> QueryId for InParts<Sel> {
    type QueryId = Sel::QueryId;

    const HAS_STATIC_QUERY_ID: bool = Sel::HAS_STATIC_QUERY_ID;
}

impl<Sel: Expression> Expression for InParts<Sel> {
    type SqlType = Untyped;
}

impl<Sel: ValidGrouping<G>, G> ValidGrouping<G> for InParts<Sel> {
    type IsAggregate = Sel::IsAggregate;
}

impl<Sel: AppearsOnTable<T>, T> AppearsOnTable<T> for InParts<Sel> {}
impl<Sel: SelectableExpression<T>, T> SelectableExpression<T> for InParts<Sel> {}

/// PostgreSQL: whether an upsert inserted the row, by this evidence.
#[derive(Clone, Copy, Debug)]
pub struct WasInserted {
    evidence: Evidence,
    model: &'static Model,
}

impl WasInserted {
    pub(super) fn by<M: ModelType>(evidence: Evidence) -> Self {
        let model = M::MODEL;
        Self { evidence, model }
    }
}

impl<DB: Backend> QueryFragment<DB> for WasInserted {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let column = self.model.fields[self.model.key].column;
        match (self.evidence, self.model.table, column) {
            // A subquery sees the rows as they were when the statement began.
            (Evidence::Before, Some(table), Some(column)) => {
                let (table, key) = (table.name(), quoted(column));
                out.push_sql(&format!(
                    "NOT EXISTS (SELECT FROM {table} AS graphex_before \
                     WHERE graphex_before.{key} = {table}.{key})"
                ));
            }
            // A row that was there is locked before it is updated, and its new version carries the
            // lock.
            _ => out.push_sql("xmax = 0"),
        }
        Ok(())
    }
}

impl QueryId for WasInserted {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Expression for WasInserted {
    type SqlType = Bool;
}

impl<G> ValidGrouping<G> for WasInserted {
    type IsAggregate = is_aggregate::No;
}

impl<T: Table> AppearsOnTable<T> for WasInserted {}
impl<T: Table> SelectableExpression<T> for WasInserted {}
