"""servers: small TCP servers that run inside lab hosts.

    servers.py whoami PORT...    HTTP; answers with the caller's source address (egress check)
    servers.py accept PORT...    accepts, says one line, keeps the connection (API server, database)
"""

import socketserver
import sys
import threading


class Whoami(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        body = (self.client_address[0].removeprefix("::ffff:") + "\n").encode()
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n%s" % (len(body), body))


class Accept(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"lab stand-in\n")
        while self.rfile.read(1):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Clients that go away are what a lab is about: no traceback."""


def main():
    handler = {"whoami": Whoami, "accept": Accept}[sys.argv[1]]
    servers = [Server(("0.0.0.0", int(port)), handler) for port in sys.argv[2:]]
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()


main()
