"""Reads a source tree into what the rules of rules.py look at."""

import os
import pathlib
import re

CODE = {".c", ".h", ".py", ".sh", ".js", ".mjs"}
PROSE = {".md", ".build", ".css", ".html", ".json", ".txt"}
FOLDERS = """base bench broker clients docs examples include packaging protocol
    script storage tests""".split()
SKIPPED_FOLDERS = {"node_modules", "__pycache__"}

LITERAL = r'"(?:\\.|[^"\\\n])*"' + "|" + r"'(?:\\.|[^'\\\n])*'"
LITERALS = re.compile(LITERAL)
COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*|(" + LITERAL + ")", re.S)
INCLUDES = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.M)


def is_in(path, places):
    """Whether a path is one of the places or inside one."""
    return any(
        path == place or path.startswith(place.rstrip("/") + "/")
        for place in places
    )


def blank(match):
    """As much white space as the match is long, so that lines stay put."""
    return re.sub(r"[^\n]", " ", match.group(0))


class File:
    """A text file: its path from the root, its text, and for C what is code.

    `code` has blanks where comments and literals are; `includes` are pairs of
    a line and a name.
    """

    def __init__(self, root, path):
        self.path = path.relative_to(root).as_posix()
        self.suffix = path.suffix
        self.text = path.read_text(encoding="utf-8", errors="replace")
        without_comments = COMMENTS.sub(
            lambda match: match.group(1) or blank(match), self.text
        )
        self.code = LITERALS.sub(blank, without_comments)
        self.includes = [
            (self.line_of(match.start()), match.group(1))
            for match in INCLUDES.finditer(without_comments)
        ]

    def lines(self):
        """Pairs of a line's number and its text."""
        return enumerate(self.text.splitlines(), 1)

    def line_of(self, position):
        """The number of the line at a position of the text."""
        return self.text.count("\n", 0, position) + 1


class Tree:
    """All files that rules look at."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.files = [File(self.root, path) for path in self.find()]
        self.paths = {file.path for file in self.files}
        self.c_files = [f for f in self.files if f.suffix in {".c", ".h"}]

    def find(self):
        """The paths of code and prose, sorted; what was built is neither."""
        found = [path for path in self.root.glob("*") if path.is_file()]
        for top in FOLDERS:
            for folder, inner, names in os.walk(self.root / top):
                inner[:] = sorted(set(inner) - SKIPPED_FOLDERS)
                found += [pathlib.Path(folder, name) for name in names]
        return sorted(path for path in found if is_read(path))

    def resolve(self, file, name):
        """The path of an included file of ours, or None."""
        beside = os.path.join(os.path.dirname(file.path), name)
        for path in (name, "include/" + name, os.path.normpath(beside)):
            if path in self.paths:
                return path
        return None


def is_read(path):
    """Whether a file is code or prose; scripts bear no suffix."""
    return path.suffix in CODE | PROSE or path.parent.name == "script"
