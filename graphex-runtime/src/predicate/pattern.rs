//! Regular expressions that clients send.

use std::hash::{Hash, Hasher};

use regex::{Regex, RegexBuilder};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;

use crate::change::Row;
use crate::limits::Limits;
use crate::value::Value;

const TOO_LARGE: &str = "is too large a regular expression";
const TURNED_OFF: &str = "is turned off: this server takes no regular expressions";

/// Groups within groups.
const NESTING: u32 = 50;

/// A regular expression of bounded size, compiled when its subscription is made.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    ignore_case: bool,
    /// States of its automaton: the most that each byte of a text can cost.
    states: u64,
    /// [`Limits::pattern_bytes`].
    size: usize,
}

/// A pattern and the field it is on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PatternCondition {
    /// Position in the model's fields.
    pub(crate) field: usize,
    pub(crate) pattern: Pattern,
}

impl PatternCondition {
    /// Whether the row's text matches.
    pub(super) fn holds(&self, row: &Row) -> bool {
        self.text(row)
            .is_some_and(|text| self.pattern.regex.is_match(text))
    }

    /// The most that testing the row can cost: states of the pattern × bytes of the text.
    pub(super) fn work(&self, row: &Row) -> u64 {
        let bytes = self.text(row).map_or(0, str::len);
        // At least one for an empty text, so that there is always something to do.
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).max(1);
        self.pattern.states.saturating_mul(bytes)
    }

    fn text<'r>(&self, row: &'r Row) -> Option<&'r str> {
        match row.value(self.field) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
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
        if size == 0 {
            return Err(TURNED_OFF.to_owned());
        }
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
                states: states(source, ignore_case, size)?,
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
    pub(crate) fn bytes(&self) -> usize {
        self.regex.as_str().len() + 2 * self.size
    }

    fn identity(&self) -> (&str, bool) {
        (self.regex.as_str(), self.ignore_case)
    }
}

/// The engine does not tell how large its automaton is, so the first stage is built once more. It
/// has read the pattern already.
fn states(source: &str, ignore_case: bool, size: usize) -> Result<u64, String> {
    let syntax = syntax::Config::new()
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .nest_limit(NESTING);
    let mut compiler = thompson::Compiler::new();
    let nfa = compiler
        .syntax(syntax)
        .configure(thompson::Config::new().nfa_size_limit(Some(size)))
        .build(source);
    let nfa = nfa.map_err(|_| TOO_LARGE.to_owned())?;
    Ok(u64::try_from(nfa.states().len()).unwrap_or(u64::MAX))
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
