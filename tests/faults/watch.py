"""watch: hears the kernel of one host: when a route to an address came and when it went.

A netlink socket keeps the network namespace that it was opened in; a thread of its own goes there.
"""

import ctypes
import queue
import select
import socket
import struct
import threading
import time

RTM_NEWROUTE, RTM_DELROUTE = 24, 25
GROUP_IPV4_ROUTE = 1 << 6
RTA_DST = 1
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def open_socket(pid, groups):
    """A netlink socket in the network namespace of pid."""
    opened = queue.Queue()

    def go():
        try:
            with open(f"/proc/{pid}/ns/net", "rb") as namespace:
                if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            netlink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            netlink.bind((0, groups))
            opened.put(netlink)
        except OSError as error:
            opened.put(error)

    thread = threading.Thread(target=go)
    thread.start()
    thread.join()
    found = opened.get()
    if isinstance(found, OSError):
        raise found
    return found


def destinations(datagram):
    """(kind, destination address) of each route message."""
    while len(datagram) >= 16:
        size, kind = struct.unpack_from("IH", datagram)
        message, datagram = datagram[16:size], datagram[(size + 3) & ~3:]
        attributes = message[12:]
        while len(attributes) >= 4 and kind in (RTM_NEWROUTE, RTM_DELROUTE):
            length, name = struct.unpack_from("HH", attributes)
            if length < 4:
                break
            if name == RTA_DST and length == 8:
                yield kind, socket.inet_ntoa(attributes[4:8])
            attributes = attributes[(length + 3) & ~3:]


class Watch:
    """Hears from its making on; wait() gives the time of the first message that is asked for."""

    def __init__(self, host, address):
        self.address = address
        self._socket = open_socket(host.pid, GROUP_IPV4_ROUTE)

    def wait(self, kind, deadline_s):
        """time.monotonic() right after the message came; None when none came in time. Messages that
        come before it are dropped."""
        end = time.monotonic() + deadline_s
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._socket], [], [], left)[0]:
                return None
            for found in destinations(self._socket.recv(1 << 16)):
                if found == (kind, self.address):
                    return time.monotonic()
        return None

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
