"""wire: carries packets between the stand-ins in UDP, each known by its key, whatever its address.

Where a peer was last heard is where it is answered: the node behind NAT dials, keeps its hole
open, and is found through it. Datagram: magic, kind, sender's id, token, content. The token is
made of both keys, so that what does not come from a known peer is dropped.
"""

import hashlib
import os
import socket
import struct
import threading
import time

HEAD = struct.Struct("!4sBI16s")
MAGIC = b"OCST"
DATA, ALIVE, PING, PONG = range(4)
SO_MARK = 36
KEEPALIVE_S = 5
TRUST_S = 12


class Path:
    """What is known of the way to one peer."""

    def __init__(self):
        self.address = None
        self.last_heard = 0.0
        self.last_handshake = 0.0
        self.last_write = 0.0
        self.rx_bytes = 0
        self.tx_bytes = 0

    def recent(self):
        return time.monotonic() - self.last_heard < TRUST_S and self.last_heard > 0

    def trusted_address(self):
        """ "address:port" while the peer is being heard directly, else "". """
        return "%s:%d" % self.address if self.address and self.recent() else ""


class Wire:
    """Used by the packet loop's thread; ping() may be called from others."""

    def __init__(self, port, mark):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_MARK, mark)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind(("0.0.0.0", port))
        self.socket.setblocking(False)
        self._own_id = 0
        self._peers = {}
        self._paths = {}
        self._waiting = {}
        self._lock = threading.Lock()

    def path(self, peer_id):
        return self._paths.get(peer_id)

    def set_peers(self, netmap):
        """Takes a new netmap up: who may speak, and where to dial those that are not behind NAT."""
        own_key = netmap["self"]["Key"] if netmap else ""
        self._own_id = netmap["self"]["ID"] if netmap else 0
        peers = {}
        for peer in netmap["peers"] if netmap else []:
            peers[peer["ID"]] = (token(own_key, peer["Key"]), token(peer["Key"], own_key))
            path = self._paths.setdefault(peer["ID"], Path())
            if peer["Endpoint"] and not path.recent():
                address, _, port = peer["Endpoint"].rpartition(":")
                path.address = (address, int(port))
        self._peers = peers
        self._paths = {peer_id: self._paths[peer_id] for peer_id in peers}
        self.keep_alive()

    def keep_alive(self):
        for peer_id in list(self._peers):
            self.send(peer_id, ALIVE)

    def send(self, peer_id, kind, content=b""):
        """Sends to where the peer is; False when that is not known or the kernel refuses."""
        path, tokens = self._paths.get(peer_id), self._peers.get(peer_id)
        if path is None or tokens is None or path.address is None:
            return False
        try:
            head = HEAD.pack(MAGIC, kind, self._own_id, tokens[0])
            self.socket.sendto(head + content, path.address)
        except OSError:
            return False
        path.tx_bytes += len(content)
        path.last_write = time.time() if kind == DATA else path.last_write
        return True

    def receive(self):
        """Reads one datagram: (peer id, packet) for data, None for all else."""
        datagram, address = self.socket.recvfrom(65535)
        if len(datagram) < HEAD.size:
            return None
        magic, kind, peer_id, seal = HEAD.unpack_from(datagram)
        tokens = self._peers.get(peer_id)
        if magic != MAGIC or tokens is None or seal != tokens[1]:
            return None
        content = datagram[HEAD.size:]
        self._heard(self._paths[peer_id], address, len(content))
        if kind == DATA:
            return peer_id, content
        if kind == PING:
            self.send(peer_id, PONG, content)
        elif kind == PONG:
            with self._lock:
                waiter = self._waiting.pop(content, None)
            if waiter:
                waiter.set()
        return None

    @staticmethod
    def _heard(path, address, size):
        if not path.recent():
            path.last_handshake = time.time()
        path.address = address
        path.last_heard = time.monotonic()
        path.rx_bytes += size

    def ping(self, peer_id, gone):
        """Blocks until the peer answers: seconds. None when gone() says nobody waits any more."""
        start = time.monotonic()
        while not gone():
            nonce, answered = os.urandom(8), threading.Event()
            with self._lock:
                self._waiting[nonce] = answered
            self.send(peer_id, PING, nonce)
            if answered.wait(0.5):
                return time.monotonic() - start
            with self._lock:
                self._waiting.pop(nonce, None)
        return None


def token(sender_key, receiver_key):
    return hashlib.sha256(f"{sender_key} {receiver_key}".encode()).digest()[:16]
