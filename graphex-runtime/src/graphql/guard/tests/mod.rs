use async_graphql::parser::parse_query;
use async_graphql::{Request, Variables};
use serde_json::json;

use super::outline::Size;
use super::*;

mod generated;

/// Limits that nothing here reaches, but for those that are changed.
fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits {
        document_bytes: usize::MAX,
        document_nesting: 10_000,
        document_tokens: 1_000_000,
        ..Limits::default()
    };
    change(&mut limits);
    limits
}

fn of_text(text: &str) -> Size {
    let outline = text::read(text, &limits(|_| ())).unwrap();
    outline.size().unwrap()
}

fn of_parsed(text: &str) -> Size {
    let document = parse_query(text).unwrap();
    let outline = parsed::read(&document, None, &Variables::default());
    outline.size().unwrap()
}

fn refused(text: &str, change: impl FnOnce(&mut Limits)) -> Unfit {
    let limits = limits(change);
    let fit = text::read(text, &limits).and_then(|outline| fits(&outline, &limits));
    fit.unwrap_err()
}

#[test]
fn brackets_of_every_kind_nest() {
    for (text, nesting) in [
        ("{ a }", 1),
        ("{ a(b: [[1] [{c: [2]}]]) { d } }", 6),
        ("query($a: [[Int]] = [[[1]]]) { a }", 4),
        (
            "{ a(b: \"[[[{{{((\", c: \"\"\"[[[{{{ \\\"\"\" ((\"\"\") } # {{{{",
            2,
        ),
        ("{ a @b(c: [[[]]]) }", 5),
        // What a fragment selects is where it is spread, and where it is not.
        ("{ a { ...f } } fragment f on A { b { c } }", 4),
        ("{ a } fragment f on A { b { c { d { e } } } }", 4),
        (
            "{ ...f } fragment g on A { a { b } } fragment f on A { ...g }",
            4,
        ),
    ] {
        assert_eq!(of_text(text).nesting, nesting, "{text}");
    }
    let limit = 5;
    let deep = refused("{ a(b: [[[[", |limits| limits.document_nesting = limit);
    assert_eq!(deep, Unfit::Nesting { limit });
    let deep = refused(
        "{ a { ...f } } fragment f on A { ...{ ... on A { b(c: [1]) } } }",
        |limits| limits.document_nesting = limit,
    );
    assert_eq!(deep, Unfit::Nesting { limit });
}

#[test]
fn selections_and_aliases_are_told_apart() {
    let text = r#"query Q($v: [Int!]! @d(a: {b: 1}) = [1]) @on(fragment: "x") {
        a: b(c: {d: [$v, 1], e: f}) @g @h(i: {j: k}) { l m: n ... on O @p { q } ...R @s ...{ t } ... @u { v: w } }
        fragment query { on }
    }
    fragment R on S @t(u: {v: {}}) { ...on#
        T { on: x } ... on U { y } }
    mutation M { z }"#;
    let size = of_text(text);
    assert_eq!((size.selections, size.aliases), (18, 4));
    let parsed = of_parsed(text);
    assert_eq!(
        (parsed.selections, parsed.aliases, parsed.nesting),
        // To the parser, `...on#` spreads a fragment of the name `on`.
        (19, 4, size.nesting)
    );
}

#[test]
fn a_fragment_counts_as_often_as_it_is_spread() {
    let levels = |levels: usize| {
        let fragment = |at| format!("fragment f{at} on Q {{ ...f{0} ...f{0} }} ", at + 1);
        let fragments: String = (0..levels).map(fragment).collect();
        format!("{{ ...f0 }} {fragments} fragment f{levels} on Q {{ a: b }}")
    };
    let size = of_text(&levels(10));
    assert_eq!(size.aliases, 1 << 10);
    assert_eq!(size.selections, 3 * (1 << 10) - 1);
    assert_eq!(of_parsed(&levels(10)).selections, size.selections);
    for levels_ in [22, 64, 4_000] {
        let size = of_text(&levels(levels_));
        assert!(size.aliases >= 1 << 22, "{levels_}");
        assert_eq!(size.nesting, levels_ + 2);
    }
    let limit = 100;
    assert_eq!(
        refused(&levels(22), |limits| {
            limits.document_selections = limit;
            limits.document_tokens = usize::MAX;
        }),
        Unfit::Selections { limit }
    );
}

#[test]
fn fragments_that_nothing_spreads_count_too() {
    let spreads = "...f ".repeat(100);
    let fields = "a ".repeat(100);
    let text = format!("{{ a }} fragment e on Q {{ {spreads} }} fragment f on Q {{ {fields} }}");
    assert!(of_text(&text).selections > 10_000);
    assert!(of_parsed(&text).selections > 10_000);
}

#[test]
fn a_circle_of_fragments_is_told() {
    for text in [
        "{ ...f } fragment f on Q { ...f }",
        "{ a } fragment f on Q { a { ...g } } fragment g on Q { ... { ...f } }",
    ] {
        let name = refused(text, |_| ());
        assert!(matches!(name, Unfit::Cycle { .. }), "{text}");
        let document = parse_query(text).unwrap();
        let outline = parsed::read(&document, None, &Variables::default());
        assert!(outline.size().is_err(), "{text}");
    }
}

#[test]
fn introspection_is_counted_below_its_fields() {
    let text = "{ fields { fields { fields { a } } } __schema { types { fields { args { name } type { ...T } } } } }
        fragment T on __Type { name ofType { interfaces { name } } }";
    for size in [of_text(text), of_parsed(text)] {
        assert_eq!((size.introspection, size.lists), (10, 2));
    }
    let deep = text.replace(
        "interfaces { name }",
        "interfaces { possibleTypes { name } }",
    );
    assert_eq!(of_text(&deep).lists, 3);
    assert_eq!(of_parsed(&deep).lists, 3);
}

#[test]
fn a_variable_counts_as_often_as_it_is_used() {
    let variables = Variables::from_json(json!({"v": "x".repeat(1_000), "w": [1, {"a": "bc"}]}));
    let values = |text, operation| {
        let document = parse_query(text).unwrap();
        let outline = parsed::read(&document, operation, &variables);
        outline.size().unwrap().values
    };
    let (v, w) = (32 + 32 + 1_000, 32 + 32 + 32 + 32 + 1 + 32 + 2);
    assert_eq!(values("query($v: S) { a(b: $v) }", None), v);
    assert_eq!(values("query($w: S) { a(b: $w) }", None), w);
    assert_eq!(
        values("{ ...f ...f } fragment f on Q { a(b: [$v $v]) }", None),
        2 * (32 + 2 * v)
    );
    assert_eq!(values("{ a(b: {c: $u}) }", None), 32 + 1 + 32);
    let default =
        "query A($u: S = \"1234\") { a(b: $u) } query B($u: S = \"12\", $v: S = \"12\") { a }";
    assert_eq!(values(default, Some("A")), 32 + 32 + 4);
    let two = "query A { a(b: $v) } query B { a(b: 1) }";
    assert_eq!(values(two, Some("B")), 32);
    assert_eq!(values(two, Some("A")), v);
    assert_eq!(values(two, None), v + 32);
    // Validation looks at each fragment once, whoever spreads it.
    let two = "query A { ...f } query B { a(b: 1) } fragment f on Q { a(b: $v) }";
    assert_eq!(values(two, Some("B")), v + 32);
}

#[test]
fn what_is_too_large_is_told_by_its_limit() {
    let limit = 8;
    type Change = fn(&mut Limits);
    let texts: [(&str, Change, Unfit); 7] = [
        (
            "{ a b c }",
            |it| it.document_bytes = 8,
            Unfit::Bytes { limit },
        ),
        (
            "{ a b c d e f g }",
            |it| it.document_tokens = 8,
            Unfit::Tokens { limit },
        ),
        (
            "{ a ...f } fragment f on A { b }",
            |it| it.document_tokens = 8,
            Unfit::Tokens { limit },
        ),
        (
            "{ a(b: nine_char) }",
            |it| it.document_name = 8,
            Unfit::Name { limit },
        ),
        (
            "{ a b c d e f g h i }",
            |it| it.document_selections = 8,
            Unfit::Selections { limit },
        ),
        (
            "{ a:a b:b c:c d:d e:e f:f g:g h:h ...{ i:i } }",
            |it| it.document_aliases = 8,
            Unfit::Aliases { limit },
        ),
        (
            "{ __type { a b c d e f g h i } }",
            |it| it.introspection_selections = 8,
            Unfit::Introspection { limit },
        ),
    ];
    for (text, change, unfit) in texts {
        assert_eq!(refused(text, change), unfit, "{text}");
    }
    assert_eq!(refused("{ a(b: \"\"\"c) }", |_| ()), Unfit::BlockString);
}

#[test]
fn a_request_that_was_parsed_before_is_looked_at() {
    let bomb: String = (0..30)
        .map(|at| format!("fragment f{at} on Q {{ ...f{0} ...f{0} }} ", at + 1))
        .collect();
    let document = parse_query(format!("{{ ...f0 }} {bomb} fragment f30 on Q {{ a }}")).unwrap();
    for text in ["", "{ a }"] {
        let mut request = Request::new(text);
        request.set_parsed_query(document.clone());
        request
            .extensions
            .insert("persistedQuery".into(), true.into());
        let guarded = Guarded::new(request, None);
        let error = guarded.asked.err().unwrap();
        assert!(error.message.contains("too large"), "{}", error.message);
    }
}
