"""Writes a JSON document as the bytes of a C array, without blanks between
what it says:

    embed.py INPUT OUTPUT NAME
"""

import json
import pathlib
import sys

PER_LINE = 20


def rows(data):
    """The bytes as numbers, some in a line."""
    for start in range(0, len(data), PER_LINE):
        numbers = ", ".join(map(str, data[start : start + PER_LINE]))
        yield f"    {numbers},"


def main(source, target, name):
    """Does it."""
    document = json.loads(pathlib.Path(source).read_text(encoding="utf-8"))
    text = json.dumps(document, separators=(",", ":")) + "\n"
    lines = [
        '#include "broker/net/openapi.h"',
        "",
        f"const char {name}_bytes[] = {{",
        *rows(text.encode("ascii")),
        "};",
        f"const size_t {name}_len = sizeof({name}_bytes);",
        "",
    ]
    pathlib.Path(target).write_text("\n".join(lines), encoding="ascii")


main(*sys.argv[1:])
