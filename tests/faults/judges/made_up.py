"""made_up: a host that is only said to be one, for the judges to look at: its kernel's objects as
ip(8) prints them, tailscaled's prefs, the guard's log and journal, each to be spoiled by a test.

Puts and takes away by itself, by its own means: what a change makes of it is not what dump.py says.
"""

import json
import pathlib
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE.parent, HERE.parents[1] / "lab"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

import dump  # noqa: E402
import ground  # noqa: E402
from drill import Drill, learn_exit_delta  # noqa: E402

GATEWAY, UPLINK, OWN = "203.0.113.1", "eth0", "203.0.113.10"
SEQUENCE = 7
SHIELD = {"priority": 5140, "src": OWN, "table": "main", "protocol": "153"}
EXIT_ROUTE = {"dst": "default", "dev": "tailscale0", "table": "52", "flags": []}


def tables():
    """As a node of the lab has them, shortened."""
    return {
        ("rules", 4): [
            {"priority": 0, "src": "all", "table": "local"},
            {"priority": 5210, "src": "all", "fwmark": "0x80000", "fwmask": "0xff0000",
             "table": "main", "protocol": "static"},
            {"priority": 5270, "src": "all", "table": "52", "protocol": "static"},
            {"priority": 6000, "src": "all", "dst": "198.51.99.1", "table": "300"},
            {"priority": 6000, "src": "all", "dst": "198.51.99.2", "table": "300"},
            {"priority": 32766, "src": "all", "table": "main"},
            {"priority": 32767, "src": "all", "table": "default"}],
        ("rules", 6): [
            {"priority": 0, "src": "all", "table": "local"},
            {"priority": 32766, "src": "all", "table": "main"}],
        ("routes", 4): [
            {"dst": "default", "gateway": GATEWAY, "dev": UPLINK, "protocol": "static",
             "flags": []},
            {"dst": "203.0.113.0/24", "dev": UPLINK, "protocol": "kernel", "scope": "link",
             "prefsrc": OWN, "flags": []},
            {"type": "local", "dst": OWN, "dev": UPLINK, "table": "local", "protocol": "kernel",
             "scope": "host", "prefsrc": OWN, "flags": []},
            {"dst": "100.64.0.3", "dev": "tailscale0", "table": "52", "flags": []},
            {"dst": "10.42.10.0/24", "gateway": "10.42.10.0", "dev": "flannel.1",
             "flags": ["onlink"]}],
        ("routes", 6): [
            {"dst": "fe80::/64", "dev": UPLINK, "protocol": "kernel", "metric": 256, "flags": [],
             "pref": "medium"}],
        ("addresses", 0): [
            {"ifname": "lo", "flags": ["LOOPBACK", "UP"], "mtu": 65536, "addr_info": [
                {"family": "inet", "local": "127.0.0.1", "prefixlen": 8, "scope": "host"}]},
            {"ifname": UPLINK, "flags": ["BROADCAST", "UP"], "mtu": 1500, "addr_info": [
                {"family": "inet", "local": OWN, "prefixlen": 24, "scope": "global"}]},
            {"ifname": "flannel.1", "flags": ["UP"], "mtu": 1450, "addr_info": []}],
    }


class Host:
    """name, run() and unit() as a host of the lab has them; the rest is for tests to spoil."""

    name, pid = ground.NODE, 0

    def __init__(self, folder):
        self.logs = pathlib.Path(folder)
        self.tables = tables()
        self.sysctl = "2"
        self.prefs = {"ExitNodeID": "", "ExitNodeIP": "", "ExitNodeAllowLANAccess": False,
                      "RouteAll": False, "AdvertiseRoutes": None}
        self.tailscaled_answers = self.guard_runs = True
        self.journal, self.stands_as = [], "confirmed after 1 s of soak"
        self.stop_posts = [0]   # how the guard's ExecStopPosts ended
        self.ill = ""           # what keeps the fleet from being whole again
        self.is_open = ""       # the name of an open trial's change
        (self.logs / "oceanid-guard.log").write_text("")

    # -- as dump.py and ground.py ask it ------------------------------------------------------

    def run(self, argv, check=True):
        text = self.list() if argv[0] == ground.ROLLBACK else self.objects()
        return types.SimpleNamespace(stdout=text, returncode=0)

    def objects(self):
        return "".join(json.dumps(entries) + "\n-\n" for entries in self.tables.values()) \
            + self.sysctl + "\n"

    def list(self):
        """As oceanid-rollback prints it (agent/guard/io/show.c)."""
        entries = [("open", self.is_open, "on trial, not confirmed")] if self.is_open else []
        entries += reversed([(i, name, self.stands_as)
                             for i, name in enumerate(self.journal, 1)])
        if not entries:
            return "Nothing is changed on this host: no open trial, no confirmed change.\n"
        return "Newest first; indented: what takes it back.\n" + "".join(
            f"{number:>4}  {name:<32} {what}; sequence {SEQUENCE}, body 0123456789ab\n"
            f"    delete rule 6001: from all to 198.18.128.4/32 lookup main\n"
            for number, name, what in entries)

    def unit(self, _name):
        return types.SimpleNamespace(active=lambda: self.guard_runs,
                                     stop_post_codes=self.stop_posts)

    def read_prefs(self):
        if not self.tailscaled_answers:
            raise OSError("nobody answers")
        return self.prefs

    # -- what becomes of it -------------------------------------------------------------------

    def find(self, kind, **wanted):
        """(list, index) of the first object that has all of that."""
        for (of, _), entries in self.tables.items():
            for i, entry in enumerate(entries):
                if of == kind and wanted.items() <= entry.items():
                    return entries, i
        raise KeyError(f"{kind} {wanted}")

    def take(self, kind, **wanted):
        entries, i = self.find(kind, **wanted)
        return entries.pop(i)

    def alter(self, kind, wanted, **to):
        entries, i = self.find(kind, **wanted)
        entries[i] = {**entries[i], **to}

    def put_route(self, route):
        self.tables["routes", 4].append(dict(route))

    def put_rule(self, rule):
        rules = self.tables["rules", 4]
        at = sum(other["priority"] <= rule["priority"] for other in rules)
        rules.insert(at, dict(rule))

    def say(self, line):
        with (self.logs / "oceanid-guard.log").open("a") as log:
            log.write(line + "\n")

    def tell(self, *kinds):
        """The guard's receipts for SEQUENCE."""
        for kind in kinds:
            self.say(f"info: receipt 3: sequence {SEQUENCE} {kind} (ordered)")

    def run_ip(self, *words):
        """route add|del TO dev DEVICE"""
        route = {"dst": words[2].removesuffix("/32"), "dev": words[4], "flags": []}
        if words[1] == "add":
            self.put_route(route)
        else:
            self.take("routes", dst=route["dst"])

    def change(self, drill):
        for route in drill.routes:
            self.put_route(route_of(route))
        self.put_rule(rule_of(drill))
        if drill.kind == "exit-node":
            self.put_rule(SHIELD)
            self.put_route(EXIT_ROUTE)
            self.sysctl = "1"
            self.prefs = {**self.prefs, "ExitNodeID": "nEXIT", "ExitNodeAllowLANAccess": True}
        self.journal.append(drill.name)

    def change_back(self, drill):
        for route in drill.routes:
            self.take("routes", dst=route)
        self.take("rules", priority=drill.priority, protocol="153")
        if drill.kind == "exit-node":
            self.take("rules", priority=5140)
            self.take("routes", dst="default", table="52")
            self.sysctl = "2"
            self.prefs = {**self.prefs, "ExitNodeID": "", "ExitNodeAllowLANAccess": False}
        self.journal.remove(drill.name)


def route_of(destination):
    return {"dst": destination, "gateway": GATEWAY, "dev": UPLINK, "protocol": "153", "flags": []}


def rule_of(drill):
    return {"priority": drill.priority, "src": "all", "dst": drill.routes[0], "table": "main",
            "protocol": "153"}


def exit_delta(folder):
    """What a ground learns of an undisturbed drill of the exit node."""
    host, drill = Host(folder), Drill(99, "exit-node")
    before = dump.read(host)
    host.change(drill)
    return learn_exit_delta(before, dump.read(host), drill)


def rollout(state, outcome="complete"):
    return {"sequence": SEQUENCE, "outcome": outcome, "change": "a-drill",
            "nodes": [{"name": ground.NODE, "state": state, "sentence": "for a test"}]}
