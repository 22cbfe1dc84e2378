//! Modules that lie where such are: Apache's modules folder, and where pip puts them.

use camino::Utf8PathBuf;

use super::place::below;
use crate::model::installation::{Apache, Module, Python};
use crate::sys::{archive, files};

/// More are not looked at.
const MOST: usize = 64;

/// The files called `mod_wsgi….so` or `.pyd` in the folders of an Apache and a Python. What cannot be read
/// is none.
#[must_use]
pub fn lying_about(apache: Option<&Apache>, python: Option<&Python>) -> Vec<Module> {
    let of_apache = apache.and_then(|apache| below(&apache.folder, &["modules"]));
    let parts = ["Lib", "site-packages", "mod_wsgi", "server"];
    let of_python = python.and_then(|python| below(&python.home, &parts));
    let folders = of_apache.into_iter().chain(of_python);
    folders.flat_map(files_in).take(MOST).filter_map(|file| Module::read(&file).ok()).collect()
}

fn files_in(folder: Utf8PathBuf) -> Vec<Utf8PathBuf> {
    let names = files::names(&folder).unwrap_or_default();
    let is_ours = |name: &String| {
        name.to_ascii_lowercase().starts_with("mod_wsgi") && archive::is_module(name)
    };
    names.into_iter().filter(is_ours).map(|name| folder.join(name)).collect()
}
