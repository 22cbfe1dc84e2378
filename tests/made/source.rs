//! Sources of modules that compile in an instant, or in as long as a test needs.

use std::fmt::Write as _;

use camino::Utf8Path;
use modfarm::sys::files;

/// A module that Apache would load, of a few lines.
const MODULE: &str = r#"
#include "Python.h"
#include "httpd.h"
#include "http_config.h"
#include "http_log.h"
#include "apr_strings.h"
#include "wsgi_version.h"

static int post_config(apr_pool_t *pconf, apr_pool_t *plog, apr_pool_t *ptemp, server_rec *s)
{
    ap_add_version_component(pconf, apr_pstrdup(pconf, "mod_wsgi/" MOD_WSGI_VERSION_STRING));
    ap_log_error(APLOG_MARK, APLOG_INFO, 0, s, "Python %s", Py_GetVersion());
    return OK;
}

static void hooks(apr_pool_t *p)
{
    Py_Initialize();
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA wsgi_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks
};

#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, "mod_wsgi" };

PyMODINIT_FUNC PyInit_mod_wsgi(void)
{
    return PyModule_Create(&definition);
}
#else
PyMODINIT_FUNC initmod_wsgi(void)
{
    Py_InitModule("mod_wsgi", NULL);
}
#endif
"#;

/// Writes the source of a version into a folder.
pub(crate) fn quick(folder: &Utf8Path, version: &str) {
    let write = |path: &str, text: &str| {
        files::write_atomic(&folder.join(path), text.as_bytes()).expect("a file");
    };
    let define = format!("#define MOD_WSGI_VERSION_STRING \"{version}\"\n");
    write("src/server/wsgi_version.h", &define);
    write("src/server/mod_wsgi.c", MODULE);
    write("LICENSE", "made by a test\n");
}

/// The same with some files more, each of which the compiler needs a second or two for.
pub(crate) fn slow(folder: &Utf8Path, version: &str, many: usize) {
    quick(folder, version);
    for file in 0..many {
        let mut text = String::from("#include \"Python.h\"\n");
        for number in 0..300 {
            writeln!(
                text,
                "int wsgi_slow_{file}_{number}(int *a, int n) {{ int s = {number}; \
                 for (int i = 0; i < n; i++) for (int j = i; j < n; j++) \
                 s += a[i] * a[j] % (s | {number}); return s; }}"
            )
            .expect("a string");
        }
        let path = folder.join(format!("src/server/wsgi_slow_{file}.c"));
        files::write_atomic(&path, text.as_bytes()).expect("a file");
    }
}
