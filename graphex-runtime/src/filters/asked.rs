//! From a lookup and its operand to what is tested on rows.

use std::sync::Arc;

use crate::limits::Limits;
use crate::lookup::Lookup;
use crate::predicate::{
    Bounds, Condition, Operand, Pattern, PatternCondition, Pin, Place, Relation, Test,
};
use crate::value::{Part, Value};

/// What a filter asks.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    /// That a field has one of some values.
    Pin(Pin),
    /// Anything else of a field.
    Condition(Condition),
    /// That the text of a field matches.
    Pattern(PatternCondition),
    /// A custom lookup, by its position in the model.
    Custom(usize),
}

impl Asked {
    /// A lookup of a field, with an operand of the kind that [`Lookup::operand`] names; that of
    /// [`Lookup::In`] is [sorted](crate::predicate::sort).
    ///
    /// # Errors
    ///
    /// What is wrong with the operand, to be read after the name of the filter.
    pub(crate) fn new(
        field: usize,
        lookup: Lookup,
        operand: &Arc<Value>,
        limits: &Limits,
    ) -> Result<Self, String> {
        Ok(match (lookup, &**operand) {
            (Lookup::Exact, _) => Self::Pin(Pin::one(field, operand)),
            (Lookup::In, _) => Self::Pin(Pin::sorted(field, Arc::clone(operand))),
            (Lookup::Regex | Lookup::IRegex, Value::Text(text)) => {
                let pattern = Pattern::new(text, lookup == Lookup::IRegex, limits)?;
                Self::Pattern(PatternCondition { field, pattern })
            }
            _ => {
                let test = test(lookup, operand)?;
                Self::Condition(Condition { field, test })
            }
        })
    }
}

fn test(lookup: Lookup, operand: &Arc<Value>) -> Result<Test, String> {
    let order = |relation| Ok(Test::Order(relation, Operand::new(operand)));
    match (lookup, &**operand) {
        (Lookup::Gt, _) => order(Relation::Greater),
        (Lookup::Gte, _) => order(Relation::GreaterOrEqual),
        (Lookup::Lt, _) => order(Relation::Less),
        (Lookup::Lte, _) => order(Relation::LessOrEqual),
        (Lookup::Range, Value::List(bounds)) => match bounds.len() {
            2 => Ok(Test::Between(Bounds::new(operand))),
            _ => Err("must have two bounds".to_owned()),
        },
        (Lookup::IsNull, Value::Bool(expected)) => Ok(Test::IsNull(*expected)),
        (Lookup::Date, Value::Date(date)) => Ok(Test::Date(*date)),
        (_, Value::Int(number)) => part_test(lookup, *number),
        (_, Value::Text(text)) => text_test(lookup, operand, text),
        _ => Err(MISMATCH.to_owned()),
    }
}

/// What the kinds of operands rule out.
const MISMATCH: &str = "does not take this value";

fn part_test(lookup: Lookup, number: i128) -> Result<Test, String> {
    let part = match lookup {
        Lookup::Year => Part::Year,
        Lookup::Month => Part::Month,
        Lookup::Day => Part::Day,
        Lookup::WeekDay => Part::WeekDay,
        Lookup::Hour => Part::Hour,
        Lookup::Minute => Part::Minute,
        Lookup::Second => Part::Second,
        _ => return Err(MISMATCH.to_owned()),
    };
    Ok(Test::Part(part, number))
}

fn text_test(lookup: Lookup, operand: &Arc<Value>, text: &str) -> Result<Test, String> {
    let exactly = |place| Ok(Test::Text(place, Arc::clone(operand)));
    let folded = |place| Ok(Test::Folded(place, text.to_uppercase().into()));
    match lookup {
        Lookup::IExact => folded(Place::Whole),
        Lookup::Contains => exactly(Place::Anywhere),
        Lookup::IContains => folded(Place::Anywhere),
        Lookup::StartsWith => exactly(Place::Start),
        Lookup::IStartsWith => folded(Place::Start),
        Lookup::EndsWith => exactly(Place::End),
        Lookup::IEndsWith => folded(Place::End),
        _ => Err(MISMATCH.to_owned()),
    }
}
