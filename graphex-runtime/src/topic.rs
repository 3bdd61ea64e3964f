//! What a layer routes by.
//!
//! A topic's name is `messages-create`, or narrowed by the index fields
//! `messages-create:room=42&tenant=7`: keys sorted, keys and values percent-encoded, so that
//! subscriber and publisher build the same name, and only for the same values.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use smallvec::SmallVec;

use crate::change::{Action, Change, Row};
use crate::model::Model;
use crate::predicate::{MOST_COMBINATIONS, Predicate};
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

/// The topics of one row.
pub(crate) type Topics = SmallVec<[Topic; 2]>;

impl Topic {
    /// The topics that a subscriber with this predicate listens on: the coarse one, or those
    /// of all values that the index fields can have, if these are not more than `limit`. None
    /// at all where an index field can have no value.
    pub(crate) fn listened(
        model: &Model,
        action: Action,
        predicate: &Predicate,
        limit: usize,
    ) -> Vec<Self> {
        let pinned = model.index.iter().map(|field| predicate.pinned(*field));
        let Some(pinned) = pinned.collect::<Option<Vec<_>>>() else {
            return vec![Self::coarse(model, action)];
        };
        let combinations = pinned
            .iter()
            .try_fold(1_usize, |product, values| product.checked_mul(values.len()));
        let limit = limit.min(MOST_COMBINATIONS);
        if model.index.is_empty() || combinations.is_none_or(|count| count > limit) {
            return vec![Self::coarse(model, action)];
        }
        let mut combined = vec![Vec::new()];
        for values in pinned {
            let with_each = |chosen: Vec<_>| {
                let with = move |value| chosen.iter().copied().chain([value]).collect();
                values.iter().map(with).collect::<Vec<Vec<&Value>>>()
            };
            combined = combined.into_iter().flat_map(with_each).collect();
        }
        let narrowed = |values: Vec<_>| Self::narrowed(model, action, values);
        combined.into_iter().map(narrowed).collect()
    }

    /// The topics that a change is published to: at most two. A row without a value of an index
    /// field has the coarse one alone: nobody pins null.
    ///
    /// A row that moved is published under its new values. Under the old ones those are found who
    /// lose it, where the row before is known.
    pub(crate) fn published(change: &Change) -> impl Iterator<Item = Self> {
        Self::of_row(change.model, change.action, &change.row)
    }

    /// The topics of the row as it was before the change.
    pub(crate) fn published_before(change: &Change, before: &Row) -> impl Iterator<Item = Self> {
        Self::of_row(change.model, change.action, before)
    }

    fn of_row(model: &Model, action: Action, row: &Row) -> impl Iterator<Item = Self> + use<> {
        let values = model.index.iter().map(|field| row.value(*field));
        let values: SmallVec<[_; 4]> = values.filter(|value| !value.is_null()).collect();
        let narrowed = !values.is_empty() && values.len() == model.index.len();
        let narrowed = narrowed.then(|| Self::narrowed(model, action, values));
        std::iter::once(Self::coarse(model, action)).chain(narrowed)
    }

    /// Whether both changes are published to the same topics, without building their names.
    #[cfg(feature = "redis")]
    pub(crate) fn are_shared(one: &Change, other: &Change) -> bool {
        let index = one.model.index;
        one.model.stream == other.model.stream
            && one.action == other.action
            && index
                .iter()
                .all(|field| one.row.value(*field) == other.row.value(*field))
    }

    /// The topic of this canonical name.
    #[cfg(any(feature = "redis", test))]
    pub(crate) fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The topic's canonical name.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }

    /// The stream whose changes are published to it.
    #[cfg(feature = "redis")]
    pub(crate) fn stream(&self) -> &str {
        // Neither an action nor what is percent-encoded has a colon, and no stream ends in one.
        let coarse = self.0.split(':').next().unwrap_or_default();
        coarse.rsplit_once('-').map_or(coarse, |(stream, _)| stream)
    }

    fn coarse(model: &Model, action: Action) -> Self {
        Self(format!("{}-{action}", model.stream).into())
    }

    /// With a value for each index field, in their order.
    fn narrowed<'v>(
        model: &Model,
        action: Action,
        values: impl IntoIterator<Item = &'v Value>,
    ) -> Self {
        let pair =
            |(field, value): (&usize, &Value)| (model.fields[*field].name, value.canonical());
        let mut pairs: SmallVec<[_; 4]> = model.index.iter().zip(values).map(pair).collect();
        pairs.sort_unstable();
        let mut name = format!("{}-{action}", model.stream);
        for (position, (key, value)) in pairs.iter().enumerate() {
            name.push(if position == 0 { ':' } else { '&' });
            name.extend(utf8_percent_encode(key, ENCODED));
            name.push('=');
            name.extend(utf8_percent_encode(value, ENCODED));
        }
        Self(name.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::change::Row;
    use crate::filters::Filters;
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
            before: None,
            cursor: None,
            position: None,
            published: false,
            received: crate::measure::Stamp::now(),
        }
    }

    fn published(change: &Change) -> Vec<String> {
        Topic::published(change)
            .map(|topic| topic.name().to_owned())
            .collect()
    }

    fn listened(scope: Pins, limit: usize) -> Vec<String> {
        let predicate = Predicate::new(scope, None, &Filters::default());
        let topics = Topic::listened(&MODEL, Action::Create, &predicate, limit);
        topics.iter().map(|topic| topic.name().to_owned()).collect()
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
            let [topic] = &listened(scope, 1)[..] else { panic!("one topic") };
            prop_assert!(published(&change(Some(&tenant), &room)).contains(topic));
            let same = (&tenant, &room) == (&other_tenant, &other_room);
            let met = published(&change(Some(&other_tenant), &other_room)).contains(topic);
            prop_assert_eq!(met, same);
        }

        #[test]
        fn a_scope_that_lacks_an_index_field_listens_on_the_coarse_topic(room in "\\PC{0,3}") {
            prop_assert_eq!(listened(Pins::new().equal(2, &room), 9), ["messages-create"]);
        }
    }

    #[test]
    fn several_values_are_several_topics_up_to_the_limit() {
        let scope = |tenants: &[&str], rooms: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
            let (tenants, rooms): (Vec<_>, Vec<_>) = (owned(tenants), owned(rooms));
            Pins::new().any_of(1, &tenants).any_of(2, &rooms)
        };
        let topic = |tenant, room| format!("messages-create:a%20room={room}&tenant={tenant}");
        assert_eq!(
            listened(scope(&["7", "8"], &["1", "2"]), 4),
            [topic(7, 1), topic(7, 2), topic(8, 1), topic(8, 2)]
        );
        assert_eq!(
            listened(scope(&["7", "8"], &["1", "2"]), 3),
            ["messages-create"]
        );
        assert_eq!(listened(scope(&["7"], &[]), 4), [""; 0]);
    }
}
