#!/usr/bin/python3
"""Shows each rule a tree that breaks it, and all of them one that does not.

Results are in the Test Anything Protocol.
"""

import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

from check_symbols import variables_of
from rules import RULES, complaints_of
from source import Tree

GUARD = "#ifndef {0}\n#define {0}\n{1}\n#endif\n"

# A tree that keeps all rules, close to breaking some.
GOOD = {
    "include/ringtail/ringtail.h": GUARD.format(
        "RINGTAIL_RINGTAIL_H", "#include <stddef.h>\n"
    ),
    "base/heap.h": "/* Memory. */\n" + GUARD.format("BASE_HEAP_H", ""),
    "base/heap.c": '#include "base/heap.h"\nvoid f(void)\n{\n    free(x);\n}\n',
    "base/check.c": "#include <stdio.h>\n",
    "tests/unit/base/test_heap.c": '#include "base/heap.h"\n',
    "protocol/http_parser.c": "#include <llhttp.h>\n",
    "tests/unit/protocol/test_http_parser.c": "#include <cjson/cJSON.h>\n",
    "broker/core/topic.c": '#include "base/heap.h"\n/* free() of a "time(" */\n'
    + 'int f = pool->free(x, "malloc(");\n',
    "tests/unit/core/test_topic.c": '#include "broker/core/topic.h"\n',
    "broker/net/stream.h": GUARD.format(
        "BROKER_NET_STREAM_H", "#include <uv.h>\n"
    ),
    "broker/facade.c": '#include "broker/net/stream.h"\n',
    "broker/daemon/run.c": "#include <ringtail/ringtail.h>\n#include <uv.h>\n",
    "examples/echo.c": "#include <ringtail/ringtail.h>\n#include <stdio.h>\n",
    "bench/load.c": "#include <sys/epoll.h>\n",
    "docs/queue.md": "A queue. " + "A long line is fine in prose. " * 5 + "\n",
}

# Rule, a path, a text that breaks the rule there, and the line it names.
BAD = [
    ("layers", "base/a.c", '#include "storage/ring.h"\n', 1),
    ("layers", "base/a.c", "\n#include <uv.h>\n", 2),
    ("layers", "base/a.c", "#include <glib.h>\n", 1),
    ("layers", "protocol/a.c", '#include "storage/ring.h"\n', 1),
    ("layers", "storage/a.c", '#include "protocol/topic.h"\n', 1),
    ("layers", "storage/a.c", '#include "storage/log/log.h"\n', 1),
    ("layers", "broker/core/a.c", '#include "broker/net/stream.h"\n', 1),
    ("layers", "broker/net/a.c", '#include "broker/ringtail.h"\n', 1),
    ("layers", "broker/a.c", '#include "broker/daemon/a.h"\n', 1),
    ("layers", "broker/daemon/a.c", '#include "base/heap.h"\n', 1),
    ("layers", "clients/a.c", '#include "broker/core/topic.h"\n', 1),
    ("layers", "clients/c/a.c", '#include "broker/core/topic.h"\n', 1),
    ("layers", "examples/a.c", '#include "../base/heap.h"\n', 1),
    ("layers", "bench/a.c", "#include \"base/check.h\"\n", 1),
    ("layers", "include/ringtail/a.h", '#include "base/heap.h"\n', 1),
    ("public-headers", "include/ringtail/a.h", "#include <sys/types.h>\n", 1),
    ("pure-layers", "broker/core/a.c", "#include <unistd.h>\n", 1),
    ("third-party", "protocol/a.h", "#include <llhttp.h>\n", 1),
    ("third-party", "protocol/a.c", "#include <wslay/wslay.h>\n", 1),
    ("third-party", "protocol/a.c", "#include <nettle/sha1.h>\n", 1),
    ("third-party", "storage/a.c", "#include <isa-l/crc.h>\n", 1),
    ("third-party", "bench/a.c", "#include <uv.h>\n", 1),
    ("third-party", "clients/c/session.c", "#include <uv.h>\n", 1),
    ("third-party", "storage/a.c", "#include <cjson/cJSON.h>\n", 1),
    ("third-party", "tests/unit/z.c", "#include <cjson/cJSON.h>\n", 1),
    ("assert", "tests/a.c", "#include <assert.h>\n", 1),
    ("banned", "base/a.c", "int f(void)\n{\n    free(x);\n}\n", 3),
    ("banned", "base/a.c", "char c = '\"';\nchar *p = malloc(1); //\"\n", 2),
    ("banned", "tests/a.c", "int n = atoi(text);\n", 1),
    ("banned", "clients/a.c", "int n = sprintf(text);\n", 1),
    ("banned", "broker/net/a.c", "int n = printf(text);\n", 1),
    ("banned", "examples/a.c", "int n = exit(1);\n", 1),
    ("banned", "storage/a.c", "int n = time(NULL);\n", 1),
    ("banned", "broker/a.c", "int n = signal(SIGPIPE, x);\n", 1),
    ("unfinished", "docs/a.md", "All good.\nTODO: more\n", 2),
    ("words", "base/a.c", "int rt_channel_open(void);\n", 1),
    ("words", "README.md", "A Channel.\n", 1),
    ("guards", "base/a.h", "/* A. */\n\n#pragma once\n", 3),
    ("guards", "base/a.h", GUARD.format("A_H", ""), 1),
    ("guards", "base/a.h", GUARD.format("BASE_A_H", "") + "int a;\n", 1),
    ("columns", "base/a.c", "/* " + "x" * 80 + " */\n", 1),
    ("columns", "script/a", "# " + "x" * 80 + "\n", 1),
    ("wrapped-comments", "base/a.c", "#define A 1 /* a \\\n */\n", 1),
    ("length", "base/a.c", "int a;\n" * 501, 501),
    ("unit-tests", "broker/core/a.c", "int a;\n", 1),
    ("unit-tests", "clients/c/a.c", "int a;\n", 1),
    ("unit-tests", "tests/unit/base/test_check.c", "int a;\n", 1),
    ("lock-files", "tests/wire/package-lock.json", '\n"resolved": 1\n', 2),
]


def tree_of(files):
    """A tree of the given texts, read from a folder that is gone again."""
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files.items():
            target = pathlib.Path(folder, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        return Tree(folder)


def test_good():
    """A tree that keeps all rules is not complained about."""
    tree = tree_of(GOOD)
    return [line for name in RULES for line in complaints_of(name, tree)]


def test_empty():
    """A tree without files is not complained about."""
    tree = tree_of({})
    return [line for name in RULES for line in complaints_of(name, tree)]


def test_bad():
    """Each rule complains where it is broken, once."""
    for name, path, text, line in BAD:
        said = complaints_of(name, tree_of(GOOD | {path: text}))
        blamed = "base/check.c" if "test_check.c" in path else path
        wanted = f"{blamed}:{line}: {name}: "
        if len(said) != 1 or not said[0].startswith(wanted):
            yield f"{name} says of {path} ({text!r}): {said}"


def test_bad_is_complete():
    """Each rule has a tree that breaks it."""
    return sorted(set(RULES) - {name for name, *_ in BAD})


def symbols_of(code):
    """The variables that check_symbols sees in a library of the given code."""
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "a.c")
        source.write_text(code, encoding="utf-8")
        archive = source.with_suffix(".a")
        compiled = source.with_suffix(".o")
        subprocess.run(
            ["cc", "-fPIC", "-c", source, "-o", compiled], check=True
        )
        subprocess.run(["ar", "rcs", archive, compiled], check=True)
        return [line.split()[1] for line in variables_of(archive)]


def test_symbols():
    """Variables are found wherever they are, constants are not."""
    found = symbols_of(
        """
        const char *const constant_pointers[] = {"a", "b"};
        const int constants[] = {1, 2};
        static int zeroed;
        int filled = 1;
        const char *pointers[] = {"a"};
        _Thread_local int of_a_thread;
        int *f(void)
        {
            static int inside = 3;
            zeroed++;
            return &inside;
        }
        """
    )
    found = sorted(symbol.split(".")[0] for symbol in found)
    wanted = ["filled", "inside", "of_a_thread", "pointers", "zeroed"]
    return [] if found == wanted else [f"found {found}"]


def main():
    tests = [
        value
        for name, value in sorted(globals().items())
        if name.startswith("test_")
    ]
    failed = False
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        complaints = list(test())
        failed = failed or complaints
        verdict = "not ok" if complaints else "ok"
        print(f"{verdict} {number} - {test.__doc__}")
        for complaint in complaints:
            print("#", complaint)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
