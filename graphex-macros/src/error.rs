//! The bag that gathers every mistake of one struct, so that they are all reported in one run.

use quote::ToTokens;

/// Every mistake found so far. [`Errors::finish`] must be asked for the verdict.
#[derive(Default)]
pub(crate) struct Errors {
    found: Option<syn::Error>,
    asked: bool,
}

impl Errors {
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.found {
            Some(found) => found.combine(error),
            None => self.found = Some(error),
        }
    }

    /// Keeps the value, or notes why there is none.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn finish(mut self) -> syn::Result<()> {
        self.asked = true;
        self.found.take().map_or(Ok(()), Err)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        debug_assert!(
            self.asked || std::thread::panicking(),
            "errors were gathered and never reported"
        );
    }
}

/// The error for `err!`: a sentence in rustc's voice, below it what to write instead.
pub(crate) fn at(tokens: &impl ToTokens, message: String, help: Option<String>) -> syn::Error {
    let text = match help {
        Some(help) => format!("{message}\n\nhelp: {help}"),
        None => message,
    };
    syn::Error::new_spanned(tokens, text)
}

/// Builds an error at the tokens to blame: `err!(field, "unknown field `{field}`"; help: ...)`.
/// There is no form without tokens, so no error can point at the derive for want of a place.
macro_rules! err {
    ($at:expr, $message:literal $(, $arg:expr)* $(,)?) => {
        $crate::error::at(&$at, format!($message $(, $arg)*), None)
    };
    ($at:expr, $message:literal $(, $arg:expr)* ; help: $help:expr) => {
        $crate::error::at(&$at, format!($message $(, $arg)*), Some(String::from($help)))
    };
}

pub(crate) use err;

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;
    use quote::quote;

    use super::Errors;

    #[test]
    fn all_errors_come_out_in_order_with_their_help() {
        let mut errors = Errors::default();
        let name = "rom";
        errors.push(err!(quote!(rom), "unknown field `{name}`"; help: "write `room`"));
        errors.push(err!(quote!(b), "second {}", 2));
        let found: Vec<String> = errors.finish().map_or_else(
            |error| error.into_iter().map(|e| e.to_string()).collect(),
            |()| Vec::new(),
        );
        assert_eq!(
            found,
            ["unknown field `rom`\n\nhelp: write `room`", "second 2"]
        );
    }

    #[test]
    fn keep_notes_the_failure() {
        let mut errors = Errors::default();
        assert_eq!(errors.keep(Ok(1)), Some(1));
        assert_eq!(errors.keep::<()>(Err(err!(TokenStream::new(), "no"))), None);
        assert!(errors.finish().is_err());
    }
}
