"""standin_control: the coordination server of the stand-in tailnet.

Nodes connect, register by one line of JSON, and get a netmap, one line each, whenever something
changes. Addresses are given in the order of registration. An admin speaks to it on a unix socket:
approve, delete, expire. What it knows survives its restart in the state file.
"""

import argparse
import json
import os
import socket
import socketserver
import threading
import time

OFFLINE_AFTER_S = 10.0


class Control:
    def __init__(self, state_path):
        self._path = state_path
        self._lock = threading.RLock()
        self._connections = {}
        self._nodes = {}
        self._next = 1
        if os.path.exists(state_path):
            with open(state_path, encoding="utf-8") as text:
                self._nodes = json.load(text)
            self._next = 1 + max((node["ID"] for node in self._nodes.values()), default=0)
            for node in self._nodes.values():
                node["Online"] = False

    # -- nodes --------------------------------------------------------------------------------

    def register(self, document, connection, source):
        """A node says who it is. Its endpoint counts only if nobody translated its address."""
        with self._lock:
            node = self._nodes.get(document["key"]) or self._add(document["key"])
            own, _, _ = document["endpoint"].rpartition(":")
            node.update(Name=document["hostname"], Advertised=document["advertise"], Online=True,
                        LastSeen=0, Endpoint=document["endpoint"] if own == source else None)
            self._connections[node["Key"]] = connection
            self._publish()

    def _add(self, key):
        number = self._next
        self._next += 1
        node = {"ID": number, "StableID": str(number), "Key": key, "Created": time.time(),
                "Addresses": [f"100.64.0.{number}", f"fd7a:115c:a1e0::{number}"],
                "Approved": [], "Expired": False}
        self._nodes[key] = node
        return node

    def lost(self, key, connection):
        """Its connection ended; it counts as offline when it has not come back in a while."""
        def check():
            with self._lock:
                if self._connections.get(key) is connection and key in self._nodes:
                    self._nodes[key].update(Online=False, LastSeen=time.time())
                    self._publish()
        timer = threading.Timer(OFFLINE_AFTER_S, check)
        timer.daemon = True
        timer.start()

    # -- netmaps ------------------------------------------------------------------------------

    @staticmethod
    def _view(node):
        routes = [route for route in node["Approved"] if route in (node["Advertised"] or [])]
        own = [f"{address}/{128 if ':' in address else 32}" for address in node["Addresses"]]
        seen = {key: node[key] for key in ("ID", "StableID", "Key", "Name", "Addresses", "Online",
                                           "LastSeen", "Endpoint", "Created", "Expired")}
        return {**seen, "AllowedIPs": sorted(own + routes),
                "PrimaryRoutes": [route for route in routes if not route.endswith("/0")]}

    def _publish(self):
        with open(self._path + ".new", "w", encoding="utf-8") as text:
            json.dump(self._nodes, text)
        os.replace(self._path + ".new", self._path)
        for key, connection in list(self._connections.items()):
            node = self._nodes.get(key)
            peers = [] if not node or node["Expired"] else [
                self._view(other) for other in self._nodes.values() if other is not node]
            netmap = {"self": self._view(node) if node else None, "peers": peers}
            try:
                connection.sendall(json.dumps(netmap).encode() + b"\n")
            except OSError:
                pass

    # -- admin --------------------------------------------------------------------------------

    def order(self, document):
        with self._lock:
            found = [node for node in self._nodes.values()
                     if document["address"] in node["Addresses"]]
            if not found:
                return {"ok": False, "error": f"no node has {document['address']}"}
            node, verb = found[0], document["verb"]
            if verb == "approve":
                node["Approved"] = document["routes"]
            elif verb == "delete":
                del self._nodes[node["Key"]]
            elif verb == "expire":
                node["Expired"] = True
            else:
                return {"ok": False, "error": f"verb {verb}: accepted are approve, delete, expire"}
            self._publish()
            return {"ok": True}


class NodeHandler(socketserver.StreamRequestHandler):
    def handle(self):
        key = None
        try:
            document = json.loads(self.rfile.readline())
            key = document["key"]
            self.server.control.register(document, self.request, self.client_address[0])
            while self.rfile.read(1):
                pass
        except (OSError, ValueError):
            pass
        if key:
            self.server.control.lost(key, self.request)


class AdminHandler(socketserver.StreamRequestHandler):
    def handle(self):
        answer = self.server.control.order(json.loads(self.rfile.readline()))
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class NodeServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class AdminServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listen", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--admin", required=True)
    options = parser.parse_args()
    control = Control(options.state)
    if os.path.exists(options.admin):
        os.unlink(options.admin)
    admin = AdminServer(options.admin, AdminHandler)
    admin.control = control
    threading.Thread(target=admin.serve_forever, daemon=True).start()
    address, _, port = options.listen.rpartition(":")
    server = NodeServer((address, int(port)), NodeHandler)
    server.control = control
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    server.serve_forever()


main()
