//! Tells when everything before it was delivered: a hub delivers in order.

use graphex::ModelType;

#[derive(ModelType)]
#[graphex(stream = "markers")]
pub(crate) struct Marker {
    #[allow(dead_code, reason = "only the derive reads it")]
    pub(crate) id: i64,
}
