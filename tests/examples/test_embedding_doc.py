#!/usr/bin/python3
"""What docs/EMBEDDING.md and README.md say to embedders is so: the program they
show is the example that is tested, and every name is one of the headers'."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "wire"))

from tap import cases, equal, run, test  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
EMBEDDING = ROOT / "docs/EMBEDDING.md"
EXAMPLES = ROOT / "examples"
HEADERS = sorted((ROOT / "include/ringtail").glob("*.h"))


def rows(header):
    """The first two cells of the table with that head."""
    text = EMBEDDING.read_text().split(f"{header}\n| --- | --- |\n")[1]
    table = text.split("\n\n")[0].splitlines()
    return [tuple(row.strip("| ").split(" | ")[:2]) for row in table]


@cases(
    [("README.md", ROOT / "README.md"), ("docs/EMBEDDING.md", EMBEDDING)],
    "{0} shows examples/minimal.c as it is.",
)
def minimal(document):
    program = (EXAMPLES / "minimal.c").read_text()
    assert f"```c\n{program}```\n" in document.read_text()


@test
def limits():
    """The options but for flags are the header's, with its defaults, in its
    order."""
    pattern = r'X\((?!FLAG)[A-Z]+, (\w+), "([^"]*)",'
    header = ROOT / "include/ringtail/option.h"
    found = re.findall(pattern, header.read_text())
    wanted = [(f"`{name}`", value or "none") for name, value in found]
    equal(rows("| member | default |"), wanted)


@test
def examples():
    """Every example is listed, and short."""
    files = {path.name for path in EXAMPLES.glob("*.c")} - {"page.c"}
    listed = {name.strip("`") for name, _ in rows("| example | shows |")}
    equal(files, listed | {"minimal.c"})
    for path in EXAMPLES.glob("*.c"):
        count = len(path.read_text().splitlines())
        assert count < 100, f"{path.name} has {count} lines"


@test
def names():
    """Every function and error it names is declared."""
    declared = "".join(path.read_text() for path in HEADERS)
    text = EMBEDDING.read_text()
    for name in set(re.findall(r"\bringtail_[a-z_]+\b", text)):
        assert re.search(rf"\b{name}\b", declared), name
    for name in set(re.findall(r"\bRINGTAIL_([A-Z]+)\b", text)):
        assert re.search(rf"\b(RINGTAIL_)?{name}\b", declared), name


run()
