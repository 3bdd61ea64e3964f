//! The keys of the struct.

use darling::FromMeta;

use super::Keys;
use super::field::FieldAttr;
use super::lookup::LookupNames;
use super::value::{CratePath, Flag, Names, ScopeNames, Switch, Text};
use crate::help::{self, Key};
use crate::synonym::{self, Synonym};

/// Each value is `Some(Err(_))` when the key is there but malformed, so that no rule takes it for
/// absent.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct ContainerAttr {
    pub(crate) stream: Option<darling::Result<Text>>,
    pub(crate) serialize_data: Option<darling::Result<Switch>>,
    pub(crate) scope: Option<darling::Result<ScopeNames>>,
    pub(crate) index_fields: Option<darling::Result<Names>>,
    pub(crate) authorize: Option<darling::Result<Flag>>,
    pub(crate) lookup: Option<darling::Result<LookupNames>>,
    pub(crate) patterns: Option<darling::Result<Switch>>,
    pub(crate) table: Option<darling::Result<Text>>,
    pub(crate) field: Option<darling::Result<Text>>,
    pub(crate) name: Option<darling::Result<Text>>,
    pub(crate) label: Option<darling::Result<Text>>,
    pub(crate) description: Option<darling::Result<Text>>,
    #[darling(rename = "crate")]
    pub(crate) krate: Option<darling::Result<CratePath>>,
}

impl Keys for ContainerAttr {
    const PLACE: &'static str = "struct";
    const KEYS: &'static [Key] = help::CONTAINER;
    const ELSEWHERE: (&'static str, &'static [Key]) = (FieldAttr::PLACE, help::FIELD);
    const SYNONYMS: &'static [Synonym] = synonym::CONTAINER;
    const FLAGS: &'static [&'static str] = &["authorize"];
}
