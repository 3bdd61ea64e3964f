//! Rows that begin and cease to be a subscription's: its rows are those of SQL.

use crate::logged::{Listener, Note, Store};
use graphex::Reason;
use graphex::prelude::*;

/// What `Hub::explain_update` says is what is told.
#[tokio::test]
async fn a_row_that_enters_or_leaves_is_explained() {
    let store = Store::new("explained");
    store.insert([1]);
    let server = store.serve().await;
    let query =
        "subscription { noteChanges(ready: true, filters: {room: 7}) { action id data { text } } }";
    let mut listener = Listener::join(&server, query).await;
    assert_eq!(listener.told().await, "READY");
    let hub = &server.hub.own;
    let channels = hub.channels_of(&Identity::anonymous());
    let [channel] = &channels[..] else {
        panic!("{channels:?}");
    };
    let note = |room| Note {
        id: 1,
        owner: 1,
        room,
        text: "note 1".to_owned(),
    };
    let key = || "room".to_owned();
    let cases = [
        (7, 7, Reason::Delivered, Some("UPDATE 1 note 1")),
        (7, 8, Reason::Leaves, Some("LEAVE 1")),
        (8, 9, Reason::Filter { key: key() }, None),
        (9, 7, Reason::Enters, Some("ENTER 1 note 1")),
    ];
    for (before, now, reason, told) in cases {
        let (before, now_note) = (note(before), note(now));
        let explained = hub.explain_update(&before, &now_note, channel.as_str());
        let explained = explained.await;
        assert_eq!(explained.reason, reason);
        assert_eq!(explained.is_delivered(), told.is_some(), "{explained}");
        store.run(&format!("UPDATE notes SET room = {now} WHERE id = 1"));
        if let Some(told) = told {
            assert_eq!(listener.told().await, told);
        }
    }
}
