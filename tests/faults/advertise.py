"""advertise: a router that tells the hosts of one link of itself and of a prefix, again and again:
router advertisements (RFC 4861) over a raw socket; runs in the lab's router.

  advertise.py DEVICE PREFIX EVERY_S       PREFIX is a /64, like 2001:db8:77::
"""

import random
import socket
import struct
import sys
import time

ICMPV6_ROUTER_ADVERTISEMENT = 134
ON_LINK_AND_AUTONOMOUS = 0xC0
ALL_NODES = "ff02::1"


def advertisement(prefix, router_s, valid_s):
    """The kernel fills in the checksum."""
    head = struct.pack("!BBHBBHII", ICMPV6_ROUTER_ADVERTISEMENT, 0, 0, 64, 0, router_s, 0, 0)
    option = struct.pack("!BBBBIII", 3, 4, 64, ON_LINK_AND_AUTONOMOUS, valid_s, valid_s, 0)
    return head + option + socket.inet_pton(socket.AF_INET6, prefix)


def main():
    device, prefix, every_s = sys.argv[1:]
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        index = socket.if_nametoindex(device)
        while True:
            lifetimes = random.randrange(1800, 9000), random.randrange(7200, 86400)
            raw.sendto(advertisement(prefix, *lifetimes), (ALL_NODES, 0, 0, index))
            time.sleep(float(every_s))


main()
