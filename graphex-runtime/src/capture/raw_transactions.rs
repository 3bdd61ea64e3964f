//! Whether a transaction is open that was begun as SQL text, from the events of a connection.

use std::fmt;

use super::raw_transaction::{AfterText, RawTransaction};
use super::uncommitted::Finish;

/// What SQL text says of transactions outside of those of Diesel's.
#[derive(Debug, Default)]
pub(super) struct RawTransactions {
    transaction: RawTransaction,
    /// The same after the text that runs.
    after: Option<AfterText>,
    /// Whether a transaction of Diesel's is open, or about to be, and whether the statement that runs
    /// begins or ends it.
    is_in_transaction: bool,
    begins: bool,
    ends: bool,
}

impl RawTransactions {
    /// Whether a transaction is open that was begun as text. Asked outside of one of Diesel's.
    pub(super) fn is_open(&self) -> bool {
        self.transaction.is_open()
    }

    /// A transaction or savepoint of Diesel's is about to begin at this depth.
    pub(super) fn begin(&mut self, depth: u32) {
        self.is_in_transaction = true;
        (self.begins, self.ends) = (depth == 1, false);
    }

    /// One of this depth is about to be committed or rolled back.
    pub(super) fn end(&mut self, depth: u32) {
        (self.begins, self.ends) = (false, depth == 1);
    }

    /// The transaction of Diesel's was given up, and whoever did so has ended it.
    #[cfg(feature = "diesel-async")]
    pub(super) fn give_up(&mut self) {
        *self = Self::default();
    }

    /// This text is sent.
    pub(super) fn start(&mut self, query: &dyn fmt::Display) {
        // The future that sent the text before was dropped, or waits beside this one: it runs.
        self.finish(true);
        self.after = if self.is_in_transaction {
            None
        } else {
            self.transaction.after(query)
        };
    }

    /// The text that ran was carried out, or has failed.
    pub(super) fn finish(&mut self, is_done: bool) {
        let after = self.after.take();
        if let Some(transaction) = after.and_then(|after| after.finished(is_done)) {
            self.transaction = transaction;
        }
    }

    /// The statement that ran may have begun or ended a transaction of Diesel's.
    pub(super) fn finish_control(&mut self, finish: Finish) {
        if std::mem::take(&mut self.begins) {
            self.is_in_transaction = finish == Finish::Done;
        }
        if std::mem::take(&mut self.ends) {
            // Where a COMMIT has failed the transaction is over, or rolled back next.
            self.is_in_transaction = false;
            // It ends whatever was begun before it, too.
            self.transaction = RawTransaction::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_and_not_awaited_is_heard() {
        let mut text = RawTransactions::default();
        text.start(&"BEGIN");
        text.start(&"SELECT 1");
        assert!(text.is_open());
        text.start(&"COMMIT");
        text.start(&"SELECT 1");
        assert!(!text.is_open());
    }

    #[test]
    #[cfg(feature = "diesel-async")]
    fn after_a_transaction_that_was_given_up_text_is_heard() {
        let mut text = RawTransactions::default();
        text.begin(1);
        text.start(&"BEGIN");
        text.give_up();
        text.start(&"BEGIN");
        text.finish(true);
        assert!(text.is_open());
    }
}
