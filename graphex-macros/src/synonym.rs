//! Keys that newcomers write, from other crates and by feel, and the key that does it here.

use crate::help;

/// Another word for a key, or for what is said in another way.
#[derive(Debug)]
pub(crate) struct Synonym {
    words: &'static [&'static str],
    /// The key here; it is then read as that.
    pub(crate) meant: Option<&'static str>,
    /// Where it is not a key of this place, what to write.
    instead: &'static str,
}

const fn key(meant: &'static str, words: &'static [&'static str]) -> Synonym {
    Synonym {
        words,
        meant: Some(meant),
        instead: "",
    }
}

const fn other(words: &'static [&'static str], instead: &'static str) -> Synonym {
    Synonym {
        words,
        meant: None,
        instead,
    }
}

/// Words for the primary key.
pub(crate) const PRIMARY_KEY: &[&str] = &["primary_key", "pk", "id", "key"];

/// Words of a struct for fields that are not to be seen.
pub(crate) const EXCLUDED: &[&str] = &["exclude", "except", "hidden", "hide", "ignore", "skip"];

/// Of a struct.
pub(crate) const CONTAINER: &[Synonym] = &[
    key("stream", &["topic", "channel", "group", "feed", "event"]),
    key("serialize_data", &["full", "payload", "data", "serialize"]),
    key("scope", &["scoped", "tenant", "restrict"]),
    key(
        "index_fields",
        &["index", "indexes", "indices", "indexed", "index_by"],
    ),
    key(
        "authorize",
        &[
            "guard",
            "permission",
            "permissions",
            "authorization",
            "authorized",
            "policy",
        ],
    ),
    key("name", &["type_name", "graphql_name"]),
    key("label", &["model", "model_name"]),
    key("description", &["doc", "docs", "comment"]),
    key("crate", &["crate_path", "path"]),
    other(
        &["table_name"],
        "the table is told by `#[diesel(table_name = messages)]`, or without Diesel by `#[graphex(table = \"messages\")]`",
    ),
    other(
        PRIMARY_KEY,
        "the column of the primary key is told by `#[diesel(primary_key(id))]`, with Diesel and without",
    ),
    other(
        &["rename_all", "rename_fields"],
        "names are those of the struct; another one is given field by field: `#[graphex(rename = \"text\")]`",
    ),
    other(
        EXCLUDED,
        "a field is kept on the server by `#[graphex(skip)]` on the field",
    ),
    other(
        &["fields", "include", "only"],
        "every field is visible but those with `#[graphex(skip)]`",
    ),
    other(
        &["filter", "filters", "filterable"],
        "every visible field has its filters; `lookup(...)` adds lookups of your own",
    ),
];

/// Of a field.
pub(crate) const FIELD: &[Synonym] = &[
    key(
        "skip",
        &[
            "exclude",
            "hidden",
            "hide",
            "ignore",
            "ignored",
            "internal",
            "private",
            "secret",
            "sensitive",
            "skip_serializing",
        ],
    ),
    key("rename", &["name", "alias", "graphql_name"]),
    key("opaque", &["json", "serde"]),
    other(
        PRIMARY_KEY,
        "the column of the primary key is told on the struct by `#[diesel(primary_key(id))]`, with Diesel and without",
    ),
    other(
        &["index", "indexed", "index_field"],
        "index fields are listed on the struct: `#[graphex(index_fields(tenant, room))]`",
    ),
    other(
        &["scoped", "tenant"],
        "the scope is listed on the struct: `#[graphex(scope(tenant, optional(room), any_of(label)))]`",
    ),
    other(
        &["column_name"],
        "the column is told by `#[diesel(column_name = text)]`, or in a model with `table` by `#[graphex(column = \"text\")]`",
    ),
    other(
        &["visible", "public", "show"],
        "every field is visible but those with `#[graphex(skip)]`",
    ),
    other(
        &["filter", "filterable"],
        "every visible field has its filters; `lookup(...)` on the struct adds lookups of your own",
    ),
];

/// The entry of a word.
pub(crate) fn find(synonyms: &'static [Synonym], word: &str) -> Option<&'static Synonym> {
    let mut synonyms = synonyms.iter();
    synonyms.find(|synonym| synonym.words.contains(&word))
}

impl Synonym {
    /// What to write.
    pub(crate) fn help(&self) -> String {
        match self.meant {
            Some(key) => format!("the key is `{key}`: {}", help::form(key)),
            None => self.instead.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No word is a key of its place, and each is there once.
    #[test]
    fn words_are_answered_in_one_way() {
        for (synonyms, keys) in [(CONTAINER, help::CONTAINER), (FIELD, help::FIELD)] {
            let words: Vec<_> = synonyms.iter().flat_map(|synonym| synonym.words).collect();
            for (at, word) in words.iter().enumerate() {
                assert!(keys.iter().all(|key| key.name != **word), "{word}");
                assert!(!words[..at].contains(word), "{word}");
            }
            let meant = synonyms.iter().filter_map(|synonym| synonym.meant);
            for meant in meant {
                assert!(keys.iter().any(|key| key.name == meant), "{meant}");
            }
        }
    }
}
