//! Which models a table has, as `.broadcast()` asks.

use crate::model::{BroadcastTable, ModelType};

/// All tables, as `.broadcast()` asks for their models. Of a table itself rustc would show the whole
/// `table!`, and the models of others.
#[derive(Debug)]
pub enum Tables {}

/// [`BroadcastTable`], so asked for.
#[diagnostic::on_unimplemented(
    message = "no graphex model `{M}` is bound to `{T}`",
    label = "write `#[derive(ModelType)]` and `#[diesel(table_name = …)]` on the struct that selects from this table"
)]
pub trait HaveModel<T, M> {
    /// The model.
    type Model: ModelType;
}

#[diagnostic::do_not_recommend]
impl<T: BroadcastTable<M>, M: ModelType> HaveModel<T, M> for Tables {
    type Model = T::Model;
}
