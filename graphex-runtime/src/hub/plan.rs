//! Plans: equal subscribers share one, which is evaluated and encoded once per change.

mod candidates;

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub(super) use candidates::Candidate;
use candidates::Scanned;
use indexmap::IndexMap;

use super::backlog::Backlog;
use super::budget::Budgets;
use super::holdings::Held;
use super::index::EqualityIndex;
use super::owner::Owner;
use super::slab::Slab;
use super::subscriber::Member;
use super::throttle::Throttle;
use crate::change::Action;
use crate::layer::Listening;
use crate::predicate::Predicate;
use crate::projection::Projection;
use crate::topic::Topic;

/// One distinct predicate and projection of a stream. A clone is the same predicate and projection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Plan {
    pub(crate) action: Action,
    pub(crate) predicate: Predicate,
    pub(crate) projection: Projection,
    /// The least time between two updates of one row, in milliseconds.
    pub(crate) throttle: Option<NonZeroU32>,
}

impl Plan {
    fn throttled(&self) -> Option<Throttled> {
        let (predicate, projection) = (&self.predicate, &self.projection);
        self.throttle
            .map(|interval| (predicate.clone(), projection.clone(), interval))
    }
}

/// The members of a plan, each by its [key](Member::key).
pub(crate) type Members = IndexMap<usize, Member>;

/// Where a member is listed.
#[derive(Debug)]
pub(crate) struct Seat {
    member: Member,
    plan: Plan,
    /// Keeps the topics of the plan coming.
    pub(super) listening: Listening,
    /// The subscription's, with its other actions.
    pub(super) held: Option<Arc<Held>>,
    is_listed: bool,
}

impl Seat {
    /// A seat of who gets nothing of the plan yet.
    pub(super) fn waiting(
        member: Member,
        plan: Plan,
        listening: Listening,
        held: Arc<Held>,
    ) -> Self {
        let held = Some(held);
        Self {
            member,
            plan,
            listening,
            held,
            is_listed: false,
        }
    }

    /// Whether it gets what the plan matches.
    pub(super) fn is_listed(&self) -> bool {
        self.is_listed
    }

    pub(super) fn member(&self) -> &Member {
        &self.member
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// A plan with its members as of one moment. Deliveries under way share it: it is copied on a change
/// only while one of those still reads it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) plan: Plan,
    pub(crate) members: Members,
    /// Where what a row does not tell cheaply is decided.
    pub(crate) backlog: Option<Arc<Backlog>>,
    /// What holds its updates back.
    pub(crate) throttle: Option<Arc<Throttle>>,
}

/// The plans of one stream, found by the topics they listen on and the values they pin.
#[derive(Debug, Default)]
pub(crate) struct PlanTable {
    plans: HashMap<Plan, Listing>,
    topics: HashMap<Topic, Listeners>,
    /// The plans that the indexes of the topics find. A change finds few of them, each of which costs
    /// one count of references.
    found: Slab<Arc<Listed>>,
    /// One of each, and how many plans have it: for a hundred thousand plans there is one template
    /// in the processor's cache.
    projections: HashMap<Projection, usize>,
    /// One for each predicate that has something to decide, and how many plans have it: their
    /// decisions come in the order of the changes.
    backlogs: HashMap<Predicate, (Arc<Backlog>, usize)>,
    /// One for plans that differ in their action alone, and how many they are.
    pub(super) throttles: HashMap<Throttled, (Arc<Throttle>, usize)>,
}

/// What plans have in common that share a throttle.
type Throttled = (Predicate, Projection, NonZeroU32);

/// Where a plan is listed.
#[derive(Debug)]
struct Listing {
    topics: Box<[Topic]>,
    /// The topic, where each change on it has to be tested.
    scanned_on: Option<Topic>,
    /// In the slab of that topic, or in the one for all that is found.
    place: usize,
}

/// The plans on one topic.
#[derive(Debug, Default)]
struct Listeners {
    /// Places of plans that pin a field.
    index: EqualityIndex<usize>,
    /// All others.
    scanned: Slab<Scanned>,
}

impl PlanTable {
    /// Lists the member under the plan, which is made if it is the first. Equal plans have
    /// equal topics.
    pub(crate) fn join(
        &mut self,
        topics: Vec<Topic>,
        plan: Plan,
        member: Member,
        budgets: &Budgets,
    ) -> Seat {
        let owner = &member.subscriber.channel.owner;
        let plan = match self.plans.get_key_value(&plan) {
            Some((plan, _)) => plan.clone(),
            None => self.list(topics, plan, owner, budgets),
        };
        if let Some(listed) = self.listed(&plan) {
            if let Some(backlog) = &listed.backlog {
                backlog.share(owner, budgets);
            }
            listed.members.insert(member.key(), member.clone());
        }
        Seat {
            member,
            plan,
            listening: Listening::default(),
            held: None,
            is_listed: true,
        }
    }

    fn list(
        &mut self,
        topics: Vec<Topic>,
        mut plan: Plan,
        owner: &Owner,
        budgets: &Budgets,
    ) -> Plan {
        plan.projection = self.share(plan.projection);
        let backlog = plan.predicate.is_costly().then(|| {
            let backlogs = self.backlogs.entry(plan.predicate.clone());
            let (backlog, plans) =
                backlogs.or_insert_with(|| (Arc::new(Backlog::new(owner, budgets)), 0));
            *plans += 1;
            Arc::clone(backlog)
        });
        let throttle = plan.throttled().map(|throttled| {
            let interval = Duration::from_millis(u64::from(throttled.2.get()));
            let shared = self.throttles.entry(throttled);
            let (throttle, plans) =
                shared.or_insert_with(|| (Arc::new(Throttle::new(interval)), 0));
            *plans += 1;
            Arc::clone(throttle)
        });
        let listed = Arc::new(Listed {
            plan: plan.clone(),
            members: Members::default(),
            backlog,
            throttle,
        });
        // What an index cannot find listens on the coarse topic alone: it does not pin all index
        // fields, or to more values than there may be topics.
        let is_found = EqualityIndex::<usize>::finds(&plan.predicate);
        let scanned_on = topics.first().filter(|_| !is_found).cloned();
        let place = match &scanned_on {
            Some(topic) => {
                let listeners = self.topics.entry(topic.clone()).or_default();
                listeners.scanned.put(Scanned::new(listed))
            }
            None => {
                let place = self.found.put(listed);
                for topic in &topics {
                    let listeners = self.topics.entry(topic.clone()).or_default();
                    listeners.index.insert(&plan.predicate, place);
                }
                place
            }
        };
        let listing = Listing {
            topics: topics.into(),
            scanned_on,
            place,
        };
        self.plans.insert(plan.clone(), listing);
        plan
    }

    /// The projection as plans have it that are listed, if there are any.
    pub(crate) fn shared(&self, projection: &Projection) -> Projection {
        let listed = self.projections.get_key_value(projection);
        listed.map_or(projection, |(listed, _)| listed).clone()
    }

    fn share(&mut self, projection: Projection) -> Projection {
        let entry = self.projections.entry(projection);
        let shared = entry.key().clone();
        *entry.or_default() += 1;
        shared
    }

    /// The plan has no members any more.
    fn unshare(&mut self, plan: &Plan) {
        release(&mut self.projections, &plan.projection, |plans| plans);
        if plan.predicate.is_costly() {
            release(&mut self.backlogs, &plan.predicate, |(_, plans)| plans);
        }
        if let Some(throttled) = plan.throttled() {
            release(&mut self.throttles, &throttled, |(_, plans)| plans);
        }
    }

    fn listed(&mut self, plan: &Plan) -> Option<&mut Listed> {
        let listing = self.plans.get(plan)?;
        let listed = match &listing.scanned_on {
            Some(topic) => {
                let listeners = self.topics.get_mut(topic)?;
                &mut listeners.scanned.get_mut(listing.place)?.listed
            }
            None => self.found.get_mut(listing.place)?,
        };
        Some(Arc::make_mut(listed))
    }

    /// A plan as of now, if it has members.
    pub(crate) fn current(&self, plan: &Plan) -> Option<&Arc<Listed>> {
        let listing = self.plans.get(plan)?;
        match &listing.scanned_on {
            Some(topic) => {
                let listeners = self.topics.get(topic)?;
                Some(&listeners.scanned.get(listing.place)?.listed)
            }
            None => self.found.get(listing.place),
        }
    }

    /// The plan of this seat, with its member alone.
    pub(crate) fn alone(&mut self, seat: &Seat) -> Option<Arc<Listed>> {
        let listed = self.listed(&seat.plan)?;
        let (plan, backlog) = (listed.plan.clone(), listed.backlog.clone());
        let member = seat.member.clone();
        let members = IndexMap::from_iter([(member.key(), member)]);
        Some(Arc::new(Listed {
            plan,
            members,
            backlog,
            // What it gets here is what it has missed.
            throttle: None,
        }))
    }

    /// Takes the member from its plan; the last one takes the plan with it.
    pub(crate) fn leave(&mut self, seat: &Seat) {
        let plan = &seat.plan;
        let Some(listed) = self.listed(plan) else {
            return;
        };
        listed.members.swap_remove(&seat.member.key());
        if !listed.members.is_empty() {
            return;
        }
        let Some(listing) = self.plans.remove(plan) else {
            return;
        };
        self.unshare(plan);
        if listing.scanned_on.is_none() {
            self.found.take(listing.place);
        }
        for topic in &listing.topics {
            let Some(listeners) = self.topics.get_mut(topic) else {
                continue;
            };
            match listing.scanned_on {
                Some(_) => drop(listeners.scanned.take(listing.place)),
                None => listeners.index.remove(&plan.predicate, listing.place),
            }
            if listeners.index.is_empty() && listeners.scanned.len() == 0 {
                self.topics.remove(topic);
            }
        }
    }

    /// Topics and plans listed.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.topics.len(), self.plans.len())
    }
}

/// Counts down how many plans have something; the last one takes it along.
fn release<K: Eq + Hash + Clone, V>(
    shared: &mut HashMap<K, V>,
    key: &K,
    plans: impl Fn(&mut V) -> &mut usize,
) {
    if let Some(value) = shared.get_mut(key) {
        let plans = plans(value);
        *plans -= 1;
        if *plans == 0 {
            shared.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
