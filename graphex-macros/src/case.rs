//! Name rules. Everything iterates over characters: a name may hold any letter Rust allows.

use proc_macro2::Ident;
use syn::ext::IdentExt;

/// `text` as rustc knows it: `r#type` is `type`.
pub(crate) fn unraw(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The words of a name: split at underscores and at changes of case, acronyms kept whole
/// (`HTTPServer_id` is `HTTP`, `Server`, `id`). Digits belong to the word before them.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let chars: Vec<char> = name.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|i| chars.get(i));
        let after = chars.get(at + 1);
        if c == '_' || starts_word(before.copied(), c, after.copied()) {
            words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
        }
        if c != '_' {
            word.push(c);
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

fn starts_word(before: Option<char>, c: char, after: Option<char>) -> bool {
    let (Some(before), true) = (before, c.is_uppercase()) else {
        return false;
    };
    let ends_acronym = before.is_uppercase() && after.is_some_and(char::is_lowercase);
    before.is_lowercase() || before.is_numeric() || ends_acronym
}

/// The name of a GraphQL enum value: `createdAt` and `created_at` are `CREATED_AT`. Underscores
/// stay as they are, so `type_` is not confused with `type`.
pub(crate) fn upper_snake(name: &str) -> String {
    let mut upper = String::with_capacity(name.len() + 4);
    let mut before = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if starts_word(before, c, chars.peek().copied()) {
            upper.push('_');
        }
        upper.extend(c.to_uppercase());
        before = Some(c);
    }
    upper
}

/// The name of a Rust enum variant: `created_at` is `CreatedAt`. Underscores at the ends stay:
/// `self_` must not become the keyword `Self`, nor `_1` a number.
pub(crate) fn pascal(name: &str) -> String {
    let inner = name.trim_matches('_');
    let start = name.chars().take_while(|&c| c == '_').count();
    let end = name.chars().rev().take_while(|&c| c == '_').count();
    let mut pascal = "_".repeat(start);
    for word in inner.split('_') {
        let mut chars = word.chars();
        pascal.extend(chars.next().into_iter().flat_map(char::to_uppercase));
        pascal.extend(chars);
    }
    pascal + &"_".repeat(end)
}

/// The name of a GraphQL field: `HTTPServer` is `httpServer`.
pub(crate) fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    for (at, word) in words(name).iter().enumerate() {
        let lower = word.to_lowercase();
        camel.push_str(&if at == 0 { lower } else { pascal(&lower) });
    }
    camel
}

/// The variant of a field. A name whose capital form is no identifier keeps the field's own.
pub(crate) fn variant(field: &Ident) -> Ident {
    let mut variant = syn::parse_str(&pascal(&unraw(field))).unwrap_or_else(|_| field.clone());
    variant.set_span(field.span());
    variant
}

/// Whether GraphQL accepts the name: ASCII letters, digits and `_`, no digit first, and not the
/// prefix `__`, which belongs to introspection.
pub(crate) fn is_graphql_name(name: &str) -> bool {
    let starts_well = name
        .chars()
        .next()
        .is_some_and(|c| c == '_' || c.is_ascii_alphabetic());
    starts_well
        && !name.starts_with("__")
        && name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::*;

    /// name, words, upper_snake, pascal, camel
    const NAMES: &[(&str, &str, &str, &str, &str)] = &[
        ("id", "id", "ID", "Id", "id"),
        (
            "created_at",
            "created at",
            "CREATED_AT",
            "CreatedAt",
            "createdAt",
        ),
        (
            "createdAt",
            "created At",
            "CREATED_AT",
            "CreatedAt",
            "createdAt",
        ),
        ("Message", "Message", "MESSAGE", "Message", "message"),
        (
            "HTTPServer",
            "HTTP Server",
            "HTTP_SERVER",
            "HTTPServer",
            "httpServer",
        ),
        (
            "ServerHTTP",
            "Server HTTP",
            "SERVER_HTTP",
            "ServerHTTP",
            "serverHttp",
        ),
        ("ID", "ID", "ID", "ID", "id"),
        ("userID2", "user ID2", "USER_ID2", "UserID2", "userId2"),
        ("room2", "room2", "ROOM2", "Room2", "room2"),
        ("room_2", "room 2", "ROOM_2", "Room2", "room2"),
        ("v2Name", "v2 Name", "V2_NAME", "V2Name", "v2Name"),
        ("type_", "type", "TYPE_", "Type_", "type"),
        ("self_", "self", "SELF_", "Self_", "self"),
        ("_hidden", "hidden", "_HIDDEN", "_Hidden", "hidden"),
        ("_1", "1", "_1", "_1", "1"),
        ("_", "", "_", "__", ""),
        ("", "", "", "", ""),
        ("größe", "größe", "GRÖSSE", "Größe", "größe"),
        ("Ünit", "Ünit", "ÜNIT", "Ünit", "ünit"),
        ("ßlot", "ßlot", "SSLOT", "SSlot", "ßlot"),
        ("日付_名", "日付 名", "日付_名", "日付名", "日付名"),
        ("éÉé", "é Éé", "É_ÉÉ", "ÉÉé", "éÉé"),
    ];

    #[test]
    fn names_follow_the_table() {
        for &(name, split, upper, variant, field) in NAMES {
            assert_eq!(words(name).join(" "), split, "words of {name}");
            assert_eq!(upper_snake(name), upper, "upper_snake of {name}");
            assert_eq!(pascal(name), variant, "pascal of {name}");
            assert_eq!(camel(name), field, "camel of {name}");
        }
    }

    #[test]
    fn variants_are_identifiers() {
        for (name, expected) in [
            ("self_", "Self_"),
            ("_1", "_1"),
            ("größe", "Größe"),
            ("日付", "日付"),
        ] {
            let field = Ident::new(name, Span::call_site());
            assert_eq!(variant(&field).to_string(), expected);
        }
        assert_eq!(
            variant(&Ident::new_raw("type", Span::call_site())).to_string(),
            "Type"
        );
    }

    #[test]
    fn graphql_names() {
        for name in ["id", "_id", "A9", "snake_case", "a__b"] {
            assert!(is_graphql_name(name), "{name}");
        }
        for name in ["", "9a", "größe", "a-b", "__type", "a b", "a."] {
            assert!(!is_graphql_name(name), "{name}");
        }
    }
}
