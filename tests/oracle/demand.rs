//! What a subscriber asks for, and what the server forces on it.

use graphex::{Action, Lookup, SubscriptionAction};
use serde_json::Value as Json;

use super::datum::Datum;
use super::model::{Model, Scope};
use super::operand::{Operand, operand, sent, sent_datum};
use super::pool;
use super::random::Random;

/// One key of `filters`.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    pub(super) column: usize,
    pub(super) lookup: Lookup,
    pub(super) key: String,
    pub(super) operand: Operand,
    /// The operand as the client sends it.
    pub(super) sent: Json,
}

/// How a document carries the operands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Style {
    Literals,
    /// A variable for each.
    Variables,
    /// A variable that is the whole of `filters`.
    OneVariable,
}

/// What a subscriber asks for, and the scope it is given.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    pub(super) action: SubscriptionAction,
    pub(super) id: Option<(Datum, Json)>,
    pub(super) filters: Vec<Filter>,
    pub(super) scope: Option<Scope>,
    pub(super) style: Style,
}

impl Demand {
    /// One with this filter, and with others that a row which is there satisfies, more or less.
    pub(super) fn new<C: diesel::Connection>(
        model: &Model<C>,
        first: (usize, Lookup),
        rows: &[Vec<Datum>],
        random: &mut Random,
    ) -> Self {
        let row = random.pick(rows);
        let mut filters = vec![Filter::new(model, first, row, random)];
        for _ in 0..[0, 0, 0, 1, 1, 2, 3][random.below(7)] {
            let filter = Filter::new(model, *random.pick(&model.lookups), row, random);
            if filters.iter().all(|other| other.key != filter.key) {
                filters.push(filter);
            }
        }
        let id = random.chance(10).then(|| {
            let id = &random.pick(rows)[0];
            let id = if random.chance(70) { &row[0] } else { id };
            (id.clone(), sent_datum(id, random))
        });
        let action = match random.below(10) {
            0 => SubscriptionAction::Create,
            1 => SubscriptionAction::Update,
            2 => SubscriptionAction::Delete,
            _ => SubscriptionAction::AllActions,
        };
        Self {
            action,
            id,
            filters,
            scope: model
                .scope
                .map(|columns| scope(model, columns, row, random)),
            style: *random.pick(&[Style::Literals, Style::Variables, Style::OneVariable]),
        }
    }

    pub(super) fn action_name(&self) -> &'static str {
        match self.action {
            SubscriptionAction::Create => "CREATE",
            SubscriptionAction::Update => "UPDATE",
            SubscriptionAction::Delete => "DELETE",
            SubscriptionAction::AllActions => "ALL_ACTIONS",
        }
    }

    pub(super) fn receives(&self, action: Action) -> bool {
        self.action.actions().contains(&action)
    }
}

impl Filter {
    fn new<C>(
        model: &Model<C>,
        (column, lookup): (usize, Lookup),
        row: &[Datum],
        random: &mut Random,
    ) -> Self {
        let name = model.columns[column].name;
        let key = match lookup {
            Lookup::Exact if random.chance(50) => name.to_owned(),
            _ => format!("{name}__{}", lookup.name()),
        };
        let operand = operand(&model.columns[column], lookup, &row[column], random);
        let sent = sent(&operand, random);
        Self {
            column,
            lookup,
            key,
            operand,
            sent,
        }
    }
}

fn scope<C: diesel::Connection>(
    model: &Model<C>,
    columns: [&str; 3],
    row: &[Datum],
    random: &mut Random,
) -> Scope {
    let [equal, optional, any_of] = columns.map(|column| model.column(column));
    let one = |column: usize, percent: usize, random: &mut Random| {
        if random.chance(percent) {
            return row[column].clone();
        }
        let column = &model.columns[column];
        match column.nullable && random.chance(10) {
            true => Datum::Null,
            false => pool::value(column.sort, random),
        }
    };
    Scope {
        equal: one(equal, 90, random),
        optional: random.chance(30).then(|| one(optional, 80, random)),
        any_of: (0..random.below(6).min(4))
            .map(|_| one(any_of, 60, random))
            .collect(),
    }
}
