//! What GitHub takes: names that it leaves as they are, sizes, counts, the length of notes.

use super::GitHubError;

/// An asset is smaller than this.
const SIZE: u64 = 2 << 30;

/// A release has no more assets.
const ASSETS: usize = 1000;

/// A release's notes have no more characters.
const NOTES: usize = 125_000;

/// Refuses names that GitHub would change, for then nobody finds the file that checksums and manifest
/// name, and names that differ in case alone, which are one file on an administrator's disk.
pub fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), GitHubError> {
    let names: Vec<&str> = names.collect();
    let changed: Vec<String> = names
        .iter()
        .filter(|name| kept_name(name) != **name)
        .map(|name| format!("{name} (would become {})", kept_name(name)))
        .collect();
    if !changed.is_empty() {
        return Err(GitHubError::Names { names: changed });
    }
    let mut folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    folded.sort_unstable();
    match folded.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(GitHubError::SameName { name: pair[0].clone() }),
        None => Ok(()),
    }
}

/// The name that GitHub gives an asset of this name.
#[must_use]
pub fn kept_name(name: &str) -> String {
    let mut kept = String::new();
    for c in name.chars() {
        let good = c.is_ascii_alphanumeric() || "_+@-".contains(c);
        let c = if good { c } else { '.' };
        if c != '.' || !kept.ends_with('.') {
            kept.push(c);
        }
    }
    let kept = kept.trim_end_matches('.');
    if kept.starts_with('.') { format!("default{kept}") } else { kept.to_owned() }
}

/// Refuses an asset that is too large or empty.
pub fn check_size(name: &str, size: u64) -> Result<(), GitHubError> {
    if size == 0 || size >= SIZE {
        return Err(GitHubError::Size { name: name.to_owned(), size });
    }
    Ok(())
}

/// Refuses more assets than a release can have.
pub fn check_count(ours: usize, others: usize) -> Result<(), GitHubError> {
    if ours + others > ASSETS {
        return Err(GitHubError::TooMany { ours, others, most: ASSETS });
    }
    Ok(())
}

/// Refuses notes that are too long.
pub fn check_notes(body: &str) -> Result<(), GitHubError> {
    let length = body.chars().count();
    if length > NOTES {
        return Err(GitHubError::NotesTooLong { length, most: NOTES });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_or_refused() {
        let same = "mod_wsgi-windows-6.1.1-Apache24-win64-VS17.zip";
        assert_eq!(kept_name(same), same);
        let changed = [
            (".hidden", "default.hidden"),
            ("a b.zip", "a.b.zip"),
            ("a..zip", "a.zip"),
            ("x.", "x"),
            ("(1).zip", "default.1.zip"),
            ("a+b@c-d_e", "a+b@c-d_e"),
        ];
        for (name, kept) in changed {
            assert_eq!(kept_name(name), kept);
        }
        check_names([same, "b.zip"].into_iter()).unwrap();
        let error = check_names(["a b"].into_iter()).unwrap_err().to_string();
        assert!(error.contains("a b (would become a.b)"), "{error}");
        assert!(matches!(
            check_names(["A.zip", "a.zip"].into_iter()),
            Err(GitHubError::SameName { .. })
        ));
    }

    #[test]
    fn limits_are_exact() {
        check_size("a", (2 << 30) - 1).unwrap();
        check_size("a", 2 << 30).unwrap_err();
        check_size("a", 0).unwrap_err();
        check_count(900, 100).unwrap();
        check_count(900, 101).unwrap_err();
        check_notes(&"é".repeat(125_000)).unwrap();
        check_notes(&"a".repeat(125_001)).unwrap_err();
    }
}
