"""Somebody else's reader of Windows binaries agrees with every name: agree.py FOLDER

Takes nothing from modfarm: what a file must be is read off its name here once more. Prints a line a
file; ends with 1 where one is not what its name says.
"""

import pathlib
import re
import sys

import pefile

MACHINES = {"win32": 0x14C, "win64": 0x8664}
OLD_RUNTIMES = {"VC9": "msvcr90.dll", "VC10": "msvcr100.dll", "VC11": "msvcr110.dll"}
NAME = re.compile(r"Apache\d+-(win\d\d)-\w+/modules/mod_wsgi-py(\d+t?)-(VC\d+)\.so$")
RT_MANIFEST = 24


def objections(path):
    arch, python, abi = NAME.search(path.as_posix()).groups()
    file = pefile.PE(path)
    if file.FILE_HEADER.Machine != MACHINES[arch]:
        yield f"the machine is {file.FILE_HEADER.Machine:#x}"
    dlls = {entry.dll.decode().lower() for entry in file.DIRECTORY_ENTRY_IMPORT}
    pythons = {dll for dll in dlls if dll.startswith("python")}
    if pythons != {f"python{python}.dll"}:
        yield f"it imports {pythons}"
    for apache in ("libhttpd.dll", "libapr-1.dll"):
        if apache not in dlls:
            yield f"it does not import {apache}"
    runtimes = {dll for dll in dlls if re.match(r"msvc[rp]\d*|msvcrt|ucrtbase|vcruntime", dll)}
    universal = any(dll.startswith("api-ms-win-crt-") for dll in dlls)
    expected = {OLD_RUNTIMES[abi]} if abi in OLD_RUNTIMES else set()
    if runtimes - {"vcruntime140.dll", "ucrtbase.dll"} != expected or universal != (not expected):
        yield f"its C runtime is {runtimes or dlls}"
    symbols = {symbol.name for symbol in file.DIRECTORY_ENTRY_EXPORT.symbols}
    if b"wsgi_module" not in symbols:
        yield f"it exports {symbols}"
    manifest = b"".join(manifests(file))
    if (b"Microsoft.VC90.CRT" in manifest) != (abi == "VC9"):
        yield f"its manifest is {manifest}"


def manifests(file):
    for kind in getattr(getattr(file, "DIRECTORY_ENTRY_RESOURCE", None), "entries", []):
        if kind.id == RT_MANIFEST:
            for entry in kind.directory.entries:
                assert entry.id == 2, "a DLL's manifest is resource 2"
                place = entry.directory.entries[0].data.struct
                yield file.get_data(place.OffsetToData, place.Size)


def main(folder):
    paths = sorted(pathlib.Path(folder).rglob("*.so"))
    bad = False
    for path in paths:
        found = list(objections(path))
        bad = bad or bool(found)
        print(path.relative_to(folder), "; ".join(found) or "agrees", sep=": ")
    return 1 if bad or not paths else 0


sys.exit(main(sys.argv[1]))
