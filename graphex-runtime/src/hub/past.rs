//! What a source has told before, for who was away.
//!
//! One connection reads it, in pages, off the lanes. Who asks for the same page at the same time
//! shares it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::lock;
use super::snapshot::{NoSnapshot, Snapshot, Wanted};
use super::source::{OpenError, Source};
use crate::change::Change;
use crate::cursor::Cursor;

/// Most pages that are kept for others who read at the same time, and most bytes of their rows.
const PAGES: usize = 16;
const BYTES: usize = 16 * 1024 * 1024;

/// Reads what a source has told before, on a connection of its own. It blocks.
pub(crate) trait Past: Send {
    /// What follows this position, of one stream.
    fn read(&mut self, stream: &str, after: Cursor) -> Result<Page, OpenError>;

    /// The rows that there are, with the position from which one goes on.
    fn snapshot(&mut self, wanted: &Wanted) -> Result<Snapshot, NoSnapshot>;

    /// A position after all that is committed; none where that cannot be told.
    fn end(&mut self) -> Result<Option<Cursor>, OpenError>;
}

/// What follows a position.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// Of the stream, in order.
    pub(crate) changes: Vec<Arc<Change>>,
    pub(crate) then: Then,
}

/// What comes after the changes of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// What follows this position.
    More(Cursor),
    /// Nothing yet.
    End,
    /// Changes are missing.
    Gap,
}

/// Who reads a source's past.
#[derive(Default)]
pub(super) struct Archive {
    reader: tokio::sync::Mutex<Option<Box<dyn Past>>>,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    kept: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    stream: &'static str,
    after: Cursor,
    page: Arc<Page>,
    bytes: usize,
}

impl Archive {
    /// The page of a stream after this position.
    pub(super) async fn read(
        &self,
        source: Arc<dyn Source>,
        stream: &'static str,
        after: Cursor,
    ) -> Result<Arc<Page>, OpenError> {
        let kept = || lock(&self.pages).find(stream, after);
        if let Some(page) = kept() {
            return Ok(page);
        }
        let mut reader = self.reader.lock().await;
        // Somebody may have read it meanwhile.
        if let Some(page) = kept() {
            return Ok(page);
        }
        let connected = reader.take();
        let reading = move || {
            let mut past = connected.map_or_else(|| source.past(), Ok)?;
            let page = past.read(stream, after)?;
            Ok::<_, OpenError>((past, page))
        };
        // It fails when the runtime ends. A connection that failed is made anew.
        let (past, page) = tokio::task::spawn_blocking(reading).await??;
        *reader = Some(past);
        let page = Arc::new(page);
        if let Then::More(_) = page.then {
            lock(&self.pages).keep(stream, after, Arc::clone(&page));
        }
        Ok(page)
    }

    /// What was read may not be true any more.
    pub(super) fn forget(&self) {
        *lock(&self.pages) = Pages::default();
    }
}

impl Pages {
    fn find(&self, stream: &str, after: Cursor) -> Option<Arc<Page>> {
        let mut kept = self.kept.iter();
        let found = kept.find(|kept| kept.stream == stream && kept.after == after)?;
        Some(Arc::clone(&found.page))
    }

    fn keep(&mut self, stream: &'static str, after: Cursor, page: Arc<Page>) {
        let rows = page.changes.iter();
        let bytes = rows.map(|change| change.row.bytes()).sum();
        self.bytes += bytes;
        self.kept.push_back(Kept {
            stream,
            after,
            page,
            bytes,
        });
        while (self.kept.len() > PAGES || self.bytes > BYTES)
            && let Some(oldest) = self.kept.pop_front()
        {
            self.bytes -= oldest.bytes;
        }
    }
}
