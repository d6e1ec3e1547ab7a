"""The rules, and the tables they hold the tree to.

Each rule is a function from a tree to complaints: a path, a line, and what to
do about it. test_lint.py shows each of them a tree that breaks it.
"""

import os
import re

from source import PROSE, is_in

# What each layer may include: folders of this repository and third-party
# headers. The headers of the C library and of POSIX are open to all.
ANYTHING = None
PUBLIC = ["include/ringtail"]
BASE = ["base"] + PUBLIC
CORE = ["broker/core", "protocol", "storage", "storage/log"] + BASE
NET = ["broker/net", "uv.h"] + CORE
MAY_INCLUDE = {
    "include/ringtail": PUBLIC,
    "base": BASE,
    "protocol": ["protocol", "llhttp.h", "wslay/", "nettle/"] + BASE,
    "storage": ["storage", "isa-l/"] + BASE,
    "storage/log": ["storage/log", "storage"] + BASE,
    "broker/core": CORE,
    "broker/net": NET,
    "broker": ["broker"] + NET,
    "broker/daemon": ["broker/daemon", "uv.h"] + PUBLIC,
    "clients": ["clients", "uv.h"] + PUBLIC,
    "clients/cli": ["clients/cli", "broker/daemon", "uv.h"] + PUBLIC,
    "clients/c": ["clients/c", "protocol", "uv.h"] + BASE,
    "examples": ["examples", "uv.h"] + PUBLIC,
    "bench": ["bench", "uv.h"] + PUBLIC,
    "bench/log_start.c": ["bench", "storage", "storage/log"] + BASE,
    "tests": ANYTHING,
}

# Headers that neither the C library nor POSIX has, and who may know of them.
THIRD_PARTY = {
    "llhttp.h": ["protocol/http_parser.c"],
    "wslay/": ["protocol/ws_receive.c"],
    "nettle/": ["protocol/digest.c", "protocol/ws_handshake.c"],
    "isa-l/": ["storage/checksum.c"],
    "cjson/": ["tests"],
    "uv.h": [
        "broker",
        "clients/c/client.c",
        "clients/cli",
        "examples",
        "bench/embedded.c",
        "bench/footprint.c",
        "tests",
    ],
}

C_HEADERS = {
    name + ".h"
    for name in """assert complex ctype errno fenv float inttypes iso646 limits
    locale math setjmp signal stdalign stdarg stdatomic stdbool stddef stdint
    stdio stdlib stdnoreturn string tgmath threads time uchar wchar
    wctype""".split()
}
POSIX_HEADERS = {
    name + ".h"
    for name in """dirent dlfcn endian fcntl fnmatch getopt glob grp ifaddrs
    malloc netdb poll pthread pwd regex sched semaphore spawn strings syslog
    termios unistd""".split()
}
POSIX_FOLDERS = ("arpa/", "linux/", "net/", "netinet/", "sys/")

# These layers decide and transform; they neither read nor write anything.
PURE = ["protocol", "broker/core"]
PURE_HEADERS = C_HEADERS | {"sys/types.h"}

# The library, a guest in the host's process, and what is a process of its own.
LIBRARY = ["base", "protocol", "storage", "broker", "clients/c"]
PROGRAMS = ["broker/daemon", "clients/cli", "tests", "bench"]

# Functions, where they are at home, and what to do elsewhere.
BANNED = [
    (
        """malloc calloc realloc reallocarray free strdup strndup aligned_alloc
        posix_memalign asprintf vasprintf getline""",
        ["base/heap.c", "examples"] + PROGRAMS,
        "take memory from a struct rt_heap (base/heap.h)",
    ),
    (
        "strcpy strcat strncpy strncat sprintf vsprintf gets alloca",
        [],
        "nothing checks its bounds: use struct rt_writer, snprintf or memcpy",
    ),
    (
        "strtok atoi atol atoll atof sscanf",
        [],
        "it hides errors: use rt_bytes_to_u64, or strtoull with its checks",
    ),
    (
        "exit _exit _Exit quick_exit abort",
        ["base/check.c"] + PROGRAMS,
        "return an error, or state a belief with RT_CHECK",
    ),
    (
        """printf fprintf vprintf vfprintf dprintf puts fputs putc fputc putchar
        fwrite perror""",
        ["base/check.c", "examples"] + PROGRAMS,
        "the library prints nothing: return an error or tell the host's log",
    ),
    (
        "time gettimeofday clock_gettime clock",
        ["base/clock.c", "broker/daemon", "tests", "bench"],
        "read the clocks of base/clock.h",
    ),
    (
        """signal sigprocmask setlocale setenv putenv unsetenv chdir umask fork
        system uv_signal_init uv_default_loop uv_replace_allocator
        cJSON_InitHooks""",
        ["examples"] + PROGRAMS,
        "the process is the host's: leave its state alone",
    ),
    (
        # The guard looks at SIGPIPE's action, and blocks it for one thread and
        # a moment: libuv's writes cannot be told to raise none. And threads
        # begin with all signals blocked: they inherit the mask.
        "sigaction pthread_sigmask",
        ["broker/net/sigpipe.c", "broker/net/thread.c", "examples"]
        + PROGRAMS,
        "the process is the host's: leave its state alone",
    ),
    (
        # The disk is waited for by threads that a broker with a log has: one
        # that writes, one that reads, and one that closes what was removed.
        "uv_thread_create uv_thread_create_ex pthread_create thrd_create",
        ["broker/net/thread.c", "examples"] + PROGRAMS,
        "the loop's thread is the only one, beside those of the log",
    ),
    (
        "uv_run uv_stop uv_loop_close uv_queue_work",
        ["examples"] + PROGRAMS,
        "the loop and its threads are the host's",
    ),
]

# Product files without a unit test file of their own, and why. What moves
# bytes (broker/net, the facade, the daemon) is covered by the wire tests.
UNIT_TESTED = """base protocol storage storage/log broker/core
    clients/c""".split()
WITHOUT_UNIT_TEST = {
    "base/check.c": "it ends the program, and with it the test",
    "base/clock.c": "it is two calls of the system's clock",
}

COLUMNS_MAX = 80
LINES_MAX = 500
# Files that must spell out what they forbid.
LINT_ITSELF = ["script/lint", "tests/lint"]


def layer_of(path):
    """The longest row of the dependency table that holds the path."""
    rows = [row for row in MAY_INCLUDE if is_in(path, [row])]
    return max(rows, key=len, default=None)


def is_system_header(name):
    """Whether the C library or POSIX has the header."""
    return name in C_HEADERS | POSIX_HEADERS or name.startswith(POSIX_FOLDERS)


def third_party_row(name):
    """The row of THIRD_PARTY that a header's name belongs to, or None."""
    if os.path.basename(name) == "cJSON.h":
        return "cjson/"
    for row in THIRD_PARTY:
        if os.path.basename(name) == row or name.startswith(row):
            return row
    return None


def rule_layers(tree):
    """A layer includes what the dependency table allows, and nothing else."""
    for file in tree.c_files:
        layer = layer_of(file.path)
        allowed = MAY_INCLUDE.get(layer, [])
        if allowed is ANYTHING:
            continue
        for line, name in file.includes:
            ours = tree.resolve(file, name)
            if ours is None and is_system_header(name):
                continue
            place = layer_of(ours or name) or third_party_row(name)
            if place not in allowed:
                yield file.path, line, (
                    f"{layer or 'this folder'} must not include {name}:"
                    " move what it needs to a layer below"
                )


def rule_public_headers(tree):
    """A public header needs nothing but the C library's own headers."""
    for file in tree.c_files:
        if not is_in(file.path, ["include"]):
            continue
        for line, name in file.includes:
            if name not in C_HEADERS and not name.startswith("ringtail/"):
                yield file.path, line, (
                    f"declare what is used of {name} instead of including it"
                )


def rule_pure_layers(tree):
    """Layers that decide include no header with which one can do I/O."""
    for file in tree.c_files:
        if layer_of(file.path) not in PURE:
            continue
        for line, name in file.includes:
            if is_system_header(name) and name not in PURE_HEADERS:
                yield file.path, line, (
                    f"hand in what {name} would be asked for: no I/O here"
                )


def rule_third_party(tree):
    """Each foreign library is known to one place."""
    users_of_cjson = set()
    for file in tree.c_files:
        for line, name in file.includes:
            row = third_party_row(name)
            if row is None or tree.resolve(file, name):
                continue
            if not is_in(file.path, THIRD_PARTY[row]):
                homes = ", ".join(THIRD_PARTY[row])
                yield file.path, line, f"{name} is for {homes} only"
            elif row == "cjson/":
                users_of_cjson.add((file.path, line))
    for path, line in sorted(users_of_cjson)[1:]:
        yield path, line, "cJSON is the oracle of one test file only"


def rule_assert(tree):
    """Checks stay on in release builds, which assert() does not."""
    for file in tree.c_files:
        for line, name in file.includes:
            if name == "assert.h":
                yield file.path, line, "use RT_CHECK of base/check.h"


def rule_banned(tree):
    """Dangerous functions are called only where they are at home."""
    for names, homes, advice in BANNED:
        called = re.compile(rf"(?<![\w.>])({'|'.join(names.split())})\s*\(")
        for file in tree.c_files:
            if is_in(file.path, homes):
                continue
            for match in called.finditer(file.code):
                line = file.line_of(match.start())
                yield file.path, line, f"{match.group(1)}(): {advice}"


def lines_with(tree, pattern):
    """Where a pattern occurs, but for the files that define the rules."""
    for file in tree.files:
        if is_in(file.path, LINT_ITSELF):
            continue
        for line, text in file.lines():
            if re.search(pattern, text):
                yield file.path, line


def rule_unfinished(tree):
    """Nothing is left for later inside the tree."""
    for path, line in lines_with(tree, r"\b(TODO|FIXME|XXX|HACK)\b"):
        yield path, line, "finish it now, or write it down elsewhere"


def rule_words(tree):
    """One word for one thing: events belong to topics."""
    for path, line in lines_with(tree, r"(?i)channel"):
        yield path, line, "say topic"


def rule_guards(tree):
    """A header's guard is its path as it is included."""
    for file in tree.c_files:
        if file.suffix != ".h":
            continue
        path = file.path.removeprefix("include/")
        guard = re.sub(r"[^A-Z0-9]", "_", path.upper())
        wanted = rf"\s*#ifndef {guard}\n#define {guard}\n.*\n#endif\s*"
        if not re.fullmatch(wanted, file.code, re.S):
            first = re.search(r"^#", file.code, re.M)
            line = file.line_of(first.start()) if first else 1
            yield file.path, line, f"guard the whole file with {guard}"


def rule_columns(tree):
    """Lines of code fit into 80 columns; a link may be longer."""
    for file in tree.files:
        if file.suffix in PROSE:
            continue
        for line, text in file.lines():
            if len(text) > COLUMNS_MAX and "://" not in text:
                yield file.path, line, f"{len(text)} columns: break the line"


def rule_wrapped_comments(tree):
    """A comment that does not fit beside its #define stands above it."""
    for file in tree.c_files:
        for line, text in file.lines():
            if re.search(r"/\*(?!.*\*/).*\\$", text):
                yield file.path, line, "write it above, then clang-format -i"


def rule_length(tree):
    """A file is about one thing; what grows beyond 500 lines is two."""
    for file in tree.files:
        count = len(file.text.splitlines())
        if file.suffix not in PROSE and count > LINES_MAX:
            yield file.path, count, f"{count} lines: split the file"


def unit_test_paths(path):
    """Where a file's unit test may be: broker/core is also called core,
    storage/log the log, and clients/c the client."""
    layer, name = os.path.split(path)
    folders = [layer.removeprefix("broker/").removeprefix("storage/"), layer]
    folders += ["client"] if layer == "clients/c" else []
    return [f"tests/unit/{folder}/test_{name}" for folder in folders]


def rule_unit_tests(tree):
    """Each product file has a unit test file, or a reason to have none."""
    for file in tree.c_files:
        if layer_of(file.path) not in UNIT_TESTED or file.suffix != ".c":
            continue
        paths = unit_test_paths(file.path)
        has_test = not tree.paths.isdisjoint(paths)
        if has_test and file.path in WITHOUT_UNIT_TEST:
            yield file.path, 1, "it has a test: take it off WITHOUT_UNIT_TEST"
        elif not has_test and file.path not in WITHOUT_UNIT_TEST:
            yield file.path, 1, f"write {paths[0]}"


def rule_lock_files(tree):
    """A lock file leaves the choice of the registry to the machine."""
    for file in tree.files:
        if os.path.basename(file.path) != "package-lock.json":
            continue
        for line, text in file.lines():
            if '"resolved"' in text:
                yield file.path, line, "drop the line: it names a registry"


RULES = {
    name.removeprefix("rule_").replace("_", "-"): rule
    for name, rule in list(globals().items())
    if name.startswith("rule_")
}


def complaints_of(name, tree):
    """What a rule says of a tree, in lines that an editor can follow."""
    return [
        f"{path}:{line}: {name}: {advice}"
        for path, line, advice in RULES[name](tree)
    ]
