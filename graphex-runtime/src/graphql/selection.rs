//! From a GraphQL selection set to a projection.

use std::collections::HashMap;

use async_graphql::SelectionField;
use async_graphql::indexmap::IndexMap;

use super::registry::{change_name, data_name};
use crate::error::Refusal;
use crate::limits::Limits;
use crate::model::Model;
use crate::projection::{Projection, Template};

/// The fields of one object by response key, in the order of their first mention. Fields with
/// one key are one field (GraphQL, section 6.3.2): what they select is merged.
type Collected<'f> = IndexMap<&'f str, Vec<SelectionField<'f>>>;

/// Collects the fields; each that has an alias takes one of `aliases`.
fn collect<'f>(
    selected: impl IntoIterator<Item = SelectionField<'f>>,
    aliases: &mut Aliases,
) -> Result<Collected<'f>, Refusal> {
    let mut collected = Collected::new();
    for field in selected {
        let key = field.alias().unwrap_or(field.name());
        if field.alias().is_some() {
            aliases.take()?;
        }
        collected.entry(key).or_default().push(field);
    }
    Ok(collected)
}

/// How many aliases there may be.
struct Aliases {
    left: usize,
    limit: usize,
}

impl Aliases {
    fn take(&mut self) -> Result<(), Refusal> {
        let limit = self.limit;
        let left = self.left.checked_sub(1);
        self.left = left.ok_or(Refusal::TooManyAliases { limit })?;
        Ok(())
    }
}

/// The responses of the model's events with what `field` selects of them. async-graphql has
/// resolved `@skip` and `@include`; fragments are resolved by the selection, and since each type
/// here is one object, each of them applies.
///
/// Each alias is one more copy of a value in each event, so it has at most as many as a document
/// may have: the schema may be executed by who does not look at documents.
pub(super) fn projection(
    model: &Model,
    field: SelectionField<'_>,
    limits: &Limits,
) -> Result<Projection, Refusal> {
    let limit = limits.document_aliases;
    let mut aliases = Aliases { left: limit, limit };
    let mut template = Template::default();
    template.text("{\"data\":{");
    template.key(true, field.alias().unwrap_or(field.name()));
    template.text("{");
    let collected = collect(field.selection_set(), &mut aliases)?;
    for (position, (key, fields)) in collected.into_iter().enumerate() {
        template.key(position == 0, key);
        match fields.first().map_or("", SelectionField::name) {
            "action" => template.action(),
            "id" => template.id(),
            "model" => template.string(model.label),
            "data" => template.row(row(model, &fields, &mut aliases)?),
            "before" => template.before(row(model, &fields, &mut aliases)?),
            "changed" => template.changed(),
            "cursor" => template.cursor(),
            // Validation has left no other.
            _ => template.string(&change_name(model)),
        }
    }
    template.text("}}");
    Ok(template.finish())
}

/// What is selected of the row.
fn row(
    model: &Model,
    fields: &[SelectionField<'_>],
    aliases: &mut Aliases,
) -> Result<Template, Refusal> {
    let selected = fields.iter().flat_map(SelectionField::selection_set);
    let visible = model
        .visible()
        .map(|field| (model.fields[field].name, field));
    let visible: HashMap<_, _> = visible.collect();
    let mut template = Template::default();
    template.text("{");
    for (position, (key, fields)) in collect(selected, aliases)?.into_iter().enumerate() {
        template.key(position == 0, key);
        match visible.get(fields.first().map_or("", SelectionField::name)) {
            Some(field) => template.field(*field),
            // Validation has left no other than `__typename`.
            None => template.string(&data_name(model)),
        }
    }
    template.text("}");
    Ok(template)
}
