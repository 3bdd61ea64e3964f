//! Reading a returned row: once as a change, once as what the user gets.

use super::statement::Kind;
use crate::change::Change;
use crate::model::ModelType;

/// Only the captured part of a row is returned.
#[derive(Debug)]
pub struct Alone;
/// The captured part comes after what the user wants.
#[derive(Debug)]
pub struct Beside;

/// How a row is read as a change of `M` and as the user's `U`.
pub trait Reading<K, M, DB, U> {
    /// What Diesel reads.
    type Row;

    /// Both of it.
    fn read(row: Self::Row) -> (Change, U);
}

impl<K: Kind<M, DB>, M: ModelType, DB> Reading<K, M, DB, M> for Alone {
    type Row = K::Part;

    fn read(part: K::Part) -> (Change, M) {
        (change_of::<K, M, DB>(&part), K::into_model(part))
    }
}

impl<K: Kind<M, DB>, M: ModelType, DB, U> Reading<K, M, DB, U> for Beside {
    type Row = (U, K::Part);

    fn read((returned, part): Self::Row) -> (Change, U) {
        (change_of::<K, M, DB>(&part), returned)
    }
}

fn change_of<K: Kind<M, DB>, M: ModelType, DB>(part: &K::Part) -> Change {
    Change::unlogged(M::MODEL, K::action(part), K::model(part).to_row())
}

/// A statement whose rows need no type from the user.
#[diagnostic::on_unimplemented(
    message = "`execute` would throw away what `returning` asks for",
    label = "this statement returns rows",
    note = "leave `returning` out, or read the rows with `get_results`"
)]
pub trait Executable<M> {
    /// What is read to count the rows.
    type Counted;
}

impl<M> Executable<M> for Alone {
    type Counted = M;
}
