//! For whom a Python was installed, and by what: its files say it, or the folder that it lies in.

use camino::Utf8Path;

use super::place::below;
use crate::model::installation::PythonKind;
use crate::model::python::PythonTag;

/// Profiles that are nobody's own.
const SHARED: [&str; 4] = ["public", "default", "all users", "default user"];

/// The kind of the Python in a folder.
pub(super) fn of(base: &Utf8Path, tag: PythonTag) -> PythonKind {
    let whole = camino::absolute_utf8(base).unwrap_or_else(|_| base.to_owned());
    let path = whole.as_str().replace('\\', "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if has(&parts, "WindowsApps") {
        return PythonKind::Store;
    }
    // These say nothing of whether the Apache's account may read them; a profile does.
    if let Some(kind) = of_profile(&parts) {
        return kind;
    }
    let own_paths = format!("python{}._pth", tag.digits());
    if below(base, &[&own_paths]).is_some() {
        return PythonKind::Embeddable;
    }
    if below(base, &["conda-meta"]).is_some() {
        return PythonKind::Conda;
    }
    if is_for_all(&parts) { PythonKind::AllUsers } else { PythonKind::Unknown }
}

/// The user in whose profile a path lies.
#[must_use]
pub fn user(path: &Utf8Path) -> Option<String> {
    let whole = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
    let path = whole.as_str().replace('\\', "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match of_profile(&parts) {
        Some(PythonKind::OneUser { user }) => user,
        _ => None,
    }
}

fn has(parts: &[&str], name: &str) -> bool {
    parts.iter().any(|part| part.eq_ignore_ascii_case(name))
}

/// `Users/joe/…`, and `AppData` wherever it is.
fn of_profile(parts: &[&str]) -> Option<PythonKind> {
    let profiles = ["Users", "Documents and Settings"];
    let at = parts.iter().position(|part| profiles.iter().any(|it| part.eq_ignore_ascii_case(it)));
    let user = at.and_then(|at| parts.get(at + 1));
    let user = user.filter(|user| !SHARED.contains(&user.to_ascii_lowercase().as_str()));
    match user {
        Some(user) => Some(PythonKind::OneUser { user: Some((*user).to_owned()) }),
        None => has(parts, "AppData").then_some(PythonKind::OneUser { user: None }),
    }
}

/// Where installers for all users put it: `Program Files/Python313`, and `C:/Python313` since ever.
fn is_for_all(parts: &[&str]) -> bool {
    let program_files = parts.iter().any(|part| {
        let part = part.to_ascii_lowercase();
        part.starts_with("program files") || part == "programdata"
    });
    let own = parts.last().map(|part| part.to_ascii_lowercase()).unwrap_or_default();
    let digits = own.strip_prefix("python").unwrap_or_default();
    let usual = digits.trim_end_matches("-32").trim_end_matches("-64");
    program_files || !usual.is_empty() && usual.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_whose_it_is() {
        let one = |user: &str| PythonKind::OneUser { user: Some(user.to_owned()) };
        for (path, kind) in [
            ("/d/Users/joe/AppData/Local/Programs/Python/Python313", one("joe")),
            ("/d/users/Ürgen Ö/venv", one("Ürgen Ö")),
            ("/d/Users/Public/Python313", PythonKind::AllUsers),
            ("/d/Program Files/Python313", PythonKind::AllUsers),
            ("/d/Program Files (x86)/Python/313", PythonKind::AllUsers),
            ("/d/Python27", PythonKind::AllUsers),
            ("/d/Python313-32", PythonKind::AllUsers),
            ("/d/Program Files/WindowsApps/PythonSoftwareFoundation.3.13", PythonKind::Store),
            ("/d/tools/py", PythonKind::Unknown),
            ("/home/joe/3.13-win64", PythonKind::Unknown),
        ] {
            assert_eq!(of(path.into(), PythonTag::new(3, 13)), kind, "{path}");
        }
    }
}
