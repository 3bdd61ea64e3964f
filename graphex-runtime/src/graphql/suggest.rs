//! "Did you mean": the known name nearest to a wrong one.

/// The name a typing mistake away from `name`: at most a third of its letters.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    let limit = length.max(3) / 3;
    known
        .into_iter()
        // The distance is no less; comparing costs the product of the lengths, and a client
        // chose one of them.
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= limit)
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
