//! Reads a document that is parsed: what is executed, whatever its text was.
//!
//! It recurses as deeply as the document is nested, which the parser has survived.

use std::collections::HashMap;

use async_graphql::parser::types::{Directive, ExecutableDocument, Selection, SelectionSet};
use async_graphql::{Name, Positioned, Value as Constant, Variables};
use async_graphql_value::Value;

use super::outline::{Outline, Place};

/// What a value counts for, in bytes, besides its text.
const VALUE: usize = 32;

/// Reads a document that is to be run with these variables.
pub(super) fn read<'d>(
    document: &'d ExecutableDocument,
    operation: Option<&str>,
    variables: &Variables,
) -> Outline<'d> {
    let sent = variables.iter();
    let mut weights: HashMap<_, _> = sent.map(|(name, value)| (name, weight(value))).collect();
    for (_, operation) in document.operations.iter() {
        for variable in &operation.node.variable_definitions {
            let name = &variable.node.name.node;
            let default = variable.node.default_value.as_ref();
            if let Some(default) = default.filter(|_| !variables.contains_key(name)) {
                let known = weights.entry(name).or_default();
                *known = weight(&default.node).max(*known);
            }
        }
    }
    let mut reader = Reader {
        outline: Outline::default(),
        variables: weights,
    };
    for (name, definition) in document.operations.iter() {
        let is_aside = operation.is_some_and(|wanted| name.is_some_and(|name| name != wanted));
        reader.outline.begin_operation(is_aside);
        let definition = &definition.node;
        reader.directives(&definition.directives, Place::default());
        reader.selections(&definition.selection_set.node, Place::default());
    }
    for (name, definition) in &document.fragments {
        reader.outline.begin_fragment(name);
        reader.outline.tokens(4);
        let definition = &definition.node;
        reader.directives(&definition.directives, Place::default());
        reader.selections(&definition.selection_set.node, Place::default());
    }
    reader.outline
}

struct Reader<'d, 'v> {
    outline: Outline<'d>,
    /// What a use of each variable brings.
    variables: HashMap<&'v Name, usize>,
}

impl<'d> Reader<'d, '_> {
    fn selections(&mut self, set: &'d SelectionSet, around: Place) {
        if set.items.is_empty() {
            return;
        }
        let mut at = around;
        at.nesting += 1;
        self.outline.brackets(at.nesting);
        self.outline.tokens(2);
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    let name = field.name.node.as_str();
                    self.outline.field(name, at);
                    self.outline.tokens(1);
                    if field.alias.is_some() {
                        self.outline.aliased(name, at);
                        self.outline.tokens(2);
                    }
                    self.arguments(&field.arguments, at);
                    self.directives(&field.directives, at);
                    self.selections(&field.selection_set.node, at.below(name));
                }
                Selection::FragmentSpread(spread) => {
                    self.outline.spread(&spread.node.fragment_name.node, at);
                    self.outline.tokens(2);
                    self.directives(&spread.node.directives, at);
                }
                Selection::InlineFragment(fragment) => {
                    let fragment = &fragment.node;
                    self.outline.inline_fragment(at);
                    let condition = if fragment.type_condition.is_some() {
                        2
                    } else {
                        0
                    };
                    self.outline.tokens(1 + condition);
                    self.directives(&fragment.directives, at);
                    self.selections(&fragment.selection_set.node, at);
                }
            }
        }
    }

    fn directives(&mut self, directives: &[Positioned<Directive>], at: Place) {
        for directive in directives {
            self.outline.tokens(2);
            self.arguments(&directive.node.arguments, at);
        }
    }

    fn arguments(&mut self, arguments: &[(Positioned<Name>, Positioned<Value>)], at: Place) {
        if arguments.is_empty() {
            return;
        }
        self.outline.brackets(at.nesting + 1);
        self.outline.tokens(2);
        for (_, value) in arguments {
            self.outline.tokens(2);
            self.value(&value.node, at.nesting + 1);
        }
    }

    fn value(&mut self, value: &Value, nesting: usize) {
        self.outline.tokens(1);
        let text = match value {
            Value::String(text) => text.len(),
            Value::Enum(name) => name.len(),
            Value::Binary(bytes) => bytes.len(),
            Value::Null | Value::Number(_) | Value::Boolean(_) => 0,
            Value::Variable(name) => {
                self.outline.tokens(1);
                self.variables.get(name).copied().unwrap_or_default()
            }
            Value::List(items) => {
                self.outline.brackets(nesting + 1);
                self.outline.tokens(1);
                items.iter().for_each(|item| self.value(item, nesting + 1));
                0
            }
            Value::Object(entries) => {
                self.outline.brackets(nesting + 1);
                self.outline.tokens(1);
                for (name, entry) in entries {
                    self.outline.tokens(2);
                    self.outline.value(name.len());
                    self.value(entry, nesting + 1);
                }
                0
            }
        };
        self.outline.value(VALUE.saturating_add(text));
    }
}

/// What a variable's value counts for.
fn weight(value: &Constant) -> usize {
    let mut sum = 0;
    let mut rest = vec![value];
    while let Some(value) = rest.pop() {
        sum += VALUE;
        match value {
            Constant::String(text) => sum += text.len(),
            Constant::Enum(name) => sum += name.len(),
            Constant::Binary(bytes) => sum += bytes.len(),
            Constant::Null | Constant::Number(_) | Constant::Boolean(_) => {}
            Constant::List(items) => rest.extend(items),
            Constant::Object(entries) => {
                sum += entries.keys().map(|name| name.len()).sum::<usize>();
                rest.extend(entries.values());
            }
        }
    }
    sum
}
