//! The keys that filters of a model can have.

use crate::lookup::{Lookup, Operand};
use crate::model::Model;

/// A key that filters can have.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// As clients write it.
    pub(crate) name: String,
    pub(crate) operand: Operand,
    pub(crate) target: Target,
}

/// What a key asks about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// A field, by its position in the model.
    Field(usize, Lookup),
    /// A custom lookup, by its position in the model.
    Custom(usize),
}

/// All keys of a model's filters: of each visible field that is not opaque the lookups of its
/// kind, those with a regular expression only if the model has them; then the custom lookups.
pub(crate) fn keys(model: &'static Model) -> impl Iterator<Item = Key> {
    let fields = model.visible().filter(|field| !model.fields[*field].opaque);
    let of_fields = fields.flat_map(|position| {
        let field = &model.fields[position];
        let lookups = Lookup::of(field.ty.kind);
        let lookups = lookups.filter(|lookup| model.patterns || !lookup.is_pattern());
        lookups.flat_map(move |lookup| {
            let key = move |name| Key {
                name,
                operand: lookup.operand(field.ty.kind),
                target: Target::Field(position, lookup),
            };
            let alone = (lookup == Lookup::Exact).then(|| key(field.name.to_owned()));
            let named = key(format!("{}__{}", field.name, lookup.name()));
            alone.into_iter().chain([named])
        })
    });
    let custom = model.lookups.iter().enumerate();
    of_fields.chain(custom.map(|(position, lookup)| Key {
        name: lookup.name.to_owned(),
        operand: Operand::One(lookup.operand.kind),
        target: Target::Custom(position),
    }))
}
