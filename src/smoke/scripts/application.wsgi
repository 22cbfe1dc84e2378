# The application that modfarm serves to see that a module works. It runs on every Python from 2.6 on.

import hashlib
import json
import os
import struct
import sys
import threading
import traceback


def about(environ):
    version = environ.get('mod_wsgi.version')
    gil = getattr(sys, '_is_gil_enabled', None)
    try:
        import sysconfig
        free_threaded = bool(sysconfig.get_config_var('Py_GIL_DISABLED'))
    except ImportError:
        free_threaded = False
    return {
        'module': '.'.join(str(part) for part in version or ()),
        'python': '%d.%d.%d' % sys.version_info[:3],
        'bits': 8 * struct.calcsize('P'),
        'maxsize': sys.maxsize,
        'free_threaded': free_threaded,
        'gil': None if gil is None else gil(),
        'pid': os.getpid(),
        'multithread': environ.get('wsgi.multithread'),
    }


def libraries(environ):
    import ctypes
    square = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(lambda number: number * number)
    assert square(12) == 144, 'ctypes calls wrongly'
    import sqlite3
    database = sqlite3.connect(':memory:')
    database.execute('create table t (n integer)')
    database.executemany('insert into t values (?)', [(n,) for n in range(100)])
    assert database.execute('select sum(n) from t').fetchone() == (4950,), 'sqlite3 adds wrongly'
    import ssl
    getattr(ssl, 'create_default_context', lambda: None)()
    return {'sqlite': sqlite3.sqlite_version, 'openssl': ssl.OPENSSL_VERSION}


def threads(environ):
    total, lock, gate = [0], threading.Lock(), threading.Event()

    def work():
        gate.wait(30)
        for number in range(1000):
            with lock:
                total[0] += 1

    running = [threading.Thread(target=work) for number in range(8)]
    for thread in running:
        thread.daemon = True
        thread.start()
    gate.set()
    for thread in running:
        thread.join(30)
    return {'total': total[0], 'alive': sum(thread.is_alive() for thread in running)}


def digest(environ):
    body, size, sha256 = environ['wsgi.input'], 0, hashlib.sha256()
    while True:
        piece = body.read(65536)
        if not piece:
            return {'size': size, 'sha256': sha256.hexdigest()}
        size += len(piece)
        sha256.update(piece)


def echo(environ):
    return {'echo': environ.get('QUERY_STRING')}


def fail(environ):
    raise RuntimeError('modfarm raises this to see it in the error log')


def application(environ, start_response):
    page = {'/about': about, '/libraries': libraries, '/threads': threads, '/digest': digest,
            '/echo': echo, '/fail': fail}.get(environ.get('PATH_INFO'))
    if page is None:
        start_response('404 Not Found', [('Content-Type', 'text/plain')])
        return [b'no such page']
    if page is fail:
        return fail(environ)
    try:
        answer = page(environ)
    except Exception:
        answer = {'error': traceback.format_exc()}
    body = json.dumps(answer).encode('utf-8')
    start_response('200 OK', [('Content-Type', 'application/json'),
                              ('Content-Length', str(len(body)))])
    return [body]
