"""busy: the other actors of a host, all at work at once; runs inside it, beside Oceanid.

Pods come and go, flannel replaces routes, a DHCP lease is renewed, tailscaled puts its rules and
routes anew, a person adds and deletes with ip(8). Each keeps a model of what is its own.

  busy.py SEED standin|real
                   the tailnet's kind: the stand-in's part is played here, the real tailscaled is
                   made to do it by itself. Reads from stdin: "pause" (prints a line MODEL [...]:
                   what has to be there now), "go", "stop" (takes all of its own away and ends);
                   prints FAILED ... when a command of an actor fails, which has found something of
                   its own missing or in the way
"""

import http.client
import json
import random
import select
import socket
import subprocess
import sys

STEP_S = (0.01, 0.06)
UPLINK, ADDRESS, GATEWAY = "eth0", "203.0.113.10", "203.0.113.1"


def batch(lines, family="-4"):
    """Runs lines of ip(8); the first that fails ends it."""
    done = subprocess.run(["ip", family, "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{lines}: {done.stderr.strip()}")


class Pods:
    """CNI with a bridge: a network namespace and a veth into cni0."""

    def __init__(self, rng):
        self.rng, self.pods, self.number = rng, [], 0

    def step(self):
        if len(self.pods) >= 6 or (self.pods and self.rng.random() < 0.4):
            self.remove(self.pods.pop(self.rng.randrange(len(self.pods))))
        else:
            self.add()

    def add(self):
        self.number += 1
        number = self.number
        device, address = f"veth{number}", f"10.42.1.{2 + number % 250}"
        batch([f"netns add pod{number}",
               f"link add {device} type veth peer name eth0 netns pod{number}",
               f"link set {device} master cni0 up"])
        subprocess.run(["ip", "-n", f"pod{number}", "-batch", "-"], check=True, text=True,
                       input=f"link set eth0 up\naddress add {address}/24 dev eth0\n"
                             "route add default via 10.42.1.1\n")
        self.pods.append((number, device))

    @staticmethod
    def remove(pod):
        batch([f"link del {pod[1]}", f"netns del pod{pod[0]}"])

    def model(self):
        return [("addresses", {"ifname": device, "master": "cni0"}) for _, device in self.pods]

    def stop(self):
        while self.pods:
            self.remove(self.pods.pop())


class Flannel:
    """A vxlan device, and for each other node a route, a neighbour and a forwarding entry, put anew
    again and again as flanneld does. No node joins or leaves: a plan that was made for other nodes
    is refused, as it should be."""

    NODES = range(10, 16)

    def __init__(self, rng):
        self.rng = rng
        batch([f"link add flannel.1 type vxlan id 1 local {ADDRESS} dev {UPLINK} dstport 8472"
               " nolearning", "link set flannel.1 up", "address add 10.42.1.0/32 dev flannel.1"])
        for node in self.NODES:
            self.put(node)

    @staticmethod
    def put(node):
        batch([f"neigh replace 10.42.{node}.0 lladdr 02:00:00:00:00:{node} dev flannel.1 "
               "nud permanent",
               f"route replace 10.42.{node}.0/24 via 10.42.{node}.0 dev flannel.1 onlink"])
        subprocess.run(["bridge", "fdb", "replace", f"02:00:00:00:00:{node}", "dev", "flannel.1",
                        "dst", f"198.51.100.{node}"], check=True)

    def step(self):
        self.put(self.rng.choice(self.NODES))

    def model(self):
        return [("addresses", {"ifname": "flannel.1"})] + [
            ("routes", {"dst": f"10.42.{node}.0/24", "gateway": f"10.42.{node}.0",
                        "dev": "flannel.1"}) for node in self.NODES]

    def stop(self):
        batch(["link del flannel.1"])


class Dhcp:
    """Renews the lease of the uplink's own address: lifetimes anew, its default route replaced."""

    def __init__(self, rng):
        self.rng = rng
        self.step()

    def step(self):
        lease_s = self.rng.randrange(600, 7200)
        batch([f"address change {ADDRESS}/24 dev {UPLINK} valid_lft {lease_s} "
               f"preferred_lft {lease_s}",
               f"route replace default via {GATEWAY} dev {UPLINK} proto dhcp src {ADDRESS} "
               "metric 1024"])

    def model(self):
        return [("routes", {"dst": "default", "gateway": GATEWAY, "dev": UPLINK,
                            "protocol": "dhcp", "metric": 1024})]

    def stop(self):
        batch([f"route del default via {GATEWAY} dev {UPLINK} proto dhcp metric 1024",
               f"address change {ADDRESS}/24 dev {UPLINK} valid_lft forever "
               "preferred_lft forever"])


class Tailscaled:
    """What tailscaled does when it configures its router anew: rules and a peer's route."""

    RULES = {5210: "fwmark 0x80000/0xff0000 lookup main",
             5230: "fwmark 0x80000/0xff0000 lookup default"}
    PEER = "100.64.0.3"

    def __init__(self, rng):
        self.rng = rng

    def step(self):
        if self.rng.random() < 0.5:
            priority = self.rng.choice(list(self.RULES))
            batch([f"rule add pref {priority} {self.RULES[priority]} protocol static",
                   f"rule del pref {priority} protocol static"])
        else:
            batch([f"route del {self.PEER} dev tailscale0 table 52",
                   f"route add {self.PEER} dev tailscale0 table 52 scope global"])

    def model(self):
        return [("rules", {"priority": priority}) for priority in (5210, 5230, 5250, 5270)] + [
            ("routes", {"dst": self.PEER, "dev": "tailscale0", "table": "52"})]

    def stop(self):
        """Nothing of it goes away with it."""


class LocalApi(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("local-tailscaled.sock", timeout=10)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect("/run/tailscale/tailscaled.sock")

    def do(self, method, what, body=None):
        self.request(method, f"/localapi/v0/{what}", body)
        answer = self.getresponse()
        said = answer.read()
        if answer.status // 100 != 2:
            raise RuntimeError(f"tailscaled, {method} {what}: {answer.status} {said}")


class RealTailscaled(Tailscaled):
    """Has tailscaled configure itself anew: by a pref that is none of ours, by new sockets, and by
    taking a rule of it away, which it puts back (as it does when networkd takes them all)."""

    def __init__(self, rng):
        super().__init__(rng)
        self.has_snat = True

    def step(self):
        self.rng.choice((self.toggle_snat, self.bind_anew, self.take_a_rule))()

    def toggle_snat(self):
        self.has_snat = not self.has_snat
        LocalApi().do("PATCH", "prefs", json.dumps({"NoSNAT": not self.has_snat,
                                                    "NoSNATSet": True}))

    @staticmethod
    def bind_anew():
        LocalApi().do("POST", "debug?action=rebind")

    def take_a_rule(self):
        priority = self.rng.choice(list(self.RULES))
        there = subprocess.run(["ip", "-j", "-4", "rule", "show", "pref", str(priority)],
                               stdout=subprocess.PIPE, text=True, check=True).stdout
        if json.loads(there or "[]"):
            batch([f"rule del pref {priority}"])


class Person:
    """Rules, routes and addresses of their own, added and deleted as it comes."""

    def __init__(self, rng):
        self.rng, self.things = rng, {}
        # Without any address, the kernel itself takes a device's routes out of every table.
        batch(["link add br-person type bridge", "link set br-person up",
               "address add 192.0.2.99/32 dev br-person"])

    def step(self):
        number = self.rng.randrange(60)
        kind = ("rule", "route", "table", "address")[number % 4]
        line, model = getattr(self, kind)(number)
        if number in self.things:
            batch([line.format("del")])
            del self.things[number]
        else:
            batch([line.format("add")])
            self.things[number] = (line, model)

    @staticmethod
    def rule(number):
        priority = 20000 + number
        return (f"rule {{}} priority {priority} to 198.51.99.{number}/32 lookup {300 + number}",
                ("rules", {"priority": priority, "dst": f"198.51.99.{number}",
                           "table": str(300 + number)}))

    @staticmethod
    def route(number):
        return (f"route {{}} 198.51.98.{number}/32 via {GATEWAY} dev {UPLINK} proto static",
                ("routes", {"dst": f"198.51.98.{number}", "gateway": GATEWAY, "dev": UPLINK,
                            "protocol": "static"}))

    @staticmethod
    def table(number):
        table = str(300 + number)
        return (f"route {{}} 198.51.97.0/24 dev br-person table {table} proto static",
                ("routes", {"dst": "198.51.97.0/24", "dev": "br-person", "table": table}))

    @staticmethod
    def address(number):
        return (f"address {{}} 192.0.2.{100 + number}/32 dev br-person",
                ("routes", {"dst": f"192.0.2.{100 + number}", "dev": "br-person",
                            "table": "local"}))

    def model(self):
        return [("addresses", {"ifname": "br-person"}),
                *(model for _, model in self.things.values())]

    def stop(self):
        for line, model in self.things.values():
            if model[0] == "rules":
                batch([line.format("del")])
        batch(["link del br-person"])
        for line, model in self.things.values():
            if model[1].get("dst", "").startswith("198.51.98."):
                batch([line.format("del")])


TAILSCALED = {"standin": Tailscaled, "real": RealTailscaled}
ACTORS = (Pods, Flannel, Dhcp, TAILSCALED[sys.argv[2]], Person)
SHARES = (4, 4, 1, 4, 7)        # of the steps: of as many in a row each actor has its own


def turns(rng, actors):
    """Whose step is next, for ever: by chance, but nobody is left out for long."""
    while True:
        deck = [actor for actor, share in zip(actors, SHARES, strict=True) for _ in range(share)]
        rng.shuffle(deck)
        yield from deck


def main():
    rng = random.Random(f"busy {sys.argv[1]}")
    actors = [kind(rng) for kind in ACTORS]
    turn = turns(rng, actors)
    working, steps = True, {kind.__name__: 0 for kind in ACTORS}
    print("BEGUN", flush=True)
    while True:
        wait_s = rng.uniform(*STEP_S) if working else None
        if select.select([sys.stdin], [], [], wait_s)[0]:
            word = sys.stdin.readline().strip()
            working = word == "go"
            if word == "pause":
                model = [entry for actor in actors for entry in actor.model()]
                print("MODEL", json.dumps({"steps": steps, "model": model}), flush=True)
            if word in ("stop", ""):
                break
        elif working:
            actor = next(turn)
            actor.step()
            steps[type(actor).__name__] += 1
    for actor in actors:
        actor.stop()
    print("ENDED", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, subprocess.CalledProcessError) as error:
        print("FAILED", error, flush=True)
        sys.exit(1)
