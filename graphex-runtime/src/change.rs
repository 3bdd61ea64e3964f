//! What happened to one row.

use std::fmt;

use crate::cursor::Cursor;
use crate::measure::Stamp;
use crate::model::Model;
use crate::value::Value;

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The row was inserted.
    Create,
    /// The row was updated.
    Update,
    /// The row was deleted.
    Delete,
}

impl Action {
    /// All actions; the position of each is `action as usize`.
    pub(crate) const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The action as topics and frames name it: `create`, `update`, `delete`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a change of a row is to who gets some rows only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// It has the row: as it was, and as it is.
    Stays,
    /// It begins to have the row, with an update.
    Enters,
    /// It ceases to have the row, with an update.
    Leaves,
    /// It begins with the row, which was there before.
    Stands,
}

/// Which actions a client subscribes to: GraphQL's `ActionSubscriptionEnum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionAction {
    /// `CREATE`.
    Create,
    /// `UPDATE`.
    Update,
    /// `DELETE`.
    Delete,
    /// `ALL_ACTIONS`: the three others at once.
    AllActions,
}

impl SubscriptionAction {
    /// The enum's values and their GraphQL names.
    pub(crate) const VALUES: [(&'static str, Self); 4] = [
        ("CREATE", Self::Create),
        ("UPDATE", Self::Update),
        ("DELETE", Self::Delete),
        ("ALL_ACTIONS", Self::AllActions),
    ];

    /// The actions it stands for.
    #[must_use]
    pub const fn actions(self) -> &'static [Action] {
        match self {
            Self::Create => &[Action::Create],
            Self::Update => &[Action::Update],
            Self::Delete => &[Action::Delete],
            Self::AllActions => &Action::ALL,
        }
    }
}

/// What a client does with a subscription: GraphQL's `OperationSubscriptionEnum`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SubscriptionOperation {
    /// `SUBSCRIBE`.
    Subscribe,
    /// `UNSUBSCRIBE`.
    Unsubscribe,
}

impl SubscriptionOperation {
    /// The enum's values and their GraphQL names.
    pub(crate) const VALUES: [(&'static str, Self); 2] = [
        ("SUBSCRIBE", Self::Subscribe),
        ("UNSUBSCRIBE", Self::Unsubscribe),
    ];
}

/// One row as it was captured: a [`Value`] per field of its [`Model`], in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(Box<[Value]>);

impl Row {
    /// The value of the field at this position of [`Model::fields`].
    #[must_use]
    pub fn value(&self, field: usize) -> &Value {
        // A row has a value for each of its model's fields: both come from one derive.
        &self.0[field]
    }

    /// Takes a value for each field of the model.
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into())
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(Value::bytes).sum()
    }

    /// How many fields the model has.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl<const FIELDS: usize> From<[Value; FIELDS]> for Row {
    fn from(values: [Value; FIELDS]) -> Self {
        Self(Box::new(values))
    }
}

/// One committed action on one row.
#[derive(Clone, Debug)]
pub struct Change {
    /// The model of the row.
    pub model: &'static Model,
    /// What happened.
    pub action: Action,
    /// The row: as written by a create or update, as it was before a delete.
    pub row: Row,
    /// The row as it was before an update, where a change log has it.
    pub before: Option<Row>,
    /// Where whoever has seen this change goes on, if it comes from a change log.
    pub cursor: Option<Cursor>,
    /// Its own number in the change log. Of the two changes that a changed key makes, the first has
    /// the cursor of what was before: who saw only that has not seen all of this number.
    pub position: Option<u64>,
    /// Whether [`Hub::publish`](crate::Hub::publish) told it, not what was captured.
    pub published: bool,
    /// When this process had it committed, or received it.
    pub(crate) received: Stamp,
}

impl Change {
    /// A change that no log has.
    pub(crate) fn unlogged(model: &'static Model, action: Action, row: Row) -> Self {
        Self {
            model,
            action,
            row,
            before: None,
            cursor: None,
            position: None,
            published: false,
            received: Stamp::now(),
        }
    }

    /// How many bytes its rows take.
    pub(crate) fn bytes(&self) -> usize {
        let before = self.before.as_ref().map_or(0, Row::bytes);
        self.row.bytes() + before
    }

    /// The row's primary key.
    pub(crate) fn key(&self) -> &Value {
        self.row.value(self.model.key)
    }
}
