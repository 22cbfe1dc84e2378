#!/usr/bin/env python3
"""Lists of what a DLL exports, and the import libraries made from them.

A list has one line a symbol: its name as a .def file spells it, and
"function" or "data". It is read off headers, a DLL or a shared object here,
and turned into a .lib here. What goes into which root is not decided here.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

TARGETS = {"win32": "i686-w64-windows-gnu", "win64": "x86_64-w64-windows-gnu"}
MACHINES = {"win32": "i386", "win64": "i386:x86-64"}

# A short import object: its signature, and its 2-bit type and 3-bit name type.
SHORT_IMPORT = b"\x00\x00\xff\xff\x00\x00\x4c\x01"
IMPORT_NAME, IMPORT_NOPREFIX = 1, 2


def declared(arch, include, first, only, keep, defines):
    """What the headers in `include` declare as imported from a DLL.

    `first` are headers that go before all others, `only` is a substring of
    every name looked for, `keep` tells of a header whether its names count.
    """
    headers = sorted(h for h in os.listdir(include) if h.endswith(".h"))
    with tempfile.TemporaryDirectory() as work:
        source = os.path.join(work, "all.c")
        with open(source, "w", encoding="ascii") as out:
            for header in first + [h for h in headers if h not in first and keep(h)]:
                out.write(f'#include "{header}"\n')
        command = ["clang", f"--target={TARGETS[arch]}", "-fsyntax-only", "-w",
                   "-DWIN32", "-DNDEBUG", "-DPy_NO_LINK_LIB",
                   *(f"-D{d}" for d in defines), "-I", include,
                   "-Xclang", "-ast-dump=json", "-Xclang", f"-ast-dump-filter={only}",
                   source]
        dump = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if dump.returncode != 0:
        sys.exit(f"imports.py: clang does not accept the headers in {include}")
    symbols = {}
    for node, header in declarations(dump.stdout):
        if os.path.dirname(header) != "" and not header.startswith(include):
            continue
        if not keep(os.path.relpath(header, include)):
            continue
        if any(a.get("kind") == "DLLImportAttr" for a in node.get("inner", ())):
            kind = "function" if node["kind"] == "FunctionDecl" else "data"
            symbols[definition_name(node["mangledName"], arch)] = kind
    return symbols


def declarations(dump):
    """Each function and variable of clang's JSON dump, with its header.

    The dump names a file only where it differs from the one named before, so
    every node must be visited, in order.
    """
    decoder = json.JSONDecoder()
    at, current = 0, ""
    while True:
        while at < len(dump) and dump[at].isspace():
            at += 1
        if at >= len(dump):
            return
        top, at = decoder.raw_decode(dump, at)
        # A stack in place of recursion: (value, key it stands under).
        place, todo = "", [(top, None)]
        found = None
        while todo:
            value, key = todo.pop()
            if isinstance(value, dict):
                if "file" in value and key != "includedFrom":
                    current = value["file"]
                if key in ("loc", "expansionLoc") and not place and "offset" in value:
                    place = current
                if value is top and value.get("kind") in ("FunctionDecl", "VarDecl"):
                    found = value
                todo.extend((v, k) for k, v in reversed(list(value.items()))
                            if isinstance(v, (dict, list)))
            elif isinstance(value, list):
                todo.extend((v, None) for v in reversed(value))
        if found:
            yield found, place


def definition_name(mangled, arch):
    """`mangled` without the underscore that x86 puts before C names."""
    return mangled[1:] if arch == "win32" and mangled.startswith("_") else mangled


def exported(dll):
    """The export table of a Windows DLL; what lies in code is a function."""
    text = subprocess.run(["llvm-readobj", "--sections", "--coff-exports", dll],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    code, symbols = [], {}
    for block in re.findall(r"^  Section \{\n(.*?)^  \}", text, re.S | re.M):
        start = int(re.search(r"VirtualAddress: (\w+)", block)[1], 16)
        size = int(re.search(r"VirtualSize: (\w+)", block)[1], 16)
        if "IMAGE_SCN_MEM_EXECUTE" in block:
            code.append(range(start, start + size))
    for name, rva in re.findall(r"^Export \{\n.*?Name: (\S+)\n  RVA: (\w+)", text, re.S | re.M):
        is_code = any(int(rva, 16) in part for part in code)
        symbols[name] = "function" if is_code else "data"
    return symbols


def dynamic(library):
    """The names of Python among the dynamic symbols of an ELF library."""
    text = subprocess.run(["llvm-nm", "--dynamic", "--defined-only", "--format=posix", library],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    symbols = {}
    for name, kind in (line.split()[:2] for line in text.splitlines()):
        name = name.split("@")[0]
        if re.match(r"_?P[Yy]", name):
            symbols[name] = "function" if kind in "TtWi" else "data"
    return symbols


def library(symbols, dll, arch, out):
    """Writes the import library of `dll` to `out`."""
    with tempfile.TemporaryDirectory() as work:
        definition = os.path.join(work, "exports.def")
        with open(definition, "w", encoding="ascii") as text:
            text.write(f'LIBRARY "{dll}"\nEXPORTS\n')
            for name, kind in sorted(symbols.items()):
                text.write(f'"{name}"{" DATA" if kind == "data" else ""}\n')
        made = os.path.join(work, "made.lib")
        subprocess.run(["llvm-dlltool", "-m", MACHINES[arch], "-d", definition,
                        "-D", dll, "-l", made], check=True)
        with open(made, "rb") as data:
            contents = bytearray(data.read())
    if arch == "win32":
        keep_decoration(contents)
    with open(out, "wb") as data:
        data.write(contents)


def keep_decoration(archive):
    """Makes stdcall imports ask for `_name@8`, as Visual C++'s DLLs export it.

    llvm-dlltool follows mingw's custom, where the DLL exports `name@8`.
    """
    at = archive.find(SHORT_IMPORT)
    while at >= 0:
        name = archive[at + 20:archive.index(b"\0", at + 20)]
        flags = int.from_bytes(archive[at + 18:at + 20], "little")
        if re.fullmatch(rb"_\w+@\d+", name) and flags >> 2 & 7 == IMPORT_NOPREFIX:
            flags = flags & ~(7 << 2) | IMPORT_NAME << 2
            archive[at + 18:at + 20] = flags.to_bytes(2, "little")
        at = archive.find(SHORT_IMPORT, at + 20)


def read_list(paths):
    """The lists in `paths` joined; an earlier one's kind wins."""
    symbols = {}
    for path in paths:
        with open(path, encoding="ascii") as lines:
            for name, kind in (line.split() for line in lines):
                symbols.setdefault(name, kind)
    return symbols


def print_list(symbols):
    for name, kind in sorted(symbols.items()):
        print(name, kind)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verb = verbs.add_parser("declared", help="names the headers of a folder import")
    verb.add_argument("--arch", choices=TARGETS, required=True)
    verb.add_argument("--include", required=True)
    verb.add_argument("--first", action="append", default=[], metavar="HEADER")
    verb.add_argument("--only", required=True, metavar="SUBSTRING")
    verb.add_argument("--keep", metavar="FILE", help="count only the headers named in FILE")
    verb.add_argument("--skip", action="append", default=[], metavar="HEADER")
    verb.add_argument("--define", action="append", default=[])
    verb = verbs.add_parser("exported", help="names a DLL exports")
    verb.add_argument("dll")
    verb = verbs.add_parser("dynamic", help="names Python's shared object exports")
    verb.add_argument("library")
    verb = verbs.add_parser("library", help="an import library from lists")
    verb.add_argument("--arch", choices=TARGETS, required=True)
    verb.add_argument("--dll", required=True)
    verb.add_argument("--out", required=True)
    verb.add_argument("lists", nargs="+")
    given = parser.parse_args()
    if given.verb == "declared":
        names = None
        if given.keep:
            with open(given.keep, encoding="ascii") as lines:
                names = set(lines.read().split())
        print_list(declared(given.arch, given.include.rstrip("/"), given.first, given.only,
                            lambda h: h not in given.skip and (names is None or h in names),
                            given.define))
    elif given.verb == "exported":
        print_list(exported(given.dll))
    elif given.verb == "dynamic":
        print_list(dynamic(given.library))
    else:
        library(read_list(given.lists), given.dll, given.arch, given.out)


if __name__ == "__main__":
    main()
