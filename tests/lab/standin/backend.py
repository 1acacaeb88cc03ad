"""backend: the stand-in's state in one place: prefs, netmap, router, wire; everyone else asks it.

reconfigure() is the only place where the host is changed; a PATCH has reached the kernel when it
is answered.
"""

import ipaddress
import threading
from urllib.parse import urlsplit

from standin import documents
from standin import netmap as netmaps
from standin.control import ControlClient
from standin.prefs import apply_edit, resolve_exit_node

SERVICE = "100.100.100.100"
TAILNET6 = "fd7a:115c:a1e0::/48"
STATE_NUMBERS = {"NeedsLogin": 2, "Stopped": 4, "Starting": 5, "Running": 6}


class Backend:
    def __init__(self, state, router, wire, port):
        self.lock = threading.RLock()
        self.router = router
        self.wire = wire
        self.netmap = None
        self.endpoint = None
        self.allowed = None
        self._state = state
        self._changes = threading.Condition()
        self._serial = 0
        self.last_change = {}
        self._control = ControlClient(self._registration, port, self._take_netmap)

    @property
    def prefs(self):
        return self._state.prefs

    @property
    def state(self):
        """BackendState, as the status document says it."""
        if not self.prefs["ControlURL"] or (self.netmap and self.netmap["self"]["Expired"]):
            return "NeedsLogin"
        if not self.prefs["WantRunning"]:
            return "Stopped"
        return "Running" if self.netmap else "Starting"

    # -- control ------------------------------------------------------------------------------

    def _registration(self):
        prefs = self.prefs
        if not prefs["ControlURL"] or not prefs["WantRunning"]:
            return None
        server = urlsplit(prefs["ControlURL"])
        return (server.hostname, server.port), {
            "key": self._state.key, "hostname": prefs["Hostname"],
            "advertise": prefs["AdvertiseRoutes"]}

    def _take_netmap(self, document, endpoint):
        with self.lock:
            if document["self"] is None or document["self"]["Key"] != self._state.key:
                return
            self.netmap, self.endpoint = document, endpoint
            resolved = resolve_exit_node(self.prefs, document["peers"])
            node_id = document["self"]["StableID"]
            if resolved != self.prefs or self.prefs["Config"]["NodeID"] != node_id:
                config = {**resolved["Config"], "NodeID": node_id}
                self._state.save({**resolved, "Config": config})
            self.reconfigure()
        patch = [{"NodeID": peer["ID"], "Online": peer["Online"]} for peer in document["peers"]]
        self.tell({"State": STATE_NUMBERS[self.state], "PeerChangedPatch": patch})

    # -- prefs --------------------------------------------------------------------------------

    def edit_prefs(self, masked):
        """PATCH prefs: returns the new ones; raises prefs.Refused."""
        with self.lock:
            old = self.prefs
            new = apply_edit(old, masked, self.netmap["peers"] if self.netmap else [])
            self._state.save(new)
            registers = ("ControlURL", "WantRunning", "Hostname", "AdvertiseRoutes")
            if any(old[field] != new[field] for field in registers):
                self._control.changed()
            self.reconfigure()
        self.tell({"Prefs": new, "State": STATE_NUMBERS[self.state]})
        return new

    def slowness_s(self):
        """How long an answer takes: a machine that has hardly any time for it."""
        return self._state.slowness_s()

    # -- profiles -----------------------------------------------------------------------------

    def profiles(self):
        """Those that are logged in, as the list says them."""
        return [documents.profile(name, profile["prefs"])
                for name, profile in self._state.profiles.items()
                if profile["prefs"]["Config"]["NodeID"]]

    def change_profile(self, change):
        """A new one, or a switch (of State): nothing of the one before is left, then it joins."""
        with self.lock:
            change(self._state)
            self.netmap = None
            self.reconfigure()
            self._control.changed()
        self.tell({"Prefs": self.prefs, "State": STATE_NUMBERS[self.state]})

    # -- kernel -------------------------------------------------------------------------------

    def reconfigure(self, states=("Running",)):
        """Makes wire and kernel be what prefs and netmap say; in other states nothing is left."""
        with self.lock:
            if self.state not in states or self.netmap is None:
                self.allowed = None
                self.wire.set_peers(None)
                self.router.apply([], [], [])
                return
            prefixes = {family: self.router.interface_prefixes(family) for family in ("-4", "-6")}
            self.allowed = netmaps.Allowed(self.netmap, self.prefs, sum(prefixes.values(), []))
            self.wire.set_peers(self.netmap)
            addresses = [f"{address}/{128 if ':' in address else 32}"
                         for address in self.netmap["self"]["Addresses"]]
            self.router.apply(addresses, self._routes4(prefixes["-4"]),
                              self._routes6(prefixes["-6"]))

    def _peer_routes(self, version):
        device = f"dev {self.router.tun} scope global"
        found = []
        for peer in self.netmap["peers"]:
            prefixes = netmaps.peer_prefixes({**peer, "AllowedIPs": []}, self.prefs)
            networks = [ipaddress.ip_network(prefix) for prefix in prefixes]
            found += [f"{network} {device}" for network in networks if network.version == version]
        return found

    def _exit_routes(self, default, loopback, prefixes):
        """The default into the tunnel, and what of the connected networks stays out of it."""
        if not self.prefs["ExitNodeID"] and not self.prefs["ExitNodeIP"]:
            return []
        device = f"dev {self.router.tun} scope global"
        networks = [ipaddress.ip_interface(prefix).network for prefix in prefixes]
        lans = sorted({str(net) for net in networks if net.prefixlen < net.max_prefixlen})
        if self.prefs["ExitNodeAllowLANAccess"]:
            local = [f"throw {lan}" for lan in lans]
        else:
            local = [f"{lan} {device}" for lan in lans]
        return [f"{default} {device}", f"throw {loopback}", *local]

    def _routes4(self, prefixes):
        return (self._peer_routes(4) + [f"{SERVICE} dev {self.router.tun} scope global"]
                + self._exit_routes("0.0.0.0/0", "127.0.0.0/8", prefixes))

    def _routes6(self, prefixes):
        return ([f"{TAILNET6} dev {self.router.tun}"]
                + [route for route in self._peer_routes(6) if not route.startswith("fd7a:")]
                + self._exit_routes("::/0", "::1/128", prefixes))

    def links_changed(self):
        """An address came or went: connected networks are looked at again, if they stay out.

        In NeedsLogin, as with the real one (1.102.3, seen), everything is put back: when the key
        expires, table 52 is emptied, the addresses go, and because they went all returns.
        """
        if self.state == "NeedsLogin" or self.prefs["ExitNodeAllowLANAccess"]:
            self.reconfigure(states=("Running", "NeedsLogin"))

    # -- bus ----------------------------------------------------------------------------------

    def tell(self, change):
        with self._changes:
            self._serial += 1
            self.last_change = change
            self._changes.notify_all()

    def next_change(self, serial, timeout_s):
        """(serial, change) of something newer than serial; (serial, None) when nothing came."""
        with self._changes:
            if self._changes.wait_for(lambda: self._serial > serial, timeout_s):
                return self._serial, self.last_change
            return serial, None

    def serial(self):
        with self._changes:
            return self._serial
