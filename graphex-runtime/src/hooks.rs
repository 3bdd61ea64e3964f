//! The user's `authorize` and `scope`, and the permit that they give.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use async_graphql::{Context, Error, Result};
use futures_util::FutureExt as _;

use crate::error::Refusal;
use crate::measure::{HookMeasures, HooksMeasures, Stamp};
use crate::model::{Model, RawArgs};
use crate::predicate::Pins;

/// What a hook gives.
pub(crate) type HookFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;
type Hook<T> = for<'a> fn(&'a Context<'a>, RawArgs) -> HookFuture<'a, T>;

/// A model's hooks with their types erased, so that what calls them is compiled once.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Hooks {
    authorize: Hook<()>,
    scope: Hook<Pins>,
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks").finish_non_exhaustive()
    }
}

/// Leave to join a stream within a scope. For clients only [`Hooks::permit`] makes one, here or in
/// the process that a request came to, so nothing is joined that the hooks did not allow.
#[derive(Debug)]
pub(crate) struct Permit {
    pub(crate) model: &'static Model,
    pub(crate) scope: Pins,
    // Keeps other modules from writing a `Permit { .. }`.
    _made_here: (),
}

impl Permit {
    /// The process itself listens, and says within which scope.
    pub(crate) fn of_process(model: &'static Model, scope: Pins) -> Self {
        Self::carried(model, scope)
    }

    /// A permit that the hooks gave in another process, which carried it here.
    pub(crate) fn carried(model: &'static Model, scope: Pins) -> Self {
        Self {
            model,
            scope,
            _made_here: (),
        }
    }
}

impl Hooks {
    /// Takes the two hooks of a model.
    #[must_use]
    pub fn new(authorize: Hook<()>, scope: Hook<Pins>) -> Self {
        Self { authorize, scope }
    }

    /// Asks `authorize`, then `scope`.
    pub(crate) async fn permit(
        self,
        model: &'static Model,
        ctx: &Context<'_>,
        args: RawArgs,
        measures: &HooksMeasures,
    ) -> Result<Permit, Refusal> {
        let authorizing = run(model, "authorize", || (self.authorize)(ctx, args.clone()));
        measured(&measures.authorize, authorizing).await?;
        let scoping = run(model, "scope", || (self.scope)(ctx, args));
        let scope = measured(&measures.scope, scoping).await?;
        Ok(Permit {
            model,
            scope,
            _made_here: (),
        })
    }
}

async fn measured<T>(
    measures: &HookMeasures,
    hook: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let began = Stamp::now();
    let outcome = hook.await;
    measures.seconds.since(began);
    match &outcome {
        Ok(_) => {}
        Err(Refusal::Denied(_)) => measures.denied.add(1),
        Err(_) => measures.failed.add(1),
    }
    outcome
}

/// Runs a hook to its end; a panic in it is an internal failure of this operation alone.
async fn run<'a, T>(
    model: &Model,
    hook: &'static str,
    call: impl FnOnce() -> HookFuture<'a, T>,
) -> Result<T, Refusal> {
    // The hook's state is dropped with it, so nobody sees what a panic left half done.
    match AssertUnwindSafe(async { call().await })
        .catch_unwind()
        .await
    {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(refusal(model, hook, error)),
        Err(_) => {
            tracing::error!(stream = model.stream, hook, "the hook panicked");
            Err(Refusal::Internal)
        }
    }
}

/// A sentence is for the client; an error that came from elsewhere is for the log.
fn refusal(model: &Model, hook: &'static str, error: Error) -> Refusal {
    if is_sentence(&error) {
        return Refusal::Denied(error.message);
    }
    let (stream, error) = (model.stream, &error.message);
    if is_missing_data(error) {
        tracing::error!(
            stream,
            hook,
            error,
            "the hook failed; put that type there with `Endpoints::data` or `Request::data`"
        );
    } else {
        tracing::error!(stream, hook, error, "the hook failed");
    }
    Refusal::Internal
}

/// What `ctx.data::<T>()` says; it names a Rust type.
fn is_missing_data(message: &str) -> bool {
    message.starts_with("Data `")
}

/// `Error::new("…")` has no source and `"…".into()` has the text as its source; an error that
/// was converted by `?` has itself.
pub(crate) fn is_sentence(error: &Error) -> bool {
    !is_missing_data(&error.message)
        && error
            .source
            .as_ref()
            .is_none_or(|source| source.is::<String>() || source.is::<&'static str>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sentences_reach_the_client() {
        assert!(is_sentence(&Error::new("not today")));
        assert!(is_sentence(&"not today".into()));
        assert!(is_sentence(&String::from("not today").into()));
        assert!(!is_sentence(
            &std::io::Error::other("relation users does not exist").into()
        ));
        assert!(!is_sentence(&Error::new(
            "Data `chat::CurrentUser` does not exist."
        )));
    }
}
