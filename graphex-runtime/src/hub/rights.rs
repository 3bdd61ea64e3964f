//! The end of rights: identities that were revoked, and those that expire.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::channels::{ChannelId, ChannelState};
use super::engine::Engine;
use super::identity::Identity;
use super::owner::Peer;
use super::{Hub, lock};
use crate::deadline::deadline;
use crate::error::{CloseReason, ConnectError};
use crate::wire::Revocation;

/// Time between two times that a process tells the others whom it has revoked: those that have
/// come since, or were disconnected for a while, know it then.
const REPEAT_INTERVAL: Duration = Duration::from_secs(10);

/// What revocations tell identities apart by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holder {
    Named(Arc<str>),
    /// Those without a name who come from here.
    Peer(Peer),
    /// All without a name.
    Anonymous,
}

impl Holder {
    pub(super) fn of(identity: &Identity) -> Self {
        match (identity.shared_name(), identity.peer()) {
            (Some(name), _) => Self::Named(Arc::clone(name)),
            (None, Some(peer)) => Self::Peer(peer),
            (None, None) => Self::Anonymous,
        }
    }

    /// As another process names it.
    pub(super) fn from_parts(name: Option<&str>, peer: Option<IpAddr>) -> Self {
        match (name, peer) {
            (Some(name), _) => Self::Named(name.into()),
            (None, Some(address)) => Self::Peer(address.into()),
            (None, None) => Self::Anonymous,
        }
    }

    pub(super) fn has(&self, identity: &Identity) -> bool {
        *self == Self::of(identity) || (*self == Self::Anonymous && identity.is_anonymous())
    }

    /// Its name and its address, for other processes.
    pub(super) fn parts(&self) -> (Option<String>, Option<IpAddr>) {
        match self {
            Self::Named(name) => (Some(name.to_string()), None),
            Self::Peer(peer) => (None, Some(peer.address())),
            Self::Anonymous => (None, None),
        }
    }

    fn revocation(&self, revoked: Option<&Revoked>) -> Revocation {
        let (name, peer) = self.parts();
        let until = revoked.and_then(|revoked| revoked.until);
        Revocation {
            name,
            peer,
            reason: revoked.map(|revoked| revoked.reason.to_string()),
            left: until.map(|until| until.saturating_duration_since(Instant::now())),
        }
    }
}

#[derive(Clone, Debug)]
struct Revoked {
    reason: Arc<str>,
    /// When its right would have ended anyway.
    until: Option<Instant>,
    /// Whether this process has revoked it, and tells the others.
    is_own: bool,
}

/// Whose rights have ended, and which channels are to be closed when theirs does.
///
/// Locked after the table of channels, never before.
#[derive(Debug)]
pub(super) struct Rights {
    revoked: Mutex<HashMap<Holder, Revoked>>,
    /// The most of them.
    limit: usize,
    expiring: Mutex<BTreeSet<(Instant, ChannelId)>>,
    /// There is something that ends earlier than all else.
    changed: Notify,
}

impl Rights {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            revoked: Mutex::default(),
            limit,
            expiring: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Whether the identity may have a channel.
    pub(super) fn check(&self, identity: &Identity) -> Result<(), ConnectError> {
        let now = Instant::now();
        if identity.expires_at().is_some_and(|end| end <= now) {
            return Err(ConnectError::Expired);
        }
        let revoked = lock(&self.revoked);
        let holder = Holder::of(identity);
        let anonymous = identity.is_anonymous().then_some(&Holder::Anonymous);
        let found = [Some(&holder), anonymous].into_iter().flatten();
        let found = found.filter_map(|holder| revoked.get(holder));
        let in_force = |revoked: &&Revoked| revoked.until.is_none_or(|until| until > now);
        match found.into_iter().find(in_force) {
            Some(revoked) => Err(ConnectError::Revoked {
                reason: Arc::clone(&revoked.reason),
            }),
            None => Ok(()),
        }
    }

    /// Notes who was revoked; whether there was no room, and the one who would have been free
    /// first is.
    fn revoke(&self, holder: Holder, revoked: Revoked) -> bool {
        let mut all = lock(&self.revoked);
        let mut has_room = all.len() < self.limit || all.contains_key(&holder);
        if !has_room {
            let now = Instant::now();
            all.retain(|_, revoked| revoked.until.is_none_or(|until| until > now));
            has_room = all.len() < self.limit;
        }
        if !has_room {
            let end = |(_, revoked): &(&Holder, &Revoked)| (revoked.until.is_none(), revoked.until);
            let first = all.iter().min_by_key(end).map(|(holder, _)| holder.clone());
            first.map(|first| all.remove(&first));
        }
        // Told again by another process, it stays the own.
        let is_own = revoked.is_own || all.get(&holder).is_some_and(|before| before.is_own);
        all.insert(holder, Revoked { is_own, ..revoked });
        !has_room
    }

    /// The channel is closed at this moment.
    pub(super) fn expire(&self, channel: &ChannelId, at: Instant) {
        let mut expiring = lock(&self.expiring);
        expiring.insert((at, channel.clone()));
        let is_first = expiring.first().is_some_and(|(first, _)| *first == at);
        drop(expiring);
        if is_first {
            self.changed.notify_one();
        }
    }

    pub(super) fn forget(&self, channel: &ChannelId, at: Instant) {
        lock(&self.expiring).remove(&(at, channel.clone()));
    }

    /// The channels whose time is over, and when that of the next is.
    fn expired(&self) -> (Vec<ChannelId>, Option<Instant>) {
        let now = Instant::now();
        let mut expiring = lock(&self.expiring);
        let mut over = Vec::new();
        while let Some((at, channel)) = expiring.pop_first() {
            if at > now {
                expiring.insert((at, channel));
                return (over, Some(at));
            }
            over.push(channel);
        }
        (over, None)
    }

    /// What this process tells the others anew.
    fn own(&self) -> Vec<Revocation> {
        let now = Instant::now();
        let revoked = lock(&self.revoked);
        let own = revoked
            .iter()
            .filter(|(_, revoked)| revoked.is_own && revoked.until.is_none_or(|until| until > now));
        own.map(|(holder, revoked)| holder.revocation(Some(revoked)))
            .collect()
    }
}

impl Hub {
    /// Ends the right of an identity: its channels are closed, here at once and in every other
    /// process as soon as that receives it, whatever waits for them. WebSockets are closed with
    /// 4403 and this sentence, streams get it as a last error and end. New channels of it are
    /// refused with the sentence until [`lift`](Self::lift) is called or, where the identity
    /// [expires](Identity::with_expiry), its time is over.
    ///
    /// Call it where a session ends, a user is blocked or loses a role. The anonymous are revoked
    /// by their address, or, without one, all of them.
    ///
    /// ```
    /// # use graphex_runtime::{CloseReason, Hub, Identity};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let hub = Hub::builder().build();
    /// let user = Identity::new("user:1");
    /// let mut connection = hub.connect(user.clone()).unwrap();
    /// hub.revoke(&user, "your account is blocked").await;
    /// assert_eq!(connection.closed().await.to_string(), "your account is blocked");
    /// assert!(hub.connect(user.clone()).is_err());
    /// hub.lift(&user).await;
    /// assert!(hub.connect(user).is_ok());
    /// # }
    /// ```
    ///
    /// It returns when the layer has taken it over; while Redis is away that takes until it is back.
    /// Processes that come later, or are disconnected at the moment, are told within ten
    /// seconds, for as long as this process lives. It ends channels, not sessions: what `identity`
    /// and `on_connect` make of a request is yours to say.
    pub async fn revoke(&self, identity: &Identity, reason: impl Into<Arc<str>>) {
        self.engine.start();
        let holder = Holder::of(identity);
        let revoked = Revoked {
            reason: reason.into(),
            until: identity.expires_at(),
            is_own: true,
        };
        let revocation = holder.revocation(Some(&revoked));
        self.engine.revoke(&holder, revoked);
        self.engine.layer.send_all(revocation.write()).await;
    }

    /// Takes back what [`revoke`](Self::revoke) did, in every process: the identity may open
    /// channels again.
    pub async fn lift(&self, identity: &Identity) {
        self.engine.start();
        let holder = Holder::of(identity);
        let revocation = holder.revocation(None);
        lock(&self.engine.rights.revoked).remove(&holder);
        self.engine.layer.send_all(revocation.write()).await;
    }
}

impl Engine {
    /// Another process has revoked, or lifted.
    pub(super) fn apply_revocation(&self, revocation: &Revocation) {
        let holder = Holder::from_parts(revocation.name.as_deref(), revocation.peer);
        let Some(reason) = &revocation.reason else {
            lock(&self.rights.revoked).remove(&holder);
            return;
        };
        let revoked = Revoked {
            reason: reason.as_str().into(),
            until: revocation.left.map(deadline),
            is_own: false,
        };
        self.revoke(&holder, revoked);
    }

    fn revoke(&self, holder: &Holder, revoked: Revoked) {
        let reason = CloseReason::Revoked(Arc::clone(&revoked.reason));
        // Before the channels are looked at: who opens one now is refused, or is among them.
        if self.rights.revoke(holder.clone(), revoked) {
            self.counters.revocations_forgotten.add(1);
            tracing::error!(
                limit = self.limits.revocations,
                "too many identities are revoked at once: one of them may connect again; raise \
                 `Limits::revocations`"
            );
        }
        self.close_where(&reason, |channel| holder.has(&channel.identity));
    }

    /// Closes channels of this process.
    pub(super) fn close_where(&self, reason: &CloseReason, which: impl Fn(&ChannelState) -> bool) {
        let channels = lock(&self.channels);
        let found: Vec<_> = channels
            .clients()
            .filter(|channel| which(channel))
            .collect();
        let found: Vec<_> = found.into_iter().cloned().collect();
        drop(channels);
        self.counters.rights_ended.add(found.len());
        for channel in found {
            channel.outbox.close(reason.clone());
        }
    }

    /// Closes the channels whose time is over; when that of the next is.
    fn close_expired(&self) -> Option<Instant> {
        let (over, next) = self.rights.expired();
        for id in over {
            let channel = lock(&self.channels).get(id.as_str()).cloned();
            if let Some(channel) = channel {
                self.counters.rights_ended.add(1);
                channel.outbox.close(CloseReason::Expired);
            }
        }
        next
    }
}

/// Ends rights when their time is over, for as long as it is polled and the engine lives.
pub(super) async fn end_expired(engine: Weak<Engine>) {
    loop {
        let Some(strong) = engine.upgrade() else {
            return;
        };
        let next = strong.close_expired();
        let rights = Arc::clone(&strong.rights);
        drop(strong);
        let changed = rights.changed.notified();
        match next {
            // Either way there may be something to do.
            Some(next) => drop(timeout_at(next, changed).await),
            None => changed.await,
        }
    }
}

/// Tells other processes again whom this one has revoked, for as long as it is polled and the
/// engine lives.
pub(super) async fn repeat_revocations(engine: Weak<Engine>) {
    loop {
        sleep(REPEAT_INTERVAL).await;
        let Some(strong) = engine.upgrade() else {
            return;
        };
        let (own, layer) = (strong.rights.own(), Arc::clone(&strong.layer));
        drop(strong);
        for revocation in own {
            layer.send_all(revocation.write()).await;
        }
    }
}
