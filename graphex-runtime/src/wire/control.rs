//! Requests about channels that live in another process, and their answers.

use std::time::Duration;

use super::rights::milliseconds;
use super::{Kind, Reader, Unreadable, begin};
use crate::change::Action;
use crate::node::NodeId;
use crate::value::Value;

const ASKER: u64 = 1;
const NUMBER: u64 = 2;
const CHANNEL: u64 = 3;
const IDENTITY: u64 = 4;
const STREAM: u64 = 5;
const OPERATION: u64 = 6;
const ACTION: u64 = 7;
const ID: u64 = 8;
const FILTER: u64 = 9;
const PIN: u64 = 10;
const DATA: u64 = 11;
const REFUSAL: u64 = 12;
const LEFT: u64 = 13;
const AFTER: u64 = 14;
const READY: u64 = 15;
const SNAPSHOT: u64 = 16;

/// What a client asks of a channel, as the process that has the channel needs to know it: the
/// hooks have run where the client asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    pub(crate) asker: NodeId,
    /// The answer carries it.
    pub(crate) number: u64,
    pub(crate) channel: String,
    pub(crate) identity: Option<String>,
    /// Time until the right of the identity ends, if it does.
    pub(crate) left: Option<Duration>,
    pub(crate) stream: String,
    pub(crate) actions: Vec<Action>,
    pub(crate) id: Option<Value>,
    /// The keys with their operands.
    pub(crate) filters: Vec<(String, Value)>,
    pub(crate) operation: Operation,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operation {
    Subscribe {
        /// Each field that the scope pins, with the values that it can have.
        scope: Vec<(String, Vec<Value>)>,
        /// The fields that a notification carries; all without a list.
        data: Option<Vec<String>>,
        /// Where it goes on, as the client names it.
        after: Option<String>,
        ready: bool,
        snapshot: bool,
    },
    Unsubscribe,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    /// Why nothing was done.
    pub(crate) refusal: Option<String>,
}

impl Request {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = begin(Kind::Request);
        message.part(ASKER, |part| part.unsigned(self.asker.0));
        message.part(NUMBER, |part| part.unsigned(self.number));
        message.part(CHANNEL, |part| part.raw(self.channel.as_bytes()));
        if let Some(identity) = &self.identity {
            message.part(IDENTITY, |part| part.raw(identity.as_bytes()));
        }
        if let Some(left) = self.left {
            message.part(LEFT, |part| part.unsigned(milliseconds(left)));
        }
        message.part(STREAM, |part| part.raw(self.stream.as_bytes()));
        for action in &self.actions {
            message.part(ACTION, |part| part.raw(action.name().as_bytes()));
        }
        if let Some(id) = &self.id {
            message.part(ID, |part| part.value(id));
        }
        for (key, operand) in &self.filters {
            message.part(FILTER, |part| {
                part.text(key);
                part.value(operand);
            });
        }
        let name = match &self.operation {
            Operation::Subscribe { .. } => "subscribe",
            Operation::Unsubscribe => "unsubscribe",
        };
        message.part(OPERATION, |part| part.raw(name.as_bytes()));
        if let Operation::Subscribe {
            scope,
            data,
            after,
            ready,
            snapshot,
        } = &self.operation
        {
            for (field, values) in scope {
                message.part(PIN, |part| {
                    part.text(field);
                    values.iter().for_each(|value| part.value(value));
                });
            }
            if let Some(data) = data {
                message.part(DATA, |part| data.iter().for_each(|field| part.text(field)));
            }
            if let Some(after) = after {
                message.part(AFTER, |part| part.raw(after.as_bytes()));
            }
            for (tag, asked) in [(READY, ready), (SNAPSHOT, snapshot)] {
                if *asked {
                    message.part(tag, |_| {});
                }
            }
        }
        message.finish()
    }

    pub(crate) fn read(mut parts: Reader<'_>) -> Result<Self, Unreadable> {
        let (mut asker, mut number, mut channel) = (None, None, None);
        let (mut identity, mut stream, mut operation) = (None, None, None);
        let (mut id, mut actions, mut filters) = (None, Vec::new(), Vec::new());
        let (mut scope, mut data, mut left) = (Vec::new(), None, None);
        let (mut after, mut ready, mut snapshot) = (None, false, false);
        while let Some((tag, mut part)) = parts.part()? {
            match tag {
                ASKER => asker = Some(NodeId(part.unsigned()?)),
                NUMBER => number = Some(part.unsigned()?),
                CHANNEL => channel = Some(part.rest_text()?.to_owned()),
                IDENTITY => identity = Some(part.rest_text()?.to_owned()),
                LEFT => left = Some(Duration::from_millis(part.unsigned()?)),
                STREAM => stream = Some(part.rest_text()?.to_owned()),
                OPERATION => operation = Some(part.rest_text()?),
                ACTION => actions.push(read_action(part)?),
                ID => id = Some(part.value()?),
                FILTER => filters.push((part.text()?.to_owned(), part.value()?)),
                PIN => scope.push(read_pin(part)?),
                DATA => data = Some(read_names(part)?),
                AFTER => after = Some(part.rest_text()?.to_owned()),
                READY => ready = true,
                SNAPSHOT => snapshot = true,
                _ => {}
            }
        }
        let operation = match operation {
            Some("subscribe") => Operation::Subscribe {
                scope,
                data,
                after,
                ready,
                snapshot,
            },
            Some("unsubscribe") => Operation::Unsubscribe,
            _ => return Err(Unreadable::Garbage),
        };
        let whole = || {
            Some(Self {
                asker: asker?,
                number: number?,
                channel: channel?,
                identity,
                left,
                stream: stream?,
                actions,
                id,
                filters,
                operation,
            })
        };
        whole().ok_or(Unreadable::Garbage)
    }
}

fn read_action(part: Reader<'_>) -> Result<Action, Unreadable> {
    let name = part.rest_text()?;
    let known = Action::ALL.into_iter().find(|action| action.name() == name);
    known.ok_or(Unreadable::Garbage)
}

fn read_pin(mut part: Reader<'_>) -> Result<(String, Vec<Value>), Unreadable> {
    let field = part.text()?.to_owned();
    let mut values = Vec::new();
    while !part.is_empty() {
        values.push(part.value()?);
    }
    Ok((field, values))
}

fn read_names(mut part: Reader<'_>) -> Result<Vec<String>, Unreadable> {
    let mut names = Vec::new();
    while !part.is_empty() {
        names.push(part.text()?.to_owned());
    }
    Ok(names)
}

impl Answer {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut message = begin(Kind::Answer);
        message.part(NUMBER, |part| part.unsigned(self.number));
        if let Some(refusal) = &self.refusal {
            message.part(REFUSAL, |part| part.raw(refusal.as_bytes()));
        }
        message.finish()
    }

    pub(crate) fn read(mut parts: Reader<'_>) -> Result<Self, Unreadable> {
        let (mut number, mut refusal) = (None, None);
        while let Some((tag, mut part)) = parts.part()? {
            match tag {
                NUMBER => number = Some(part.unsigned()?),
                REFUSAL => refusal = Some(part.rest_text()?.to_owned()),
                _ => {}
            }
        }
        let number = number.ok_or(Unreadable::Garbage)?;
        Ok(Self { number, refusal })
    }
}
