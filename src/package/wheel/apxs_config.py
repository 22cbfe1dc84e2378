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
