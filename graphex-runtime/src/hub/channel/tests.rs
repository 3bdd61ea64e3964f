use super::*;
use crate::error::Refusal;
use crate::log_limit::logged;

#[test]
fn a_channel_of_another_identity_is_in_the_log_once() {
    let hub = Hub::builder().build();
    let channel = hub.connect(Identity::new("ann")).unwrap();
    let id = channel.id().as_str();
    let lines = logged(|| {
        for _ in 0..3 {
            let found = hub.find(id, &Identity::anonymous());
            assert_eq!(found.unwrap_err(), Refusal::UnknownChannel);
        }
        hub.find("unknown", &Identity::anonymous()).unwrap_err();
    });
    let [line] = lines.as_slice() else {
        panic!("one line, not {lines:?}");
    };
    for part in [
        "WARN",
        "opened_by=\"ann\"",
        "asked_by=\"anonymous\"",
        "Endpoints::identity",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}
