//! Which field names speak of a secret.
//!
//! A name does when one of its words, or two neighbours, are in the lists below: `password_hash`,
//! `apiKey`, `reset_token`. Whole words count, so `tokenizer`, `salty` and `secretary_id` do not.
//! Neither does a name whose last word says that the field is *about* the secret (`token_count`,
//! `password_changed_at`), nor a question (`has_password`). That list is short on purpose: a false
//! alarm costs one `expose`, a missed secret cannot be taken back.

use crate::case::words;

const SECRETS: &[&str] = &[
    "apikey",
    "credential",
    "credentials",
    "cvc",
    "cvv",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "privatekey",
    "pwd",
    "salt",
    "secret",
    "secrets",
    "ssn",
    "token",
    "tokens",
    "totp",
];

/// Words that are harmless alone.
const PAIRS: &[(&str, &str)] = &[
    ("access", "key"),
    ("api", "key"),
    ("api", "keys"),
    ("encryption", "key"),
    ("pass", "phrase"),
    ("pass", "word"),
    ("private", "key"),
    ("recovery", "code"),
    ("recovery", "codes"),
    ("signing", "key"),
];

/// Last words of fields that tell something about a secret.
const ABOUT: &[&str] = &[
    "at", "count", "enabled", "expired", "expires", "expiry", "length", "limit", "required", "ttl",
];

/// First words of questions.
const QUESTIONS: &[&str] = &["has", "is", "needs", "requires"];

pub(crate) fn speaks_of_secret(name: &str) -> bool {
    let words: Vec<String> = words(name).iter().map(|word| word.to_lowercase()).collect();
    let is_in = |list: &[&str], word: Option<&String>| {
        word.is_some_and(|word| list.contains(&word.as_str()))
    };
    if is_in(ABOUT, words.last()) || is_in(QUESTIONS, words.first()) {
        return false;
    }
    let pair = |two: &[String]| PAIRS.iter().any(|&(a, b)| two == [a, b]);
    words.iter().any(|word| is_in(SECRETS, Some(word))) || words.windows(2).any(pair)
}

#[cfg(test)]
mod tests {
    use super::speaks_of_secret;

    #[test]
    fn secrets() {
        for name in [
            "password",
            "password_hash",
            "passwd",
            "pwd",
            "token",
            "reset_token",
            "apiKey",
            "api_key",
            "APIKey",
            "apikey",
            "private_key",
            "credentials",
            "salt",
            "otp",
            "user_ssn",
            "Secret",
            "client_secret",
            "_password",
            "token_",
            "is_this_a_token".trim_start_matches("is_"),
        ] {
            assert!(speaks_of_secret(name), "{name}");
        }
    }

    #[test]
    fn no_secrets() {
        for name in [
            "id",
            "text",
            "key",
            "tokenizer",
            "salty",
            "secretary_id",
            "token_count",
            "passage",
            "password_changed_at",
            "has_password",
            "is_secret",
            "public_key",
            "compass",
            "",
        ] {
            assert!(!speaks_of_secret(name), "{name}");
        }
    }
}
