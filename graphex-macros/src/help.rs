//! What to write instead: the one correct form of each key, and the nearest name to a wrong one.

/// A key of `#[graphex(...)]` with the line that shows it written correctly.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: &'static str,
}

const fn key(name: &'static str, form: &'static str) -> Key {
    Key { name, form }
}

/// The keys of the struct, in the order of the documentation.
pub(crate) const CONTAINER: &[Key] = &[
    key("stream", r#"#[graphex(stream = "messages")]"#),
    key(
        "serialize_data",
        "#[graphex(serialize_data)]` or `#[graphex(serialize_data = false)]",
    ),
    key(
        "scope",
        "#[graphex(scope(tenant, optional(room), any_of(label)))]",
    ),
    key("index_fields", "#[graphex(index_fields(tenant, room))]"),
    key("authorize", "#[graphex(authorize)]"),
    key(
        "lookup",
        "#[graphex(lookup(author_name(author): String, tagged: Vec<String>))]",
    ),
    key("patterns", "#[graphex(patterns = false)]"),
    key("table", r#"#[graphex(table = "chat.messages")]"#),
    key("field", r#"#[graphex(field = "messageSubscription")]"#),
    key("name", r#"#[graphex(name = "Message")]"#),
    key("label", r#"#[graphex(label = "chat.message")]"#),
    key(
        "description",
        r#"#[graphex(description = "A chat message")]"#,
    ),
    key("crate", r#"#[graphex(crate = "path::to::graphex")]"#),
];

/// The keys of a field, in the order of the documentation.
pub(crate) const FIELD: &[Key] = &[
    key("skip", "#[graphex(skip)]"),
    key("rename", r#"#[graphex(rename = "text")]"#),
    key("column", r#"#[graphex(column = "tenant_id")]"#),
    key("opaque", "#[graphex(opaque)]"),
    key("expose", "#[graphex(expose)]"),
];

/// The keys of `#[diesel(...)]` that are read here.
pub(crate) const DIESEL: &[Key] = &[
    key("table_name", "#[diesel(table_name = messages)]"),
    key("primary_key", "#[diesel(primary_key(id))]"),
    key("column_name", "#[diesel(column_name = text)]"),
];

/// The form of a scope that pins nothing yet, for errors that ask for one.
pub(crate) const SCOPE_FORMS: &str =
    "a scope entry is one of `field`, `optional(field)` and `any_of(field)`";

/// What a stream's name is made of.
pub(crate) const STREAM_NAME: &str =
    "a stream's name is 1 to 64 of the characters `A-Z a-z 0-9 _ . -`";

/// What GraphQL takes for a name.
pub(crate) const GRAPHQL_NAME: &str =
    "a GraphQL name is made of `A-Z a-z 0-9 _`, starts with no digit and not with `__`";

/// The lookups with a regular expression.
pub(crate) const PATTERNS: &[&str] = &["regex", "iregex"];

/// The lookups that a field has by itself, each as `field__lookup`.
pub(crate) const LOOKUPS: &[&str] = &[
    "exact",
    "iexact",
    "contains",
    "icontains",
    "startswith",
    "istartswith",
    "endswith",
    "iendswith",
    "regex",
    "iregex",
    "in",
    "gt",
    "gte",
    "lt",
    "lte",
    "range",
    "isnull",
    "year",
    "month",
    "day",
    "week_day",
    "hour",
    "minute",
    "second",
    "date",
];

/// The line with the correct form of a key.
pub(crate) fn form(name: &str) -> String {
    CONTAINER
        .iter()
        .chain(FIELD)
        .chain(DIESEL)
        .find(|key| key.name == name)
        .map_or_else(String::new, |key| {
            format!("the correct format looks like `{}`", key.form)
        })
}

/// What to say about an unknown name: the nearest known one, else all of them.
pub(crate) fn instead_of<'a>(
    noun: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("a {noun} with a similar name exists: `{near}`"),
        None if known.is_empty() => format!("there is no {noun} to name here"),
        None => format!("the {noun}s are {}", list(known)),
    }
}

/// `` `a`, `b` and `c` ``
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match (quoted.pop(), quoted.is_empty()) {
        (Some(last), false) => format!("{} and {last}", quoted.join(", ")),
        (last, _) => last.unwrap_or_default(),
    }
}

/// The known name that is a typing mistake away from `name` (rustc's own limit, a third of its
/// length), or the only one that begins so, as somebody writes it.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    let limit = length.max(3) / 3;
    let known: Vec<&str> = known.into_iter().collect();
    let mut begun = known
        .iter()
        .copied()
        .filter(|candidate| length > 1 && candidate.to_lowercase().starts_with(&wanted));
    let begun = begun.next().filter(|_| begun.next().is_none());
    let near = known
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= limit)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate);
    // A short word is sooner unfinished than mistyped.
    if length < 4 {
        begun.or(near)
    } else {
        near.or(begun)
    }
}

/// Edit distance with insertions, deletions and substitutions; two swapped neighbours count one.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut a_before = None;
    for (row, a_char) in a.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, &b_char) in b.iter().enumerate() {
            let substituted = last[column] + usize::from(a_char != b_char);
            let mut best = substituted
                .min(last[column + 1] + 1)
                .min(current[column] + 1);
            let swapped = column > 0 && a_before == Some(b_char) && b[column - 1] == a_char;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
        a_before = Some(a_char);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, expected) in [
            ("room", "room", 0),
            ("rom", "room", 1),
            ("romo", "room", 1),
            ("", "room", 4),
            ("größe", "grosse", 3),
            ("stream", "steram", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_name_or_none() {
        let known = ["tenant", "room", "text"];
        assert_eq!(nearest("rom", known), Some("room"));
        assert_eq!(nearest("ROOM", known), Some("room"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("ten", known), Some("tenant"));
        assert_eq!(nearest("t", known), None);
        assert_eq!(nearest("te", known), None);
        assert_eq!(nearest("te", ["tenant", "tea"]), Some("tea"));
        assert_eq!(
            nearest("serial", ["serialize_data", "scope"]),
            Some("serialize_data")
        );
    }

    #[test]
    fn unknown_names_are_answered() {
        let known = ["tenant", "room"];
        assert_eq!(
            instead_of("field", "rom", known),
            "a field with a similar name exists: `room`"
        );
        assert_eq!(
            instead_of("field", "colour", known),
            "the fields are `tenant` and `room`"
        );
        assert_eq!(
            instead_of("field", "x", []),
            "there is no field to name here"
        );
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
