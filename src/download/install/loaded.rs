//! Whether an Apache's configuration loads a module of this name already, and where: in `httpd.conf` or in
//! what that includes.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use globset::GlobBuilder;

use super::conf::{Directive, directives};
use crate::sys::files;

/// Where a directive stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stands {
    /// The file.
    pub(super) path: Utf8PathBuf,
    /// The line.
    pub(super) line: usize,
    /// What it loads.
    pub(super) loads: String,
}

/// So many files are looked into, of so many bytes each.
const MOST_FILES: usize = 200;
const LARGEST: u64 = 4 << 20;

/// The first active `LoadModule` of this symbol, but for the one in a file of our own.
pub(super) fn find(
    apache: &Utf8Path,
    main: &Utf8Path,
    symbol: &str,
    but: &Utf8Path,
) -> Option<Stands> {
    let seen = BTreeSet::from_iter(files::canonical(but));
    let mut look = Look { root: apache.to_owned(), symbol, defines: BTreeMap::new(), seen };
    look.file(main)
}

struct Look<'a> {
    /// What relative names are relative to.
    root: Utf8PathBuf,
    symbol: &'a str,
    defines: BTreeMap<String, String>,
    /// The files that were looked into, and the one that is not to be.
    seen: BTreeSet<Utf8PathBuf>,
}

impl Look<'_> {
    fn file(&mut self, path: &Utf8Path) -> Option<Stands> {
        // What cannot be read, Apache cannot read either, and says so.
        let whole = files::canonical(path).ok()?;
        if self.seen.len() > MOST_FILES || !self.seen.insert(whole) {
            return None;
        }
        let bytes = files::read_limited(path, LARGEST).ok()?;
        directives(&bytes).iter().find_map(|directive| self.directive(path, directive))
    }

    fn directive(&mut self, path: &Utf8Path, directive: &Directive) -> Option<Stands> {
        if let Some([name, value]) = directive.values("Define") {
            self.defines.insert(name.clone(), value.clone());
        }
        if let Some([symbol, file]) = directive.values("LoadModule")
            && symbol == self.symbol
        {
            let (path, loads) = (path.to_owned(), self.resolved(file));
            return Some(Stands { path, line: directive.line, loads });
        }
        let names = directive.values("Include").or_else(|| directive.values("IncludeOptional"))?;
        let paths = self.matching(names.first()?);
        paths.iter().find_map(|path| self.file(path))
    }

    /// A value with what was defined in the place of its name.
    fn resolved(&self, value: &str) -> String {
        self.defines.iter().fold(value.to_owned(), |value, (name, meaning)| {
            value.replace(&format!("${{{name}}}"), meaning)
        })
    }

    /// The files that a name stands for: one, those of a folder, or those of a pattern in its last part.
    fn matching(&self, name: &str) -> Vec<Utf8PathBuf> {
        let path = self.root.join(self.resolved(name).replace('\\', "/"));
        if files::is_dir(&path) {
            return below(&path, |_| true);
        }
        let pattern = path.file_name().unwrap_or_default();
        if !pattern.contains(['*', '?', '[']) {
            return vec![path];
        }
        match GlobBuilder::new(pattern).case_insensitive(true).build() {
            Ok(glob) => {
                let glob = glob.compile_matcher();
                below(files::parent(&path), |name| glob.is_match(name))
            }
            Err(_) => Vec::new(),
        }
    }
}

fn below(folder: &Utf8Path, is_wanted: impl Fn(&str) -> bool) -> Vec<Utf8PathBuf> {
    let names = files::names(folder).unwrap_or_default();
    names.iter().filter(|name| is_wanted(name)).map(|name| folder.join(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_behind_includes_and_defines() {
        let keep = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(keep.path()).unwrap();
        let write = |path: &str, text: &str| {
            files::write_atomic(&root.join(path), text.as_bytes()).unwrap();
        };
        let main = root.join("conf/httpd.conf");
        let own = root.join("conf/extra/own.conf");
        write("conf/extra/own.conf", "LoadModule wsgi_module modules/own.so\n");
        write("conf/extra/a.conf", "# none\nInclude conf/httpd.conf\n");
        write(
            "conf/httpd.conf",
            &format!(
                "Define SRVROOT \"{root}\"\n#LoadModule wsgi_module x\nInclude \"${{SRVROOT}}/conf/extra/*.conf\"\n"
            ),
        );
        assert_eq!(find(root, &main, "wsgi_module", &own), None);
        write("conf/extra/z.conf", "\nLoadModule wsgi_module \"${SRVROOT}/modules/z.so\"\n");
        let found = find(root, &main, "wsgi_module", &own).unwrap();
        assert_eq!((found.path, found.line), (root.join("conf/extra/z.conf"), 2));
        assert_eq!(found.loads, format!("{root}/modules/z.so"));
    }
}
