//! Which models a statement tells of: one, or several of its table.

use std::marker::PhantomData;

use diesel::Selectable;
use diesel::backend::Backend;
use diesel::connection::Instrumentation;
use diesel::result::QueryResult;

use super::evidence::Evidence;
use super::statement::Kind;
use super::tracker::Tracker;
use crate::change::{Action, Change};
use crate::model::ModelType;

/// Models that statements tell of.
pub trait Models: 'static {
    /// The model as which rows are returned.
    type First: ModelType;

    /// The tracker that is there, if it can take changes of all of them.
    #[doc(hidden)]
    fn check(there: &mut dyn Instrumentation) -> QueryResult<()>;

    /// Whether of each of them only the log tells.
    #[doc(hidden)]
    fn are_logged(there: &mut dyn Instrumentation) -> bool;

    /// A row changed at this depth and is not known.
    #[doc(hidden)]
    fn miss(there: &mut dyn Instrumentation, depth: u32);
}

/// Some models, and one more of the same table.
#[derive(Debug)]
pub struct And<A, B>(PhantomData<fn() -> (A, B)>);

impl<M: ModelType> Models for M {
    type First = M;

    fn check(there: &mut dyn Instrumentation) -> QueryResult<()> {
        Tracker::of::<M>(there).map(|_| ())
    }

    fn are_logged(there: &mut dyn Instrumentation) -> bool {
        let tracker = there.downcast_mut::<Tracker>();
        tracker.is_some_and(|tracker| tracker.leaves_to_log(M::MODEL))
    }

    fn miss(there: &mut dyn Instrumentation, depth: u32) {
        if let Some(tracker) = there.downcast_mut::<Tracker>() {
            tracker.miss(depth, M::MODEL);
        }
    }
}

impl<A: Models, B: ModelType> Models for And<A, B> {
    type First = A::First;

    fn check(there: &mut dyn Instrumentation) -> QueryResult<()> {
        A::check(there)?;
        B::check(there)
    }

    fn are_logged(there: &mut dyn Instrumentation) -> bool {
        A::are_logged(there) && B::are_logged(there)
    }

    fn miss(there: &mut dyn Instrumentation, depth: u32) {
        A::miss(there, depth);
        B::miss(there, depth);
    }
}

/// What is read of a row for some models, when a statement of kind `K` changed it.
pub trait Captured<K, DB>: Models {
    /// What is selected in `RETURNING`.
    type Selection;
    /// What is read of it.
    type Part;

    /// Whether the selection differs by the table.
    const ASKS: bool;

    /// The selection.
    fn selection(evidence: Evidence) -> Self::Selection;
    /// What happened to the row.
    fn action(part: &Self::Part) -> Action;
    /// Adds a change for each model.
    fn tell(part: &Self::Part, changes: &mut Vec<Change>);
    /// The row, owned.
    fn into_first(part: Self::Part) -> Self::First;
}

impl<M: ModelType, K: Kind<M, DB>, DB> Captured<K, DB> for M {
    type Selection = K::Selection;
    type Part = K::Part;

    const ASKS: bool = K::ASKS;

    fn selection(evidence: Evidence) -> K::Selection {
        K::selection(evidence)
    }

    fn action(part: &K::Part) -> Action {
        K::action(part)
    }

    fn tell(part: &K::Part, changes: &mut Vec<Change>) {
        let row = K::model(part).to_row();
        changes.push(Change::unlogged(M::MODEL, K::action(part), row));
    }

    fn into_first(part: K::Part) -> M {
        K::into_model(part)
    }
}

impl<A, B, K, DB> Captured<K, DB> for And<A, B>
where
    A: Captured<K, DB>,
    B: ModelType + Selectable<DB>,
    DB: Backend,
{
    type Selection = (A::Selection, B::SelectExpression);
    type Part = (A::Part, B);

    const ASKS: bool = A::ASKS;

    fn selection(evidence: Evidence) -> Self::Selection {
        (A::selection(evidence), B::construct_selection())
    }

    fn action((part, _): &Self::Part) -> Action {
        A::action(part)
    }

    fn tell((part, other): &Self::Part, changes: &mut Vec<Change>) {
        A::tell(part, changes);
        changes.push(Change::unlogged(B::MODEL, A::action(part), other.to_row()));
    }

    fn into_first((part, _): Self::Part) -> A::First {
        A::into_first(part)
    }
}
