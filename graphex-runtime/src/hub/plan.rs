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
