//! What `httpd.conf` must say: the lines that `mod_wsgi-express module-config` would print.

use super::Parts;
use super::rules;
use crate::download::installation::conf_path;
use crate::download::lines::three;
use crate::model::diagnosis::Take;
use crate::model::installation::{Apache, Module};

/// The lines, where a file that fits is at hand or in a release.
pub(super) fn lines(parts: &Parts, take: Option<&Take>) -> Vec<String> {
    let Some(python) = &parts.python else { return Vec::new() };
    let fits = |module: &&Module| rules::objections(parts, module).is_empty();
    let at_hand = parts.modules.iter().find(fits);
    let is_there = |take: &&Take| take.is_there != Some(false);
    let load = match (at_hand, take.filter(is_there)) {
        (Some(module), _) => place(module, parts.apache.as_ref()),
        (None, Some(take)) => format!("modules/{}", take.cell.file_name("mod_wsgi")),
        (None, None) => return Vec::new(),
    };
    let load = format!("LoadModule wsgi_module {load}");
    three(&conf_path(&python.dll), &load, &conf_path(&python.home))
}

/// The module as Apache finds it: relative to its own folder where it lies there.
fn place(module: &Module, apache: Option<&Apache>) -> String {
    let file = conf_path(&module.file);
    let relative = apache.and_then(|apache| {
        let folder = conf_path(&apache.folder);
        file.strip_prefix(folder.trim_end_matches('/'))?.strip_prefix('/')
    });
    match relative {
        Some(relative) if !relative.contains(' ') => relative.to_owned(),
        Some(relative) => format!("\"{relative}\""),
        None => format!("\"{file}\""),
    }
}
