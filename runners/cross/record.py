#!/usr/bin/env python3
"""Writes a root's modfarm-root.json. Standard input: one line a package it
was made from, as apt-fetch and pypi-fetch print them."""

import argparse
import json
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("apache", "python"), required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--arch", choices=("win32", "win64"), required=True)
    parser.add_argument("--stand-in", action="append", default=[])
    parser.add_argument("--define", action="append", default=[],
                        help="what whoever compiles against this root must define")
    parser.add_argument("--exports-from", required=True)
    parser.add_argument("out")
    given = parser.parse_args()
    made_from = []
    for line in sorted(set(sys.stdin.read().splitlines())):
        package, version, suite, sha256, _ = line.split()
        made_from.append({"package": package, "version": version, "suite": suite,
                          "sha256": sha256})
    fields = {
        "format_version": 1,
        "kind": given.kind,
        "version": given.version,
        "arch": given.arch,
        "made_from": made_from,
        "stand_ins": given.stand_in,
        "defines": given.define,
        "exports_from": given.exports_from,
    }
    # One field a line, so that a shell script can read it too.
    lines = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in fields.items())
    with open(given.out, "w", encoding="ascii") as out:
        out.write("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
