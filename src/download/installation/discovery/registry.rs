//! What the registry of Windows knows: Pythons as PEP 514 has them registered, and the services that run
//! an Apache.

use camino::Utf8PathBuf;
use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

/// The folders of the registered Pythons: for all users, then for this one.
pub(super) fn pythons() -> Vec<Utf8PathBuf> {
    let keys = [
        (LOCAL_MACHINE, r"SOFTWARE\Python"),
        (LOCAL_MACHINE, r"SOFTWARE\WOW6432Node\Python"),
        (CURRENT_USER, r"SOFTWARE\Python"),
    ];
    let all = keys.iter().filter_map(|(hive, path)| hive.open(path).ok());
    all.flat_map(|companies| below(&companies))
        .flat_map(|company| {
            let mut tags = below(&company);
            tags.reverse();
            tags
        })
        .filter_map(|tag| tag.open("InstallPath").ok()?.get_string("").ok())
        .map(Utf8PathBuf::from)
        .collect()
}

/// The folders of the services whose program is `httpd.exe`.
pub(super) fn services() -> Vec<Utf8PathBuf> {
    let services = LOCAL_MACHINE.open(r"SYSTEM\CurrentControlSet\Services");
    let services = services.map(|services| below(&services)).unwrap_or_default();
    let images = services.iter().filter_map(|service| service.get_string("ImagePath").ok());
    images.filter_map(|image| super::of_service(&image)).collect()
}

/// The keys below one; those that may not be read are none.
fn below(key: &Key) -> Vec<Key> {
    let names = key.keys().map(|names| names.collect::<Vec<_>>()).unwrap_or_default();
    names.iter().filter_map(|name| key.open(name).ok()).collect()
}
