"""What was measured, kept between runs: the latest of every row and shape."""

import dataclasses
import json
import os
import pathlib
import platform
import re
import time

from disks import file_system
from servers import found_peers, spoken


def processor():
    """What the processor calls itself."""
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(r"(?m)^model name\s*:\s*(.*)$", text)
    return found[1] if found else platform.machine()


def machine(bench):
    """Where it was measured."""
    return {
        "processor": processor(),
        "processors": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()}",
        "disk": file_system(bench.disk),
    }


def versions(bench):
    """Of all that was measured."""
    peers = found_peers() if bench.options.peers else {}
    own = spoken([bench.program(), "--version"]).splitlines()
    return {
        "ringtail": own[0] if own else "?",
        **{name: peer.version() for name, peer in peers.items()},
    }


def settings(options):
    """How much was measured."""
    names = ("pairs", "rounds", "seconds", "warmup")
    return {name: getattr(options, name) for name in names}


class Results:
    """A file; --quick has one of its own."""

    def __init__(self, options):
        name = "quick.json" if options.quick else "results.json"
        self.path = pathlib.Path(options.build) / "bench" / name
        self.options = options
        self.kept = {"rows": {}, "shapes": {}}
        if self.path.exists():
            kept = json.loads(self.path.read_text())
            if isinstance(kept["rows"], dict):
                self.kept = kept

    def add(self, kind, name, what):
        """Keeps a row or a shape in place of what was known of it."""
        when = time.strftime("%Y-%m-%d", time.gmtime())
        about = {"when": when, "settings": settings(self.options)}
        lines = [dataclasses.asdict(line) for line in what.pop("lines", ())]
        self.kept[kind][name] = {**about, **what, "lines": lines}

    def everything(self, bench):
        """For the file."""
        known = self.kept.get("versions", {})
        self.kept["machine"] = machine(bench)
        self.kept["versions"] = {**known, **versions(bench)}
        return self.kept
