"""raw_rule: adds a rule with attributes that ip(8) does not know; ends with 3 where the kernel, which
passes over what it does not know, has made a plain one.

    raw_rule.py 4|6 PRIORITY TABLE ATTRIBUTE:HEX...     in the network namespace of its own process

It is of protocol static, as one of an administrator's.
"""
import socket
import struct
import sys

RTM_NEWRULE, RTM_GETRULE = 32, 34
REQUEST, ACK, DUMP, EXCLUSIVE_CREATE = 1, 4, 0x300, 0x600
DONE, ERROR = 3, 2
PRIORITY, TABLE, PROTOCOL = 6, 15, 21
TO_TABLE, STATIC = 1, 4


def attribute(number, data):
    size = 4 + len(data)
    return struct.pack("=HH", size, number) + data + bytes(-size % 4)


def message(family, kind, flags, attributes=b""):
    header = struct.pack("=8BI", family, 0, 0, 0, 0, 0, 0, TO_TABLE, 0)
    body = header + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body


def attributes_of(data):
    found = {}
    while len(data) >= 4:
        size, number = struct.unpack_from("=HH", data)
        found[number] = data[4:size]
        data = data[(size + 3) & ~3:]
    return found


def listed(kernel, family):
    """The attributes of each rule."""
    kernel.send(message(family, RTM_GETRULE, REQUEST | DUMP))
    while True:
        data = kernel.recv(1 << 20)
        while len(data) >= 16:
            size, kind = struct.unpack_from("=IH", data)
            if kind in (DONE, ERROR):
                return
            yield attributes_of(data[28:size])
            data = data[size:]


def main():
    family = {"4": socket.AF_INET, "6": socket.AF_INET6}[sys.argv[1]]
    priority, table = (struct.pack("=I", int(word)) for word in sys.argv[2:4])
    pairs = [word.split(":") for word in sys.argv[4:]]
    own = {int(number): bytes.fromhex(text) for number, text in pairs}
    given = {PRIORITY: priority, TABLE: table, PROTOCOL: bytes([STATIC]), **own}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.bind((0, 0))
        kernel.send(message(family, RTM_NEWRULE, REQUEST | ACK | EXCLUSIVE_CREATE,
                            b"".join(attribute(*pair) for pair in given.items())))
        error = struct.unpack_from("=i", kernel.recv(65536), 16)[0]
        if error != 0:
            sys.exit(f"raw_rule: the kernel says {error}")
        if not any(own.items() <= rule.items() for rule in listed(kernel, family)):
            sys.exit(3)


if __name__ == "__main__":
    main()
