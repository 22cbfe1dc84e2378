//! Releases that something is made of, and where their files are served from: what page and index share.

use camino::Utf8PathBuf;
use url::Url;

use super::Failure;

/// Some releases.
#[derive(Debug, clap::Args)]
pub(super) struct Releases {
    /// The releases: the folders that `modfarm release` made, or what was downloaded of them
    #[arg(required = true, value_name = "RELEASE")]
    releases: Vec<Utf8PathBuf>,

    #[arg(long, value_name = "URL", value_parser = files_url, help = FILES_URL)]
    files_url: Vec<String>,
}

const FILES_URL: &str = "\
Where the files are served from: one address for all, in which {version} stands for a release's, or one for \
each RELEASE, in their order: https://github.com/OWNER/REPO/releases/download/mod_wsgi-{version}";

impl Releases {
    /// Each with its address, if any was given.
    pub(super) fn with_urls(&self) -> Result<Vec<(Utf8PathBuf, Option<String>)>, Failure> {
        let (releases, urls) = (&self.releases, &self.files_url);
        if urls.len() > 1 && urls.len() != releases.len() {
            return Err(Failure::bad_input(format!(
                "--files-url is given {} times for {} releases\nhint: give one for all, or one for each",
                urls.len(),
                releases.len()
            )));
        }
        let url_of = |number: usize| urls.get(number).or(urls.first()).cloned();
        Ok(releases.iter().enumerate().map(|(at, path)| (path.clone(), url_of(at))).collect())
    }
}

/// An address that a name can be put behind.
fn files_url(text: &str) -> Result<String, String> {
    let parsed = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err("it must begin with https:// or http://".to_owned());
    }
    let is_whole = parsed.query().is_none() && parsed.fragment().is_none();
    if !is_whole || text.contains(|c: char| c.is_whitespace() || "\"<>\\^`".contains(c)) {
        return Err("a file's name cannot stand behind it".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}
