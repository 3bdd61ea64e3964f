//! Transactions that are begun and ended as SQL text, behind Diesel's back.

use std::fmt;

/// What is known of transactions from the texts of statements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RawTransaction {
    is_open: bool,
    /// The savepoint that has opened it, as SQLite lets one do.
    savepoint: Option<String>,
}

impl RawTransaction {
    /// Whether a transaction is open that Diesel knows nothing of.
    pub(super) fn is_open(&self) -> bool {
        self.is_open
    }

    /// What is known after this text was carried out; none if it changes nothing.
    pub(super) fn after(&self, query: &dyn fmt::Display) -> Option<AfterText> {
        let mut first = FirstPart::default();
        // All of the SQL is the first part; what follows are the values of its parameters, and
        // writing them is refused.
        let _ = fmt::write(&mut first, format_args!("{query}"));
        let sql = first.0?;
        let (mut transaction, mut statements) = (self.clone(), 0);
        for statement in Statements::of(&sql) {
            statements += 1;
            transaction.apply(&statement);
        }
        (transaction != *self).then_some(AfterText {
            transaction,
            is_script: statements > 1,
        })
    }

    fn apply(&mut self, words: &[String]) {
        let word = |at: usize| words.get(at).map_or("", String::as_str);
        let has = |word: &str| words.iter().any(|one| one == word);
        // COMMIT AND CHAIN begins the next one.
        let is_chained = has("CHAIN") && !has("NO");
        match (word(0), word(1)) {
            ("BEGIN", _) | ("START", "TRANSACTION") => self.is_open = true,
            ("SAVEPOINT", name) if !self.is_open => {
                self.is_open = true;
                self.savepoint = Some(name.to_owned());
            }
            ("RELEASE", name) => {
                let name = if name == "SAVEPOINT" { word(2) } else { name };
                if self.savepoint.as_deref() == Some(name) {
                    *self = Self::default();
                }
            }
            ("COMMIT" | "ROLLBACK", "PREPARED") => {}
            ("PREPARE", "TRANSACTION") => *self = Self::default(),
            ("COMMIT" | "END", _) if !is_chained => *self = Self::default(),
            ("ROLLBACK" | "ABORT", _) if !is_chained && !has("TO") => *self = Self::default(),
            _ => {}
        }
    }
}

/// What is known once a text was carried out.
#[derive(Debug)]
pub(super) struct AfterText {
    transaction: RawTransaction,
    is_script: bool,
}

impl AfterText {
    /// The same after it was carried out, or has failed: what a script began before it failed is
    /// open.
    pub(super) fn finished(self, is_done: bool) -> Option<RawTransaction> {
        (is_done || (self.is_script && self.transaction.is_open)).then_some(self.transaction)
    }
}

/// Takes the first part that is written, if it may be about transactions, and refuses the rest.
#[derive(Default)]
struct FirstPart(Option<String>);

impl fmt::Write for FirstPart {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let part = part.trim_start();
        if part.is_empty() {
            return Ok(());
        }
        const HARMLESS: [&str; 5] = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"];
        let begins_with = |word: &&str| {
            let beginning = part.get(..word.len());
            beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(word))
        };
        let is_harmless = !part.contains(';') && HARMLESS.iter().any(begins_with);
        if !is_harmless {
            self.0 = Some(part.to_owned());
        }
        Err(fmt::Error)
    }
}

/// The statements of a text, each as its words in upper case.
struct Statements<'s> {
    rest: &'s str,
}

enum Token<'s> {
    Word(&'s str),
    End,
    Other,
}

impl<'s> Statements<'s> {
    fn of(sql: &'s str) -> Self {
        Self { rest: sql }
    }

    fn token(&mut self) -> Option<Token<'s>> {
        loop {
            let rest = self.rest.trim_start();
            let mut chars = rest.chars();
            let first = chars.next()?;
            let length = match first {
                '-' if rest.starts_with("--") => {
                    self.rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                    continue;
                }
                '/' if rest.starts_with("/*") => {
                    self.rest = &rest[comment(rest)..];
                    continue;
                }
                ';' => {
                    self.rest = &rest[1..];
                    return Some(Token::End);
                }
                '\'' => quoted(rest, '\'', false),
                '"' | '`' => quoted(rest, first, false),
                'e' | 'E' if rest[1..].starts_with('\'') => 1 + quoted(&rest[1..], '\'', true),
                '$' => dollar_quoted(rest),
                first if is_of_word(first) => {
                    let end = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
                    let (word, after) = rest.split_at(end);
                    self.rest = after;
                    return Some(Token::Word(word));
                }
                first => first.len_utf8(),
            };
            self.rest = &rest[length..];
            return Some(Token::Other);
        }
    }
}

impl Iterator for Statements<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        let mut words = Vec::<String>::new();
        // Within the body of a trigger or a function: how many ENDs are due.
        let mut bodies = 0_usize;
        let mut is_any = false;
        while let Some(token) = self.token() {
            is_any = true;
            match token {
                Token::Word(word) => {
                    let word = word.to_uppercase();
                    let creates = words.first().is_some_and(|first| first == "CREATE");
                    match word.as_str() {
                        "BEGIN" if creates => bodies += 1,
                        "CASE" if bodies > 0 => bodies += 1,
                        "END" => bodies = bodies.saturating_sub(1),
                        _ => {}
                    }
                    // No statement about transactions is longer.
                    if words.len() < 8 {
                        words.push(word);
                    }
                }
                Token::End if bodies == 0 => {
                    if words.is_empty() {
                        continue;
                    }
                    return Some(words);
                }
                Token::End | Token::Other => {}
            }
        }
        (is_any && !words.is_empty()).then_some(words)
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a comment, in which others may be.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = text[at..].find(['/', '*']) {
        at += found;
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a text in quotes, which are doubled within it.
fn quoted(text: &str, quote: char, has_escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if has_escapes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

/// The length of a text between `$tag$` and the same, or of the `$` alone.
fn dollar_quoted(text: &str) -> usize {
    let tag = text[1..].find('$').map(|end| &text[..end + 2]);
    let Some(tag) = tag.filter(|tag| tag[1..tag.len() - 1].chars().all(is_of_word)) else {
        return 1;
    };
    let body = &text[tag.len()..];
    body.find(tag)
        .map_or(text.len(), |end| tag.len() + end + tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known after these texts, each of which was carried out.
    fn after(texts: &[&str]) -> RawTransaction {
        texts
            .iter()
            .fold(RawTransaction::default(), |transaction, text| {
                let after = transaction.after(text);
                after
                    .and_then(|after| after.finished(true))
                    .unwrap_or(transaction)
            })
    }

    #[test]
    fn what_begins_one_is_heard() {
        for text in [
            "BEGIN",
            "begin;",
            " Begin Immediate Transaction",
            "/* one /* in */ another */ BEGIN",
            "-- now\nSTART TRANSACTION ISOLATION LEVEL SERIALIZABLE",
            "SAVEPOINT a",
            "SELECT 1; BEGIN",
            "COMMIT; BEGIN; SELECT 1",
            "INSERT INTO t VALUES ('it''s; COMMIT'); BEGIN",
            "BEGIN; INSERT INTO t VALUES ('; COMMIT'), (E'\\'; COMMIT'), ($a$; COMMIT;$a$)",
            "BEGIN; SELECT \"; COMMIT\", `; COMMIT` -- ; COMMIT",
            "BEGIN; COMMIT AND CHAIN",
            "BEGIN; ROLLBACK TO SAVEPOINT a",
            "BEGIN; SAVEPOINT a; RELEASE a",
            "BEGIN; COMMIT PREPARED 'x'",
            "BEGIN; CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET c = CASE d WHEN 1 THEN 2 END; END;",
            "BEGIN; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT 1",
        ] {
            assert!(after(&[text]).is_open(), "{text}");
        }
    }

    #[test]
    fn what_ends_one_is_heard() {
        for text in [
            "COMMIT",
            "end transaction",
            "ROLLBACK WORK;",
            "ABORT",
            "PREPARE TRANSACTION 'x'",
            "COMMIT AND NO CHAIN",
            "SAVEPOINT a; COMMIT",
        ] {
            assert!(!after(&["BEGIN", text]).is_open(), "{text}");
        }
        assert!(!after(&["SAVEPOINT a", "SAVEPOINT b", "RELEASE SAVEPOINT A"]).is_open());
    }

    #[test]
    fn other_statements_say_nothing() {
        for text in [
            "",
            ";;",
            "SELECT 'BEGIN'",
            "WITH x AS (SELECT 1) SELECT * FROM x",
            "DO $$ BEGIN PERFORM 1; END $$",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
            "DELETE FROM begin_end",
            "PREPARE x AS SELECT 1",
            "SELECT $1; SELECT $",
            "SELECT 'without an end; BEGIN",
        ] {
            assert_eq!(after(&[text]), RawTransaction::default(), "{text}");
            assert!(after(&["BEGIN", text]).is_open(), "{text}");
        }
    }

    #[test]
    fn what_has_failed_has_begun_nothing_unless_it_was_a_script() {
        let nothing = RawTransaction::default();
        let failed = |text: &str| nothing.after(&text).unwrap().finished(false);
        assert_eq!(failed("BEGIN"), None);
        assert!(failed("BEGIN; nonsense").unwrap().is_open());
        assert!(
            after(&["BEGIN"])
                .after(&"COMMIT")
                .unwrap()
                .finished(false)
                .is_none()
        );
    }

    #[test]
    fn values_of_parameters_are_not_written() {
        struct Query;
        impl fmt::Display for Query {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("INSERT INTO t VALUES ($1)")?;
                f.write_str(" -- binds: ")?;
                panic!("they can be large");
            }
        }
        assert!(RawTransaction::default().after(&Query).is_none());
    }
}
