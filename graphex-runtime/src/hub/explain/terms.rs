//! The terms of a subscription, apart from each other: a plan has them as one predicate.

use std::fmt;
use std::sync::Arc;

use super::Reason;
use crate::change::Change;
use crate::filters::Filters;
use crate::hub::Hub;
use crate::hub::channels::ChannelState;
use crate::hub::plan::Plan;
use crate::hub::transition::Verdict;
use crate::model::Model;
use crate::predicate::{Pin, Pins, Predicate};
use crate::value::Value;

/// What a subscription asks for, and what the server forces on it.
#[derive(Clone, Debug)]
pub(in crate::hub) struct Terms {
    pub(in crate::hub) scope: Pins,
    pub(in crate::hub) id: Option<Pin>,
    pub(in crate::hub) filters: Filters,
}

/// One of the things that must hold for a row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Term {
    /// Whose it is.
    pub kind: TermKind,
    /// The field of the scope, `id`, or the key of the filter.
    pub name: String,
    /// What it asks for, as JSON.
    pub asked: String,
    /// What the row has there, as JSON; none where a custom lookup decides.
    pub has: Option<String>,
    /// Whether it holds; none where that cannot be told.
    pub holds: Option<bool>,
    /// Whether it could not be told for want of a budget.
    spent: bool,
    /// The field of a scope.
    field: Option<&'static str>,
}

/// Whose a term is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TermKind {
    /// The server's.
    Scope,
    /// The client's: one row.
    Id,
    /// The client's.
    Filter,
}

impl fmt::Display for TermKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scope => "scope",
            Self::Id => "id",
            Self::Filter => "filter",
        })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = match self.holds {
            Some(true) => "holds",
            Some(false) => "does not hold",
            None => "cannot be told",
        };
        let Self {
            kind, name, asked, ..
        } = self;
        match &self.has {
            Some(has) => write!(
                f,
                "{kind} `{name}`: asks for {asked}, the row has {has}: {holds}"
            ),
            None => write!(f, "{kind} `{name}`: asks for {asked}: {holds}"),
        }
    }
}

/// The first term that does not hold, the server's before the client's.
pub(in crate::hub) fn deciding(terms: &[Term]) -> Option<Reason> {
    let no = terms.iter().find(|term| term.holds == Some(false));
    let undecided = || terms.iter().find(|term| term.holds.is_none());
    let term = no.or_else(undecided)?;
    let key = term.name.clone();
    Some(match (term.holds, term.kind) {
        (None, _) if term.spent => Reason::BudgetSpent { key },
        (None, _) => Reason::LookupFailed { key },
        (_, TermKind::Id) => Reason::Id,
        (_, TermKind::Filter) => Reason::Filter { key },
        (_, TermKind::Scope) => Reason::Scope { field: term.field? },
    })
}

fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    value.write_json(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the values of a pin ask for.
fn asked(pin: &Pin) -> String {
    let values: Vec<_> = pin.values().iter().map(json).collect();
    match values.as_slice() {
        [one] => one.clone(),
        many => format!("one of [{}]", many.join(",")),
    }
}

impl Hub {
    /// Tests the terms on the change's row, one after the other.
    pub(super) async fn test(
        &self,
        channel: &Arc<ChannelState>,
        plan: &Plan,
        terms: Terms,
        change: &Arc<Change>,
    ) -> Vec<Term> {
        let Terms { scope, id, filters } = terms;
        let model = change.model;
        let has = |field: usize| Some(json(change.row.value(field)));
        let mut tested = Vec::new();
        for pin in scope.iter().chain(&id) {
            let field = model.fields[pin.field].name;
            let is_id = id.as_ref().is_some_and(|id| std::ptr::eq(id, pin));
            tested.push(Term {
                kind: if is_id { TermKind::Id } else { TermKind::Scope },
                name: if is_id { "id" } else { field }.to_owned(),
                asked: asked(pin),
                has: has(pin.field),
                holds: Some(pin.values().contains(change.row.value(pin.field))),
                spent: false,
                field: Some(field),
            });
        }
        for (key, operand, one) in filters.each() {
            let predicate = Predicate::new(Pins::new(), None, &one);
            let is_pattern = predicate.pattern_work(&change.row) > 0;
            let alone = Plan {
                predicate,
                ..plan.clone()
            };
            let verdict = self.engine.transition(channel, &alone, change).await;
            let holds = verdict.map(|verdict| matches!(verdict, Verdict::Deliver(_)));
            tested.push(Term {
                kind: TermKind::Filter,
                name: key.to_owned(),
                asked: json(operand),
                has: field_of(model, key).and_then(has),
                holds,
                spent: is_pattern && holds.is_none(),
                field: None,
            });
        }
        tested
    }
}

/// The field that a filter is about, unless a custom lookup decides.
fn field_of(model: &Model, key: &str) -> Option<usize> {
    if model.lookups.iter().any(|lookup| lookup.name == key) {
        return None;
    }
    let name = key.split("__").next().unwrap_or(key);
    model.fields.iter().position(|field| field.name == name)
}
