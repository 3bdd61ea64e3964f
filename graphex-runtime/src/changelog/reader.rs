//! The thread that follows a change log and hands over what it reads.

mod shared;

use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use shared::{Shared, Signals, Waited};

use super::connection::Entry;
use super::decode::{Decoded, Decoder};
use super::log::{Log, LogError, Mark, Read};
use super::schema::Retention;
use crate::change::Change;
use crate::cursor::Cursor;
use crate::hub::{Flushing, Sink};

/// Makes a connection to the log, on which it is ready to be read.
pub(super) type Open = Arc<dyn Fn() -> Result<Box<dyn Log>, LogError> + Send + Sync>;

/// How the reader goes about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Time between two looks at an idle log.
    pub(super) poll: Duration,
    pub(super) retention: Retention,
}

/// Time between two looks when the last one found something; each further one that finds nothing
/// waits twice as long, up to [`Pace::poll`].
const SHORTEST_POLL: Duration = Duration::from_millis(1);
/// Time between two times that one looks whether another process has said something.
const LISTENING: Duration = Duration::from_millis(2);
/// Time between two times that the log is tended to.
const TENDING: Duration = Duration::from_secs(10);
/// The log is also tended to after so many changes.
const TENDED_CHANGES: usize = 20_000;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Time that whoever drops the reader waits for a statement that it runs.
const END_WAIT: Duration = Duration::from_secs(1);

/// Follows a log on a thread of its own, until it is dropped.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    id: ThreadId,
}

impl Reader {
    /// Follows the log from this mark on; from its end where there is none yet.
    pub(super) fn start(
        first: Option<(Box<dyn Log>, Mark)>,
        open: Open,
        decoder: Arc<Decoder>,
        pace: Pace,
        sink: Box<dyn Sink>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (log, mark) = first.map_or((None, None), |(log, mark)| (Some(log), Some(mark)));
        shared.lock().following = log.is_some();
        if let Some(mark) = &mark {
            reached(&*sink, &decoder, mark.cursor);
        }
        let following = Following {
            shared: Arc::clone(&shared),
            open,
            decoder,
            pace,
            sink,
            mark,
            flushings: Vec::new(),
        };
        let thread = thread::Builder::new().name("graphex change log".to_owned());
        let thread = thread.spawn(move || following.run(log))?;
        Ok(Self {
            shared,
            id: thread.thread().id(),
            thread: Some(thread),
        })
    }

    /// Looks at once: something was committed.
    pub(super) fn wake(&self) {
        self.shared.set(|signals| signals.woken = true);
    }

    /// Hands it over behind all that is committed now.
    pub(super) fn flush(&self, flushing: Flushing) {
        self.shared.set(|signals| {
            // A thread that has ended hands nothing over.
            if !signals.ended {
                signals.flushings.push(flushing);
            }
            signals.woken = true;
        });
    }

    /// How long ago the end of the log was reached; nothing while it never was.
    pub(super) fn lag(&self) -> Duration {
        let caught_up = self.shared.lock().caught_up;
        caught_up.map_or(Duration::ZERO, |at| at.elapsed())
    }

    /// Whether the log is being followed.
    pub(super) fn is_ready(&self) -> bool {
        self.shared.lock().following
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.set(|signals| signals.stopped = true);
        // The thread may hold what is dropped here, for the time of one hand-over.
        if thread::current().id() == self.id {
            return;
        }
        let running = |signals: &mut Signals| !signals.ended;
        let signals = self.shared.lock();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(signals, END_WAIT, running);
        let (signals, _) = waited.unwrap_or_else(PoisonError::into_inner);
        // A database that does not answer keeps nobody: the thread ends when its statement does.
        if signals.ended
            && let Some(thread) = self.thread.take()
        {
            drop(signals);
            // It has caught its panics.
            let _ = thread.join();
        }
    }
}

/// What the thread has.
struct Following {
    shared: Arc<Shared>,
    open: Open,
    decoder: Arc<Decoder>,
    pace: Pace,
    sink: Box<dyn Sink>,
    mark: Option<Mark>,
    /// Who waits for what the next end of the log comes after.
    flushings: Vec<Flushing>,
}

/// Says that all up to this position is handed over.
fn reached(sink: &dyn Sink, decoder: &Decoder, at: Cursor) {
    for stream in decoder.streams() {
        sink.reached(stream, at);
    }
}

/// Says that the thread has ended, however it did.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.set(|signals| {
            signals.ended = true;
            signals.flushings.clear();
            signals.following = false;
        });
    }
}

impl Following {
    fn run(mut self, mut log: Option<Box<dyn Log>>) {
        let _ended = Ended(Arc::clone(&self.shared));
        let mut pause = FIRST_PAUSE;
        while !self.shared.is_stopped() {
            let opened = log.take().map_or_else(|| (self.open)(), Ok);
            let followed = opened.and_then(|mut log| {
                self.resume(&mut *log)?;
                self.shared.set(|signals| signals.following = true);
                pause = FIRST_PAUSE;
                self.follow(&mut *log)
            });
            self.shared.set(|signals| signals.following = false);
            if let Err(error) = followed {
                tracing::warn!(%error, ?pause, "the change log cannot be read; trying again");
                if self.shared.wait(pause) == Waited::Stopped {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Goes on where the last connection was.
    fn resume(&mut self, log: &mut dyn Log) -> Result<(), LogError> {
        let Some(mark) = &self.mark else {
            let mark = log.end()?;
            reached(&*self.sink, &self.decoder, mark.cursor);
            self.mark = Some(mark);
            return Ok(());
        };
        // What was known of batches may be of another time of the database.
        match log.find(&mark.cursor)? {
            Some(mark) => self.mark = Some(mark),
            None => self.gap(log)?,
        }
        Ok(())
    }

    fn gap(&mut self, log: &mut dyn Log) -> Result<(), LogError> {
        tracing::warn!("changes are not in the log any more; all subscribers are told");
        let mark = log.end()?;
        for stream in self.decoder.streams() {
            self.sink.gap(stream, mark.cursor);
        }
        self.mark = Some(mark);
        Ok(())
    }

    fn follow(&mut self, log: &mut dyn Log) -> Result<(), LogError> {
        let mut tended = None::<Instant>;
        let mut untended = 0;
        let mut idle = SHORTEST_POLL;
        loop {
            if tended.is_none_or(|tended| tended.elapsed() > TENDING) || untended > TENDED_CHANGES {
                log.tend(self.pace.retention)?;
                (tended, untended) = (Some(Instant::now()), 0);
            }
            // Before the log is read: what they wait for is in it by now.
            self.flushings.append(&mut self.shared.lock().flushings);
            let Some(mark) = &mut self.mark else {
                return Ok(());
            };
            let before = mark.cursor;
            match log.read(mark)? {
                Read::Page(page) => {
                    untended += page.len();
                    idle = SHORTEST_POLL;
                    let at = mark.cursor;
                    self.hand_over(before, &page);
                    reached(&*self.sink, &self.decoder, at);
                    if self.shared.is_stopped() {
                        return Ok(());
                    }
                }
                Read::End => {
                    self.shared.lock().caught_up = Some(Instant::now());
                    let flushings = std::mem::take(&mut self.flushings).into_iter();
                    flushings.for_each(|flushing| self.sink.flush(flushing));
                    if !self.rest(log, idle)? {
                        return Ok(());
                    }
                    idle = (idle * 2).min(self.pace.poll);
                }
                Read::Gap => self.gap(log)?,
            }
        }
    }

    /// Waits until somebody has committed, at most so long; whether to go on.
    fn rest(&self, log: &mut dyn Log, time: Duration) -> Result<bool, LogError> {
        let began = Instant::now();
        loop {
            let left = time.saturating_sub(began.elapsed());
            let told = log.notified()?;
            if told == Some(true) || left.is_zero() {
                return Ok(!self.shared.is_stopped());
            }
            let until_asked = told.map_or(left, |_| left.min(LISTENING));
            match self.shared.wait(until_asked) {
                Waited::Stopped => return Ok(false),
                Waited::Woken => return Ok(true),
                Waited::Idle => {}
            }
        }
    }

    fn hand_over(&mut self, mut before: Cursor, page: &[(Cursor, Entry)]) {
        let mut changes: Vec<Change> = Vec::with_capacity(page.len());
        let mut told = None;
        for (cursor, entry) in page {
            match self.decoder.decode_or_gap(entry, before, *cursor) {
                Decoded::Changes(first, second) => {
                    told = None;
                    changes.push(first);
                    changes.extend(second);
                }
                // A `TRUNCATE` of a partitioned table is logged for each partition.
                Decoded::Gap(stream) if told == Some(stream) => {}
                Decoded::Gap(stream) => {
                    if !changes.is_empty() {
                        self.sink.changes(std::mem::take(&mut changes));
                    }
                    self.sink.gap(stream, *cursor);
                    told = Some(stream);
                }
                Decoded::Foreign => {}
            }
            before = *cursor;
        }
        if !changes.is_empty() {
            self.sink.changes(changes);
        }
    }
}
