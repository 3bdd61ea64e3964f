//! Plans: equal subscribers share one, which is evaluated and encoded once per change.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use indexmap::IndexMap;

use super::channel::Channel;
use super::index::EqualityIndex;
use super::operation::Envelope;
use crate::change::{Action, Row};
use crate::predicate::Predicate;
use crate::projection::Projection;
use crate::topic::Topic;

/// One distinct predicate and projection of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    pub(crate) action: Action,
    pub(crate) predicate: Predicate,
    pub(crate) projection: Projection,
}

/// A subscription's place in the plans of its stream. It outlives a change of plan, so that
/// a delivery under way when `data` is replaced still arrives, and only once.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) channel: Arc<Channel>,
    /// What its frames have around the payload.
    pub(super) envelope: Envelope,
    /// Cleared under the outbox lock when the subscription ends.
    pub(crate) live: AtomicBool,
}

impl Member {
    pub(crate) fn new(channel: Arc<Channel>, envelope: Envelope) -> Arc<Self> {
        Arc::new(Self {
            channel,
            envelope,
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
    plan: PlanId,
}

/// Never used twice.
type PlanId = u64;

/// The plans of one stream, found by the topics they listen on and the values they pin.
#[derive(Debug, Default)]
pub(crate) struct PlanTable {
    ids: HashMap<Arc<Plan>, PlanId>,
    listed: HashMap<PlanId, Listed>,
    topics: HashMap<Topic, EqualityIndex<PlanId>>,
    next_id: PlanId,
}

#[derive(Debug)]
struct Listed {
    plan: Arc<Plan>,
    topics: Box<[Topic]>,
    members: Members,
}

impl PlanTable {
    /// Lists the member under the plan, which is made if it is the first. Equal plans have
    /// equal topics.
    pub(crate) fn join(&mut self, topics: Vec<Topic>, plan: Plan, member: Arc<Member>) -> Seat {
        let id = match self.ids.get(&plan) {
            Some(id) => *id,
            None => self.list(topics, plan),
        };
        if let Some(listed) = self.listed.get_mut(&id) {
            Arc::make_mut(&mut listed.members).insert(member_key(&member), Arc::clone(&member));
        }
        Seat { member, plan: id }
    }

    fn list(&mut self, topics: Vec<Topic>, plan: Plan) -> PlanId {
        let (plan, id) = (Arc::new(plan), self.next_id);
        self.next_id += 1;
        for topic in &topics {
            let index = self.topics.entry(topic.clone()).or_default();
            index.insert(&plan.predicate, id);
        }
        self.ids.insert(Arc::clone(&plan), id);
        let listed = Listed {
            plan,
            topics: topics.into(),
            members: Members::default(),
        };
        self.listed.insert(id, listed);
        id
    }

    /// Takes the member from its plan; the last one takes the plan with it.
    pub(crate) fn leave(&mut self, seat: &Seat) {
        let Some(listed) = self.listed.get_mut(&seat.plan) else {
            return;
        };
        let members = Arc::make_mut(&mut listed.members);
        members.swap_remove(&member_key(&seat.member));
        if !members.is_empty() {
            return;
        }
        let Some(Listed { plan, topics, .. }) = self.listed.remove(&seat.plan) else {
            return;
        };
        self.ids.remove(&plan);
        for topic in &topics {
            if let Some(index) = self.topics.get_mut(topic) {
                index.remove(&plan.predicate, seat.plan);
                if index.is_empty() {
                    self.topics.remove(topic);
                }
            }
        }
    }

    /// The plans on these topics that the row may match, with their members as of now. A plan
    /// listens on the coarse topic or on narrowed ones, and a change has one of each.
    pub(crate) fn candidates(&self, topics: &[Topic], row: &Row) -> Vec<(Arc<Plan>, Members)> {
        let indexes = topics.iter().filter_map(|topic| self.topics.get(topic));
        let found = indexes.flat_map(|index| index.find(row));
        found
            .filter_map(|id| self.listed.get(&id))
            .map(|listed| (Arc::clone(&listed.plan), Arc::clone(&listed.members)))
            .collect()
    }

    /// Topics and plans listed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.topics.len(), self.listed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters::Filters;
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

    /// The coarse topic.
    fn topics() -> Vec<Topic> {
        let every_row = Predicate::new(Pins::new(), None, &Filters::default());
        Topic::listened(&MODEL, Action::Create, &every_row, 1)
    }

    fn join(table: &mut PlanTable, room: i64, data: &[usize]) -> Seat {
        let id = ChannelId::random().unwrap();
        let channel = Channel::new(id, Identity::anonymous(), None, &Limits::default());
        let predicate = Predicate::new(Pins::new().equal(1, &room), None, &Filters::default());
        let projection = Projection::notification(&MODEL, Some(data));
        let plan = Plan {
            action: Action::Create,
            predicate,
            projection,
        };
        let member = Member::new(Arc::new(channel), Envelope::default());
        table.join(topics(), plan, member)
    }

    #[test]
    fn a_change_costs_what_matches_not_who_listens() {
        let mut table = PlanTable::default();
        let seats: Vec<_> = (0..1_000).map(|room| join(&mut table, room, &[])).collect();
        assert_eq!(table.counts(), (1, 1_000));
        let row = Row::from([Value::Int(1), Value::Int(7)]);
        assert_eq!(table.candidates(&topics(), &row).len(), 1);
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
        let under_way = table.candidates(&topics(), &row);
        table.leave(&seat);
        assert_eq!(under_way[0].1.len(), 1);
        assert!(table.candidates(&topics(), &row).is_empty());
    }
}
