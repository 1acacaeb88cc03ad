"""localapi: tailscaled's HTTP interface on its unix socket. Root writes, everybody else reads."""

import functools
import http.server
import json
import os
import select
import socket
import socketserver
import struct
import time
from urllib.parse import parse_qs, urlsplit

from standin import documents
from standin.backend import STATE_NUMBERS
from standin.prefs import Refused

PREFIX = "/localapi/v0/"
DENIED = "access denied\n"
EMPTY_NOTIFY = {"Version": documents.VERSION, "ErrMessage": None, "LoginFinished": None,
                "State": None, "Prefs": None, "NetMap": None, "Engine": None,
                "BrowseToURL": None, "DriveShares": None}
INITIAL_STATE, INITIAL_PREFS = 2, 4


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    # -- requests -----------------------------------------------------------------------------

    def _serve(self):
        time.sleep(self.server.backend.slowness_s())
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        if self.headers.get("Host", "") not in ("", "local-tailscaled.sock") or \
                "Origin" in self.headers or "Referer" in self.headers:
            self._text(403, "invalid localapi request\n")
        elif url.path == "/server-status":
            self._json(200, {})
        else:
            name = url.path.removeprefix(PREFIX).replace("-", "_")
            profile = name.partition("profiles/")[2] if name.startswith("profiles/") else None
            handler = getattr(self, f"_at_{name}", None)
            if profile is not None and url.path.startswith(PREFIX):
                handler = functools.partial(self._at_profiles, profile)
            if handler is None or not url.path.startswith(PREFIX):
                self._text(404, "404 not found\n")
            else:
                handler(query)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = _serve

    def _is_root(self):
        peer = self.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return struct.unpack("3i", peer)[1] == 0

    def _body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    # -- endpoints ----------------------------------------------------------------------------

    def _at_status(self, query):
        with self.server.backend.lock:
            document = documents.status(self.server.backend, query.get("peers") != "false")
        self._json(200, document)

    def _at_prefs(self, _query):
        if self.command != "PATCH":
            self._json(200, self.server.backend.prefs)
            return
        body = self._body()
        if not self._is_root():
            self._text(403, "prefs write access denied\n")
            return
        try:
            masked = json.loads(body)
            self._json(200, self.server.backend.edit_prefs(masked))
        except ValueError as error:
            self._text(400, f"{error}\n")
        except Refused as error:
            self._json(400, {"Error": str(error)})

    def _at_profiles(self, profile, _query):
        """GET: the list; PUT: a new one; POST of a name: `tailscale switch`."""
        backend = self.server.backend
        if not self._is_root():
            self._text(403, "profiles access denied\n")
        elif self.command == "GET" and not profile:
            self._json(200, backend.profiles())
        elif self.command == "PUT" and not profile:
            backend.change_profile(lambda state: state.new_profile())
            self._text(201, "")
        elif self.command == "POST" and profile in [one["ID"] for one in backend.profiles()]:
            backend.change_profile(lambda state: state.switch(profile))
            self._text(204, "")
        else:
            self._text(404, "Profile not found\n")

    def _at_set_use_exit_node_enabled(self, query):
        if not self._is_root():
            self._text(403, DENIED)
            return
        backend = self.server.backend
        with backend.lock:
            prefs = backend.prefs
            if query.get("enabled") == "false":
                prior = prefs["ExitNodeID"] or prefs["InternalExitNodePrior"]
                wanted = ""
            else:
                prior, wanted = prefs["InternalExitNodePrior"], prefs["InternalExitNodePrior"]
            prefs["InternalExitNodePrior"] = prior
            new = backend.edit_prefs({"ExitNodeID": wanted, "ExitNodeIDSet": True,
                                      "ExitNodeIP": "", "ExitNodeIPSet": True})
        self._json(200, new)

    def _at_check_ip_forwarding(self, _query):
        values = []
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{name}", encoding="ascii") as node:
                values.append(node.read().strip())
        good = values == ["1", "1"]
        self._json(200, documents.load(f"check_ip_forwarding_{'ok' if good else 'bad'}.json"))

    def _at_check_so_mark_in_use(self, _query):
        self._json(200, {"UseSOMark": True})

    def _at_ping(self, query):
        """Blocks until the peer answers or the caller goes: there is no time-out here either."""
        backend = self.server.backend
        address = query.get("ip", "")
        peer = self._ping_target(address)
        if peer is None:
            self._json(200, {**documents.load("ping_no_peer.json"), "IP": address})
            return
        seconds = backend.wire.ping(peer["ID"], self._caller_gone)
        if seconds is None:
            self.close_connection = True
            return
        endpoint = backend.wire.path(peer["ID"]).trusted_address()
        self._json(200, documents.ping(address, peer, seconds, endpoint))

    def _ping_target(self, address):
        """The peer with that address; failing that, as with the real one, the exit node in use."""
        backend = self.server.backend
        peers = backend.netmap["peers"] if backend.state == "Running" else []
        for peer in peers:
            if address in peer["Addresses"]:
                return peer
        exit_id = backend.prefs["ExitNodeID"]
        return next((peer for peer in peers if exit_id and peer["StableID"] == exit_id), None)

    def _at_watch_ipn_bus(self, query):
        backend = self.server.backend
        mask = int(query.get("mask", "0"))
        serial = backend.serial()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        first = {"SessionID": "standin"}
        if mask & INITIAL_STATE:
            first["State"] = STATE_NUMBERS[backend.state]
        if mask & INITIAL_PREFS:
            first["Prefs"] = backend.prefs
        self._line(first)
        while not self._caller_gone():
            serial, change = backend.next_change(serial, 0.5)
            if change is not None:
                self._line(change)
        self.close_connection = True

    # -- answers ------------------------------------------------------------------------------

    def _caller_gone(self):
        readable, _, _ = select.select([self.request], [], [], 0)
        return bool(readable) and not self.request.recv(1, socket.MSG_PEEK)

    def _line(self, change):
        line = json.dumps({**EMPTY_NOTIFY, **change}).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        self.wfile.flush()

    def _json(self, code, document):
        self._answer(code, "application/json", json.dumps(document, indent="\t") + "\n")

    def _text(self, code, text):
        self._answer(code, "text/plain; charset=utf-8", text)

    def _answer(self, code, kind, text):
        content = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def end_headers(self):
        self.send_header("Tailscale-Version", documents.VERSION)
        self.send_header("Tailscale-Cap", str(documents.CAPABILITY))
        super().end_headers()

    def address_string(self):
        return "local"

    def log_message(self, *_):
        """Every agent asks every few seconds: nothing to log."""


class LocalApi(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path, backend):
        self.backend = backend
        if os.path.exists(path):
            os.unlink(path)
        super().__init__(path, Handler)
        os.chmod(path, 0o666)

    def handle_error(self, request, client_address):
        """Callers hang up in the middle all the time."""
