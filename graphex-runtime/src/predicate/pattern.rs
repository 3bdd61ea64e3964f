//! Regular expressions that clients send.

use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};

/// A regular expression of bounded size, compiled when its subscription is made.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    ignore_case: bool,
}

impl Pattern {
    /// Compiles a pattern into at most `size` bytes.
    ///
    /// As on PostgreSQL `.` matches a line break, and `^` and `$` only the ends of the text.
    pub(crate) fn new(source: &str, ignore_case: bool, size: usize) -> Result<Self, regex::Error> {
        let regex = RegexBuilder::new(source)
            .case_insensitive(ignore_case)
            .dot_matches_new_line(true)
            .nest_limit(50)
            .size_limit(size)
            // What matching may keep between two rows, on top of the compiled pattern.
            .dfa_size_limit(size)
            .build()?;
        Ok(Self { regex, ignore_case })
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
