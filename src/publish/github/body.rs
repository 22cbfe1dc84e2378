//! The text of a release's page: our notes with the marker that tells our releases from others', or
//! our notes below what somebody else wrote.

use crate::model::digest::Sha256;
use crate::model::manifest::ModuleRecord;

const MARK: &str = "<!-- modfarm: release of ";
const MANIFEST: &str = ", manifest sha256 ";
const END: &str = " -->";

/// The marker in the text of a release that modfarm made: of what, and of which bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The module and its version: `mod_wsgi 6.1.1`.
    pub title: String,
    /// The digest of the manifest, which has the digests of all else.
    pub manifest: Sha256,
}

impl Marker {
    /// The marker of a release.
    #[must_use]
    pub fn new(module: &ModuleRecord, manifest: Sha256) -> Self {
        Self { title: title(module), manifest }
    }

    /// The marker in a text, if it has one.
    #[must_use]
    pub fn find(body: &str) -> Option<Self> {
        body.lines().find_map(|line| {
            let (title, manifest) =
                line.trim().strip_prefix(MARK)?.strip_suffix(END)?.split_once(MANIFEST)?;
            Some(Self { title: title.to_owned(), manifest: manifest.parse().ok()? })
        })
    }

    /// The text of a release that is ours alone.
    #[must_use]
    pub fn body(&self, notes: &str) -> String {
        format!("{MARK}{}{MANIFEST}{}{END}\n\n{notes}", self.title, self.manifest)
    }
}

/// `mod_wsgi 6.1.1`
#[must_use]
pub fn title(module: &ModuleRecord) -> String {
    format!("{} {}", module.name, module.version)
}

/// Somebody else's text with our notes below it. Where they stand there already, that part alone is
/// replaced, wherever it is by now.
#[must_use]
pub fn appended(theirs: &str, title: &str, notes: &str) -> String {
    let begin = format!("<!-- modfarm: notes of {title} begin{END}");
    let end = format!("<!-- modfarm: notes of {title} end{END}");
    let ours = format!("{begin}\n{}\n{end}", notes.trim_end());
    let place = theirs.find(&begin).and_then(|start| {
        let length = theirs[start..].find(&end)? + end.len();
        Some(start..start + length)
    });
    match place {
        Some(place) => format!("{}{ours}{}", &theirs[..place.start], &theirs[place.end..]),
        None if theirs.is_empty() => ours,
        None => format!("{theirs}\n\n{ours}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_again() {
        let marker =
            Marker { title: "mod_wsgi 6.1.1".to_owned(), manifest: Sha256::of(b"manifest") };
        let body = marker.body("# Notes\n");
        assert_eq!(Marker::find(&body), Some(marker.clone()));
        assert_eq!(Marker::find(&body.replace('\n', "\r\n")), Some(marker));
        assert!(body.ends_with("-->\n\n# Notes\n"));
        assert_eq!(Marker::find("# Notes\n<!-- modfarm: release of x -->"), None);
    }

    #[test]
    fn what_others_wrote_stays() {
        let once = appended("Theirs.\r\n", "mod_wsgi 6.1.1", "one");
        assert!(once.starts_with("Theirs.\r\n\n\n<!-- modfarm: notes of mod_wsgi 6.1.1 begin -->"));
        assert_eq!(appended(&once, "mod_wsgi 6.1.1", "one"), once);
        let edited = format!("{once}\nTheir afterword.");
        let twice = appended(&edited, "mod_wsgi 6.1.1", "two");
        assert_eq!(twice, edited.replace("one", "two"));
        assert_eq!(Marker::find(&twice), None);
        assert!(appended("", "x 1", "n").starts_with("<!--"));
    }
}
