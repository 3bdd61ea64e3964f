//! Without the derive there is no model to scope, to register or to mount.

use graphex::Hub;

struct Message {
    id: i64,
}

fn main() {
    let _ = Hub::builder().model::<Message>();
    let _ = Message { id: 1 }.id;
}
