"""tailnet_standin: the tailnet where Go is absent, made by our own standin_tailscaled.py."""

import json
import pathlib
import socket
import sys

from lab import localapi, topology
from lab.tailnet import Tailnet
from lab.wait import wait_until

HERE = pathlib.Path(__file__).resolve().parents[1]
CONTROL = topology.ADDRESSES["tailnet-control"]
ADMIN = "/run/standin-control.sock"


class StandinTailnet(Tailnet):
    kind = "standin"

    # -- control ------------------------------------------------------------------------------

    def start_control(self):
        internet = self.lab["internet"]
        state = self.lab.folder / "standin-control.json"
        internet.add_service("standin-control", lambda: internet.popen(
            [sys.executable, HERE / "standin_control.py", "--listen", f"{CONTROL}:8080",
             "--state", state, "--admin", ADMIN], name="standin-control"))
        wait_until(lambda: internet.listens(8080), 10, "the stand-in control to listen")

    def _control(self, verb, host, **more):
        with socket.socket(socket.AF_UNIX) as admin:
            admin.settimeout(10)
            admin.connect(str(self.lab["internet"].path(ADMIN)))
            order = {"verb": verb, "address": topology.TAILNET[host.name], **more}
            admin.sendall(json.dumps(order).encode() + b"\n")
            answer = json.loads(admin.makefile().readline())
        if not answer["ok"]:
            raise AssertionError(f"stand-in control: {order}: {answer['error']}")

    def approve_exit_node(self):
        self._control("approve", self.lab[topology.EXIT_NODE],
                      routes=list(topology.EXIT_NODE_ADVERTISES))

    def delete_node(self, host):
        """Takes a node out of the tailnet for good."""
        self._control("delete", host)

    def expire_node(self, host):
        """Its key expires now: NeedsLogin on the node."""
        self._control("expire", host)

    # -- nodes --------------------------------------------------------------------------------

    def start_daemon(self, host):
        return host.popen(
            [sys.executable, HERE / "standin_tailscaled.py", "--tun=tailscale0", "--port=41641",
             "--statedir=/var/lib/tailscale", "--socket=/run/tailscale/tailscaled.sock"],
            name="tailscaled")

    def slow_down(self, host, seconds):
        """Each answer of its LocalAPI takes so long."""
        made = host.path("/var/lib/tailscale/slow.new")
        made.write_text(str(seconds), encoding="ascii")
        made.rename(host.path("/var/lib/tailscale/slow"))

    @staticmethod
    def kept_prefs(host):
        """As its state directory has them: nobody is asked."""
        path = host.path("/var/lib/tailscale/standin.json")
        document = json.loads(path.read_text(encoding="utf-8"))
        return document["profiles"][document["current"]]["prefs"]

    def join_as_work(self, host):
        self.join(host)    # each profile of the stand-in has an account of its own

    def join(self, host):
        wait_until(lambda: localapi.status(host), 10, f"tailscaled of {host.name} to answer")
        routes = list(topology.EXIT_NODE_ADVERTISES) if host.name == topology.EXIT_NODE else None
        localapi.patch(host, {
            "ControlURL": f"http://{CONTROL}:8080", "ControlURLSet": True,
            "Hostname": topology.TAILNET_NAMES[host.name], "HostnameSet": True,
            "AdvertiseRoutes": routes, "AdvertiseRoutesSet": True,
            "CorpDNS": False, "CorpDNSSet": True, "RouteAll": False, "RouteAllSet": True,
            "WantRunning": True, "WantRunningSet": True})
