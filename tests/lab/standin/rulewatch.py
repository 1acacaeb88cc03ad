"""rulewatch: puts the rules 5210-5270 back when somebody deletes one; routes are not watched.

The real tailscaled does the same: 250 ms after an RTM_DELRULE with a priority in 5200-5299.
"""

import socket
import struct
import threading
import time

RTM_NEWADDR, RTM_DELADDR, RTM_DELRULE = 20, 21, 33
GROUPS = (1 << 4) | (1 << 8) | (1 << 7) | (1 << 18)    # addresses and rules, IPv4 and IPv6
FRA_PRIORITY = 6
REPAIR_AFTER_S = 0.25


def attributes(content):
    while len(content) >= 4:
        size, kind = struct.unpack_from("HH", content)
        if size < 4:
            return
        yield kind, content[4:size]
        content = content[(size + 3) & ~3:]


def messages(datagram):
    while len(datagram) >= 16:
        size, kind = struct.unpack_from("IH", datagram)
        if size < 16:
            return
        yield kind, datagram[16:size]
        datagram = datagram[(size + 3) & ~3:]


def is_ours(rule):
    """rule: the message behind its netlink header; fib_rule_hdr is 12 bytes."""
    for kind, value in attributes(rule[12:]):
        if kind == FRA_PRIORITY:
            return 5200 <= struct.unpack("I", value[:4])[0] < 5300
    return False


def watch(backend):
    """Starts the watching thread."""
    netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    netlink.bind((0, GROUPS))
    threading.Thread(target=_run, args=(netlink, backend), daemon=True).start()


def _run(netlink, backend):
    while True:
        repair = links = False
        for kind, content in messages(netlink.recv(65536)):
            repair = repair or (kind == RTM_DELRULE and is_ours(content))
            links = links or kind in (RTM_NEWADDR, RTM_DELADDR)
        if repair:
            time.sleep(REPAIR_AFTER_S)
            with backend.lock:
                backend.router.add_rules()
            _drain(netlink)
        if links:
            backend.links_changed()


def _drain(netlink):
    """Drops what our own repair caused, or it would be repaired for ever."""
    netlink.setblocking(False)
    try:
        while netlink.recv(65536):
            pass
    except BlockingIOError:
        pass
    netlink.setblocking(True)
