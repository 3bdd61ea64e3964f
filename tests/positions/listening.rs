//! Listening in the process to a model with a change log, in SQLite: every writer is heard, and what
//! an update makes of a row.

use std::time::Duration;

use crate::database::Store;
use crate::logged::{Note, NoteScope};
use graphex::{Action, Event, Hub, Listener, TypedChange};
use tokio::time::timeout;

async fn next(listener: &mut Listener<Note>) -> TypedChange<Note> {
    let heard = timeout(Duration::from_secs(20), listener.next()).await;
    match heard.expect("nothing was heard") {
        Some(Event::Change(change)) => change,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_writer_is_heard_and_rows_enter_and_leave() {
    let store = Store::new("listening");
    let builder = Hub::builder().model::<Note>().change_log(store.log());
    let hub = builder.try_build().unwrap();
    let scope = NoteScope { owner: Some(1) };
    let mut notes = hub.subscribe::<Note>().scope(scope).await.unwrap();
    store.insert([5]);
    let change = next(&mut notes).await;
    assert_eq!(change.action(), Action::Create);
    assert_eq!(change.get::<String>("text").unwrap(), "note 5");
    store.run("UPDATE notes SET text = 'new'");
    let change = next(&mut notes).await;
    assert!(!change.enters() && !change.leaves());
    let before: Option<String> = change.get_before("text").unwrap();
    assert_eq!(before.as_deref(), Some("note 5"));
    store.run(
        "UPDATE notes SET owner = 2; UPDATE notes SET text = 'unheard'; UPDATE notes SET owner = 1",
    );
    let change = next(&mut notes).await;
    assert!(change.leaves());
    assert_eq!(change.id::<i64>().unwrap(), 5);
    let change = next(&mut notes).await;
    assert!(change.enters());
    assert_eq!(change.get::<String>("text").unwrap(), "unheard");
    store.run("DELETE FROM notes");
    assert_eq!(next(&mut notes).await.action(), Action::Delete);
}
