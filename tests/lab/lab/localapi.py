"""localapi: how a test speaks to tailscaled of one host, the real one or the stand-in alike."""

import http.client
import json
import socket

SOCKET = "/run/tailscale/tailscaled.sock"
EXIT_OFF = {"ExitNodeID": "", "ExitNodeIDSet": True, "ExitNodeIP": "", "ExitNodeIPSet": True}


def exit_on(stable_id, allow_lan=True):
    """The PATCH that sets an exit node."""
    return {"ExitNodeID": stable_id, "ExitNodeIDSet": True,
            "ExitNodeAllowLANAccess": allow_lan, "ExitNodeAllowLANAccessSet": True}


class Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout_s):
        super().__init__("local-tailscaled.sock", timeout=timeout_s)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def request(host, method, what, body=None, timeout_s=10):
    """(status, document or text); the caller is root. Raises OSError when nobody answers."""
    connection = Connection(str(host.path(SOCKET)), timeout_s)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, f"/localapi/v0/{what}", text)
        answer = connection.getresponse()
        content = answer.read().decode()
        try:
            return answer.status, json.loads(content)
        except ValueError:
            return answer.status, content
    finally:
        connection.close()


def profiles(host):
    """Their IDs by their names."""
    return {profile["Name"]: profile["ID"] for profile in request(host, "GET", "profiles/")[1]}


def switch(host, name):
    """`tailscale switch`; it is current when this returns, and joins its tailnet then."""
    code, said = request(host, "POST", f"profiles/{profiles(host)[name]}", timeout_s=30)
    if code != 204:
        raise AssertionError(f"{host.name}: the switch to {name} was answered {code}: {said}")


def status(host):
    """The status document, or None while tailscaled does not answer."""
    try:
        code, document = request(host, "GET", "status")
    except OSError:
        return None
    return document if code == 200 else None


def prefs(host):
    return request(host, "GET", "prefs")[1]


def patch(host, body):
    """PATCH prefs; returns the new prefs, raises when it was refused."""
    code, document = request(host, "PATCH", "prefs", body, timeout_s=30)
    if code != 200:
        raise AssertionError(f"{host.name}: PATCH prefs {body} was answered {code}: {document}")
    return document
