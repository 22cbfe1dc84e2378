//! The names of a release's files. GitHub leaves all of them as they are: no character but letters,
//! digits, `.`, `-` and `_`, none at the start that it would change.

/// The names of one release.
#[derive(Clone, Debug)]
pub struct Names {
    stem: String,
    folder: String,
}

impl Names {
    /// The names for a module and version.
    #[must_use]
    pub fn new(module: &str, version: &str) -> Self {
        Self { stem: format!("{module}-windows-{version}"), folder: format!("{module}-{version}") }
    }

    /// The folder of the release: `mod_wsgi-6.1.1`.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The top folder in every archive, as the historical archives have it:
    /// `mod_wsgi-windows-6.1.1`.
    #[must_use]
    pub fn top(&self) -> &str {
        &self.stem
    }

    /// The archive of everything, as zip.
    #[must_use]
    pub fn zip(&self) -> String {
        format!("{}.zip", self.stem)
    }

    /// The archive of everything, as tar.gz.
    #[must_use]
    pub fn tar_gz(&self) -> String {
        format!("{}.tar.gz", self.stem)
    }

    /// The zip of one Apache folder.
    #[must_use]
    pub fn apache_zip(&self, label: &str) -> String {
        format!("{}-{label}.zip", self.stem)
    }

    /// The checksums. Not `SHA256SUMS` alone: upstream's own release has a file of that name.
    #[must_use]
    pub fn checksums(&self) -> String {
        format!("{}.SHA256SUMS", self.stem)
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> String {
        format!("{}.manifest.json", self.stem)
    }

    /// All names of a release with files for these Apache builds.
    #[must_use]
    pub fn all<'a>(&self, labels: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let zips = labels.into_iter().map(|label| self.apache_zip(label));
        let whole = [self.zip(), self.tar_gz(), self.checksums(), self.manifest(), self.notes()];
        whole.into_iter().chain([self.sbom(), self.provenance()]).chain(zips).collect()
    }

    /// The bill of materials.
    #[must_use]
    pub fn sbom(&self) -> String {
        format!("{}.cdx.json", self.stem)
    }

    /// The statement of provenance.
    #[must_use]
    pub fn provenance(&self) -> String {
        format!("{}.provenance.json", self.stem)
    }

    /// The release notes.
    #[must_use]
    pub fn notes(&self) -> String {
        format!("{}.notes.md", self.stem)
    }
}
