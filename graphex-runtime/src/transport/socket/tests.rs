use futures_util::{sink, stream};
use tokio::sync::Notify;

use super::*;

/// Whatever notified, it is read at once, for nothing notifies again: a full queue and its end.
#[tokio::test]
async fn one_look_reads_a_full_queue_and_the_end_of_the_client() {
    for sent in [0, 1, INBOUND_QUEUE] {
        let messages = (0..sent).map(|_| Ok::<_, std::fmt::Error>(Message::text("a")));
        let limits = Limits::default();
        let notified = Arc::new(Notify::new());
        let notify = Arc::clone(&notified);
        let mut socket = Socket::new(
            sink::drain(),
            stream::iter(messages.collect::<Vec<_>>()),
            move || notify.notify_one(),
            &limits,
        );
        while !socket.reader.is_finished() {
            notified.notified().await;
            tokio::task::yield_now().await;
        }
        // A session ends at the first error.
        let read: Vec<_> = socket.inbound().take(sent + 1).collect();
        assert_eq!(read.len(), sent + 1);
        assert!(read[..sent].iter().all(Result::is_ok));
        assert!(matches!(read[sent], Err(End::Closed)));
    }
}

#[test]
fn a_reason_is_cut_between_characters() {
    let long = "a".repeat(200);
    assert_eq!((short("short"), short(&long).len()), ("short", 123));
    assert_eq!(short(&"ä".repeat(100)).len(), 122);
}
