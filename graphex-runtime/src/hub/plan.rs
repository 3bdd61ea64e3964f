//! Plans: equal subscribers share one, which is evaluated and encoded once per change.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indexmap::IndexMap;

use super::channel::Channel;
use super::index::EqualityIndex;
use crate::change::Row;
use crate::predicate::Predicate;
use crate::projection::Projection;
use crate::topic::Topic;

/// One distinct predicate and projection of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    pub(crate) predicate: Predicate,
    pub(crate) projection: Projection,
}

/// A subscription's place in the plans of its stream. It outlives a change of plan, so that
/// a delivery under way when `data` is replaced still arrives, and only once.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) channel: Arc<Channel>,
    /// Cleared under the outbox lock when the subscription ends.
    pub(crate) live: AtomicBool,
}

impl Member {
    pub(crate) fn new(channel: Arc<Channel>) -> Arc<Self> {
        Arc::new(Self {
            channel,
            live: AtomicBool::new(true),
        })
    }
}

/// The members of a plan, shared with deliveries under way: copied on a change only while
/// one of those still reads them.
pub(crate) type Members = Arc<IndexMap<MemberKey, Arc<Member>>>;

/// A member's address, which is its own for as long as the plan holds it.
type MemberKey = usize;

fn member_key(member: &Arc<Member>) -> MemberKey {
    Arc::as_ptr(member).addr()
}

/// Where a member is listed.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) member: Arc<Member>,
    topic: Topic,
    plan: Arc<Plan>,
}

/// The plans of one stream by the topic they listen on.
#[derive(Debug, Default)]
pub(crate) struct PlanTable {
    topics: HashMap<Topic, TopicPlans>,
    next_id: u64,
}

#[derive(Debug, Default)]
struct TopicPlans {
    ids: HashMap<Arc<Plan>, u64>,
    listed: HashMap<u64, (Arc<Plan>, Members)>,
    index: EqualityIndex<u64>,
}

impl PlanTable {
    /// Lists the member under the plan, which is made if it is the first.
    pub(crate) fn join(&mut self, topic: Topic, plan: Plan, member: Arc<Member>) -> Seat {
        let listeners = self.topics.entry(topic.clone()).or_default();
        let (plan, id) = match listeners.ids.get_key_value(&plan) {
            Some((plan, id)) => (Arc::clone(plan), *id),
            None => {
                let (plan, id) = (Arc::new(plan), self.next_id);
                self.next_id += 1;
                listeners.ids.insert(Arc::clone(&plan), id);
                listeners.index.insert(&plan.predicate, id);
                (plan, id)
            }
        };
        let (_, members) = listeners
            .listed
            .entry(id)
            .or_insert_with(|| (Arc::clone(&plan), Members::default()));
        Arc::make_mut(members).insert(member_key(&member), Arc::clone(&member));
        Seat {
            member,
            topic,
            plan,
        }
    }

    /// Takes the member from its plan; the last one takes the plan with it.
    pub(crate) fn leave(&mut self, seat: &Seat) {
        let Some(listeners) = self.topics.get_mut(&seat.topic) else {
            return;
        };
        let Some(&id) = listeners.ids.get(&seat.plan) else {
            return;
        };
        if let Some((_, members)) = listeners.listed.get_mut(&id) {
            let members = Arc::make_mut(members);
            members.swap_remove(&member_key(&seat.member));
            if !members.is_empty() {
                return;
            }
        }
        listeners.listed.remove(&id);
        listeners.ids.remove(&seat.plan);
        listeners.index.remove(&seat.plan.predicate, id);
        if listeners.ids.is_empty() {
            self.topics.remove(&seat.topic);
        }
    }

    /// The plans on this topic that the row may match, with their members as of now.
    pub(crate) fn candidates(&self, topic: &Topic, row: &Row) -> Vec<(Arc<Plan>, Members)> {
        self.topics.get(topic).map_or_else(Vec::new, |listeners| {
            listeners
                .index
                .find(row)
                .filter_map(|id| listeners.listed.get(&id).cloned())
                .collect()
        })
    }

    /// Topics and plans listed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let plans = self.topics.values().map(|listeners| listeners.ids.len());
        (self.topics.len(), plans.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::Action;
    use crate::hub::Identity;
    use crate::hub::channel::ChannelId;
    use crate::limits::Limits;
    use crate::model::{Model, Payload};
    use crate::predicate::Pins;
    use crate::value::{Field as _, Value};

    static MODEL: Model = Model::sample(
        Payload::Full,
        &[i64::TYPE.named("id", "ID"), i64::TYPE.named("room", "ROOM")],
        &[],
    );

    fn join(table: &mut PlanTable, room: i64, data: &[usize]) -> Seat {
        let id = ChannelId::random().unwrap();
        let channel = Channel::new(id, Identity::anonymous(), None, &Limits::default());
        let predicate = Predicate::new(Pins::new().equal(1, &room), None);
        let topic = Topic::listened(&MODEL, Action::Create, &predicate);
        let projection = Projection::new(&MODEL, Some(data));
        let plan = Plan {
            predicate,
            projection,
        };
        table.join(topic, plan, Member::new(Arc::new(channel)))
    }

    #[test]
    fn a_change_costs_what_matches_not_who_listens() {
        let mut table = PlanTable::default();
        let seats: Vec<_> = (0..1_000).map(|room| join(&mut table, room, &[])).collect();
        assert_eq!(table.counts(), (1, 1_000));
        let row = Row::from([Value::Int(1), Value::Int(7)]);
        assert_eq!(table.candidates(&seats[0].topic, &row).len(), 1);
        for seat in &seats {
            table.leave(seat);
        }
        assert_eq!(table.counts(), (0, 0));
    }

    #[test]
    fn equal_subscribers_share_a_plan_and_others_do_not() {
        let mut table = PlanTable::default();
        let first = join(&mut table, 7, &[]);
        let second = join(&mut table, 7, &[0, 1]);
        let other = join(&mut table, 7, &[0]);
        assert_eq!(table.counts(), (1, 2));
        table.leave(&first);
        table.leave(&first);
        assert_eq!(table.counts(), (1, 2));
        table.leave(&second);
        table.leave(&other);
        assert_eq!(table.counts(), (0, 0));
    }

    #[test]
    fn a_delivery_under_way_keeps_its_members() {
        let mut table = PlanTable::default();
        let seat = join(&mut table, 7, &[]);
        let row = Row::from([Value::Int(1), Value::Int(7)]);
        let under_way = table.candidates(&seat.topic, &row);
        table.leave(&seat);
        assert_eq!(under_way[0].1.len(), 1);
        assert!(table.candidates(&seat.topic, &row).is_empty());
    }
}
