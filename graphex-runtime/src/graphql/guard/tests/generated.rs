//! The counts hold for any text and any document.

use proptest::prelude::*;

use super::{fits, limits, of_parsed, of_text, text};

/// Brackets and what may hide them, so that the count is a simple one.
fn soup() -> impl Strategy<Value = (String, usize)> {
    let piece = prop_oneof![
        4 => "[\\[({]",
        3 => "[\\])}]",
        1 => "[a-z]{1,3} ",
        1 => Just("\"[{(\\\"[\" ".to_owned()),
        1 => Just("\"\"\"[[{(\\\"\"\"([\"{\"\"\" ".to_owned()),
        1 => Just("#[[{(\"\"\"\n".to_owned()),
        1 => Just("\u{feff}, \t\r\n".to_owned()),
        1 => Just("1.5e3 ".to_owned()),
    ];
    prop::collection::vec(piece, 0..80).prop_map(|pieces| {
        let (mut open, mut deepest) = (0_usize, 0);
        for piece in &pieces {
            match piece.as_str() {
                "[" | "(" | "{" => open += 1,
                "]" | ")" | "}" => open = open.saturating_sub(1),
                _ => {}
            }
            deepest = deepest.max(open);
        }
        (pieces.concat(), deepest)
    })
}

/// Fragments that spread only later ones, each with fields, spreads and inline fragments.
fn documents() -> impl Strategy<Value = Vec<Vec<Item>>> {
    let leaf = prop_oneof![
        3 => any::<bool>().prop_map(|alias| Item::Field { alias, below: Vec::new() }),
        2 => (1_usize..5).prop_map(Item::Spread),
    ];
    let item = leaf.prop_recursive(3, 12, 3, |item| {
        let items = prop::collection::vec(item, 1..4);
        prop_oneof![
            items.clone().prop_map(Item::Inline),
            (any::<bool>(), items).prop_map(|(alias, below)| Item::Field { alias, below }),
        ]
    });
    prop::collection::vec(prop::collection::vec(item, 1..5), 1..12)
}

#[derive(Clone, Debug)]
enum Item {
    Field {
        alias: bool,
        below: Vec<Item>,
    },
    Inline(Vec<Item>),
    /// A fragment so many definitions further on.
    Spread(usize),
}

fn write(items: &[Item], at: usize, out: &mut String) {
    out.push('{');
    for item in items {
        match item {
            Item::Field { alias, below } => {
                out.push_str(if *alias { " a: b" } else { " b" });
                if !below.is_empty() {
                    write(below, at, out);
                }
            }
            Item::Inline(below) => {
                out.push_str(" ... on Q");
                write(below, at, out);
            }
            Item::Spread(ahead) => out.push_str(&format!(" ...f{}", at + ahead)),
        }
    }
    out.push('}');
}

/// Selections, aliases and nesting, by writing everything out.
fn expand(document: &[Vec<Item>], items: &[Item], at: usize) -> (usize, usize, usize) {
    let mut sum = (0, 0, 1);
    for item in items {
        let (alias, below) = match item {
            Item::Field { alias, below } if below.is_empty() => (*alias, (0, 0, 0)),
            Item::Field { alias, below } => (*alias, expand(document, below, at)),
            Item::Inline(below) => (false, expand(document, below, at)),
            Item::Spread(ahead) => {
                let spread = document.get(at + ahead);
                let spread = spread.map(|items| expand(document, items, at + ahead));
                (false, spread.unwrap_or_default())
            }
        };
        sum.0 += 1 + below.0;
        sum.1 += usize::from(alias) + below.1;
        sum.2 = sum.2.max(1 + below.2);
    }
    sum
}

fn spreads(document: &[Vec<Item>], items: &[Item], at: usize, seen: &mut [bool]) {
    for item in items {
        match item {
            Item::Field { below, .. } | Item::Inline(below) => spreads(document, below, at, seen),
            Item::Spread(ahead) => {
                if let Some(items) = document.get(at + ahead)
                    && !std::mem::replace(&mut seen[at + ahead], true)
                {
                    spreads(document, items, at + ahead, seen);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn nesting_is_what_a_naive_count_finds((text, nesting) in soup()) {
        let outline = text::read(&text, &limits(|_| ())).unwrap();
        // Of the text alone: what is no document has no fragments to stand anywhere.
        prop_assert_eq!(outline.size().map_or(nesting, |size| size.nesting), nesting, "{}", text);
    }

    #[test]
    fn nothing_of_a_text_panics(text in "[\\[\\](){}\"\\\\#.a-f@$:! \n\u{feff}é0-9-]{0,200}") {
        let limits = limits(|_| ());
        if let Ok(outline) = text::read(&text, &limits) {
            let _ = fits(&outline, &limits);
        }
    }

    #[test]
    fn expanding_once_is_expanding_all(document in documents()) {
        let mut text = String::new();
        for (at, items) in document.iter().enumerate() {
            text.push_str(&if at == 0 { "query ".to_owned() } else { format!(" fragment f{at} on Q ") });
            write(items, at, &mut text);
        }
        let mut seen = vec![false; document.len()];
        seen[0] = true;
        spreads(&document, &document[0], 0, &mut seen);
        let mut expected = expand(&document, &document[0], 0);
        // Fragments that nothing spreads.
        for at in (0..document.len()).filter(|at| !seen[*at]) {
            let more = expand(&document, &document[at], at);
            expected = (expected.0 + more.0, expected.1 + more.1, expected.2.max(more.2));
        }
        let size = of_text(&text);
        prop_assert_eq!((size.selections, size.aliases, size.nesting), expected, "{}", text);
        let parsed = of_parsed(&text);
        prop_assert_eq!((parsed.selections, parsed.aliases, parsed.nesting), expected);
        prop_assert!(parsed.tokens <= size.tokens);
    }
}
