//! The three lines for `httpd.conf`, as `mod_wsgi-express module-config` prints them.

/// The lines: which DLL of Python's is loaded first, how the module is loaded, and where Python's library is.
pub(super) fn three(dll: &str, load_module: &str, home: &str) -> Vec<String> {
    vec![
        format!("LoadFile \"{dll}\""),
        load_module.to_owned(),
        format!("WSGIPythonHome \"{home}\""),
    ]
}
