//! The checked model: what the expanders know of a struct, with the tokens to blame kept beside
//! each name. After an error it still exists, with what could be made out, for the stubs.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{Attribute, Path, Visibility};

use crate::attr::hidden::Hidden;
use crate::attr::value::ScopeForm;
use crate::case;

/// A struct that is a model.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) ident: Ident,
    /// The struct's visibility, for every generated item.
    pub(crate) vis: Visibility,
    /// The user's `#[allow(...)]`s, which must hold for what is made from the struct too.
    pub(crate) allows: Vec<Attribute>,
    /// Whether the struct has type, lifetime or const parameters. Only in front of stubs.
    pub(crate) generic: bool,
    pub(crate) krate: Path,
    /// The prefix of the GraphQL type names.
    pub(crate) name: Spelled,
    pub(crate) stream: Spelled,
    /// The GraphQL field of the subscription.
    pub(crate) field: Spelled,
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) payload: Payload,
    /// What hides the whole struct from another derive.
    pub(crate) hidden: Option<Hidden>,
    /// The `authorize` key, when the user writes `Authorized`.
    pub(crate) authorize: Option<Path>,
    pub(crate) scope: Option<Listed<ScopeEntry>>,
    pub(crate) index: Option<Listed<Reference>>,
    pub(crate) lookup: Option<Listed<Lookup>>,
    /// Whether fields have lookups with a regular expression.
    pub(crate) patterns: bool,
    pub(crate) fields: Vec<Field>,
    /// The field of the primary key; `None` only in front of stubs.
    pub(crate) key: Option<usize>,
    /// Diesel's table.
    pub(crate) diesel_table: Option<Path>,
    /// The table that `#[graphex(table = "...")]` names.
    pub(crate) named_table: Option<NamedTable>,
}

/// A table without Diesel's `table!`.
#[derive(Debug)]
pub(crate) struct NamedTable {
    pub(crate) key: Path,
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
}

/// A name and the tokens that spell it, or that it was derived from.
#[derive(Debug)]
pub(crate) struct Spelled {
    pub(crate) text: String,
    pub(crate) at: TokenStream,
}

/// What a notification carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Payload {
    Full,
    IdOnly,
}

/// The fields that a key lists.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) key: Path,
    pub(crate) entries: Vec<T>,
    /// Whether each entry could be read and resolved: rules about what is *missing* ask first.
    pub(crate) complete: bool,
}

/// A field named in a key.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) field: usize,
    pub(crate) at: Ident,
    /// Whether the name was mistyped, and this the field it resembles.
    pub(crate) guessed: bool,
}

/// A field that the server pins.
#[derive(Clone, Debug)]
pub(crate) struct ScopeEntry {
    pub(crate) form: ScopeForm,
    pub(crate) field: Reference,
}

/// What a row cannot tell by itself, and a function of the user's tells.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// The function: `r#type` for the lookup `type`.
    pub(crate) ident: Ident,
    /// Its key in the filters.
    pub(crate) name: Spelled,
    /// The fields that the function gets; `None` for an unknown one, in front of stubs.
    pub(crate) args: Vec<Option<Reference>>,
    /// The operand's type as it reads outside the struct; `None` only in front of stubs.
    pub(crate) operand: Option<TokenStream>,
}

/// A field with its keys; each key is kept as the tokens to blame.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The type as it reads outside the struct.
    pub(crate) ty: TokenStream,
    /// Its name in payloads, filters and topics.
    pub(crate) name: Spelled,
    pub(crate) column: Column,
    /// The `column` key.
    pub(crate) column_key: Option<Path>,
    pub(crate) skip: Option<Path>,
    pub(crate) rename: Option<Path>,
    pub(crate) opaque: Option<Path>,
    pub(crate) expose: Option<Path>,
    /// What hides the field from another derive.
    pub(crate) hidden: Option<Hidden>,
    /// Whether a key was there of which nobody knows what it was meant to be.
    pub(crate) doubtful: bool,
    /// Whether a key that is none calls it the primary key.
    pub(crate) is_called_key: bool,
}

/// Where the value of a field is in the table.
#[derive(Debug)]
pub(crate) enum Column {
    /// A column of Diesel's table, or of one that calls it as the field is called.
    Ident(Ident),
    /// A column that `column = "..."` names.
    Named(String),
    /// Nowhere: Diesel computes it, or makes it of several columns.
    Computed,
}

impl Column {
    /// Its name in SQL, as far as it is known here.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Self::Ident(ident) => Some(case::unraw(ident)),
            Self::Named(name) => Some(name.clone()),
            Self::Computed => None,
        }
    }
}

impl Field {
    pub(crate) fn visible(&self) -> bool {
        self.skip.is_none()
    }
}

impl Model {
    /// The fields that clients may see, in the order of the struct.
    pub(crate) fn visible(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| field.visible())
    }

    /// The fields of the descriptor and of each row: the visible ones and those that the server
    /// routes, restricts or looks up by. All others stay in the struct.
    pub(crate) fn described(&self) -> impl Iterator<Item = (usize, &Field)> {
        let is_described = |&(at, _): &(usize, &Field)| self.is_described(at);
        self.fields.iter().enumerate().filter(is_described)
    }

    /// The position of a field in the descriptor.
    pub(crate) fn position(&self, field: usize) -> usize {
        self.described().take_while(|&(at, _)| at < field).count()
    }

    pub(crate) fn is_described(&self, at: usize) -> bool {
        self.fields[at].visible() || self.references().any(|reference| reference.field == at)
    }

    /// Every field named by `scope`, `index_fields` and `lookup`.
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        let looked_up = self.lookups().iter().flat_map(|lookup| &lookup.args);
        self.index_entries()
            .iter()
            .chain(self.scope_entries().iter().map(|entry| &entry.field))
            .chain(looked_up.flatten())
    }

    pub(crate) fn scope_entries(&self) -> &[ScopeEntry] {
        self.scope.as_ref().map_or(&[], |scope| &scope.entries)
    }

    pub(crate) fn index_entries(&self) -> &[Reference] {
        self.index.as_ref().map_or(&[], |index| &index.entries)
    }

    pub(crate) fn lookups(&self) -> &[Lookup] {
        self.lookup.as_ref().map_or(&[], |lookup| &lookup.entries)
    }

    /// A field as the user wrote it.
    pub(crate) fn spell(&self, field: usize) -> String {
        self.fields[field].ident.to_string()
    }

    /// What generated code may call.
    pub(crate) fn private(&self) -> TokenStream {
        let krate = &self.krate;
        quote!(#krate::__private)
    }

    /// The struct, named from inside the derive: rustc then keeps silent where the user has
    /// marked the struct `#[deprecated]`.
    pub(crate) fn subject(&self) -> Ident {
        within_derive(&self.ident)
    }

    pub(crate) fn fields_ident(&self) -> Ident {
        format_ident!("{}Fields", self.ident)
    }

    pub(crate) fn args_ident(&self) -> Ident {
        format_ident!("{}SubscriptionArgs", self.ident)
    }

    pub(crate) fn scope_ident(&self) -> Ident {
        format_ident!("{}Scope", self.ident)
    }

    pub(crate) fn lookups_ident(&self) -> Ident {
        format_ident!("{}Lookups", self.ident)
    }

    /// In front of stubs, the type in place of one that could not be read.
    pub(crate) fn unknown_ident(&self) -> Ident {
        format_ident!("__{}Unknown", self.ident)
    }

    pub(crate) fn subscription_ident(&self) -> Ident {
        format_ident!("{}Subscription", self.ident)
    }

    pub(crate) fn changes_ident(&self) -> Ident {
        format_ident!("{}Changes", self.ident)
    }

    /// The GraphQL field of the events.
    pub(crate) fn changes_field(&self) -> String {
        case::camel(&self.name.text) + "Changes"
    }
}

impl Spelled {
    pub(crate) fn new(text: impl Into<String>, at: &impl ToTokens) -> Self {
        Self {
            text: text.into(),
            at: at.to_token_stream(),
        }
    }
}

pub(crate) fn within_derive(ident: &Ident) -> Ident {
    let mut ident = ident.clone();
    ident.set_span(ident.span().resolved_at(Span::call_site()));
    ident
}
