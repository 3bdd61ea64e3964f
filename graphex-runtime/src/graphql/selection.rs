//! From a GraphQL selection set to a projection.

use async_graphql::SelectionField;
use async_graphql::indexmap::IndexMap;

use super::registry::{change_name, data_name};
use crate::model::Model;
use crate::projection::{Projection, Template};

/// The fields of one object by response key, in the order of their first mention. Fields with
/// one key are one field (GraphQL, section 6.3.2): what they select is merged.
type Collected<'f> = IndexMap<&'f str, Vec<SelectionField<'f>>>;

fn collect<'f>(selected: impl IntoIterator<Item = SelectionField<'f>>) -> Collected<'f> {
    let mut collected = Collected::new();
    for field in selected {
        let key = field.alias().unwrap_or(field.name());
        collected.entry(key).or_default().push(field);
    }
    collected
}

/// The responses of the model's events with what `field` selects of them. async-graphql has
/// resolved `@skip` and `@include`; fragments are resolved by the selection, and since each type
/// here is one object, each of them applies.
pub(super) fn projection(model: &Model, field: SelectionField<'_>) -> Projection {
    let mut template = Template::default();
    template.text("{\"data\":{");
    template.key(true, field.alias().unwrap_or(field.name()));
    template.text("{");
    let collected = collect(field.selection_set());
    for (position, (key, fields)) in collected.into_iter().enumerate() {
        template.key(position == 0, key);
        match fields.first().map_or("", SelectionField::name) {
            "action" => template.action(),
            "id" => template.id(),
            "model" => template.string(model.label),
            "data" => row(&mut template, model, &fields),
            // Validation has left no other.
            _ => template.string(&change_name(model)),
        }
    }
    template.text("}}}");
    template.finish()
}

fn row(template: &mut Template, model: &Model, fields: &[SelectionField<'_>]) {
    let selected = fields.iter().flat_map(SelectionField::selection_set);
    template.text("{");
    for (position, (key, fields)) in collect(selected).into_iter().enumerate() {
        template.key(position == 0, key);
        let name = fields.first().map_or("", SelectionField::name);
        let mut visible = model.visible();
        match visible.find(|field| model.fields[*field].name == name) {
            Some(field) => template.field(field),
            // Validation has left no other than `__typename`.
            None => template.string(&data_name(model)),
        }
    }
    template.text("}");
}
