//! Which statements `.broadcast()` takes, and what each kind does to a row.

use diesel::Selectable;
use diesel::backend::Backend;
use diesel::expression::SqlLiteral;
use diesel::pg::Pg;
use diesel::query_builder::{
    DefaultValues, DeleteStatement, IncompleteInsertStatement, InsertOrIgnore, InsertStatement,
    UndecoratedInsertRecord, UpdateStatement,
};
use diesel::query_dsl::methods::FilterDsl;
use diesel::query_source::QuerySource;
use diesel::sql_types::Bool;

use super::evidence::Evidence;
use super::returning::WasInserted;
use super::way::{On, Way};
use crate::change::Action;
use crate::model::ModelType;

/// A statement of which it is known what it does to a row: `Kind`, which follows from the
/// statement's type.
#[diagnostic::on_unimplemented(
    message = "`.broadcast()` cannot tell what this statement does to a row",
    label = "neither plainly an insert, nor an update, nor a delete",
    note = "it takes `insert_into`, `insert_or_ignore_into`, `update(…).set(…)` and `delete`",
    note = "`replace_into` inserts over rows that it deletes and does not say so: write `insert_into(…).on_conflict(…).do_update()` on PostgreSQL, or an `update` and an `insert_or_ignore_into` in one transaction"
)]
pub trait Statement<Kind> {
    /// The table that it writes.
    type Table;
}

/// `insert_into(…).values(…)`.
#[derive(Debug)]
pub struct Inserted;
/// `insert_into(…).default_values()`.
#[derive(Debug)]
pub struct InsertedDefault;
/// `insert_into(…).values(…).on_conflict…`.
#[derive(Debug)]
pub struct Upserted;
/// `update(…).set(…)`.
#[derive(Debug)]
pub struct Updated;
/// `delete(…)`.
#[derive(Debug)]
pub struct Deleted;

/// The operators that only ever insert. Diesel's `Insert` has no public name, so it is taken
/// from a type that has it as a parameter.
pub trait InsertOperator {}

impl InsertOperator for InsertOrIgnore {}
impl InsertOperator for <IncompleteInsertStatement<()> as OperatorOf>::Operator {}

trait OperatorOf {
    type Operator;
}

impl<T, Op> OperatorOf for IncompleteInsertStatement<T, Op> {
    type Operator = Op;
}

#[diagnostic::do_not_recommend]
impl<T, U, Op, Ret> Statement<Inserted> for InsertStatement<T, U, Op, Ret>
where
    T: QuerySource,
    U: UndecoratedInsertRecord<T>,
    Op: InsertOperator,
{
    type Table = T;
}

#[diagnostic::do_not_recommend]
impl<T, Op, Ret> Statement<InsertedDefault> for InsertStatement<T, DefaultValues, Op, Ret>
where
    T: QuerySource,
    Op: InsertOperator,
{
    type Table = T;
}

// Diesel's type of `on conflict` values has no public name; of all inserts only those with
// such values can be filtered.
#[diagnostic::do_not_recommend]
impl<T, U, Op, Ret> Statement<Upserted> for InsertStatement<T, U, Op, Ret>
where
    T: QuerySource,
    Op: InsertOperator,
    Self: FilterDsl<SqlLiteral<Bool>>,
{
    type Table = T;
}

#[diagnostic::do_not_recommend]
impl<T: QuerySource, U, V, Ret> Statement<Updated> for UpdateStatement<T, U, V, Ret> {
    type Table = T;
}

#[diagnostic::do_not_recommend]
impl<T: QuerySource, U, Ret> Statement<Deleted> for DeleteStatement<T, U, Ret> {
    type Table = T;
}

/// What is read of each changed row of a model, and what it tells.
pub trait Kind<M, DB> {
    /// What is selected in `RETURNING`.
    type Selection;
    /// What is read of it.
    type Part;

    /// Whether the selection differs by the table.
    const ASKS: bool = false;

    /// The selection.
    fn selection(evidence: Evidence) -> Self::Selection;
    /// What happened to the row.
    fn action(part: &Self::Part) -> Action;
    /// The row.
    fn model(part: &Self::Part) -> &M;
    /// The row, owned.
    fn into_model(part: Self::Part) -> M;
}

/// A kind whose rows all have one fate.
pub trait Always {
    /// That fate.
    const ACTION: Action;
}

impl Always for Inserted {
    const ACTION: Action = Action::Create;
}

impl Always for InsertedDefault {
    const ACTION: Action = Action::Create;
}

impl Always for Updated {
    const ACTION: Action = Action::Update;
}

impl Always for Deleted {
    const ACTION: Action = Action::Delete;
}

impl<K: Always, M: Selectable<DB>, DB: Backend> Kind<M, DB> for K {
    type Selection = M::SelectExpression;
    type Part = M;

    fn selection(_: Evidence) -> Self::Selection {
        M::construct_selection()
    }

    fn action(_: &M) -> Action {
        K::ACTION
    }

    fn model(part: &M) -> &M {
        part
    }

    fn into_model(part: M) -> M {
        part
    }
}

/// A database that tells what a statement of kind `K` did to each of its rows.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell which rows an `on conflict` statement inserted and which it updated",
    label = "an upsert cannot be broadcast on this database",
    note = "write `insert_or_ignore_into(…).broadcast()` for `do_nothing`, or an `update` and an insert in one transaction for `do_update`",
    note = "or run it without `.broadcast()` and call `hub.publish(action, &row)` after the commit"
)]
pub trait Tells<K> {}

#[diagnostic::do_not_recommend]
impl<K: Always, DB> Tells<K> for DB {}
#[diagnostic::do_not_recommend]
impl Tells<Upserted> for Pg {}

/// A statement of kind `K` that may be broadcast on this connection.
pub trait FitFor<K, Conn, W> {
    /// `W`.
    type Way: Way;
}

impl<S, K, Conn: On<W, Backend: Tells<K>>, W> FitFor<K, Conn, W> for S {
    type Way = Conn::Way;
}

impl<M: Selectable<DB> + ModelType, DB: Backend + Tells<Upserted>> Kind<M, DB> for Upserted {
    type Selection = (M::SelectExpression, WasInserted);
    type Part = (M, bool);

    const ASKS: bool = true;

    fn selection(evidence: Evidence) -> Self::Selection {
        (M::construct_selection(), WasInserted::by::<M>(evidence))
    }

    fn action((_, inserted): &Self::Part) -> Action {
        if *inserted {
            Action::Create
        } else {
            Action::Update
        }
    }

    fn model((model, _): &Self::Part) -> &M {
        model
    }

    fn into_model((model, _): Self::Part) -> M {
        model
    }
}
