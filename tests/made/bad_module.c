/* A module that knows the directives of a small configuration, and does one bad thing. */

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
    IN_PARENT
    return OK;
}

static void child_init(apr_pool_t *p, server_rec *s)
{
    IN_CHILD
}

static const char *ignore(cmd_parms *cmd, void *config, const char *arguments)
{
    return NULL;
}

static const command_rec commands[] = {
    AP_INIT_RAW_ARGS("WSGIPythonHome", ignore, NULL, RSRC_CONF, "ignored"),
    AP_INIT_RAW_ARGS("WSGIScriptAlias", ignore, NULL, RSRC_CONF, "ignored"),
    AP_INIT_RAW_ARGS("WSGIApplicationGroup", ignore, NULL, RSRC_CONF | ACCESS_CONF, "ignored"),
    { NULL }
};

static void hooks(apr_pool_t *p)
{
    ap_hook_post_config(post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(child_init, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA wsgi_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, commands, hooks
};

static struct PyModuleDef definition = { PyModuleDef_HEAD_INIT, "mod_wsgi" };

PyMODINIT_FUNC PyInit_mod_wsgi(void)
{
    return PyModule_Create(&definition);
}
