//! A demand as a GraphQL document.

use async_graphql::{Request, Variables};
use graphex::{Kind, Lookup};
use serde_json::{Map, Value as Json};

use super::demand::{Demand, Style};
use super::model::{Column, Model};

/// A document and its variables, as they would come over the wire.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) query: String,
    pub(super) variables: String,
}

impl Document {
    pub(super) fn request(&self) -> Request {
        let variables = serde_json::from_str(&self.variables).unwrap();
        Request::new(&self.query).variables(Variables::from_json(variables))
    }
}

/// The document that subscribes a channel.
pub(super) fn document<C: diesel::Connection>(
    model: &Model<C>,
    demand: &Demand,
    channel: &str,
) -> Document {
    let arguments = format!("channelId: \"{channel}\", operation: SUBSCRIBE");
    asked(model, demand, ("Subscription", &arguments, "ok error"))
}

/// The document that asks for the rows that there are.
pub(super) fn snapshot<C: diesel::Connection>(model: &Model<C>, demand: &Demand) -> Document {
    asked(model, demand, ("Changes", "snapshot: true", "action id"))
}

/// A document with this field, these arguments besides, and this selection.
fn asked<C: diesel::Connection>(
    model: &Model<C>,
    demand: &Demand,
    (field, arguments, selection): (&str, &str, &str),
) -> Document {
    let mut variables = Map::new();
    let mut declared = Vec::new();
    let mut arguments = vec![
        arguments.to_owned(),
        format!("action: {}", demand.action_name()),
    ];
    let mut declare = |name: &str, ty: &str, value: &Json| {
        declared.push(format!("${name}: {ty}"));
        variables.insert(name.to_owned(), value.clone());
        format!("${name}")
    };
    if let Some((_, id)) = &demand.id {
        let id = match demand.style {
            Style::Literals => literal(id),
            _ => declare("id", "ID", id),
        };
        arguments.push(format!("id: {id}"));
    }
    let filters = demand.filters.iter();
    match demand.style {
        _ if demand.filters.is_empty() => {}
        Style::OneVariable => {
            let all = filters.map(|filter| (filter.key.clone(), filter.sent.clone()));
            let ty = format!("{}Filters", model.name);
            arguments.push(format!(
                "filters: {}",
                declare("filters", &ty, &all.collect())
            ));
        }
        Style::Literals | Style::Variables => {
            let entry = |(position, filter): (usize, &super::demand::Filter)| {
                let value = match demand.style {
                    Style::Literals => literal(&filter.sent),
                    _ => {
                        let ty = variable_type(&model.columns[filter.column], filter.lookup);
                        declare(&format!("v{position}"), &ty, &filter.sent)
                    }
                };
                format!("{}: {value}", filter.key)
            };
            let entries: Vec<_> = filters.enumerate().map(entry).collect();
            arguments.push(format!("filters: {{{}}}", entries.join(", ")));
        }
    }
    let declared = match declared.join(", ") {
        none if none.is_empty() => none,
        some => format!("({some})"),
    };
    let (field, arguments) = (model.field(field), arguments.join(", "));
    Document {
        query: format!("subscription{declared} {{ it: {field}({arguments}) {{ {selection} }} }}"),
        variables: Json::Object(variables).to_string(),
    }
}

/// JSON as GraphQL writes it; objects do not occur.
fn literal(json: &Json) -> String {
    match json {
        Json::Array(items) => {
            let items: Vec<_> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        one => one.to_string(),
    }
}

/// The GraphQL type of what a lookup takes.
fn variable_type(column: &Column, lookup: Lookup) -> String {
    let scalar = match column.kind {
        Kind::Bool => "Boolean",
        Kind::Int { .. } => "Int",
        Kind::Float => "Float",
        Kind::Text => "String",
        Kind::Decimal => "Decimal",
        Kind::Uuid => "UUID",
        Kind::Date => "NaiveDate",
        Kind::Time => "NaiveTime",
        Kind::DateTime => "NaiveDateTime",
        Kind::Instant => "DateTime",
        _ => "JSON",
    };
    match lookup {
        Lookup::In | Lookup::Range => format!("[{scalar}!]"),
        Lookup::IsNull => "Boolean".to_owned(),
        Lookup::Date => "NaiveDate".to_owned(),
        Lookup::Year
        | Lookup::Month
        | Lookup::Day
        | Lookup::WeekDay
        | Lookup::Hour
        | Lookup::Minute
        | Lookup::Second => "Int".to_owned(),
        _ => scalar.to_owned(),
    }
}
