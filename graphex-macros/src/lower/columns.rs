//! The fields of the struct, and the keys that name them.

use proc_macro2::Ident;
use syn::{Data, DeriveInput, Fields, parse_quote};

use super::{flag, given, listed};
use crate::attr::diesel::{self, DieselAttr};
use crate::attr::field::FieldAttr;
use crate::attr::value::{Names, ScopeForm, ScopeNames};
use crate::attr::{self, Read, hidden};
use crate::case;
use crate::error::{Errors, err};
use crate::help;
use crate::model::{Column, Field, Listed, Reference, ScopeEntry, Spelled};
use crate::synonym;
use crate::ty;

/// The fields of the struct, which other keys name.
pub(super) struct Columns {
    pub(super) fields: Vec<Field>,
    /// Whether the input is a struct with named fields, so that an unknown name is an error.
    known: bool,
}

impl Columns {
    pub(super) fn new(input: &DeriveInput, errors: &mut Errors) -> Self {
        let generics = &input.generics;
        if !generics.params.is_empty() {
            errors.push(err!(generics, "a model cannot have generic parameters";
                help: "a model is a row of one table: write its types out"));
        }
        let other = match &input.data {
            Data::Struct(data) => match &data.fields {
                Fields::Named(named) => {
                    let excluded = attr::named_in(&input.attrs, synonym::EXCLUDED);
                    let named = named
                        .named
                        .iter()
                        .filter_map(|f| Some((f, f.ident.as_ref()?)));
                    let read = |(f, ident)| field(f, ident, &input.ident, &excluded, errors);
                    return Self {
                        fields: named.map(read).collect(),
                        known: true,
                    };
                }
                Fields::Unnamed(_) => "a tuple struct",
                Fields::Unit => "a unit struct",
            },
            Data::Enum(_) => "an enum",
            Data::Union(_) => "a union",
        };
        errors.push(err!(input.ident, "{other} cannot be a model";
            help: "a model is a struct with named fields, one for each column"));
        Self {
            fields: Vec::new(),
            known: false,
        }
    }

    /// The entries of a scope. Of what cannot be read, the fields it mentions are entries of
    /// an unknown form, so that a literal of the scope finds them.
    pub(super) fn scope(
        &self,
        list: Option<ScopeNames>,
        errors: &mut Errors,
    ) -> Listed<ScopeEntry> {
        let mentioned = list.as_ref().map(|list| list.mentioned.clone());
        let mut scope = listed(list, parse_quote!(scope), errors, |name, errors| {
            let field = self.reference(&name.field, "scope", errors)?;
            Some(ScopeEntry {
                form: name.form,
                field,
            })
        });
        let mentioned = mentioned.into_iter().flatten().filter_map(|at| {
            Some(ScopeEntry {
                form: ScopeForm::Unknown,
                field: Reference {
                    field: self.position(&case::unraw(&at))?,
                    at,
                    guessed: true,
                },
            })
        });
        scope.entries.extend(mentioned);
        scope
    }

    pub(super) fn index(&self, list: Option<Names>, errors: &mut Errors) -> Listed<Reference> {
        listed(list, parse_quote!(index_fields), errors, |name, errors| {
            self.reference(&name, "index_fields", errors)
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        let mut fields = self.fields.iter();
        fields.position(|field| case::unraw(&field.ident) == name)
    }

    /// The field that `name` names. A mistyped name is taken for the field it resembles.
    pub(super) fn reference(
        &self,
        name: &Ident,
        key: &str,
        errors: &mut Errors,
    ) -> Option<Reference> {
        let wanted = case::unraw(name);
        let names: Vec<String> = self
            .fields
            .iter()
            .map(|field| case::unraw(&field.ident))
            .collect();
        if let Some(field) = self.position(&wanted) {
            return Some(Reference {
                field,
                at: name.clone(),
                guessed: false,
            });
        }
        if self.known {
            let help = help::instead_of("field", &wanted, names.iter().map(String::as_str));
            errors.push(err!(name, "unknown field `{wanted}` in `{key}`"; help: help));
        }
        let near = help::nearest(&wanted, names.iter().map(String::as_str));
        let field = near.and_then(|near| self.position(near))?;
        Some(Reference {
            field,
            at: name.clone(),
            guessed: true,
        })
    }

    /// The field whose column is the primary key.
    pub(super) fn key(
        &self,
        diesel: &DieselAttr,
        input: &DeriveInput,
        errors: &mut Errors,
    ) -> Option<usize> {
        let (column, at) = match diesel.primary_key.as_deref() {
            Some([column]) => (case::unraw(column), column),
            Some([_, second, ..]) => {
                errors.push(err!(second, "a composite primary key cannot identify a row of a stream";
                    help: "give the table a key of one column and name it: `#[diesel(primary_key(id))]`"));
                return None;
            }
            Some([]) | None => ("id".to_owned(), &input.ident),
        };
        let is_key = |field: &Field| field.column.name().as_ref() == Some(&column);
        let found = self.fields.iter().position(is_key);
        // A key of ours for it has been answered, and names the column or stands on its field.
        if let Some(field) = self.key_by_synonym(input) {
            return Some(field);
        }
        if found.is_none() && self.known {
            errors.push(err!(at, "no field for the primary key `{column}`";
                help: "add the field, or name the column of another: `#[diesel(primary_key(column))]`"));
        }
        found
    }

    fn key_by_synonym(&self, input: &DeriveInput) -> Option<usize> {
        let named = attr::named_in(&input.attrs, synonym::PRIMARY_KEY);
        named
            .iter()
            .find_map(|name| self.position(&case::unraw(name)))
            .or_else(|| self.fields.iter().position(|field| field.is_called_key))
    }
}

fn field(
    field: &syn::Field,
    ident: &Ident,
    model: &Ident,
    excluded: &[Ident],
    errors: &mut Errors,
) -> Field {
    let Read {
        keys: attrs,
        doubtful,
    } = attr::read::<FieldAttr>(&field.attrs, errors);
    let diesel = diesel::read(&field.attrs, errors);
    let rename = given(attrs.rename, errors);
    let column = given(attrs.column, errors);
    Field {
        ident: ident.clone(),
        ty: ty::outside(&field.ty, model),
        name: rename.as_ref().map_or_else(
            || Spelled::new(case::unraw(ident), ident),
            |name| Spelled::new(name.text.value(), &name.text),
        ),
        column_key: column.as_ref().map(|name| name.key.clone()),
        column: match column {
            _ if diesel.computed => Column::Computed,
            Some(name) => Column::Named(name.text.value()),
            None => Column::Ident(diesel.column_name.unwrap_or_else(|| ident.clone())),
        },
        skip: flag(attrs.skip, errors).or_else(|| {
            // A list of the struct's that is no key has been answered, and meant this.
            let listed = excluded.iter().find(|name| *name == ident);
            listed.map(|name| name.clone().into())
        }),
        rename: rename.map(|name| name.key),
        opaque: flag(attrs.opaque, errors),
        expose: flag(attrs.expose, errors),
        hidden: hidden::read(&field.attrs),
        doubtful,
        is_called_key: attr::has(&field.attrs, synonym::PRIMARY_KEY),
    }
}
