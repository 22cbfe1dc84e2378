//! Where GitHub's API is, and which addresses a token may be sent to.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// A repository: `OWNER/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its owner.
    pub owner: String,
    /// Its name.
    pub name: String,
}

impl FromStr for Repository {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = |part: &str| {
            !part.is_empty()
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
                && part.chars().any(|c| c != '.')
        };
        match text.split_once('/') {
            Some((owner, name)) if good(owner) && good(name) => {
                Ok(Self { owner: owner.to_owned(), name: name.to_owned() })
            }
            _ => Err(AddressError::Repository { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// An address that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// No repository.
    #[error(
        "'{text}' is no repository\nhint: name it as GitHub does: github:OWNER/REPO, for example github:GrahamDumpleton/mod_wsgi"
    )]
    Repository {
        /// What was given.
        text: String,
    },
    /// No address of an API.
    #[error(
        "{origin} is no address of GitHub's API: {reason}\nhint: it looks like https://api.github.com or https://HOST/api/v3"
    )]
    Api {
        /// Where it was given, and what.
        origin: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The API names a place for uploads that is not its own.
    #[error(
        "the API at {api} wants assets uploaded to {upload}, which is no host of its own; the token was not sent there\nhint: look at --api-url, GITHUB_API_URL and GH_HOST, and at what stands between here and GitHub"
    )]
    Upload {
        /// The API.
        api: String,
        /// Where it wants the uploads.
        upload: String,
    },
}

/// The base of an API: `https://api.github.com`, `https://HOST/api/v3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api(Url);

impl Api {
    /// The API named by `--api-url`, `GITHUB_API_URL` or `GH_HOST`, in this order; GitHub's own without.
    /// What is empty counts as not given.
    pub fn choose(
        api_url: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, AddressError> {
        if let Some(url) = api_url.filter(|url| !url.is_empty()) {
            return Self::parse("--api-url", url);
        }
        if let Some(url) = environment("GITHUB_API_URL").filter(|url| !url.is_empty()) {
            return Self::parse("GITHUB_API_URL", &url);
        }
        match environment("GH_HOST").filter(|host| !host.is_empty()) {
            Some(host) => Self::of_host(&host),
            None => Self::of_host("github.com"),
        }
    }

    fn of_host(host: &str) -> Result<Self, AddressError> {
        let tenant = host.ends_with(".ghe.com") && !host.starts_with("api.");
        let url = if host == "github.com" || tenant {
            format!("https://api.{host}")
        } else if host == "github.localhost" {
            // GitHub's own developers' machine, which `gh` knows as well.
            format!("http://api.{host}")
        } else {
            format!("https://{host}/api/v3")
        };
        Self::parse("GH_HOST", &url)
    }

    fn parse(origin: &str, text: &str) -> Result<Self, AddressError> {
        let bad = |reason: &str| AddressError::Api {
            origin: format!("{origin} {text}"),
            reason: reason.to_owned(),
        };
        let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            // The text is not repeated: it holds a password.
            let reason = "it has a name or password in it".to_owned();
            return Err(AddressError::Api { origin: origin.to_owned(), reason });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a '?' or '#' in it"));
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if is_loopback(&url) => Ok(Self(url)),
            "http" => Err(bad("the token would travel unencrypted")),
            _ => Err(bad("it does not begin with https://")),
        }
    }

    /// The address of a resource. The segments are percent-encoded.
    #[must_use]
    pub fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Where to send an asset: the `upload_url` of its release without its template, and the name. Only
    /// hosts that belong to this API pass.
    pub fn upload(&self, template: &str, name: &str) -> Result<Url, AddressError> {
        let foreign =
            || AddressError::Upload { api: self.0.to_string(), upload: template.to_owned() };
        let plain = template.split('{').next().unwrap_or(template);
        let mut url = Url::parse(plain).map_err(|_| foreign())?;
        let named = url.username().is_empty() && url.password().is_none();
        if !named || !self.takes_uploads_at(&url) {
            return Err(foreign());
        }
        url.set_query(Some(&format!("name={}", percent_encode(name))));
        Ok(url)
    }

    /// The API's own host, or `uploads.` of its domain; on this very machine at any port.
    fn takes_uploads_at(&self, url: &Url) -> bool {
        let api = self.0.host_str().unwrap_or_default();
        let domain = api.strip_prefix("api.").unwrap_or(api);
        let host = url.host_str().unwrap_or_default();
        url.scheme() == self.0.scheme()
            && (host == api || host.strip_prefix("uploads.") == Some(domain))
            && (is_loopback(url) || url.port_or_known_default() == self.0.port_or_known_default())
    }

    /// Whether it speaks TLS: all but one of this very machine do.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether an address is of this very server, so that the token may go there.
    #[must_use]
    pub fn is_here(&self, url: &Url) -> bool {
        url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none()
    }

    /// Whether something without a token may be asked of an address that this API redirects to.
    #[must_use]
    pub fn may_lead_to(&self, url: &Url) -> bool {
        url.scheme() == self.0.scheme()
    }
}

impl fmt::Display for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an address is of this very machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// A value of a query, with everything encoded that is not unreserved: a bare `+` would be read as a
/// space.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded += &format!("%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(url: &str) -> Api {
        Api::choose(Some(url), |_| None).unwrap()
    }

    #[test]
    fn the_api_is_chosen_in_order() {
        let choose = |flag: Option<&str>, given: &[(&str, &str)]| {
            let environment = |name: &str| {
                given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            Api::choose(flag, environment).unwrap().to_string()
        };
        let both = [("GITHUB_API_URL", "https://one.example/api/v3"), ("GH_HOST", "two.example")];
        assert_eq!(choose(Some("https://three.example"), &both), "https://three.example/");
        assert_eq!(choose(Some(""), &both), "https://one.example/api/v3");
        assert_eq!(choose(None, &both[1..]), "https://two.example/api/v3");
        assert_eq!(choose(None, &[("GH_HOST", "x.ghe.com")]), "https://api.x.ghe.com/");
        assert_eq!(choose(None, &[("GH_HOST", "github.com")]), "https://api.github.com/");
        let local = [("GH_HOST", "github.localhost")];
        assert_eq!(choose(None, &local), "http://api.github.localhost/");
        assert_eq!(choose(None, &[("GITHUB_API_URL", "")]), "https://api.github.com/");
    }

    #[test]
    fn a_token_never_travels_unencrypted() {
        for bad in [
            "http://ghe.example/api/v3",
            "ftp://x",
            "https://me:secret@ghe.example",
            "https://x/?y",
            "x",
            "http://localhost.example",
        ] {
            let error = Api::choose(Some(bad), |_| None).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        for good in
            ["http://127.0.0.1:8080", "http://[::1]:80/api/v3", "http://api.github.localhost"]
        {
            Api::choose(Some(good), |_| None).unwrap();
        }
    }

    #[test]
    fn resources_are_below_the_base() {
        let url = api("https://ghe.example/api/v3/").url(["repos", "a", "b", "x/y z%"]);
        assert_eq!(url.as_str(), "https://ghe.example/api/v3/repos/a/b/x%2Fy%20z%25");
        assert_eq!(api("https://api.github.com").url(["repos"]).path(), "/repos");
    }

    #[test]
    fn uploads_go_to_hosts_of_the_api() {
        let pairs = [
            ("https://api.github.com", "https://uploads.github.com/repos/a/b/releases/1/assets"),
            ("https://api.x.ghe.com", "https://uploads.x.ghe.com/repos/a/b/releases/1/assets"),
            ("https://ghe.example/api/v3", "https://ghe.example/api/uploads/repos/a/b/releases/1"),
            ("http://127.0.0.1:99", "http://127.0.0.1:100/uploads"),
            ("http://api.github.localhost", "http://uploads.github.localhost/uploads"),
        ];
        for (base, upload) in pairs {
            let url = api(base).upload(&format!("{upload}{{?name,label}}"), "a+b c.zip").unwrap();
            assert_eq!(url.as_str(), format!("{upload}?name=a%2Bb%20c.zip"));
        }
        for bad in [
            "https://uploads.github.com.evil.example/x",
            "https://evil.example/x",
            "http://uploads.github.com/x",
            "https://uploads.github.com:444/x",
            "https://me@uploads.github.com/x",
            "https://github.com/x",
            "nonsense",
        ] {
            let error = api("https://api.github.com").upload(bad, "a").unwrap_err();
            assert!(matches!(error, AddressError::Upload { .. }), "{bad}: {error}");
        }
        for bad in ["http://127.0.0.2:99/x", "https://127.0.0.1:99/x", "http://ghe.example/x"] {
            api("http://127.0.0.1:99").upload(bad, "a").unwrap_err();
        }
    }

    #[test]
    fn repositories_are_two_names() {
        assert_eq!("a-b/c_d.e".parse::<Repository>().unwrap().to_string(), "a-b/c_d.e");
        for bad in ["", "a", "a/", "/b", "a/b/c", "a/..", "a b/c", "a/b?"] {
            bad.parse::<Repository>().unwrap_err();
        }
    }
}
