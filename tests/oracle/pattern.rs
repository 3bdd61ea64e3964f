//! Regular expressions in the syntax that PostgreSQL and the crate `regex` share: literals,
//! classes, `.`, `\d`, anchors, quantifiers, groups and alternatives.
//!
//! Left out is what they read differently: `\w` and `\s` (marks and control characters), POSIX
//! classes, flags, and quantifiers on anchors or on quantifiers. `\d` is any decimal digit of Unicode
//! in both, as PostgreSQL has it under an ICU collation.

use super::random::Random;

/// A pattern that may match this text.
pub(super) fn pattern(text: &str, ignore_case: bool, random: &mut Random) -> String {
    let chars: Vec<_> = text.chars().collect();
    let start = random.below(chars.len() + 1);
    let end = start + random.below((chars.len() - start).min(8) + 1);
    let mut atoms = String::new();
    for char in &chars[start..end] {
        atoms += &atom(*char, ignore_case, random);
        atoms += ["", "", "", "", "", "", "+", "?", "*", "{1,2}", "+?", "{2}"][random.below(12)];
    }
    let mut pattern = match random.below(12) {
        0 => format!("({atoms})"),
        1 if !atoms.is_empty() => format!("(?:{atoms})+"),
        2 => format!("(?:{atoms}|{})", alternative(random)),
        3 => format!("{atoms}|{}", alternative(random)),
        4 => format!("{atoms}.*"),
        5 => format!("[^{}]{atoms}", if random.chance(50) { "a" } else { "0-9" }),
        6 => format!("{atoms}{}", atom('b', ignore_case, random)),
        _ => atoms,
    };
    if random.chance(30) {
        pattern.insert(0, '^');
    }
    if random.chance(30) {
        pattern.push('$');
    }
    pattern
}

fn alternative(random: &mut Random) -> &'static str {
    let all = ["b", "x.y", "[a-f]{2}", "^a", "a$", "\\d+", "(ab|ba)", "\n"];
    all[random.below(all.len())]
}

/// One character, or what matches it and others.
fn atom(char: char, ignore_case: bool, random: &mut Random) -> String {
    if ignore_case && !folds_alike(char) {
        return ".".to_owned();
    }
    match random.below(12) {
        0 => ".".to_owned(),
        1 => "[a-f]".to_owned(),
        2 => "[^\n]".to_owned(),
        3 => "\\d".to_owned(),
        4 if char.is_alphanumeric() => format!("[{char}7]"),
        5 if char.is_alphanumeric() => format!("[^{char}]"),
        6 => format!("({})", escaped(char)),
        7 if ignore_case => escaped(other_case(char)),
        _ => escaped(char),
    }
}

fn escaped(char: char) -> String {
    match char {
        '\n' => "\\n".to_owned(),
        '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '\\' => {
            format!("\\{char}")
        }
        char => char.to_string(),
    }
}

fn other_case(char: char) -> char {
    let mut upper = char.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) if upper != char => upper,
        _ => char.to_lowercase().next().unwrap_or(char),
    }
}

/// Whether a letter of a pattern stands for the same letters in both. PostgreSQL takes for it
/// its own upper and lower case, the crate all that Unicode's simple case folding has as one: `s`
/// matches `ſ`, `k` the sign of Kelvin, `σ` both small sigmas, `ß` its capital, and `ı` not `I`.
fn folds_alike(char: char) -> bool {
    let has_case = char.is_lowercase() || char.is_uppercase() || !char.to_uppercase().eq([char]);
    match char {
        'k' | 'K' | 's' | 'S' => false,
        'é' | 'É' | 'ж' | 'Ж' | '𐐨' | '𐐀' => true,
        // Titlecase has both cases, and a mark may have an upper case.
        'ǅ' => false,
        char => char.is_ascii() || !has_case,
    }
}
