//! The lines for `httpd.conf`, as `mod_wsgi-express module-config` prints them.

use camino::Utf8Path;

use crate::download::lines::three;
use crate::model::cell::CellId;
use crate::model::installation::Python;

/// The lines for a module of this cell. Paths are spelled as Apache shall read them.
#[must_use]
pub fn lines(
    module: &str,
    cell: &CellId,
    python: Option<&Python>,
    spell: impl Fn(&Utf8Path) -> String,
) -> Vec<String> {
    let (dll, home) = match python {
        Some(python) => (spell(&python.dll), spell(&python.home)),
        None => usual(cell),
    };
    three(&dll, &cell.load_module_line(module), &home)
}

fn usual(cell: &CellId) -> (String, String) {
    let folder = cell.python.usual_folder(cell.apache.arch);
    (format!("{folder}/{}", cell.python.dll()), folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_python_its_usual_folder_stands_there() {
        let cell = "Apache24-win64-VS17/py313t-VC14".parse().unwrap();
        let lines = lines("mod_wsgi", &cell, None, ToString::to_string);
        assert_eq!(
            lines,
            [
                "LoadFile \"C:/Program Files/Python313/python313t.dll\"",
                "LoadModule wsgi_module modules/mod_wsgi-py313t-VC14.so",
                "WSGIPythonHome \"C:/Program Files/Python313\"",
            ]
        );
    }
}
