//! What somebody may have meant: the nearest of the names there are.

/// The candidate that `word` is most likely a misspelling of.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = word.chars().count().max(3) / 3;
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// The `count` candidates that look most like `word`, best first.
#[must_use]
pub fn most_like(
    word: &str,
    candidates: impl IntoIterator<Item = String>,
    count: usize,
) -> Vec<String> {
    let mut scored: Vec<(f64, String)> = candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, &candidate), candidate))
        .collect();
    scored.sort_by(|one, other| other.0.total_cmp(&one.0));
    scored.into_iter().take(count).map(|(_, candidate)| candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_and_nothing_far_off() {
        assert_eq!(nearest("compliers", ["pythons", "compilers"]), Some("compilers"));
        assert_eq!(nearest("VS71", ["VS16", "VS17"]), Some("VS17"));
        assert_eq!(nearest("colour", ["pythons", "compilers"]), None);
        assert_eq!(most_like("ab/c", ["zz".into(), "ab/d".into(), "ab/c1".into()], 1), ["ab/c1"]);
    }
}
