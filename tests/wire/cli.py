"""Runs the command line, and a proxy that breaks its connections."""

import os
import random
import signal
import socket
import subprocess
import threading

from broker import COMPLAINTS, Broker, environment, program

RUN_S = 60


class Result:
    """How a command ended, and what it printed."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err.decode()
        assert not any(word in self.err for word in COMPLAINTS), self.err

    def lines(self):
        """The lines of its output."""
        return self.out.decode().removesuffix("\n").split("\n")


def surroundings(url):
    """The environment of a command that is for a broker."""
    return {**environment(), "RINGTAIL_URL": url or "http://127.0.0.1:1"}


def url_of(broker):
    """Where a broker is; None if there is none."""
    return broker and f"http://127.0.0.1:{broker.port}"


def run_cli(broker, *words, data=b"", url=None, wrapper=()):
    """Runs a command to its end."""
    result = subprocess.run(
        [*wrapper, program(), *map(str, words)],
        input=data,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        timeout=RUN_S,
        env=surroundings(url or url_of(broker)),
        check=False,
    )
    return Result(result.returncode, result.stdout, result.stderr)


class Command:
    """A command that is running: `with Command(broker, words...) as c`."""

    def __init__(self, broker, *words, url=None, **pipes):
        pipes = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            **pipes,
        }
        self.process = subprocess.Popen(
            [program(), *map(str, words)],
            env=surroundings(url or url_of(broker)),
            bufsize=0,
            **pipes,
        )
        self.said = b""

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.process.kill()
        self.process.wait()
        for stream in ("stdin", "stdout", "stderr"):
            if getattr(self.process, stream) is not None:
                getattr(self.process, stream).close()

    def line(self):
        """The next line of its output."""
        text = b""
        while not text.endswith(b"\n"):
            byte = self.process.stdout.read(1)
            assert byte, f"it ended: {text} {self.said}"
            text += byte
        return text[:-1]

    def hear(self, word):
        """Reads what it says on standard error until a word is in it."""
        said = b""
        while word.encode() not in said:
            byte = self.process.stderr.read(1)
            assert byte, f"it ended without a word of {word}: {said}"
            said += byte
        self.said += said
        return said.decode()

    def write(self, data):
        """Gives it input."""
        self.process.stdin.write(data)

    def tell(self, number=signal.SIGINT):
        """Sends it a signal."""
        self.process.send_signal(number)

    def end(self):
        """Waits for its end; all that has not been read."""
        out, err = self.process.communicate(timeout=RUN_S)
        return Result(self.process.returncode, out or b"", err or b"")


class Mortal(Broker):
    """A broker that may be killed."""

    def __init__(self, *flags, **options):
        super().__init__(*flags, **options)
        self.is_dead = False

    def kill(self):
        """Ends it as a crash would."""
        self.is_dead = True
        self.process.kill()
        self.process.wait()

    def __exit__(self, kind, error, trace):
        if self.is_dead:
            self.process.stderr.close()
        else:
            super().__exit__(kind, error, trace)


class Proxy:
    """Between a command and a broker. Each connection is cut after a random
    number of bytes of either direction, the last ones of which may be lost;
    with no `cuts` left it is not."""

    def __init__(self, broker, seed=0, cuts=0, bytes_max=5000):
        self.target = broker.port
        self.random = random.Random(seed)
        self.cuts = cuts
        self.bytes_max = bytes_max
        self.peers = []
        self.is_refusing = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *reason):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def accept(self):
        """Takes connections until the end."""
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            if self.is_refusing:
                peer.close()
            else:
                self.join(peer)

    def join(self, peer):
        """Connects a connection with the broker."""
        broker = socket.create_connection(("127.0.0.1", self.target))
        self.peers += [peer, broker]
        for pair in ((peer, broker), (broker, peer)):
            budget = None
            if self.cuts > 0:
                budget = self.random.randrange(1, self.bytes_max)
            threading.Thread(
                target=self.copy, args=(*pair, budget), daemon=True
            ).start()

    def copy(self, source, target, budget):
        """Copies one direction, as far as it may."""
        try:
            while data := source.recv(4096):
                if budget is not None and len(data) >= budget:
                    target.sendall(data[:budget])
                    self.cuts -= 1
                    break
                budget = budget and budget - len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            close(end)

    def cut(self):
        """Breaks what is connected now."""
        peers, self.peers = self.peers, []
        for peer in peers:
            close(peer)


def close(peer):
    """Ends a connection for both of its threads."""
    try:
        peer.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    peer.close()


def seed_of_today():
    """A seed for random tests, to be printed by those that fail."""
    return int(os.environ.get("SEED", random.randrange(1 << 30)))
