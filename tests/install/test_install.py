#!/usr/bin/python3
"""Installs the library into a clean prefix, and builds programs against it as
anybody would: with pkg-config alone, in C and in C++, shared and static."""

import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAM = """
#include <ringtail/ringtail.h>
#include <stdio.h>
#include <uv.h>

static void stopped(void *context)
{
    *(int *)context = 1;
}

int main(void)
{
    uv_loop_t loop;
    struct ringtail_broker *broker = NULL;
    int is_stopped = 0;
    if (uv_loop_init(&loop) < 0 ||
        ringtail_broker_create(NULL, &loop, &broker) < 0 ||
        ringtail_broker_listen(broker, "127.0.0.1:0", 0) < 0) {
        return 1;
    }
    ringtail_broker_stop(broker, 0, stopped, &is_stopped);
    uv_run(&loop, UV_RUN_DEFAULT);
    ringtail_broker_destroy(broker);
    printf("%s\\n", ringtail_version());
    return is_stopped && uv_loop_close(&loop) == 0 ? 0 : 1;
}
"""


def output(*command, **environment):
    """What a command prints; it must succeed."""
    result = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


class Prefix:
    """The clean prefix, and a folder to build in."""

    def __init__(self, build, folder):
        self.folder = pathlib.Path(folder)
        output("meson", "install", "-C", build, "--destdir", folder)
        (package,) = self.folder.rglob("ringtail.pc")
        self.pkgconfig = package.parent
        self.library = package.parent.parent

    def flags(self, *words):
        """What pkg-config says, with the prefix where it lies now."""
        return output(
            "pkg-config",
            *words,
            "ringtail",
            PKG_CONFIG_PATH=str(self.pkgconfig),
            PKG_CONFIG_SYSROOT_DIR="",
        ).split()

    def relocated(self, flags):
        """Flags whose folders are below the destination folder."""
        return [
            flag[:2] + str(self.folder) + flag[2:]
            if flag.startswith(("-I/", "-L/"))
            and pathlib.Path(str(self.folder) + flag[2:]).exists()
            else flag
            for flag in flags
        ]

    def compile(self, compiler, suffix, flags):
        """Builds the program and runs it."""
        source = self.folder / f"program{suffix}"
        source.write_text(PROGRAM)
        binary = self.folder / "program"
        flags = self.relocated(flags)
        output(compiler, source, "-o", binary, *flags)
        return output(binary, LD_LIBRARY_PATH=str(self.library))


def shared(prefix):
    """A C program links the shared library."""
    flags = prefix.flags("--cflags", "--libs")
    assert prefix.compile("cc", ".c", flags)


def shared_from_cplusplus(prefix):
    """A C++ program links the shared library."""
    flags = prefix.flags("--cflags", "--libs")
    assert prefix.compile("c++", ".cc", flags)


def static(prefix):
    """A C program links the static library."""
    flags = prefix.flags("--cflags", "--libs", "--static")
    archive = str(prefix.library / "libringtail.a")
    flags = [archive if f == "-lringtail" else f for f in flags]
    assert prefix.compile("cc", ".c", flags)


def exports(prefix):
    """Both libraries show ringtail_* and nothing else."""
    so = prefix.library / "libringtail.so"
    archive = prefix.library / "libringtail.a"
    for command in (["nm", "-D", so], ["nm", "-g", archive]):
        lines = output(*command, "--defined-only").splitlines()
        names = [line.split()[2] for line in lines if len(line.split()) == 3]
        strangers = [n for n in names if not n.startswith("ringtail_")]
        assert names and not strangers, strangers


def main():
    """Runs the checks and reports in the Test Anything Protocol."""
    checks = [shared, shared_from_cplusplus, static, exports]
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        prefix = Prefix(sys.argv[1], folder)
        for number, check in enumerate(checks, 1):
            try:
                check(prefix)
                print(f"ok {number} - {check.__doc__}")
            except AssertionError as error:
                failures += 1
                for line in str(error).splitlines():
                    print(f"# {line}")
                print(f"not ok {number} - {check.__doc__}")
    print(f"1..{len(checks)}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
