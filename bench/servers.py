"""What can be measured: the broker, the floor, and the peers found here."""

import contextlib
import dataclasses
import getpass
import pathlib
import re
import shutil
import subprocess

from processes import free_port
from waking import waking

CONFIGURATIONS = pathlib.Path(__file__).resolve().parent / "peers"
PORT_NAMES = ("PORT", "WEBSOCKET", "PLAIN")
PROGRAM_PATH = "/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin"


@dataclasses.dataclass
class Server:
    """One of ours: how to start it on a port."""

    title: str
    words: list
    protocol: str = "ringtail"

    def command(self, port, folder):
        """The command line."""
        names = {"port": port, "folder": folder}
        return [str(word).format(**names) for word in self.words]

    def awake(self, _pid):
        """What keeps it awake while many connect: nothing need do."""
        return contextlib.nullcontext()


@dataclasses.dataclass
class Peer:
    """Another broker, with a configuration of ours."""

    title: str
    program: str
    arguments: tuple  # before the configuration's path
    configuration: str
    protocol: str
    port_name: str = "PORT"
    version_argument: str = "--version"
    module: str = ""  # a file without which the program is of no use
    package: str = ""  # the module's, which tells its version
    on_disk: bool = False  # takes part only where that is measured
    waking_name: str = ""  # of the port of who keeps it awake; see waking.py
    ports: dict = dataclasses.field(default_factory=dict)

    def path(self):
        """The program, or None where it is not installed."""
        if self.module and not pathlib.Path(self.module).exists():
            return None
        return shutil.which(self.program, path=PROGRAM_PATH)

    def command(self, port, folder):
        """The command line; its configuration is written to the folder."""
        self.ports = {name: free_port() for name in PORT_NAMES}
        self.ports[self.port_name] = port
        names = {**self.ports, "FOLDER": folder, "USER": getpass.getuser()}
        text = (CONFIGURATIONS / self.configuration).read_text()
        path = pathlib.Path(folder) / self.configuration
        path.write_text(filled(text, names))
        return [self.path(), *self.arguments, path]

    def awake(self, pid):
        """What keeps it awake while many connect."""
        if not self.waking_name:
            return contextlib.nullcontext()
        return waking(self.ports[self.waking_name], pid)

    def version(self):
        """What the program calls itself, and its module."""
        said = spoken([self.path(), self.version_argument])
        number = re.search(r"\d+\.\d+(\.\d+)?", said)
        words = f"{self.program} {number[0] if number else '?'}"
        return words + (self.version_of_module() if self.package else "")

    def version_of_module(self):
        """The module's, as Debian knows it."""
        query = ["dpkg-query", "-W", "-f=${source:Upstream-Version}"]
        number = spoken(query + [self.package]).removesuffix("+dfsg")
        return f" with {self.title} {number or '?'}"


def filled(text, names):
    """A configuration with everything in @ replaced."""
    return re.sub(r"@(\w+)@", lambda match: str(names[match[1]]), text)


def spoken(command):
    """All that a command says, or nothing where there is none."""
    try:
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=10,
        )
    except OSError:
        return ""
    return result.stdout.strip()


PEERS = {
    "redis": Peer("redis", "redis-server", (), "redis.conf", "redis"),
    "nats": Peer("nats", "nats-server", ("-c",), "nats.conf", "nats"),
    "nats-ws": Peer(
        "nats, WebSocket",
        "nats-server",
        ("-c",),
        "nats.conf",
        "nats-websocket",
        port_name="WEBSOCKET",
    ),
    "mosquitto": Peer(
        "mosquitto",
        "mosquitto",
        ("-c",),
        "mosquitto.conf",
        "mqtt-websocket",
        version_argument="-h",
        waking_name="PLAIN",
    ),
    "nchan": Peer(
        "nchan",
        "nginx",
        ("-c",),
        "nchan.conf",
        "nchan",
        version_argument="-v",
        module="/usr/lib/nginx/modules/ngx_nchan_module.so",
        package="libnginx-mod-nchan",
    ),
    "redis-stream": Peer(
        "redis, a stream",
        "redis-server",
        (),
        "redis-stream.conf",
        "redis-stream",
        on_disk=True,
    ),
    "nats-stream": Peer(
        "nats, JetStream",
        "nats-server",
        ("-c",),
        "nats-stream.conf",
        "nats-stream",
        on_disk=True,
    ),
}


ON_DISK = ["ringtail-data", *(n for n, p in PEERS.items() if p.on_disk)]


def found_peers():
    """The peers that are installed, by name."""
    return {name: peer for name, peer in PEERS.items() if peer.path()}
