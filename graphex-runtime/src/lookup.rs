//! The lookups: what a client can ask of a field.

use crate::value::Kind;

/// What a filter asks of a field, named as in Django: `text__icontains` is [`Lookup::IContains`]
/// on the field `text`, and `text` alone is [`Lookup::Exact`].
///
/// They mean what Django's lookups mean on PostgreSQL. No lookup but [`Lookup::IsNull`] matches a
/// field without a value. Each is decided in memory on the row as it was captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lookup {
    /// `exact`, or the field's name alone: equal. Decimals are equal as numbers, instants as
    /// instants, texts character by character.
    Exact,
    /// `iexact`: equal when both are in upper case (Unicode's full mapping: `ß` is `SS`).
    IExact,
    /// `contains`: the operand occurs in the text.
    Contains,
    /// `icontains`: the operand occurs in the text when both are in upper case.
    IContains,
    /// `startswith`: the text begins with the operand.
    StartsWith,
    /// `istartswith`: the text begins with the operand when both are in upper case.
    IStartsWith,
    /// `endswith`: the text ends with the operand.
    EndsWith,
    /// `iendswith`: the text ends with the operand when both are in upper case.
    IEndsWith,
    /// `regex`: the pattern matches somewhere in the text. The syntax is that of the crate
    /// `regex`: no backreferences and no look-around, so that matching takes linear time; `.`
    /// matches a line break too, `^` and `$` only the ends of the text. `\d`, `\w` and `\s` are
    /// Unicode's.
    Regex,
    /// `iregex`: as `regex`, whatever the case of letters. Letters are the same when Unicode's
    /// simple case folding has them as one, where PostgreSQL takes upper and lower case: `s` is
    /// `ſ` too, and `ß` is `ẞ`.
    IRegex,
    /// `in`: equal to one of the operands. An empty list matches nothing.
    In,
    /// `gt`: greater. Texts are ordered by their code points, `NaN` is greater than all numbers.
    Gt,
    /// `gte`: greater or equal.
    Gte,
    /// `lt`: less.
    Lt,
    /// `lte`: less or equal.
    Lte,
    /// `range`: between two operands, both included.
    Range,
    /// `isnull`: `true` matches a field without a value, `false` one with a value.
    IsNull,
    /// `year`: the year, of an instant in UTC, as are the following. The year before 1 is 0, as in
    /// ISO 8601.
    Year,
    /// `month`: the month, 1 to 12.
    Month,
    /// `day`: the day of the month, 1 to 31.
    Day,
    /// `week_day`: the day of the week, 1 (Sunday) to 7 (Saturday).
    WeekDay,
    /// `hour`: the hour, 0 to 23.
    Hour,
    /// `minute`: the minute, 0 to 59.
    Minute,
    /// `second`: the whole second, 0 to 59.
    Second,
    /// `date`: the calendar date.
    Date,
}

/// What a lookup compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// One value.
    One(Kind),
    /// Any number of values.
    List(Kind),
    /// A lower and an upper bound.
    Bounds(Kind),
}

/// What the parts of dates and times are compared with.
const PART: Kind = Kind::Int {
    min: i32::MIN as i128,
    max: i32::MAX as i128,
};

const EQUALITY: &[Lookup] = &[Lookup::Exact, Lookup::In, Lookup::IsNull];
const ORDER: [Lookup; 8] = [
    Lookup::Exact,
    Lookup::In,
    Lookup::Gt,
    Lookup::Gte,
    Lookup::Lt,
    Lookup::Lte,
    Lookup::Range,
    Lookup::IsNull,
];
const TEXT: [Lookup; 9] = [
    Lookup::IExact,
    Lookup::Contains,
    Lookup::IContains,
    Lookup::StartsWith,
    Lookup::IStartsWith,
    Lookup::EndsWith,
    Lookup::IEndsWith,
    Lookup::Regex,
    Lookup::IRegex,
];
const DATE: [Lookup; 4] = [Lookup::Year, Lookup::Month, Lookup::Day, Lookup::WeekDay];
const TIME: [Lookup; 3] = [Lookup::Hour, Lookup::Minute, Lookup::Second];

impl Lookup {
    /// The lookups of fields of this kind. Lists and JSON have `isnull` alone.
    pub fn of(kind: Kind) -> impl Iterator<Item = Self> {
        let groups: &[&'static [Self]] = match kind {
            Kind::Bool | Kind::Enum(_) => &[EQUALITY],
            Kind::Int { .. } | Kind::Float | Kind::Decimal | Kind::Uuid => &[&ORDER],
            Kind::Text => &[&ORDER, &TEXT],
            Kind::Date => &[&ORDER, &DATE],
            Kind::Time => &[&ORDER, &TIME],
            Kind::DateTime | Kind::Instant => &[&ORDER, &DATE, &TIME, &[Self::Date]],
            Kind::Json | Kind::List(_) => &[&[Self::IsNull]],
        };
        groups.iter().copied().flatten().copied()
    }

    /// The name after `__`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::IExact => "iexact",
            Self::Contains => "contains",
            Self::IContains => "icontains",
            Self::StartsWith => "startswith",
            Self::IStartsWith => "istartswith",
            Self::EndsWith => "endswith",
            Self::IEndsWith => "iendswith",
            Self::Regex => "regex",
            Self::IRegex => "iregex",
            Self::In => "in",
            Self::Gt => "gt",
            Self::Gte => "gte",
            Self::Lt => "lt",
            Self::Lte => "lte",
            Self::Range => "range",
            Self::IsNull => "isnull",
            Self::Year => "year",
            Self::Month => "month",
            Self::Day => "day",
            Self::WeekDay => "week_day",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::Date => "date",
        }
    }

    /// Whether it compares with a regular expression.
    pub(crate) const fn is_pattern(self) -> bool {
        matches!(self, Self::Regex | Self::IRegex)
    }

    /// One line for the schema.
    pub(crate) const fn summary(self) -> &'static str {
        match self {
            Self::Exact => "Equal to this.",
            Self::IExact => "Equal to this, whatever the case.",
            Self::Contains => "Contains this.",
            Self::IContains => "Contains this, whatever the case.",
            Self::StartsWith => "Begins with this.",
            Self::IStartsWith => "Begins with this, whatever the case.",
            Self::EndsWith => "Ends with this.",
            Self::IEndsWith => "Ends with this, whatever the case.",
            Self::Regex => "Matches this regular expression.",
            Self::IRegex => "Matches this regular expression, whatever the case.",
            Self::In => "One of these.",
            Self::Gt => "Greater than this.",
            Self::Gte => "Greater than this, or equal.",
            Self::Lt => "Less than this.",
            Self::Lte => "Less than this, or equal.",
            Self::Range => "Between these two, both included.",
            Self::IsNull => "`true`: without a value; `false`: with one.",
            Self::Year => "In this year.",
            Self::Month => "In this month, 1 to 12.",
            Self::Day => "On this day of the month, 1 to 31.",
            Self::WeekDay => "On this day of the week, 1 (Sunday) to 7 (Saturday).",
            Self::Hour => "In this hour, 0 to 23.",
            Self::Minute => "In this minute, 0 to 59.",
            Self::Second => "In this second, 0 to 59.",
            Self::Date => "On this date.",
        }
    }

    /// What it compares a field of this kind with.
    pub(crate) const fn operand(self, kind: Kind) -> Operand {
        match self {
            Self::In => Operand::List(kind),
            Self::Range => Operand::Bounds(kind),
            Self::IsNull => Operand::One(Kind::Bool),
            Self::Date => Operand::One(Kind::Date),
            Self::Year
            | Self::Month
            | Self::Day
            | Self::WeekDay
            | Self::Hour
            | Self::Minute
            | Self::Second => Operand::One(PART),
            _ => Operand::One(kind),
        }
    }
}
