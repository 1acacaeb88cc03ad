"""rulewatch: puts the rules 5210-5270 back when somebody deletes one; routes are not watched.

The real tailscaled does the same: 250 ms after an RTM_DELRULE with a priority in 5200-5299.
"""

import select
import socket
import struct
import threading
import time

RTM_NEWADDR, RTM_DELADDR, RTM_DELRULE = 20, 21, 33
GROUPS = (1 << 4) | (1 << 8) | (1 << 7) | (1 << 18)    # addresses and rules, IPv4 and IPv6
FRA_PRIORITY = 6
REPAIR_AFTER_S = 0.25
LINKS_SETTLE_S = 1.0
NEVER = float("inf")


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
    """Each deadline is set by the first event of its kind and cleared when it has been served."""
    repair_at = links_at = NEVER
    while True:
        left_s = min(repair_at, links_at) - time.monotonic()
        timeout_s = None if left_s == NEVER else max(left_s, 0.0)
        if select.select([netlink], [], [], timeout_s)[0]:
            for kind, content in messages(netlink.recv(65536)):
                if kind == RTM_DELRULE and is_ours(content):
                    repair_at = min(repair_at, time.monotonic() + REPAIR_AFTER_S)
                if kind in (RTM_NEWADDR, RTM_DELADDR):
                    links_at = min(links_at, time.monotonic() + LINKS_SETTLE_S)
        if time.monotonic() >= repair_at:
            repair_at = NEVER
            with backend.lock:
                backend.router.add_rules()
        if time.monotonic() >= links_at:
            links_at = NEVER
            backend.links_changed()
