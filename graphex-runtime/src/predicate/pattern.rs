//! Regular expressions that clients send.

use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};

use crate::limits::Limits;

const TOO_LARGE: &str = "is too large a regular expression";

/// Groups within groups.
const NESTING: u32 = 50;

/// A regular expression of bounded size, compiled when its subscription is made.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    ignore_case: bool,
    /// [`Limits::pattern_bytes`].
    size: usize,
}

impl Pattern {
    /// Compiles a pattern within [`Limits::pattern_bytes`].
    ///
    /// As on PostgreSQL `.` matches a line break, and `^` and `$` only the ends of the text.
    ///
    /// # Errors
    ///
    /// What is wrong with it, to be read after the name of the filter.
    pub(crate) fn new(source: &str, ignore_case: bool, limits: &Limits) -> Result<Self, String> {
        let size = limits.pattern_bytes;
        if source.len() > size {
            return Err(TOO_LARGE.to_owned());
        }
        let regex = RegexBuilder::new(source)
            .case_insensitive(ignore_case)
            .dot_matches_new_line(true)
            .nest_limit(NESTING)
            .size_limit(size)
            // What matching may keep between two rows, on top of the compiled pattern.
            .dfa_size_limit(size)
            .build();
        match regex {
            Ok(regex) => Ok(Self {
                regex,
                ignore_case,
                size,
            }),
            Err(regex::Error::CompiledTooBig(_)) => Err(TOO_LARGE.to_owned()),
            Err(error) => {
                // The last of several lines says what; those before show where.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default();
                let reason = reason.trim_start_matches("error: ");
                Err(format!("is no regular expression: {reason}"))
            }
        }
    }

    /// What it may take in memory, in bytes: the compiled pattern, and what matching keeps. How
    /// much of it is used is the library's secret.
    pub(super) fn bytes(&self) -> usize {
        self.regex.as_str().len() + 2 * self.size
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    fn identity(&self) -> (&str, bool) {
        (self.regex.as_str(), self.ignore_case)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Pattern {}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity().hash(state);
    }
}
