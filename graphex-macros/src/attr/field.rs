//! The keys of a field.

use darling::FromMeta;

use super::Keys;
use super::container::ContainerAttr;
use super::value::{Flag, Text};
use crate::help::{self, Key};
use crate::synonym::{self, Synonym};

/// As in [`ContainerAttr`], a malformed key is not an absent one.
#[derive(Debug, Default, FromMeta)]
#[darling(default)]
pub(crate) struct FieldAttr {
    pub(crate) skip: Option<darling::Result<Flag>>,
    pub(crate) rename: Option<darling::Result<Text>>,
    pub(crate) column: Option<darling::Result<Text>>,
    pub(crate) opaque: Option<darling::Result<Flag>>,
    pub(crate) expose: Option<darling::Result<Flag>>,
}

impl Keys for FieldAttr {
    const PLACE: &'static str = "field";
    const KEYS: &'static [Key] = help::FIELD;
    const ELSEWHERE: (&'static str, &'static [Key]) = (ContainerAttr::PLACE, help::CONTAINER);
    const SYNONYMS: &'static [Synonym] = synonym::FIELD;
    const FLAGS: &'static [&'static str] = &["skip", "opaque", "expose"];
}
