//! Checksums in the format that `sha256sum -c` reads. Package writes them, publish and download read them.

use super::digest::Sha256;

/// A line a file: the digest, two spaces, the name.
#[must_use]
pub fn render<'a>(files: impl IntoIterator<Item = (&'a str, Sha256)>) -> String {
    let mut text = String::new();
    for (name, sha256) in files {
        text += &format!("{sha256}  {name}\n");
    }
    text
}

/// Reads such a file; `None` where a line is none. A `*` before the name (binary mode) is allowed.
#[must_use]
pub fn parse(text: &str) -> Option<Vec<(String, Sha256)>> {
    text.lines()
        .map(|line| {
            let (sha256, name) = line.split_once(' ')?;
            let name = name.strip_prefix([' ', '*'])?;
            Some((name.to_owned(), sha256.parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let digest = Sha256::of(b"x");
        let text = render([("a b.zip", digest), ("c", digest)]);
        assert_eq!(parse(&text), Some(vec![("a b.zip".into(), digest), ("c".into(), digest)]));
        assert_eq!(parse("zz  a"), None);
        assert_eq!(parse(&format!("{digest} a")), None);
    }
}
