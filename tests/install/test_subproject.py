#!/usr/bin/python3
"""Builds a host project that has the sources as a meson subproject."""

import pathlib
import shutil
import sys
import tempfile

import host

PROJECT = """project('host', 'c')
ringtail = dependency('ringtail', fallback: 'ringtail')
executable('host', 'host.c', dependencies: [ringtail, dependency('libuv')])
"""


class Host:
    """The host project, with a copy of the sources."""

    def __init__(self, source, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "meson.build").write_text(PROJECT)
        shutil.copy(host.SOURCE, self.folder)
        shutil.copytree(
            source,
            self.folder / "subprojects/ringtail",
            ignore=shutil.ignore_patterns("build*", "node_modules", ".git"),
        )

    def compile(self, name, *options, compiler="gcc"):
        """Builds the host program; its path."""
        build = self.folder / name
        setup = ["meson", "setup", build, self.folder]
        host.output(*setup, *options, CC=compiler)
        host.output("ninja", "-C", build, "host")
        return build / "host"


def shared(project):
    """A host project with the library as a subproject serves."""
    host.check(project.compile("shared"))


def static(project):
    """It may ask for the static library instead."""
    binary = project.compile("static", "--default-library=static")
    assert "libringtail" not in host.output("ldd", binary)
    host.check(binary)


def static_of_clang(project):
    """So it may with clang and link time optimization."""
    options = ["--default-library=static", "-Db_lto=true"]
    host.check(project.compile("clang", *options, compiler="clang"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        host.run(Host(sys.argv[1], scratch), [shared, static, static_of_clang])
