use super::*;
use crate::change::Action;
use crate::model::Payload;
use crate::value::{Field as _, Value};

static MODEL: Model = Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[]);

/// What nobody can derive: whoever asks for one `id` finds a field that is not there.
static BROKEN: Model = Model {
    name: "Broken",
    stream: "broken",
    key: 9,
    field: "brokenSubscription",
    changes: "brokenChanges",
    ..Model::sample(Payload::IdOnly, &[i64::TYPE.named("id", "ID")], &[9])
};

#[tokio::test]
async fn a_request_that_panics_costs_only_itself() {
    let mut builder = Hub::builder();
    builder.models.extend([&MODEL, &BROKEN]);
    let hub = builder.build();
    let channel = hub.connect(Identity::anonymous()).unwrap();
    let request = |stream: &str, number| Request {
        asker: NodeId(1),
        number,
        channel: channel.id().as_str().to_owned(),
        identity: None,
        left: None,
        stream: stream.to_owned(),
        actions: vec![Action::Create],
        id: Some(Value::Int(5)),
        filters: Vec::new(),
        operation: Operation::Subscribe {
            scope: Vec::new(),
            data: None,
            after: None,
            ready: false,
            snapshot: false,
        },
    };
    let refused = hub.carried_out(request("broken", 0)).await;
    assert_eq!(refused, Err(Refusal::Internal));
    // And the task that serves goes on.
    let remote = &hub.engine.remote;
    let serving = tokio::spawn(remote.serve(Arc::downgrade(&hub.engine)));
    for (number, stream) in ["broken", "messages"].into_iter().enumerate() {
        let request = request(stream, number as u64).write();
        assert!(remote.receive(&request, &hub.engine.counters));
    }
    while hub.stats().subscriptions == 0 {
        assert!(!serving.is_finished());
        tokio::task::yield_now().await;
    }
    assert_eq!(hub.stats().subscriptions, 1);
}
