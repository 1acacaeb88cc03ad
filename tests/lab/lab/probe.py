"""probe: one look at the network from inside a lab host; prints what was seen, exits 1 if nothing.

    probe.py banner ADDRESS PORT TIMEOUT_S [SOURCE]     first line that a server sends (SSH)
    probe.py tcp    ADDRESS PORT TIMEOUT_S [SOURCE]     "connected"
    probe.py http   ADDRESS PORT TIMEOUT_S [SOURCE]     body of GET /
"""

import socket
import sys


def see(what, connection):
    if what == "tcp":
        return "connected"
    if what == "http":
        connection.sendall(b"GET /ip HTTP/1.0\r\nHost: lab\r\n\r\n")
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
        return answer.partition(b"\r\n\r\n")[2].decode().strip()
    return connection.recv(256).split(b"\n")[0].decode(errors="replace").strip()


def main():
    what, address, port, timeout_s, *source = sys.argv[1:]
    bound = (source[0], 0) if source else None
    try:
        with socket.create_connection((address, int(port)), float(timeout_s), bound) as connection:
            seen = see(what, connection)
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
    print(seen)
    sys.exit(0 if seen else 1)


main()
