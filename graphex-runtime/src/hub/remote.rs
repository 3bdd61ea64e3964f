//! Channels of other processes: a request for one is carried to the process that has it, which
//! checks who asks and does what is asked. The hooks have run by then, where the client asked.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use futures_util::stream::poll_fn;
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::begin::{self, Begin};
use super::channel::Subscription;
use super::channels::ChannelState;
use super::engine::Engine;
use super::identity::Identity;
use super::stats::Counters;
use super::{Hub, lock};
use crate::error::Refusal;
use crate::filters::Filters;
use crate::hooks::Permit;
use crate::layer::NoSuchNode;
use crate::model::Model;
use crate::node::NodeId;
use crate::predicate::Pin;
use crate::wire::{self, Answer, Operation, Request};

/// Requests of other processes that wait, and as many that are carried out at once.
const AT_ONCE: usize = 1024;

/// Where a channel is.
#[derive(Debug)]
pub(crate) enum Place {
    /// In this process.
    Here(Arc<ChannelState>),
    /// In another, which has to check all else.
    There(Away),
}

/// A channel of another process, as a client names it.
#[derive(Debug)]
pub(crate) struct Away {
    node: NodeId,
    channel: String,
    identity: Identity,
}

/// What is asked of this process and what it has asked others.
pub(super) struct Remote {
    requests: mpsc::Sender<Request>,
    /// Locked by the task that serves, for as long as its runtime lives.
    waiting: Arc<AsyncMutex<mpsc::Receiver<Request>>>,
    asked: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
    next: AtomicU64,
    /// Whether something unreadable was logged.
    logged: AtomicBool,
}

impl Default for Remote {
    fn default() -> Self {
        let (requests, waiting) = mpsc::channel(AT_ONCE);
        Self {
            requests,
            waiting: Arc::new(AsyncMutex::new(waiting)),
            asked: Mutex::default(),
            next: AtomicU64::new(0),
            logged: AtomicBool::new(false),
        }
    }
}

impl Remote {
    /// Takes a message of another process; `false` where it has no room to wait.
    pub(super) fn receive(&self, message: &[u8], counters: &Counters) -> bool {
        let read = wire::open(message).and_then(|(kind, parts)| match kind {
            wire::Kind::Request => Request::read(parts).map(Ok),
            wire::Kind::Answer => Answer::read(parts).map(Err),
            _ => Err(wire::Unreadable::Garbage),
        });
        match read {
            Ok(Ok(request)) => self.requests.try_send(request).is_ok(),
            Ok(Err(answer)) => {
                // Who does not wait any more has been told that there was no answer.
                if let Some(asked) = lock(&self.asked).remove(&answer.number) {
                    let _ = asked.send(answer);
                }
                true
            }
            Err(error) => {
                counters.messages_unreadable.add(1);
                if !self.logged.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        %error,
                        "a request of another process cannot be read, and further ones are only \
                         counted in `Hub::stats`"
                    );
                }
                true
            }
        }
    }

    /// Serves the requests for as long as the engine lives.
    pub(super) fn serve(&self, engine: Weak<Engine>) -> impl Future<Output = ()> + use<> {
        let waiting = Arc::clone(&self.waiting);
        async move {
            let mut waiting = waiting.lock().await;
            // The sender is the engine's, so this ends with it.
            let requests = poll_fn(|context| waiting.poll_recv(context));
            let serving = requests.for_each_concurrent(AT_ONCE, |request| {
                let engine = engine.upgrade();
                async move {
                    if let Some(engine) = engine {
                        Hub { engine }.answer(request).await;
                    }
                }
            });
            serving.await;
        }
    }
}

/// A question to another process; dropped, its answer is not waited for.
struct Asked<'r> {
    remote: &'r Remote,
    number: u64,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        lock(&self.remote.asked).remove(&self.number);
    }
}

impl Hub {
    /// Finds a channel. One of this process is there, this identity opened it and it serves the
    /// model; of another process nothing is known yet.
    pub(crate) fn place(
        &self,
        id: &str,
        identity: &Identity,
        model: &Model,
    ) -> Result<Place, Refusal> {
        let node = id.get(..NodeId::DIGITS).and_then(NodeId::parse);
        let node = node.filter(|node| self.engine.layer.is_shared() && *node != self.engine.node);
        let Some(node) = node else {
            return self.channel(id, identity, model).map(Place::Here);
        };
        self.check_known(model)?;
        // Its answer needs somebody who receives it.
        self.engine.start();
        Ok(Place::There(Away {
            node,
            channel: id.to_owned(),
            identity: identity.clone(),
        }))
    }

    /// Joins the permitted stream, wherever the channel is. `data` names positions among the
    /// visible fields.
    pub(crate) async fn subscribe_at(
        &self,
        place: &Place,
        permit: Permit,
        subscription: &Subscription,
        data: Option<&[usize]>,
        begin: Begin,
    ) -> Result<(), Refusal> {
        let model = permit.model;
        match place {
            Place::Here(channel) => {
                self.subscribe_channel(channel, permit, subscription, data, begin)
                    .await
            }
            Place::There(away) => {
                let visible: Vec<_> = model.visible().collect();
                let name = |field: usize| model.fields[field].name.to_owned();
                let scope = permit.scope.iter();
                let scope = scope.map(|pin| (name(pin.field), pin.values().to_vec()));
                let data = data.map(|data| data.iter().map(|at| name(visible[*at])).collect());
                let operation = Operation::Subscribe {
                    scope: scope.collect(),
                    data,
                    after: begin.place.name(),
                    ready: begin.ready,
                    snapshot: begin.snapshot,
                };
                self.ask(away, model, subscription, operation).await
            }
        }
    }

    /// Ends exactly this subscription, wherever the channel is.
    pub(crate) async fn unsubscribe_at(
        &self,
        place: &Place,
        model: &'static Model,
        subscription: &Subscription,
    ) -> Result<(), Refusal> {
        match place {
            Place::Here(channel) => self.unsubscribe(channel, model, subscription),
            Place::There(away) => {
                let operation = Operation::Unsubscribe;
                self.ask(away, model, subscription, operation).await
            }
        }
    }

    async fn ask(
        &self,
        away: &Away,
        model: &Model,
        subscription: &Subscription,
        operation: Operation,
    ) -> Result<(), Refusal> {
        let remote = &self.engine.remote;
        let number = remote.next.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        lock(&remote.asked).insert(number, answer);
        let _asked = Asked { remote, number };
        let filters = subscription.filters.iter();
        let request = Request {
            asker: self.engine.node,
            number,
            channel: away.channel.clone(),
            identity: away.identity.name().map(str::to_owned),
            left: away.identity.left(),
            stream: model.stream.to_owned(),
            actions: subscription.actions.clone(),
            id: subscription.id.clone(),
            filters: filters
                .map(|(key, operand)| (key.to_owned(), operand.clone()))
                .collect(),
            operation,
        };
        let asking = async {
            let sent = self.engine.layer.send(away.node, request.write()).await;
            sent.map_err(|NoSuchNode| Refusal::UnknownChannel)?;
            let answer = answered.await.map_err(|_| Refusal::NoAnswer)?;
            answer
                .refusal
                .map_or(Ok(()), |why| Err(Refusal::Elsewhere(why)))
        };
        let answered = tokio::time::timeout(self.engine.limits.answer_time, asking).await;
        answered.unwrap_or_else(|_| {
            let node = away.node;
            tracing::warn!(%node, "the process that has a channel did not answer");
            Err(Refusal::NoAnswer)
        })
    }

    /// Carries out what another process asks, and answers it.
    async fn answer(self, request: Request) {
        let (asker, number) = (request.asker, request.number);
        let outcome = self.carried_out(request).await;
        let refusal = outcome.err().map(|refusal| refusal.to_string());
        let answer = Answer { number, refusal };
        if self.engine.layer.send(asker, answer.write()).await == Err(NoSuchNode) {
            tracing::debug!(%asker, "the process that asked is gone");
        }
    }

    /// A panic costs the request that it is about, not those of others.
    async fn carried_out(&self, request: Request) -> Result<(), Refusal> {
        let carrying_out = AssertUnwindSafe(self.carry_out(request)).catch_unwind();
        carrying_out.await.unwrap_or_else(|_| {
            tracing::error!("carrying out what another process asks panicked");
            Err(Refusal::Internal)
        })
    }

    async fn carry_out(&self, request: Request) -> Result<(), Refusal> {
        let identity = Identity::carried(request.identity, request.left);
        let stream = self.engine.lanes.get(request.stream.as_str());
        let model = stream.map(|lane| lane.model);
        let Some(model) = model else {
            // Whether there is the channel comes first, as where it asks for what there is.
            self.find(&request.channel, &identity)?;
            return Err(Refusal::OtherVersion);
        };
        let channel = self.channel(&request.channel, &identity, model)?;
        let limits = &self.engine.limits;
        let filters = Filters::carried(model, request.filters, limits);
        let subscription = Subscription {
            actions: request.actions,
            id: request.id,
            filters: filters.ok_or(Refusal::OtherVersion)?,
            throttle: None,
        };
        let Operation::Subscribe {
            scope,
            data,
            after,
            ready,
            snapshot,
        } = request.operation
        else {
            return self.unsubscribe(&channel, model, &subscription);
        };
        let begin = Begin {
            place: after.map_or(begin::Place::Now, |after| begin::Place::named(&after)),
            ready,
            snapshot,
        };
        self.check_begin(model, &begin)?;
        // A field of the scope that is not known here cannot be held to: nothing is joined.
        let position = |name: &str| model.fields.iter().position(|field| field.name == name);
        let pin = |(name, values): (String, _)| Some(Pin::new(position(&name)?, values));
        let scope: Option<_> = scope.into_iter().map(pin).collect();
        let permit = Permit::carried(model, scope.ok_or(Refusal::OtherVersion)?);
        let visible = |name: String| {
            let mut visible = model.visible();
            visible.position(|field| model.fields[field].name == name)
        };
        let data: Option<Option<Vec<_>>> = data.map(|data| data.into_iter().map(visible).collect());
        let data = data
            .map(|data| data.ok_or(Refusal::OtherVersion))
            .transpose()?;
        self.subscribe_channel(&channel, permit, &subscription, data.as_deref(), begin)
            .await
    }
}

#[cfg(test)]
mod tests;
