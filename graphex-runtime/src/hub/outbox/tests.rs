use super::*;
use crate::hub::clock::Clock;
use crate::hub::operation::Envelope;
use crate::limits::Limits;

const ACTION: Action = Action::Create;
/// The sample's projection has the action alone.
const RESYNC: &str = r#""RESYNC"}"#;

fn frame(payload: &'static str) -> Arc<Frame> {
    Arc::new(Frame::Change {
        payload: payload.into(),
        cursor: None,
        position: None,
        received: Stamp::now(),
    })
}

fn outbox(change: impl FnOnce(&mut Limits)) -> Outbox {
    let mut limits = Limits::default();
    change(&mut limits);
    Outbox::new(Arc::new(Bounds::new(&limits)), Arc::default())
}

fn sized(frames: usize, bytes: usize) -> Outbox {
    outbox(|limits| {
        limits.outbox_frames = frames;
        limits.outbox_bytes = bytes;
    })
}

/// A subscriber on a lane.
struct Listener {
    member: Member,
    clock: Clock,
}

fn listener() -> Listener {
    enveloped(Envelope::default())
}

fn enveloped(envelope: Envelope) -> Listener {
    let (member, clock) = Member::sample(envelope, ACTION);
    Listener { member, clock }
}

impl Listener {
    /// Delivers the next change of the lane.
    fn push(&self, outbox: &Outbox, payload: &'static str) -> Pushed {
        self.push_older(outbox, self.clock.tick(None), payload)
    }

    fn push_older(&self, outbox: &Outbox, change: u64, payload: &'static str) -> Pushed {
        outbox.push(&self.member, ACTION, change, frame(payload))
    }
}

async fn taken(outbox: &Outbox) -> Vec<Bytes> {
    outbox.take().await.unwrap().frames.collect()
}

fn is_queued(pushed: Pushed) -> bool {
    matches!(pushed, Pushed::Queued { .. })
}

const OVERFLOWED: Pushed = Pushed::Overflowed { closed: false };

#[test]
fn the_writer_is_due_in_steps_of_frames_and_of_bytes() {
    let due = |outbox: &Outbox, payload: &'static str| {
        let listener = listener();
        let due = |(number, pushed)| match pushed {
            Pushed::Queued { is_first, is_due } => {
                assert_eq!(is_first, number == 1);
                is_due.then_some(number)
            }
            _ => None,
        };
        let pushed = (1..=64).map(|number| (number, listener.push(outbox, payload)));
        pushed.filter_map(due).collect::<Vec<_>>()
    };
    assert_eq!(due(&sized(80, 10_000), "a"), [10, 20, 30, 40, 50, 60]);
    assert_eq!(
        due(&sized(10_000, 160), "aaaaa"),
        [4, 8, 12, 16, 20, 24, 28, 32]
    );
    assert_eq!(due(&sized(2, 2), "a"), [1, 2]);
}

#[tokio::test]
async fn frames_come_out_in_order_all_at_once() {
    let (outbox, listener) = (sized(10, 100), listener());
    for frame in ["a", "b", "c"] {
        assert!(is_queued(listener.push(&outbox, frame)));
    }
    assert_eq!(taken(&outbox).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_notified_writer_has_what_is_there_and_is_told_once() {
    let (outbox, listener) = (sized(10, 100), listener());
    outbox.notify();
    listener.push(&outbox, "a");
    let taken = outbox.take().await.unwrap();
    assert!(taken.notified);
    assert_eq!(taken.frames.count(), 1);
    outbox.notify();
    outbox.notify();
    let taken = outbox.take().await.unwrap();
    assert!(taken.notified);
    assert_eq!(taken.frames.count(), 0);
    listener.push(&outbox, "b");
    assert!(!outbox.take().await.unwrap().notified);
}

#[tokio::test]
async fn what_does_not_fit_is_a_gap_that_is_told_after_what_did() {
    let (outbox, listener) = (sized(2, 100), listener());
    listener.push(&outbox, "a");
    listener.push(&outbox, "b");
    assert_eq!(listener.push(&outbox, "c"), OVERFLOWED);
    assert_eq!(listener.push(&outbox, "d"), Pushed::Covered);
    assert_eq!(taken(&outbox).await, ["a", "b", RESYNC]);
    listener.push(&outbox, "e");
    assert_eq!(taken(&outbox).await, ["e"]);
}

#[tokio::test]
async fn bytes_are_counted_with_their_envelopes_and_one_frame_alone_has_room() {
    let (outbox, listener) = (sized(100, 4), enveloped(Envelope::new("<", ">")));
    assert!(is_queued(listener.push(&outbox, "much more than four")));
    assert_eq!(listener.push(&outbox, ""), OVERFLOWED);
    assert_eq!(
        taken(&outbox).await,
        ["<much more than four>", r#"<"RESYNC"}>"#]
    );
    assert!(is_queued(listener.push(&outbox, "ab")));
    assert_eq!(taken(&outbox).await, ["<ab>"]);
}

#[tokio::test]
async fn a_gap_is_the_subscribers_own() {
    let outbox = sized(2, 100);
    let (much, little) = (listener(), listener());
    for _ in 0..5 {
        much.push(&outbox, "much");
    }
    assert_eq!(taken(&outbox).await, ["much", "much", RESYNC]);
    assert!(is_queued(little.push(&outbox, "little")));
    assert_eq!(taken(&outbox).await, ["little"]);
}

#[tokio::test]
async fn nothing_older_follows_a_resync() {
    let (outbox, listener) = (sized(10, 100), listener());
    let undecided = listener.clock.tick(None);
    let under_way = listener.clock.tick(None);
    outbox.gap(&listener.member.subscriber);
    assert_eq!(taken(&outbox).await, [RESYNC]);
    for older in [undecided, under_way] {
        let pushed = listener.push_older(&outbox, older, "older");
        assert_eq!(pushed, Pushed::Covered);
    }
    listener.push(&outbox, "younger");
    assert_eq!(taken(&outbox).await, ["younger"]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_is_told_of_gaps_once_in_an_interval_and_of_the_last() {
    let (outbox, listener) = (sized(10, 100), listener());
    let subscriber = &listener.member.subscriber;
    let began = Instant::now();
    let mut told = Vec::new();
    for _ in 0..3 {
        for _ in 0..60 {
            outbox.gap(subscriber);
            assert_eq!(listener.push(&outbox, "missed"), Pushed::Covered);
        }
        assert_eq!(taken(&outbox).await, [RESYNC]);
        told.push(began.elapsed().as_secs());
    }
    assert_eq!(told, [0, 1, 2]);
    assert_eq!(outbox.counters.resyncs.get(), 3);
}

#[tokio::test]
async fn where_gaps_cannot_be_told_one_frame_too_many_closes() {
    let (outbox, listener) = (
        outbox(|limits| {
            limits.outbox_frames = 2;
            limits.slow_reader = crate::limits::SlowReader::Close;
        }),
        listener(),
    );
    listener.push(&outbox, "a");
    listener.push(&outbox, "b");
    let closed = Pushed::Overflowed { closed: true };
    assert_eq!(listener.push(&outbox, "c"), closed);
    assert_eq!(listener.push(&outbox, "d"), Pushed::Ended);
    assert_eq!(outbox.take().await.err(), Some(CloseReason::SlowReader));
    assert_eq!(outbox.closed().await, CloseReason::SlowReader);
}

#[tokio::test]
async fn who_is_sent_away_gets_what_waits_and_whose_right_ends_gets_nothing() {
    let revoked = CloseReason::Revoked("no".into());
    for (reason, left) in [
        (CloseReason::GoingAway, 2),
        (revoked, 0),
        (CloseReason::Expired, 0),
    ] {
        let (outbox, listener) = (sized(100, 100), listener());
        listener.push(&outbox, "a");
        listener.push(&outbox, "b");
        outbox.close(reason.clone());
        assert_eq!(listener.push(&outbox, "c"), Pushed::Ended);
        if left > 0 {
            assert_eq!(taken(&outbox).await.len(), left);
        }
        assert_eq!(outbox.take().await.err(), Some(reason));
        // Whoever is sent away first may lose the right to what waits.
        outbox.close(CloseReason::Expired);
        assert_eq!(outbox.closed().await, CloseReason::Expired);
    }
}

#[tokio::test]
async fn each_member_has_its_envelope_around_the_same_payload() {
    let outbox = sized(10, 100);
    let listeners = ["1:", "2:"].map(|head| enveloped(Envelope::new(head, ";")));
    for listener in listeners.iter().chain([&listener()]) {
        listener.push(&outbox, "a");
    }
    assert_eq!(taken(&outbox).await, ["1:a;", "2:a;", "a"]);
}

#[tokio::test]
async fn nothing_of_a_retired_member_is_queued_or_left() {
    let (outbox, ended, other) = (sized(10, 4), listener(), listener());
    ended.push(&outbox, "aa");
    other.push(&outbox, "b");
    outbox.retire(&ended.member.subscriber, ACTION);
    assert_eq!(ended.push(&outbox, "c"), Pushed::Ended);
    // The room that it took is free again.
    assert!(is_queued(other.push(&outbox, "ddd")));
    assert_eq!(taken(&outbox).await, ["b", "ddd"]);
}

#[tokio::test]
async fn who_has_left_is_not_told_of_a_gap() {
    let (outbox, ended, other) = (sized(10, 100), listener(), listener());
    outbox.gap(&ended.member.subscriber);
    outbox.retire(&ended.member.subscriber, ACTION);
    other.push(&outbox, "b");
    assert_eq!(taken(&outbox).await, ["b"]);
}

#[tokio::test]
async fn a_replaced_member_gets_nothing_more_but_what_is_queued() {
    let (outbox, listener) = (sized(10, 100), listener());
    listener.push(&outbox, "before");
    let subscriber = &listener.member.subscriber;
    let member = outbox.seat(subscriber, ACTION);
    assert_eq!(listener.push(&outbox, "late"), Pushed::Replaced);
    outbox.push(&member, ACTION, listener.clock.tick(None), frame("after"));
    assert_eq!(taken(&outbox).await, ["before", "after"]);
    outbox.retire(subscriber, ACTION);
    assert_eq!(listener.push(&outbox, "later"), Pushed::Ended);
}

/// A frame of a change with this position.
fn logged(position: u64) -> Arc<Frame> {
    let (log, token) = (1, 1);
    Arc::new(Frame::Change {
        payload: "logged".into(),
        cursor: Some(crate::cursor::Cursor {
            log,
            position,
            token,
        }),
        position: Some(position),
        received: Stamp::now(),
    })
}

#[tokio::test]
async fn a_client_that_goes_on_gets_what_waits_and_is_closed() {
    for goes_on in [true, false] {
        let outbox = sized(2, 10_000);
        let envelope = Envelope::new("[", "]").for_one_that_goes_on(goes_on);
        let listener = enveloped(envelope);
        let push = |position| {
            let change = listener.clock.tick(None);
            outbox.push(&listener.member, ACTION, change, logged(position))
        };
        assert!(is_queued(push(1)) && is_queued(push(2)));
        assert_eq!(push(3), Pushed::Overflowed { closed: goes_on });
        if goes_on {
            assert_eq!(push(4), Pushed::Ended);
            assert_eq!(taken(&outbox).await, ["[logged]", "[logged]"]);
            // What was taken is being sent: nothing interrupts that.
            assert!(lock(&outbox.state).closed.is_none());
            assert_eq!(outbox.take().await.err(), Some(CloseReason::SlowReader));
            assert_eq!(outbox.closed().await, CloseReason::SlowReader);
            assert_eq!(outbox.counters.resyncs.get(), 0);
        } else {
            assert_eq!(push(4), Pushed::Covered);
            assert_eq!(taken(&outbox).await.len(), 3);
            assert_eq!(outbox.counters.resyncs.get(), 1);
        }
    }
}

/// It would begin as if it were new.
#[tokio::test]
async fn who_has_no_position_yet_is_told_of_the_gap() {
    let outbox = sized(1, 10_000);
    let (other, listener) = (
        listener(),
        enveloped(Envelope::new("[", "]").for_one_that_goes_on(true)),
    );
    other.push(&outbox, "other");
    let change = listener.clock.tick(None);
    let pushed = outbox.push(&listener.member, ACTION, change, logged(1));
    assert_eq!(pushed, OVERFLOWED);
}
