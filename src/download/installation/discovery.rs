//! Which Apaches and Pythons there are on this machine. Windows knows; elsewhere nothing is looked for.

use camino::Utf8PathBuf;

use crate::model::installation::{Apache, Python};

#[cfg(windows)]
mod registry;

/// What was found, what is preferred first.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// The Apaches.
    pub apaches: Vec<Apache>,
    /// The Pythons.
    pub pythons: Vec<Python>,
}

/// Looks for all that is installed. What cannot be read is none.
#[must_use]
pub fn discover() -> Discovered {
    let (apaches, pythons) = (unique(apache_folders()), unique(python_folders()));
    Discovered {
        apaches: apaches.iter().filter_map(|folder| Apache::read(folder).ok()).collect(),
        pythons: pythons.iter().filter_map(|folder| Python::read(folder).ok()).collect(),
    }
}

fn unique(folders: Vec<Utf8PathBuf>) -> Vec<Utf8PathBuf> {
    let mut seen = std::collections::HashSet::new();
    let key = |folder: &Utf8PathBuf| {
        let key = folder.as_str().replace('\\', "/").to_ascii_lowercase();
        key.trim_end_matches('/').to_owned()
    };
    folders.into_iter().filter(|folder| seen.insert(key(folder))).collect()
}

/// What `pip install mod_wsgi` is told, the services, and the usual folders.
#[cfg(windows)]
fn apache_folders() -> Vec<Utf8PathBuf> {
    let told = std::env::var("MOD_WSGI_APACHE_ROOTDIR").ok().map(Utf8PathBuf::from);
    let mut folders: Vec<_> = told.into_iter().chain(registry::services()).collect();
    let usual = [
        r"C:\Apache24",
        r"C:\tools\Apache24",
        r"C:\Program Files\Apache24",
        r"C:\xampp\apache",
        r"C:\Program Files\Apache Software Foundation\Apache2.4",
        r"C:\Program Files (x86)\Apache Software Foundation\Apache2.2",
    ];
    folders.extend(usual.map(Utf8PathBuf::from));
    for wamp in [r"C:\wamp64\bin\apache", r"C:\wamp\bin\apache", r"C:\laragon\bin\apache"] {
        let wamp = Utf8PathBuf::from(wamp);
        let names = crate::sys::files::names(&wamp).unwrap_or_default();
        folders.extend(names.iter().rev().map(|name| wamp.join(name)));
    }
    folders
}

/// Those that the registry knows: for all users before one's own, the newest first.
#[cfg(windows)]
fn python_folders() -> Vec<Utf8PathBuf> {
    registry::pythons()
}

#[cfg(not(windows))]
fn apache_folders() -> Vec<Utf8PathBuf> {
    Vec::new()
}

#[cfg(not(windows))]
fn python_folders() -> Vec<Utf8PathBuf> {
    Vec::new()
}

/// The folder of the Apache that a service runs: `"C:\Apache24\bin\httpd.exe" -k runservice`.
#[cfg_attr(not(windows), allow(dead_code, reason = "Windows alone has services"))]
fn of_service(image: &str) -> Option<Utf8PathBuf> {
    let image = image.trim().trim_start_matches('"');
    let at = image.to_ascii_lowercase().find(r"\bin\httpd.exe")?;
    Some(Utf8PathBuf::from(image.get(..at)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_tells_its_folder() {
        let of = |image: &str| of_service(image).map(Utf8PathBuf::into_string);
        let quoted = r#""C:\Program Files\Äpache\bin\HTTPD.exe" -k runservice"#;
        assert_eq!(of(quoted).as_deref(), Some(r"C:\Program Files\Äpache"));
        assert_eq!(of(r"C:\Apache24\bin\httpd.exe -k runservice").as_deref(), Some(r"C:\Apache24"));
        assert_eq!(of(r"C:\Windows\system32\svchost.exe -k netsvcs"), None);
    }

    #[test]
    fn a_folder_is_looked_into_once() {
        let folders = [r"C:\Apache24", r"c:/apache24/", r"C:\other"].map(Utf8PathBuf::from);
        assert_eq!(unique(folders.to_vec()).len(), 2);
    }
}
