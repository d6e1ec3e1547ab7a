#!/usr/bin/python3
"""Installs the library into a clean prefix, and builds programs against it as
anybody would: with pkg-config alone, in C and in C++, shared and static."""

import pathlib
import re
import sys
import tempfile

import host

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
C = ["cc", "-std=gnu99"]
CPLUSPLUS = ["c++", "-std=c++11", "-x", "c++"]


class Prefix:
    """The clean prefix, and a folder to build in."""

    def __init__(self, build, folder):
        self.folder = pathlib.Path(folder)
        install = ["install", "--no-rebuild", "--quiet", "--destdir", folder]
        host.output("meson", *install, "-C", build)
        (package,) = self.folder.rglob("ringtail.pc")
        self.pkgconfig = package.parent
        self.library = package.parent.parent
        (self.headers,) = self.folder.rglob("include/ringtail")

    def flags(self, *words):
        """What pkg-config says of the library as it lies there."""
        return host.output(
            "pkg-config",
            *words,
            "ringtail",
            PKG_CONFIG_PATH=str(self.pkgconfig),
            PKG_CONFIG_SYSROOT_DIR=str(self.folder),
        ).split()

    def compile(self, compiler, flags):
        """Builds the host program; its path."""
        binary = self.folder / "host"
        words = [*compiler, *WARNINGS, host.SOURCE, "-x", "none"]
        host.output(*words, "-o", binary, *flags)
        return binary


def shared(prefix):
    """A C program links the shared library, and serves."""
    binary = prefix.compile(C, prefix.flags("--cflags", "--libs"))
    host.check(binary, LD_LIBRARY_PATH=str(prefix.library))


def shared_from_cplusplus(prefix):
    """A C++ program links the shared library, and serves."""
    binary = prefix.compile(CPLUSPLUS, prefix.flags("--cflags", "--libs"))
    host.check(binary, LD_LIBRARY_PATH=str(prefix.library))


def static(prefix):
    """A C program links the static library with what pkg-config says of it,
    and serves without the shared one."""
    flags = prefix.flags("--cflags", "--libs", "--static")
    flags = ["-l:libringtail.a" if f == "-lringtail" else f for f in flags]
    host.check(prefix.compile(C, flags))


def static_from_cplusplus(prefix):
    """A C++ program links the static library, and serves."""
    flags = prefix.flags("--cflags", "--libs", "--static")
    flags = ["-l:libringtail.a" if f == "-lringtail" else f for f in flags]
    host.check(prefix.compile(CPLUSPLUS, flags))


def headers(prefix):
    """Each public header compiles alone, in C and in C++."""
    flags = [*WARNINGS, *prefix.flags("--cflags"), "-fsyntax-only"]
    names = sorted(path.name for path in prefix.headers.glob("*.h"))
    assert "ringtail.h" in names, names
    for name in names:
        path = prefix.headers / name
        host.output(*C, *flags, "-x", "c", "-include", path, "/dev/null")
        host.output(*CPLUSPLUS, *flags, "-include", path, "/dev/null")


def soname(prefix):
    """The shared library is known by its name and the version of its ABI."""
    said = host.output("readelf", "-d", prefix.library / "libringtail.so")
    assert "[libringtail.so.0]" in said, said
    assert (prefix.library / "libringtail.so.0").exists()


def symbols(*command):
    """The last words of nm's lines that name a symbol."""
    lines = host.output("nm", "--format=posix", *command).splitlines()
    return [line.split()[0] for line in lines if len(line.split()) > 1]


def exports(prefix):
    """Both libraries show all that the headers declare, and nothing else."""
    text = "".join(path.read_text() for path in prefix.headers.glob("*.h"))
    declared = set(re.findall(r"RINGTAIL_EXPORT[^;(]*?(ringtail_\w+)\(", text))
    assert "ringtail_broker_create" in declared, declared
    for command in (
        ["-D", "--defined-only", prefix.library / "libringtail.so"],
        ["-g", "--defined-only", prefix.library / "libringtail.a"],
    ):
        found = {name.split("@")[0] for name in symbols(*command)}
        assert found == declared, f"differs: {sorted(found ^ declared)}"


def undefined(prefix):
    """The static library asks for nothing of its own that it has not got."""
    names = symbols("--undefined-only", prefix.library / "libringtail.a")
    strangers = [n for n in names if n.startswith(("rt_", "llhttp_", "ring"))]
    assert names and not strangers, strangers


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        host.run(
            Prefix(sys.argv[1], scratch),
            [
                shared,
                shared_from_cplusplus,
                static,
                static_from_cplusplus,
                headers,
                soname,
                exports,
                undefined,
            ],
        )
