"""control: the client's side of the stand-in control server: registers, and takes netmaps.

Each message is one line of JSON. The connection is marked like all of tailscaled's own, so that
it does not go through the tunnel that it is about.
"""

import json
import select
import socket
import threading

from standin.router import MARK
from standin.wire import SO_MARK

RETRY_S = 1.0


class ControlClient:
    """on_netmap(netmap, endpoint) is called in this client's thread for each new netmap."""

    def __init__(self, registration, port, on_netmap):
        self._registration = registration    # function: what to register, or None for nothing
        self._port = port
        self._on_netmap = on_netmap
        self._changed = threading.Event()
        self._wake_read, self._wake_write = socket.socketpair()
        threading.Thread(target=self._run, daemon=True).start()

    def changed(self):
        """Prefs changed: register anew."""
        self._changed.set()
        self._wake_write.send(b".")

    def _run(self):
        while True:
            self._changed.clear()
            wanted = self._registration()
            if wanted:
                try:
                    self._session(*wanted)
                except (OSError, ValueError):
                    pass
            self._changed.wait(RETRY_S)

    def _session(self, server, document):
        with socket.socket(socket.AF_INET) as connection:
            connection.setsockopt(socket.SOL_SOCKET, SO_MARK, MARK)
            connection.settimeout(5)
            connection.connect(server)
            endpoint = f"{connection.getsockname()[0]}:{self._port}"
            document = {**document, "endpoint": endpoint}
            connection.sendall(json.dumps(document).encode() + b"\n")
            buffered = b""
            while not self._changed.is_set():
                readable, _, _ = select.select([connection, self._wake_read], [], [])
                if self._wake_read in readable:
                    self._wake_read.recv(64)
                    continue
                piece = connection.recv(65536)
                if not piece:
                    return
                *lines, buffered = (buffered + piece).split(b"\n")
                for line in lines:
                    self._on_netmap(json.loads(line), endpoint)
