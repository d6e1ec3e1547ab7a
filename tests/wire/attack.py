"""Attacks the broker under test: a tenth of what script/attack does."""

import pathlib
import subprocess

from broker import environment, program

ROOT = pathlib.Path(__file__).resolve().parents[2]
LATENCY_MS = 20000  # it arrives: how soon is for script/attack to say
TIMEOUT_S = 100


def attack(name):
    """Fails unless the canary has had every event, all that was held is given
    back, and the broker has ended well."""
    build = pathlib.Path(program()).parents[2]
    words = ["/usr/bin/python3", ROOT / "bench/attacks.py", "--quick"]
    words += ["--no-memory", "--latency", LATENCY_MS, "--only", name]
    words += ["--build", build, "--server", program()]
    result = subprocess.run(
        [str(word) for word in words],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
