#!/usr/bin/python3
"""Fails if the library keeps state outside its structs.

    check_symbols.py PLACE...

A place is a static library or a folder with some in it. Several brokers may
live in one process, each on its own loop, so every variable that is not const
belongs to one of them. The compiler's view is the judge: a symbol of a section
that can be written to. Results are in the Test Anything Protocol.
"""

import pathlib
import re
import subprocess
import sys

# Constants that hold addresses: the loader fills them in, then locks them.
CONST_SECTIONS = (".data.rel.ro", ".tm_clone_table")
WRITABLE_SECTIONS = (".data", ".bss", ".tdata", ".tbss", "*COM*", "COMMON")
NOT_OURS = ("libllhttp.a",)
SANITIZERS_OWN = "__odr_asan."


def archives_in(places):
    """The static libraries of the product, sorted."""
    found = set()
    for place in map(pathlib.Path, places):
        found |= set(place.rglob("*.a")) if place.suffix != ".a" else {place}
    return sorted(path for path in found if path.name not in NOT_OURS)


def is_variable(symbol, section):
    """Whether a symbol can change while the program runs."""
    return (
        section.startswith(WRITABLE_SECTIONS)
        and not section.startswith(CONST_SECTIONS)
        and not symbol.startswith(SANITIZERS_OWN)
    )


def variables_of(archive):
    """The symbols of an archive that can change, and where each is."""
    listing = subprocess.run(
        ["nm", "--format=sysv", archive],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    member = ""
    for line in listing.splitlines():
        begun = re.fullmatch(r"Symbols from (.*):", line)
        if begun:
            member = begun.group(1)
        columns = [column.strip() for column in line.split("|")]
        if len(columns) == 7 and is_variable(columns[0], columns[6]):
            yield f"{member}: {columns[0]} is in {columns[6]}"


def main(places):
    archives = archives_in(places)
    failed = not archives
    print(f"1..{max(len(archives), 1)}")
    if not archives:
        print("not ok 1 - there is a static library in", *places)
    for number, archive in enumerate(archives, 1):
        variables = list(variables_of(archive))
        failed = failed or variables
        verdict = "not ok" if variables else "ok"
        print(f"{verdict} {number} - {archive.name} keeps no state of its own")
        for variable in variables:
            print("#", variable)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
