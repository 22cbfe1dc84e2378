//! The name that GitHub gives an asset, whatever name it was uploaded with.

/// Replaces what GitHub does not like in a name: every run of other characters by one dot, no dots at
/// either end, `default` before a leading one.
pub(crate) fn as_github_names(name: &str) -> String {
    let name = if name.starts_with('.') { format!("default{name}") } else { name.to_owned() };
    let mut renamed = String::with_capacity(name.len());
    for c in name.chars().map(plain) {
        let kept = c.is_ascii_alphanumeric() || "_+@-".contains(c);
        if kept {
            renamed.push(c);
        } else if !renamed.ends_with('.') {
            renamed.push('.');
        }
    }
    renamed.trim_matches('.').to_owned()
}

/// A letter without its accent, for those of Western Europe.
fn plain(c: char) -> char {
    match c {
        'à'..='å' => 'a',
        'À'..='Å' => 'A',
        'ç' => 'c',
        'è'..='ë' => 'e',
        'È'..='Ë' => 'E',
        'ì'..='ï' => 'i',
        'ñ' => 'n',
        'ò'..='ö' => 'o',
        'Ò'..='Ö' => 'O',
        'ù'..='ü' => 'u',
        'Ù'..='Ü' => 'U',
        other => other,
    }
}

#[test]
fn names_are_made_tame() {
    for (name, renamed) in [
        ("mod_wsgi-6.1.1+a@b.zip", "mod_wsgi-6.1.1+a@b.zip"),
        (".hidden", "default.hidden"),
        ("a b  (c).zip", "a.b.c.zip"),
        ("é.zip", "e.zip"),
        ("x..y.", "x.y"),
    ] {
        assert_eq!(as_github_names(name), renamed);
    }
}
