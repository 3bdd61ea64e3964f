//! Futures that are dropped before they end.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::task::Poll;

use diesel::prelude::*;
use diesel_async::{AsyncConnection as _, RunQueryDsl};

use super::{attached, ids, insert, rollback};
use crate::awaited_database::{Conn, connect, hold_session, open, wait_for_session};
use crate::capture::{Listener, created, notes, resync};
use crate::dice::Dice;
use crate::proof;

/// The output of a future, unless it is given up after it has waited so often.
pub(crate) async fn unless_given_up<F: Future>(future: F, waits: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = waits;
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_given_up_leaves_the_connection_as_it_was() {
    let (mut conn, mut feed) = attached("given_up_alone").await;
    let (mut given_up, mut ended) = (0, 0);
    // SQLite may answer before it is waited for.
    for waits in (0..12).cycle().take(2_000) {
        if given_up > 4 && ended > 0 {
            break;
        }
        let id = 2 * (given_up + ended) + 1;
        let outcome = unless_given_up(insert(&mut conn, id), waits).await;
        match outcome {
            None => given_up += 1,
            Some(_) => ended += 1,
        }
        // It is in no transaction: what comes next commits by itself.
        diesel::insert_into(notes::table)
            .values((notes::id.eq(id + 1), notes::text.eq("plain")))
            .execute(&mut conn)
            .await
            .unwrap();
        let mut other = open("given_up_alone").await;
        let committed = ids(&mut other).await;
        assert!(committed.contains(&(id + 1)), "after {waits}");
        let told = feed.told().await;
        let known = if committed.contains(&id) {
            told == [created(id, "new")] || told == [resync()]
        } else {
            told.is_empty() || told == [resync()]
        };
        assert!(known, "after {waits}: {committed:?}, {told:?}");
        conn.transaction(async |conn| insert(conn, -1 - id).await)
            .await
            .unwrap();
        assert_eq!(feed.told().await, [created(-1 - id, "new")]);
    }
    assert!(given_up > 4 && ended > 0, "{given_up} {ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_is_given_up_in_a_transaction_that_commits_is_a_gap() {
    let (mut conn, mut feed) = attached("given_up_within").await;
    for commits in [true, false] {
        let outcome = conn
            .transaction(async |conn| {
                let mut id = 10;
                while unless_given_up(insert(conn, id), 0).await.is_some() {
                    // SQLite may answer before it is waited for.
                    id += 1;
                }
                insert(conn, 2).await?;
                if commits { Ok(()) } else { rollback() }
            })
            .await;
        assert_eq!(outcome.is_ok(), commits);
        let mut told = feed.told().await;
        told.retain(|told| told.id < 10);
        let expected = [created(2, "new"), resync()];
        assert_eq!(told, expected[..if commits { 2 } else { 0 }]);
        RunQueryDsl::execute(diesel::delete(notes::table), &mut conn)
            .await
            .unwrap();
    }
}

/// What is given up somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Statement,
    Transaction,
    RolledBack,
    /// A transaction whose second statement is given up.
    Within,
}

impl Act {
    async fn run(self, conn: &mut Conn, first: i64, waits: usize) -> QueryResult<()> {
        if self == Self::Statement {
            return insert(conn, first).await.map(drop);
        }
        conn.transaction(async |conn| {
            insert(conn, first).await?;
            if self == Self::Within {
                let _ = unless_given_up(insert(conn, first + 1), waits).await;
            }
            let _ = conn
                .transaction(async |conn| {
                    insert(conn, first + 2).await?;
                    if first % 20 == 0 { rollback() } else { Ok(()) }
                })
                .await;
            insert(conn, first + 3).await?;
            if self == Self::RolledBack {
                rollback()
            } else {
                Ok(())
            }
        })
        .await
    }
}

#[derive(Debug, Default)]
struct Counts {
    given_up: usize,
    gaps: usize,
    committed_in_gaps: usize,
}

/// At random awaits of random transactions.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_told_if_it_may_have_committed_and_never_otherwise() {
    const NAME: &str = "given_up";
    let (mut dice, mut feed, mut counts) = (Dice::new(), Listener::new().await, Counts::default());
    let mut other = connect(NAME).await;
    let mut conn = victim(&feed, NAME).await;
    let acts = [
        Act::Statement,
        Act::Transaction,
        Act::RolledBack,
        Act::Within,
    ];
    for step in 0..proof::steps(1_000) {
        let first = i64::try_from(step).unwrap() * 10;
        let (act, waits, within) = (dice.pick(&acts), dice.below(16), dice.below(3));
        let outcome = unless_given_up(act.run(&mut conn, first, within), waits).await;
        if outcome.is_none() && act != Act::Statement {
            // diesel-async leaves the transaction open.
            drop(conn);
            wait_for_session(&mut other).await;
            conn = victim(&feed, NAME).await;
        }
        // Behind whatever the statement sent.
        let _ = ids(&mut conn).await;
        let committed: BTreeSet<_> = ids_from(&mut other, first).await.into_iter().collect();
        let mut told = feed.told().await;
        let gap = told.contains(&resync());
        told.retain(|told| *told != resync());
        let told: BTreeSet<_> = told.iter().map(|told| told.id).collect();
        let context = format!("{act:?} {waits}: {outcome:?}, {committed:?}, {told:?}, {gap}");
        assert!(told.is_subset(&committed), "a phantom: {context}");
        assert!(gap || told == committed, "lost: {context}");
        let may_gap = outcome.is_none() || act == Act::Within;
        assert!(may_gap || !gap, "no reason for a gap: {context}");
        counts.given_up += usize::from(outcome.is_none());
        counts.gaps += usize::from(gap);
        counts.committed_in_gaps += usize::from(gap && told != committed);
    }
    eprintln!("{counts:?}");
    assert!(counts.given_up > 0 && counts.gaps > 0, "{counts:?}");
    assert!(counts.committed_in_gaps > 0, "{counts:?}");
}

/// An attached connection whose end can be waited for.
async fn victim(feed: &Listener, name: &str) -> Conn {
    let mut conn = open(name).await;
    hold_session(&mut conn).await;
    feed.hub.attach(&mut conn).await.unwrap();
    conn
}

async fn ids_from(conn: &mut Conn, first: i64) -> Vec<i64> {
    let ids = notes::table.select(notes::id).filter(notes::id.ge(first));
    ids.load(conn).await.unwrap()
}
