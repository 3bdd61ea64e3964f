//! What a layer routes by.
//!
//! A topic's name is `messages-create`, or narrowed by the index fields
//! `messages-create:room=42&tenant=7`: keys sorted, keys and values percent-encoded, so that
//! subscriber and publisher build the same name, and only for the same values.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::change::{Action, Change};
use crate::model::Model;
use crate::predicate::Predicate;
use crate::value::Value;

/// The unreserved characters of RFC 3986, section 2.3, stand for themselves.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a layer routes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Topic(Arc<str>);

impl Topic {
    /// The topic that a subscriber with this predicate listens on.
    pub(crate) fn listened(model: &Model, action: Action, predicate: &Predicate) -> Self {
        Self::narrowed(model, action, |field| predicate.equality(field))
            .unwrap_or_else(|| Self::coarse(model, action))
    }

    /// The topics that a change is published to: at most two.
    pub(crate) fn published(change: &Change) -> impl Iterator<Item = Self> {
        let narrowed = Self::narrowed(change.model, change.action, |field| {
            Some(change.row.value(field))
        });
        std::iter::once(Self::coarse(change.model, change.action)).chain(narrowed)
    }

    /// The topic's canonical name.
    #[cfg(test)]
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    fn coarse(model: &Model, action: Action) -> Self {
        Self(format!("{}-{action}", model.stream).into())
    }

    /// `None` where there is no index, or an index field has no value: nobody pins `NULL`.
    fn narrowed<'v>(
        model: &Model,
        action: Action,
        value: impl Fn(usize) -> Option<&'v Value>,
    ) -> Option<Self> {
        if model.index.is_empty() {
            return None;
        }
        let mut pairs = model
            .index
            .iter()
            .map(|&field| {
                let value = value(field).filter(|value| !value.is_null())?;
                let mut text = String::new();
                value.write_canonical(&mut text);
                Some((model.fields[field].name, text))
            })
            .collect::<Option<Vec<_>>>()?;
        pairs.sort_unstable();
        let mut name = format!("{}-{action}", model.stream);
        for (position, (key, value)) in pairs.iter().enumerate() {
            name.push(if position == 0 { ':' } else { '&' });
            name.extend(utf8_percent_encode(key, ENCODED));
            name.push('=');
            name.extend(utf8_percent_encode(value, ENCODED));
        }
        Some(Self(name.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::change::Row;
    use crate::model::Payload;
    use crate::predicate::Pins;
    use crate::value::Field as _;

    static MODEL: Model = Model::sample(
        Payload::IdOnly,
        &[
            i64::TYPE.named("id", "ID"),
            Option::<String>::TYPE.named("tenant", "TENANT"),
            String::TYPE.named("a room", "A_ROOM"),
        ],
        &[1, 2],
    );

    fn change(tenant: Option<&str>, room: &str) -> Change {
        Change {
            model: &MODEL,
            action: Action::Create,
            row: Row::from([
                Value::Int(1),
                tenant.map_or(Value::Null, |tenant| Value::Text(tenant.into())),
                Value::Text(room.into()),
            ]),
        }
    }

    fn published(change: &Change) -> Vec<String> {
        Topic::published(change)
            .map(|topic| topic.name().to_owned())
            .collect()
    }

    #[test]
    fn names_are_sorted_and_encoded() {
        assert_eq!(
            published(&change(Some("7&room=1"), "é:")),
            [
                "messages-create",
                "messages-create:a%20room=%C3%A9%3A&tenant=7%26room%3D1"
            ]
        );
    }

    #[test]
    fn a_row_without_an_index_value_has_the_coarse_topic_alone() {
        assert_eq!(published(&change(None, "1")), ["messages-create"]);
    }

    proptest! {
        #[test]
        fn subscriber_and_publisher_meet_exactly_on_equal_values(
            tenant in "\\PC{0,3}|[&=:%a]{0,3}", room in "\\PC{0,3}|[&=:%a]{0,3}",
            other_tenant in "\\PC{0,3}|[&=:%a]{0,3}", other_room in "\\PC{0,3}|[&=:%a]{0,3}",
        ) {
            let scope = Pins::new().equal(1, &tenant).equal(2, &room);
            let topic = Topic::listened(&MODEL, Action::Create, &Predicate::new(scope, None));
            prop_assert!(published(&change(Some(&tenant), &room)).contains(&topic.name().to_owned()));
            let same = (&tenant, &room) == (&other_tenant, &other_room);
            let met = published(&change(Some(&other_tenant), &other_room)).contains(&topic.name().to_owned());
            prop_assert_eq!(met, same);
        }

        #[test]
        fn a_scope_that_lacks_an_index_field_listens_on_the_coarse_topic(room in "\\PC{0,3}") {
            let predicate = Predicate::new(Pins::new().equal(2, &room), None);
            let topic = Topic::listened(&MODEL, Action::Create, &predicate);
            prop_assert_eq!(topic.name(), "messages-create");
        }
    }
}
