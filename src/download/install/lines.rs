//! The lines for `httpd.conf`, as `mod_wsgi-express module-config` prints them.

use camino::Utf8Path;

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
    vec![
        format!("LoadFile \"{dll}\""),
        cell.load_module_line(module),
        format!("WSGIPythonHome \"{home}\""),
    ]
}

/// Where the installer of such a Python puts it, in the days of old and where nobody says otherwise.
fn usual(cell: &CellId) -> (String, String) {
    let folder = format!("C:/Python{}{}", cell.python.major, cell.python.minor);
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
                "LoadFile \"C:/Python313/python313t.dll\"",
                "LoadModule wsgi_module modules/mod_wsgi-py313t-VC14.so",
                "WSGIPythonHome \"C:/Python313\"",
            ]
        );
    }
}
