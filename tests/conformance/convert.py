"""Converts the cases of the public WebSocket suite from Python 2.

Their strings are bytes: converted, a string has a character for each of them.
"""

import importlib.util
import pathlib
import re
import sys
import warnings

warnings.simplefilter("ignore", DeprecationWarning)

from lib2to3.refactor import RefactoringTool, get_fixers_from_package

# What is not a matter of syntax: imports, division, classes of two kinds, and
# encoding.
DEEDS = [
    (r"(?m)^from case", "from .case"),
    (r" / self\.p\.", " // self.p."),
    (r"\(object, *Case, *\)", "(Case,)"),
    (r'\.encode\("utf-8"\)', '.encode("utf-8").decode("latin-1")'),
]
# Cases of compression are not run, and read files when they are loaded.
LEFT_OUT = re.compile(r"case12_x_x|Case1[23]_X_X|case9_9_1")


def escaped(match):
    """A byte that is not ASCII."""
    return f"\\x{ord(match[0]):02x}"


def prepared(data):
    """The text of a file, for the tool."""
    text = re.sub("[\x80-\xff]", escaped, data.decode("latin-1"))
    for pattern, replacement in DEEDS:
        text = re.sub(pattern, replacement, text)
    lines = text.splitlines()
    return "\n".join(x for x in lines if not LEFT_OUT.search(x)) + "\n"


def main():
    """Writes the cases into a folder."""
    found = importlib.util.find_spec("autobahntestsuite")
    source = pathlib.Path(found.submodule_search_locations[0]) / "case"
    target = pathlib.Path(sys.argv[1])
    target.mkdir()
    tool = RefactoringTool(get_fixers_from_package("lib2to3.fixes"))
    for path in source.glob("*.py"):
        if not LEFT_OUT.search(path.name):
            tree = tool.refactor_string(prepared(path.read_bytes()), path.name)
            (target / path.name).write_text(str(tree))


main()
