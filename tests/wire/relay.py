"""A relay between clients and a broker, whose connections can be cut."""

import contextlib
import socket
import threading


class Relay:
    """Listens on a port of its own: `with Relay(port) as relay`."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        self.threads = []

    def __enter__(self):
        self.start(self.accept)
        return self

    def __exit__(self, *reason):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.cut()
        for thread in self.threads:
            thread.join()
        self.listener.close()

    def start(self, function, *parameters):
        """Runs a function beside the others."""
        thread = threading.Thread(target=function, args=parameters)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        """Takes connections, and makes one to the broker for each."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                broker = socket.create_connection(("127.0.0.1", self.target))
                self.sockets += [client, broker]
                self.start(self.copy, client, broker)
                self.start(self.copy, broker, client)

    @staticmethod
    def copy(source, sink):
        """Copies one direction to its end."""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

    def cut(self):
        """Ends all connections, in the middle of whatever it is."""
        sockets, self.sockets = self.sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
