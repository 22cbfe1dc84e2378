# What setup.py writes where it compiles: the Apache that is there. A wheel is compiled elsewhere, so
# that it looks when it is used, in the same places.
import os
import posixpath

WITH_HTTPD_PACKAGE = False
WITH_TARBALL_PACKAGE = False

ROOTDIR = os.environ.get('MOD_WSGI_APACHE_ROOTDIR', '').replace('\\', '/')

if not ROOTDIR:
    for ROOTDIR in ('c:/Apache24', 'c:/Apache22', 'c:/Apache2'):
        if os.path.exists(ROOTDIR):
            break
    else:
        ROOTDIR = 'c:/Apache24'

BINDIR = posixpath.join(ROOTDIR, 'bin')
SBINDIR = ''
LIBEXECDIR = posixpath.join(ROOTDIR, 'modules')
SHLIBPATH = ''

MPM_NAME = ''
PROGNAME = 'httpd.exe'
SHLIBPATH_VAR = ''

HTTPD = PROGNAME

if os.path.exists(posixpath.join(BINDIR, PROGNAME)):
    HTTPD = posixpath.join(BINDIR, PROGNAME)

ROTATELOGS = 'rotatelogs'

if os.path.exists(posixpath.join(BINDIR, 'rotatelogs.exe')):
    ROTATELOGS = posixpath.join(BINDIR, 'rotatelogs.exe')

# The module's own code names Python's DLL by the version that sysconfig has. On Windows that is
# python313.dll for the free-threaded Python 3.13 as well, whose DLL is python313t.dll.
try:
    import sys
    import sysconfig
except ImportError:
    pass
else:
    VERSION = sysconfig.get_config_var('VERSION') or ''
    EXT_SUFFIX = sysconfig.get_config_var('EXT_SUFFIX') or ''

    if (os.name == 'nt' and not VERSION.endswith('t') and
            EXT_SUFFIX.startswith('.cp%d%dt-' % sys.version_info[:2])):
        sysconfig.get_config_vars()['VERSION'] = VERSION + 't'
