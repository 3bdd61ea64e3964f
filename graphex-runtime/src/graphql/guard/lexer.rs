//! The tokens of a document, found without recursion and with one look at each byte.
//!
//! Where async-graphql's parser departs from the specification (GraphQL, section 2.1), this goes
//! with the parser: what it would take for two tokens counts as two here.

/// One token. A character that begins none ends the tokens: there the parser stops too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'d> {
    Name(&'d str),
    /// `(`, `[` or `{`.
    Open(u8),
    /// `)`, `]` or `}`.
    Close(u8),
    /// `...`
    Spread,
    /// `!`, `$`, `:`, `=`, `@`, `&` or `|`.
    Mark(u8),
    /// A number or a string.
    Literal,
}

/// Why a document has no tokens from somewhere on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// A character that begins no token, or a string that its line does not end: the parser says
    /// where and what it expects.
    ForParser,
    /// A block string that nothing ends. The parser would take it for an empty string and look for
    /// its end again from each further one.
    BlockString,
}

pub(super) struct Lexer<'d> {
    text: &'d str,
    at: usize,
}

impl<'d> Lexer<'d> {
    pub(super) fn new(text: &'d str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token, or none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'d>>, Broken> {
        self.skip_ignored();
        let Some(&byte) = self.rest().first() else {
            return Ok(None);
        };
        let token = match byte {
            b'(' | b'[' | b'{' => self.take(1, Token::Open(byte)),
            b')' | b']' | b'}' => self.take(1, Token::Close(byte)),
            b'!' | b'$' | b':' | b'=' | b'@' | b'&' | b'|' => self.take(1, Token::Mark(byte)),
            b'.' if self.rest().starts_with(b"...") => self.take(3, Token::Spread),
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => self.name(),
            b'-' | b'0'..=b'9' => self.number(),
            b'"' => self.string()?,
            _ => return Err(Broken::ForParser),
        };
        Ok(Some(token))
    }

    fn rest(&self) -> &'d [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn take(&mut self, length: usize, token: Token<'d>) -> Token<'d> {
        self.at += length;
        token
    }

    /// White space, commas, byte order marks and comments.
    fn skip_ignored(&mut self) {
        loop {
            match self.rest() {
                [b' ' | b',' | b'\t' | b'\n' | b'\r', ..] => self.at += 1,
                [0xef, 0xbb, 0xbf, ..] => self.at += 3,
                [b'#', ..] => self.at += length(self.rest(), |byte| !matches!(byte, b'\n' | b'\r')),
                _ => return,
            }
        }
    }

    /// The parser takes `true`, `false` and `null` for tokens of their own, whatever follows.
    fn name(&mut self) -> Token<'d> {
        let rest = &self.text[self.at..];
        let word = ["true", "false", "null"]
            .into_iter()
            .find(|word| rest.starts_with(word));
        let length = word.map_or_else(|| length(rest.as_bytes(), is_name), str::len);
        let name = &rest[..length];
        self.take(name.len(), Token::Name(name))
    }

    /// A number as the parser takes it: of `01` it makes two.
    fn number(&mut self) -> Token<'d> {
        let rest = self.rest();
        let mut end = usize::from(rest[0] == b'-');
        end += match rest.get(end) {
            Some(b'0') => 1,
            _ => digits(&rest[end..]),
        };
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(&rest[end + 1..]);
            end += if fraction > 0 { 1 + fraction } else { 0 };
        }
        if let Some(b'e' | b'E') = rest.get(end) {
            let signed = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(&rest[end + 1 + signed..]);
            end += if exponent > 0 {
                1 + signed + exponent
            } else {
                0
            };
        }
        // A lone `-` is nothing to the parser, and the end.
        self.take(end.max(1), Token::Literal)
    }

    fn string(&mut self) -> Result<Token<'d>, Broken> {
        let rest = self.rest();
        let end = if rest.starts_with(b"\"\"\"") {
            block_end(&rest[3..]).ok_or(Broken::BlockString)? + 3
        } else {
            line_end(&rest[1..]).ok_or(Broken::ForParser)? + 1
        };
        Ok(self.take(end, Token::Literal))
    }
}

fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

fn digits(text: &[u8]) -> usize {
    length(text, |byte| byte.is_ascii_digit())
}

/// How many bytes there are before the first that is not so.
fn length(text: &[u8], is_so: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !is_so(*byte));
    end.unwrap_or(text.len())
}

/// Where a block string ends, after its opening quotes.
fn block_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += length(&text[at..], |byte| byte != b'"' && byte != b'\\');
        match &text[at..] {
            [] => return None,
            [b'\\', b'"', b'"', b'"', ..] => at += 4,
            [b'"', b'"', b'"', ..] => return Some(at + 3),
            _ => at += 1,
        }
    }
}

/// Where a string ends, after its opening quote.
fn line_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += length(&text[at..], |byte| {
            !matches!(byte, b'"' | b'\\' | b'\n' | b'\r')
        });
        match &text[at..] {
            [b'"', ..] => return Some(at + 1),
            [b'\\', next, ..] if !matches!(next, b'\n' | b'\r') => at += 2,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> (usize, Option<Broken>) {
        let mut lexer = Lexer::new(text);
        let mut tokens = 0;
        loop {
            match lexer.next() {
                Ok(Some(_)) => tokens += 1,
                Ok(None) => return (tokens, None),
                Err(broken) => return (tokens, Some(broken)),
            }
        }
    }

    #[test]
    fn what_is_ignored_is_no_token() {
        assert_eq!(count("\u{feff} ,\t\r\n# { \" [[[\r{ a # }\n}"), (3, None));
        assert_eq!(count("#\u{feff}é {{{"), (0, None));
        assert_eq!(count(""), (0, None));
    }

    #[test]
    fn brackets_in_strings_are_text() {
        assert_eq!(count(r#""[{(\"[{(\\" ["#), (2, None));
        assert_eq!(count(r#""" "" ["#), (3, None));
        assert_eq!(count("\"\"\"[ \" \"\" \\\"\"\" \n # [[\"\"\" ["), (2, None));
        assert_eq!(count(r#""""""" ["#), (2, None));
    }

    #[test]
    fn what_the_parser_takes_for_several_is_several() {
        assert_eq!(count("truefalsenull"), (3, None));
        assert_eq!(count("nullable trueish"), (4, None));
        assert_eq!(count("0001-2-3"), (6, None));
        assert_eq!(count("-1.25e+10 1e5 0.5 12345"), (4, None));
        assert_eq!(count("queryName"), (1, None));
    }

    #[test]
    fn what_ends_the_tokens() {
        assert_eq!(count("{ a ; [[["), (2, Some(Broken::ForParser)));
        assert_eq!(count("{ é"), (1, Some(Broken::ForParser)));
        assert_eq!(count("a .. b"), (1, Some(Broken::ForParser)));
        assert_eq!(count("[ \"abc\n [[["), (1, Some(Broken::ForParser)));
        assert_eq!(count("[ \"abc\\"), (1, Some(Broken::ForParser)));
        assert_eq!(count("[ \"\"\"x\" [[["), (1, Some(Broken::BlockString)));
        // A block string knows no other escape.
        assert_eq!(count(r#""""\\""" ["#), (0, Some(Broken::BlockString)));
        assert_eq!(
            count("[ \"\"\"\\\"\"\"\"\""),
            (1, Some(Broken::BlockString))
        );
    }
}
