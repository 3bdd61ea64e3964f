//! Reads a document's text: what the parser would recurse into or look at again is counted before
//! it sees it.

use super::lexer::{Broken, Lexer, Token};
use super::outline::{Outline, Place};
use crate::error::Unfit;
use crate::limits::Limits;

/// Looks at a document that is yet to be parsed.
///
/// Everything is refused that the parser cannot take; a document that expands to too much is
/// refused too, where the text shows it, since that costs a hundredth of parsing it.
pub(super) fn read<'d>(text: &'d str, limits: &Limits) -> Result<Outline<'d>, Unfit> {
    if text.len() > limits.document_bytes {
        let limit = limits.document_bytes;
        return Err(Unfit::Bytes { limit });
    }
    let mut lexer = Lexer::new(text);
    let mut reader = Reader::default();
    let mut tokens = 0;
    loop {
        let token = match lexer.next() {
            Ok(Some(token)) => token,
            Ok(None) | Err(Broken::ForParser) => return Ok(reader.outline),
            Err(Broken::BlockString) => return Err(Unfit::BlockString),
        };
        tokens += 1;
        if tokens > limits.document_tokens {
            let limit = limits.document_tokens;
            return Err(Unfit::Tokens { limit });
        }
        match token {
            Token::Name(name) if name.len() > limits.document_name => {
                let limit = limits.document_name;
                return Err(Unfit::Name { limit });
            }
            Token::Open(_) if reader.nesting >= limits.document_nesting => {
                let limit = limits.document_nesting;
                return Err(Unfit::Nesting { limit });
            }
            token => reader.token(token),
        }
    }
}

/// What is known of the document so far.
#[derive(Default)]
struct Reader<'d> {
    outline: Outline<'d>,
    /// Open brackets, and those of them that are parentheses.
    nesting: usize,
    parentheses: usize,
    /// Where the selections of the open selection sets stand, the innermost last.
    places: Vec<Place>,
    /// What the next name is.
    next: Next,
    /// The last field, for its selection set.
    field: &'d str,
}

/// What a name is that comes next, outside of parentheses.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    /// The beginning of a definition.
    #[default]
    Definition,
    FragmentName,
    /// In the head of a definition.
    Head,
    /// In a selection set.
    Field,
    /// After an alias and its colon.
    Aliased,
    /// After `...`.
    Spread,
    /// After `...on`, or after `@` in a selection set.
    Other,
}

impl<'d> Reader<'d> {
    fn token(&mut self, token: Token<'d>) {
        match (self.next, token) {
            (Next::Definition, Token::Name("fragment")) => {
                self.next = Next::FragmentName;
                return;
            }
            (Next::FragmentName, Token::Name(name)) => self.begin(Some(name)),
            (Next::Definition | Next::FragmentName, _) => self.begin(None),
            _ => {}
        }
        self.outline.tokens(1);
        match token {
            Token::Open(bracket) => self.open(bracket),
            Token::Close(bracket) => self.close(bracket),
            _ if self.parentheses > 0 || self.places.is_empty() => {}
            Token::Spread => self.next = Next::Spread,
            Token::Mark(b'@') => {
                self.end_spread();
                self.next = Next::Other;
            }
            Token::Mark(b':') => self.next = Next::Aliased,
            Token::Name(name) => self.name(name),
            Token::Mark(_) | Token::Literal => {}
        }
    }

    fn begin(&mut self, fragment: Option<&'d str>) {
        match fragment {
            Some(name) => {
                self.outline.begin_fragment(name);
                self.outline.tokens(1);
            }
            None => self.outline.begin_operation(false),
        }
        self.next = Next::Head;
    }

    fn place(&self) -> Place {
        self.places.last().copied().unwrap_or_default()
    }

    fn name(&mut self, name: &'d str) {
        let at = self.place();
        match std::mem::replace(&mut self.next, Next::Field) {
            Next::Field => {
                self.outline.field(name, at);
                self.field = name;
            }
            Next::Aliased => {
                self.outline.aliased(name, at);
                self.field = name;
            }
            Next::Spread if name == "on" => {
                self.outline.inline_fragment(at);
                self.field = "";
                self.next = Next::Other;
            }
            Next::Spread => self.outline.spread(name, at),
            Next::Definition | Next::FragmentName | Next::Head | Next::Other => {}
        }
    }

    /// `...{` and `...@` begin inline fragments.
    fn end_spread(&mut self) {
        if self.next == Next::Spread {
            let at = self.place();
            self.outline.inline_fragment(at);
            self.field = "";
        }
    }

    fn open(&mut self, bracket: u8) {
        self.nesting += 1;
        self.outline.brackets(self.nesting);
        if bracket == b'(' {
            self.parentheses += 1;
        } else if bracket == b'{' && self.parentheses == 0 {
            self.end_spread();
            let mut place = match self.places.last() {
                Some(around) => around.below(self.field),
                None => Place::default(),
            };
            place.nesting = self.nesting;
            self.places.push(place);
            self.next = Next::Field;
            self.field = "";
        }
    }

    fn close(&mut self, bracket: u8) {
        self.nesting = self.nesting.saturating_sub(1);
        if bracket == b')' {
            self.parentheses = self.parentheses.saturating_sub(1);
        } else if bracket == b'}' && self.parentheses == 0 {
            self.places.pop();
            self.next = if self.places.is_empty() {
                Next::Definition
            } else {
                Next::Field
            };
        }
    }
}
