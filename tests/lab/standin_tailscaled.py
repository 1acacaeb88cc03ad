"""standin_tailscaled: plays tailscaled in the lab where the real one cannot be had.

It serves the LocalAPI, keeps its prefs in the state directory, makes the same rules, table 52
and tun device, and carries packets between the nodes in UDP with WireGuard's source filter.
Nothing in it knows of any test: what happens to packets follows from these parts alone.
"""

import argparse
import os
import selectors
import signal
import socket
import sys
import threading
import time

from standin import rulewatch, wire
from standin.backend import Backend
from standin.localapi import LocalApi
from standin.prefs import State
from standin.router import MARK, Router

PACKETS_A_TURN = 64


class PacketLoop:
    """The main thread: tun device to wire and back, keepalives, until a signal ends it."""

    def __init__(self, tun_fd, backend):
        self.tun_fd = tun_fd
        self.backend = backend
        self.wire = backend.wire
        self.stop_read, self.stop_write = socket.socketpair()
        self.stop_write.setblocking(False)

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.tun_fd, selectors.EVENT_READ, self.from_tun)
        selector.register(self.wire.socket, selectors.EVENT_READ, self.from_wire)
        selector.register(self.stop_read, selectors.EVENT_READ, None)
        next_keepalive = 0.0
        while True:
            if time.monotonic() >= next_keepalive:
                self.wire.keep_alive()
                next_keepalive = time.monotonic() + wire.KEEPALIVE_S
            for key, _ in selector.select(1.0):
                if key.data is None:
                    return
                self.turn(key.data)

    @staticmethod
    def turn(step):
        for _ in range(PACKETS_A_TURN):
            try:
                step()
            except OSError:    # nothing left, or the kernel will not have this one
                return

    def from_tun(self):
        packet = os.read(self.tun_fd, 65535)
        allowed = self.backend.allowed
        peer_id = allowed.receiver(packet) if allowed else None
        if peer_id is not None:
            self.wire.send(peer_id, wire.DATA, packet)

    def from_wire(self):
        received = self.wire.receive()
        allowed = self.backend.allowed
        if received and allowed and allowed.accepts(received[1], received[0]):
            os.write(self.tun_fd, received[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tun", default="tailscale0")
    parser.add_argument("--port", type=int, default=41641)
    parser.add_argument("--statedir", required=True)
    parser.add_argument("--socket", required=True)
    options = parser.parse_args()

    router = Router(options.tun)
    tun_fd = router.open()
    backend = Backend(State(options.statedir), router, wire.Wire(options.port, MARK), options.port)
    rulewatch.watch(backend)
    api = LocalApi(options.socket, backend)
    threading.Thread(target=api.serve_forever, daemon=True).start()

    loop = PacketLoop(tun_fd, backend)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop_write.send(b"."))
    loop.run()
    with backend.lock:
        router.close()
        os.unlink(options.socket)
        sys.stdout.flush()
        os._exit(0)    # while the lock is held, so that no other thread sets the kernel up again


main()
