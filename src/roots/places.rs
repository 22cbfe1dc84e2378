//! Where Windows knows of Apaches and Pythons: the registry, services, variables, and the usual folders.
//! Whether something is there is for others to see. Elsewhere nothing is known.

use std::cmp::Reverse;
use std::collections::HashSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::sys::files;
use crate::sys::registry::{self, Hive};

/// Who makes the Pythons of python.org, by PEP 514: a module is built for them alone.
pub const PYTHON_ORG: &str = "PythonCore";

/// A Python that somebody says is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownPython {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Who made it, by PEP 514: [`PYTHON_ORG`], or another.
    pub company: String,
    /// Whether it is there for everybody who uses the machine.
    pub for_everybody: bool,
}

/// The Apaches: what `pip install mod_wsgi` is told, those of services, and the usual folders.
#[must_use]
pub fn apaches() -> Vec<Utf8PathBuf> {
    if !cfg!(windows) {
        return Vec::new();
    }
    let told = std::env::var("MOD_WSGI_APACHE_ROOTDIR").ok().filter(|folder| !folder.is_empty());
    let mut folders: Vec<_> = told.into_iter().map(Utf8PathBuf::from).chain(services()).collect();
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
        let names = newest_first(files::names(&wamp).unwrap_or_default());
        folders.extend(names.iter().map(|name| wamp.join(name)));
    }
    unique(folders, |folder| folder)
}

/// The Pythons of the registry: for everybody before one's own, the newest first.
#[must_use]
pub fn pythons() -> Vec<KnownPython> {
    let keys = [
        (Hive::Machine, r"SOFTWARE\Python"),
        (Hive::Machine, r"SOFTWARE\WOW6432Node\Python"),
        (Hive::User, r"SOFTWARE\Python"),
    ];
    let found = keys.into_iter().flat_map(|(hive, key)| registered(hive, key));
    unique(found.collect(), |python| &python.folder)
}

fn registered(hive: Hive, key: &str) -> Vec<KnownPython> {
    let mut found = Vec::new();
    for company in registry::below(hive, key) {
        for tag in newest_first(registry::below(hive, &format!(r"{key}\{company}"))) {
            let place = format!(r"{key}\{company}\{tag}\InstallPath");
            found.extend(registry::text(hive, &place, "").map(|folder| KnownPython {
                folder: folder.into(),
                company: company.clone(),
                for_everybody: hive == Hive::Machine,
            }));
        }
    }
    found
}

/// The Pythons that `actions/setup-python` put into the folder of tools of this machine, where a job runs on it.
#[must_use]
pub fn cached_pythons() -> Vec<KnownPython> {
    let tools = ["RUNNER_TOOL_CACHE", "AGENT_TOOLSDIRECTORY"];
    let tools = tools.into_iter().find_map(|name| std::env::var(name).ok());
    let folders = match tools {
        Some(tools) if cfg!(windows) => tool_cache(Utf8Path::new(&tools)),
        _ => Vec::new(),
    };
    let known =
        |folder| KnownPython { folder, company: PYTHON_ORG.to_owned(), for_everybody: true };
    folders.into_iter().map(known).collect()
}

/// The Pythons that `actions/setup-python` put into a folder of tools, `Python\VERSION\ARCH` below it, the
/// newest version first.
fn tool_cache(tools: &Utf8Path) -> Vec<Utf8PathBuf> {
    let pythons = tools.join("Python");
    let versions = newest_first(files::names(&pythons).unwrap_or_default());
    let folders = versions.iter().flat_map(|version| {
        let version = pythons.join(version);
        let arches = files::names(&version).unwrap_or_default();
        // What is not complete has no file that says so.
        let complete = arches.iter().filter(|arch| arches.contains(&format!("{arch}.complete")));
        complete.map(|arch| version.join(arch)).collect::<Vec<_>>()
    });
    folders.collect()
}

/// The folders of the services whose program is `httpd.exe`.
fn services() -> Vec<Utf8PathBuf> {
    const SERVICES: &str = r"SYSTEM\CurrentControlSet\Services";
    let names = registry::below(Hive::Machine, SERVICES);
    let images = names.iter().filter_map(|name| {
        registry::text(Hive::Machine, &format!(r"{SERVICES}\{name}"), "ImagePath")
    });
    images.filter_map(|image| of_service(&image)).collect()
}

/// The folder of the Apache that a service runs: `"C:\Apache24\bin\httpd.exe" -k runservice`.
fn of_service(image: &str) -> Option<Utf8PathBuf> {
    let image = image.trim().trim_start_matches('"');
    let at = image.to_ascii_lowercase().find(r"\bin\httpd.exe")?;
    Some(Utf8PathBuf::from(image.get(..at)?))
}

/// Names with versions in them, by their numbers: 3.13 is newer than 3.9. What has more behind a hyphen comes
/// after what has not: `3.14.0-rc.1` is no release yet, `3.13-32` is for the smaller machine.
fn newest_first(mut names: Vec<String>) -> Vec<String> {
    let numbers = |text: &str| {
        let numbers = text.split(|c: char| !c.is_ascii_digit());
        Reverse(numbers.filter_map(|number| number.parse().ok()).collect::<Vec<u32>>())
    };
    names.sort_by_cached_key(|name| {
        let (version, more) = name.split_once('-').unwrap_or((name, ""));
        (numbers(version), !more.is_empty(), numbers(more))
    });
    names
}

/// Each once, however its folder is spelled.
pub(super) fn unique<T>(all: Vec<T>, folder: impl Fn(&T) -> &Utf8PathBuf) -> Vec<T> {
    let mut seen = HashSet::new();
    let key = |it: &T| {
        let key = folder(it).as_str().replace('\\', "/").to_ascii_lowercase();
        key.trim_end_matches('/').to_owned()
    };
    all.into_iter().filter(|it| seen.insert(key(it))).collect()
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
        assert_eq!(unique(folders.to_vec(), |folder| folder).len(), 2);
    }

    #[test]
    fn the_newest_is_the_one_with_the_larger_numbers() {
        for newest_last in [
            &["3.9-32", "3.9", "3.13-32", "3.13"][..],
            &["3.13.10", "3.14.0-rc.1", "3.14.0-rc.2", "3.14.0"],
            &["apache2.4.9", "apache2.4.54.2"],
            &["httpd-2.4.54-win64-VS16", "httpd-2.4.62-240904-win64-VS17"],
        ] {
            let sorted = newest_first(newest_last.iter().map(|&name| name.to_owned()).collect());
            assert!(sorted.iter().eq(newest_last.iter().rev()), "{sorted:?}");
        }
    }

    #[test]
    fn a_folder_of_tools_has_the_newest_python_first() {
        let keep = tempfile::tempdir().unwrap();
        let tools = Utf8Path::from_path(keep.path()).unwrap();
        for whole in ["3.9.13/x64", "3.13.2/x64", "3.13.2/x64-freethreaded", "3.13.10/x86"] {
            files::create_dir_all(&tools.join("Python").join(whole)).unwrap();
            let mark = tools.join("Python").join(format!("{whole}.complete"));
            files::write_atomic(&mark, b"").unwrap();
        }
        files::create_dir_all(&tools.join("Python/3.14.0/x64")).unwrap();
        let found = tool_cache(tools);
        let found: Vec<_> =
            found.iter().map(|it| it.strip_prefix(tools).unwrap().as_str()).collect();
        let expected = ["3.13.10/x86", "3.13.2/x64", "3.13.2/x64-freethreaded", "3.9.13/x64"];
        assert_eq!(found, expected.map(|it| format!("Python/{it}")));
        assert_eq!(tool_cache(&tools.join("nowhere")), [""; 0]);
    }
}
