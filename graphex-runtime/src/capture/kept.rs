//! The instrumentation of the user's that a tracker takes the place of.

use std::any::TypeId;

use diesel::connection::{DynInstrumentation, Instrumentation, get_default_instrumentation};

/// A user's instrumentation, which a tracker keeps and calls.
pub(super) type Kept = Option<Box<dyn Instrumentation>>;

/// Takes an instrumentation out of its connection, if its type is known: a value of an
/// unknown type cannot be moved out from behind a reference.
pub(super) fn take_known(there: &mut dyn Instrumentation) -> Option<Kept> {
    if type_of(there) == type_of(&*DynInstrumentation::none()) {
        return Some(None);
    }
    if let Some(boxed) = there.downcast_mut::<Kept>() {
        return Some(boxed.take());
    }
    // Made for this connection by the global default, so that another one is as good.
    let default = get_default_instrumentation()?;
    (type_of(there) == type_of(&*default)).then_some(Some(default))
}

fn type_of(instrumentation: &dyn Instrumentation) -> TypeId {
    instrumentation.as_any().type_id()
}
