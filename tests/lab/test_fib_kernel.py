"""test_fib_kernel: the routing model and the kernel, asked the same, over random tables and rules.

Each seed makes a namespace with four devices, puts random routes and rules into it, and asks both
about random packets. `ip route get fibmatch` is the kernel's word; disagreement is a bug in the
model (design 6). A failing seed prints itself and what was asked.
"""
import ipaddress
import json
import os
import pathlib
import random
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RAW_RULE = ROOT / "tests/lab/raw_rule.py"
DEVICES = ["d0", "d1", "d2", "d3"]
TABLES = ["main", "100", "101", "102"]
REFUSALS = ["throw", "blackhole", "unreachable", "prohibit"]
ERRORS = {"Invalid argument": "blackhole", "Permission denied": "prohibit",
          "Network is unreachable": "unreachable", "No route to host": "unreachable"}
TABLE_NUMBERS = {"main": 254, "local": 255, "default": 253}


def find_model():
    """The dev build's, else whichever was built last."""
    built = sorted(ROOT.glob("build/*/bin/fib_model"), key=lambda path: path.stat().st_mtime)
    chosen = ROOT / "build/dev/bin/fib_model"
    return chosen if chosen.exists() else built[-1] if built else None


class Namespace:
    """A network namespace of its own, as long as its holder lives."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo up; exec sleep 600"],
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()

    def run(self, *argv):
        return subprocess.run(["nsenter", "-t", str(self.holder.pid), "-n", *argv],
                              capture_output=True, text=True, check=False)

    def end(self):
        self.holder.kill()
        self.holder.wait()


class World:
    """What the kernel was given, and the same as lines for the model."""

    sources = True  # IPv6 routes of one source, too

    def __init__(self, seed, family):
        self.dice = random.Random(f"{seed}/{family}")
        self.family = family
        self.lines = ["link lo 1 loopback"]
        self.space = Namespace()
        self.make_devices()
        self.make_rules([("0", "lookup local"), ("32766", "lookup main")], usual=True)

    def ip(self, *words):
        return self.space.run("ip", f"-{self.family}", *words)

    def make_devices(self):
        self.space.run("ip", "link", "set", "lo", "up")
        self.space.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                       "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        for number, name in enumerate(DEVICES):
            index = str(10 + number)
            self.space.run("ip", "link", "add", name, "index", index, "type", "veth", "peer",
                           "name", f"p{number}")
            self.space.run("ip", "link", "set", f"p{number}", "up")
            self.space.run("ip", "link", "set", name, "up")
            address = self.own(number) + ("/24" if self.family == 4 else "/64")
            done = self.ip("addr", "add", address, "dev", name,
                           *(["nodad"] if self.family == 6 else []))
            assert done.returncode == 0, done.stderr
            self.lines += [f"link {name} {index}", f"address {address} dev {name}"]

    def own(self, number):
        return f"10.15.{number}.1" if self.family == 4 else f"2001:db8:f{number}::1"

    def address(self):
        """Few enough values that prefixes cover one another and questions hit them."""
        if self.dice.random() < 0.05:
            return self.own(self.dice.randrange(4))
        parts = [self.dice.choice([0, 1, 2, 3, 255]) for _ in range(3)]
        if self.family == 4:
            return "10.%d.%d.%d" % (parts[0] % 8, parts[1], parts[2])
        return "2001:db8:%x:%x::%x" % (parts[0] % 8, parts[1], parts[2])

    def prefix(self):
        lengths = [8, 13, 14, 15, 16, 22, 24, 30, 32] if self.family == 4 else \
            [32, 46, 47, 48, 62, 63, 64, 126, 128]
        length = self.dice.choice(lengths)
        return str(ipaddress.ip_network(f"{self.address()}/{length}", strict=False))

    def make_nexthop(self):
        """One for each route: the kernel's answer may name another route of a shared one."""
        number = str(1 + sum(line.startswith("nexthop") for line in self.lines))
        words = [number, *self.dice.choice([["dev", "d0"], ["dev", "d1"], ["blackhole"]])]
        assert self.ip("nexthop", "add", "id", *words).returncode == 0
        self.lines.append(" ".join(["nexthop", *words]))
        return number

    def make_routes(self, count):
        for _ in range(count):
            destination = "default" if self.dice.random() < 0.15 else self.prefix()
            words = [destination]
            if self.dice.random() < 0.3:
                words.insert(0, self.dice.choice(REFUSALS))
            elif self.dice.random() < 0.2:
                words += ["nhid", self.make_nexthop()]
            else:
                device = self.dice.choice(DEVICES)
                if self.family == 6 and self.sources and self.dice.random() < 0.2:
                    words += ["from", self.own(self.dice.randrange(4))]
                if self.family == 4 and self.dice.random() < 0.4:
                    words += ["via", f"10.15.{DEVICES.index(device)}.9"]
                words += ["dev", device]
            words += ["metric", str(self.dice.choice([1, 5, 900]))]
            words += ["table", self.dice.choice(TABLES)]
            if self.family == 4 and self.dice.random() < 0.1:
                words += ["tos", "0x10"]
            verb = self.dice.choice(["add", "append"]) if self.family == 4 else "add"
            if self.ip("route", verb, *words).returncode == 0:
                ipv6 = ["-6"] if self.family == 6 else []
                self.lines.append(" ".join(["route", *ipv6, *words]))

    def make_rules(self, rules, usual=False):
        for priority, rest in rules:
            words = rest.split()
            done = None if usual else self.ip("rule", "add", "pref", priority, *words)
            if usual or done.returncode == 0:
                text = rest.replace("uidrange 1000-1000", "uid 1000").replace("ipproto tcp",
                                                                             "ipproto 6")
                self.lines.append(f"rule {priority} {'-6 ' if self.family == 6 else ''}{text}")

    def random_rule(self):
        chance = self.dice.random
        words = []
        if chance() < 0.4:
            words += ["from", self.own(self.dice.randrange(4)) if chance() < 0.7 else self.prefix()]
        if chance() < 0.4:
            words += ["to", self.prefix()]
        for option, odds in (("fwmark 0x1/0x3", 0.2), ("iif lo", 0.15), ("iif d1", 0.1),
                             ("oif d2", 0.1), ("tos 0x10", 0.1), ("uidrange 1000-1000", 0.1),
                             ("ipproto tcp dport 443", 0.1)):
            if chance() < odds and option.split()[0] not in words:
                words += option.split()
        if words and chance() < 0.2:
            words.insert(0, "not")
        action = self.dice.choice(["lookup"] * 8 + ["goto", "nop", "unreachable", "blackhole",
                                                    "prohibit"])
        if action == "lookup":
            words += ["lookup", self.dice.choice(TABLES)]
            if chance() < 0.2:
                words += ["suppress_prefixlength", self.dice.choice(["0", "14", "48"])]
        else:
            words.append(action)
            if action == "goto":
                words.append(self.dice.choice(["50", "150", "32766"]))
        return self.dice.choice(["10", "20", "50", "100", "150", "200"]), " ".join(words)

    def make_unknown_rules(self, count):
        """Of a DSCP, in part beside a mark; False where the kernel has none."""
        for _ in range(count):
            priority, table = self.dice.choice(["15", "60", "160"]), self.dice.choice(TABLES)
            marked = self.dice.random() < 0.3
            done = self.space.run("/usr/bin/python3", str(RAW_RULE), str(self.family), priority,
                                  str(TABLE_NUMBERS.get(table, table)),
                                  f"25:{self.dice.choice(['04', '2e'])}",
                                  *(["10:01000000", "16:03000000"] if marked else []))
            if done.returncode == 3:
                return False
            if done.returncode == 0:  # else it is there already
                ipv6 = "-6 " if self.family == 6 else ""
                mark = "fwmark 0x1/0x3 " if marked else ""
                self.lines.append(f"rule {priority} {ipv6}{mark}attribute 25 lookup {table}")
        return True

    def make_groups(self):
        """Two devices of one interface group, one of another, one of the usual (0)."""
        for device, group in (("d0", "7"), ("d1", "7"), ("d2", "8")):
            done = self.space.run("ip", "link", "set", device, "group", group)
            assert done.returncode == 0, done.stderr
            at = [line.split()[:2] for line in self.lines].index(["link", device])
            self.lines[at] += f" group {group}"

    def make_hop_routes(self, count):
        """Of several hops, in the route or in a nexthop group."""
        for _ in range(count):
            words = [self.prefix(), "metric", "3", "table", self.dice.choice(TABLES)]
            devices = self.dice.sample(DEVICES, 2)
            if self.dice.random() < 0.5:
                for device in devices:
                    words += ["nexthop", "dev", device]
            else:
                number = 1 + sum(line.startswith("nexthop") for line in self.lines)
                for one in (f"{number} dev {devices[0]}", f"{number + 1} dev {devices[1]}"):
                    assert self.ip("nexthop", "add", "id", *one.split()).returncode == 0
                    self.lines.append(f"nexthop {one}")
                done = self.space.run("ip", "nexthop", "add", "id", str(number + 2), "group",
                                      f"{number}/{number + 1}")
                assert done.returncode == 0, done.stderr
                self.lines.append(f"nexthop {number + 2} group {number},{number + 1}")
                words += ["nhid", str(number + 2)]
            if self.ip("route", "add", *words).returncode == 0:
                ipv6 = ["-6"] if self.family == 6 else []
                self.lines.append(" ".join(["route", *ipv6, *words]))

    def suppressing_rule(self):
        words = ["from", self.own(self.dice.randrange(4))] if self.dice.random() < 0.3 else []
        words += ["lookup", self.dice.choice(TABLES),
                  "suppress_ifgroup", self.dice.choice(["0", "7", "7", "8", "9"])]
        if self.dice.random() < 0.2:
            words += ["suppress_prefixlength", "14"]
        return self.dice.choice(["10", "30", "60", "110"]), " ".join(words)

    def question(self):
        words = [self.address()]
        incoming = self.dice.random() < 0.25
        if incoming:
            foreign = "10.9.9.9" if self.family == 4 else self.address()
            words += ["from", foreign, "iif", self.dice.choice(DEVICES)]
        elif self.dice.random() < 0.5:
            words += ["from", self.own(self.dice.randrange(4))]
        elif self.dice.random() < 0.2:
            words += ["oif", self.dice.choice(DEVICES)]
        for option, odds in (("mark 1", 0.3), ("tos 0x10", 0.2), ("ipproto 6 dport 443", 0.2)):
            if self.dice.random() < odds:
                words += option.split()
        if not incoming and self.dice.random() < 0.2:
            words += ["uid", "1000"]
        return words

    def ask_kernel(self, words):
        """As fib_model prints it. Bound to a device, IPv4 sends without any route; fibmatch, and
        the model, say that there is none."""
        done = self.ip("-j", "-d", "route", "get", "fibmatch",
                       *["tcp" if word == "6" else word for word in words])
        for message, refusal in ERRORS.items():
            if message in done.stderr:
                return refusal
        route = json.loads(done.stdout)[0]
        if route["type"] in REFUSALS:
            return route["type"]
        destination = route["dst"]
        if destination == "default":
            destination = "0.0.0.0/0" if self.family == 4 else "::/0"
        elif "/" not in destination:
            destination += "/32" if self.family == 4 else "/128"
        table = route.get("table", "main")
        bound = words[words.index("oif") + 1] if "oif" in words else None
        route.update(next((hop for hop in route.get("nexthops", [])
                           if bound in (None, hop["dev"])), {}))
        return " ".join([route["type"], str(TABLE_NUMBERS.get(table, table)), destination,
                         route["dev"], route.get("gateway", "-")])


class Host(World):
    """To which things have happened: devices and carriers go and come, addresses are added. The
    model goes by what the guard reads of the kernel. No IPv6 routes of one source: once one is
    deleted, the kernel may look for the others below a prefix that is not theirs
    (fib6_find_prefix), which no dump tells."""

    sources = False

    def __init__(self, seed, family):
        super().__init__(seed, family)
        self.done = []
        self.common = [self.prefix() for _ in range(5)]

    def do(self, *words):
        done = self.space.run(*words)
        self.done.append(f"{' '.join(words)}{': ' + done.stderr.strip() if done.stderr else ''}")
        return done.returncode == 0

    def make_addresses(self, count):
        for _ in range(count):
            number, last = self.dice.randrange(4), self.dice.choice([2, 3, 200])
            address = f"10.15.{number}.{last}/{self.dice.choice([24, 25, 32])}" \
                if self.family == 4 else \
                f"2001:db8:f{number}::{last}/{self.dice.choice([64, 80, 128])}"
            words = ["nodad"] if self.family == 6 else []
            words += ["noprefixroute"] if self.dice.random() < 0.3 else []
            words += ["metric", "50"] if self.dice.random() < 0.2 else []
            self.do("ip", "addr", "add", address, "dev", f"d{number}", *words)

    def gateway(self, device):
        number = DEVICES.index(device)
        return f"10.15.{number}.9" if self.family == 4 else f"2001:db8:f{number}::9"

    def make_group(self, devices, prefix, rest):
        first = 100 + 3 * self.dice.randrange(200)
        via = ["via", self.gateway(devices[0])] if self.dice.random() < 0.5 else []
        nexthop = ["ip", f"-{self.family}", "nexthop", "add", "id"]
        if self.do(*nexthop, str(first), *via, "dev", devices[0]) and \
                self.do(*nexthop, str(first + 1), "dev", devices[1]):
            self.do("ip", "nexthop", "add", "id", str(first + 2), "group", f"{first}/{first + 1}")
            self.do(*self.route, "add", prefix, *rest, "nhid",
                    str(self.dice.choice([first, first + 2])))

    def make_hops(self, devices, prefix, rest):
        words = []
        for device in devices[:self.dice.choice([2, 3])]:
            words += ["nexthop"]
            words += ["via", self.gateway(device)] if self.dice.random() < 0.7 else []
            words += ["dev", device, "weight", str(self.dice.choice([1, 2, 20]))]
        self.do(*self.route, "add", prefix, *rest, *words)

    def make_equals(self, devices, prefix, rest):
        for device in devices[:2]:
            self.do(*self.route, "append", prefix, "via", self.gateway(device), "dev", device, *rest)

    def make_routes_of_all_kinds(self, count):
        self.route = ["ip", f"-{self.family}", "route"]
        for _ in range(count):
            devices = self.dice.sample(DEVICES, 3)
            prefix = self.dice.choice(self.common) if self.dice.random() < 0.6 else self.prefix()
            table = ["table", self.dice.choice(TABLES)]
            rest = ["metric", str(self.dice.choice([1, 5, 900])), *table]
            kind = self.dice.choice(["hops", "hops", "group", "equals", "equals", "preferred",
                                     "preferred", "local", "far", "encap"])
            if kind == "hops":
                self.make_hops(devices, prefix, rest)
            elif kind == "group":
                self.make_group(devices, prefix, rest)
            elif kind == "equals":
                self.make_equals(devices, prefix, rest)
            elif kind == "preferred" and self.family == 6:
                self.do(*self.route, "add", prefix, "via", f"fe80::{self.dice.choice([8, 9])}",
                        "dev", devices[0], "pref", self.dice.choice(["low", "medium", "high"]),
                        *rest)
            elif kind == "local":
                kinds = ["local", "anycast"] if self.family == 6 else ["local", "broadcast"]
                self.do(*self.route, "add", self.dice.choice(kinds), prefix, "dev",
                        self.dice.choice([devices[0], "lo"]), *table)
            elif kind == "far" and self.family == 4:
                self.do(*self.route, "add", prefix, "via", "inet6", "fe80::1", "dev", devices[0],
                        *rest)
            elif kind == "encap":
                self.do(*self.route, "add", prefix, "encap", "ip" if self.family == 4 else "ip6",
                        "id", "7", "dst", self.gateway(devices[0]), "dev", devices[0], *rest)

    def disturb(self):
        without_carrier = []
        for number, device in enumerate(DEVICES):
            chance = self.dice.random()
            if chance < 0.15:
                self.do("ip", "link", "set", device, "down")
            elif chance < 0.3:
                self.do("ip", "link", "set", f"p{number}", "down")
                without_carrier.append(device)
            elif chance < 0.36:
                self.do("ip", "link", "set", device, "down")
                self.do("ip", "link", "set", device, "up")
            elif chance < 0.4:
                self.do("ip", "link", "del", device)
        if self.dice.random() < 0.5:
            name = self.dice.choice(["all", *DEVICES])
            self.do("sysctl", "-qw", f"net.ipv{self.family}.conf.{name}."
                    "ignore_routes_with_linkdown=1")
        for device in without_carrier:
            self.await_no_carrier(device)

    def await_no_carrier(self, device):
        """The kernel tells its routes up to a second later, right after this."""
        by = time.monotonic() + 10
        while True:
            links = json.loads(self.space.run("ip", "-j", "link", "show", device).stdout)
            if links[0]["operstate"] == "LOWERLAYERDOWN":
                return
            assert time.monotonic() < by, links

    def askable(self, words):
        """From an address of this host, and by devices that are there."""
        own = self.space.run("ip", "-o", "addr", "show", "up").stdout
        there = self.space.run("ip", "-o", "link").stdout
        given = dict(zip(words[1::2], words[2::2]))
        return all(f" {given[word]}@" in there for word in ("iif", "oif") if word in given) and \
            ("from" not in given or "iif" in given or f" {given['from']}/" in own)

    def living(self, route, bound):
        hops = route.get("nexthops") or [route]
        return {f"{hop['dev']} {hop.get('gateway') or hop.get('via', {}).get('host', '-')}"
                for hop in hops if "dead" not in hop.get("flags", []) and
                bound in (None, hop["dev"])}

    def ask_kernel(self, words):
        """(as fib_model prints it without the hop, the hops that it may be)"""
        done = self.ip("-j", "-d", "route", "get", "fibmatch",
                       *["tcp" if word == "6" else word for word in words])
        for message, refusal in ERRORS.items():
            if message in done.stderr:
                return refusal, set()
        # An encap's destination comes second, under the same name.
        route = json.loads(done.stdout, object_pairs_hook=lambda pairs: dict(reversed(pairs)))[0]
        if route["type"] in REFUSALS:
            return route["type"], set()
        destination = route["dst"].replace("default", "0.0.0.0/0" if self.family == 4 else "::/0")
        if "/" not in destination:
            destination += "/32" if self.family == 4 else "/128"
        kind = "local" if route["type"] in ("broadcast", "anycast") else route["type"]
        table = route.get("table", "main")
        bound = words[words.index("oif") + 1] if "oif" in words else None
        return (f"{kind} {TABLE_NUMBERS.get(table, table)} {destination}",
                self.living(route, bound))

    def ask_model(self, questions):
        text = "".join(f"ask {' '.join(words)}\n" for words in questions)
        done = subprocess.run(["nsenter", "-t", str(self.space.holder.pid), "-n",
                               str(find_model()), "kernel"], input=text, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    def agrees(self, words, said, modelled):
        """IPv4 calls a packet from an address that it has a route of its own for martian, and
        refuses it as a blackhole does: the model knows of no source."""
        route, hops = said
        if not hops:
            bound = self.family == 4 and "oif" in words and modelled in REFUSALS
            martian = self.family == 4 and "iif" in words and route == "blackhole"
            return martian or route == ("unreachable" if bound else modelled)
        return modelled.startswith(f"{route} ") and modelled[len(route) + 1:] in hops


def ask_model(world, questions):
    family = world.family
    text = "\n".join(world.lines + ["ask " + " ".join(words) for words in questions]) + "\n"
    done = subprocess.run([str(find_model())], input=text, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(questions)
    return ["unreachable" if family == 4 and "oif" in words and said in REFUSALS else said
            for words, said in zip(questions, done.stdout.splitlines())]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: run it as root")
@pytest.mark.skipif(find_model() is None, reason="fib_model is not built: ninja fib_model")
@pytest.mark.parametrize("family", [4, 6])
def test_model_is_the_kernel(family, request):
    seeds = 60 if request.config.getoption("--long", default=False) else 8
    for seed in range(seeds):
        world = World(seed, family)
        try:
            world.make_routes(40)
            world.make_rules([world.random_rule() for _ in range(8)])
            questions = [world.question() for _ in range(60)]
            kernel = [world.ask_kernel(words) for words in questions]
        finally:
            world.space.end()
        for words, said, modelled in zip(questions, kernel, ask_model(world, questions)):
            assert modelled == said, "\n".join([f"seed {seed}, {' '.join(words)}", *world.lines])


@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: run it as root")
@pytest.mark.skipif(find_model() is None, reason="fib_model is not built: ninja fib_model")
@pytest.mark.parametrize("family", [4, 6])
def test_what_the_model_does_not_know_it_says(family, request):
    """With rules of a DSCP, which the model knows as an attribute and no more: it is right, or says
    that it cannot tell; both happen. Some of the packets have that DSCP (tos 0x10)."""
    seeds = 30 if request.config.getoption("--long", default=False) else 4
    told = open_count = 0
    for seed in range(1000, 1000 + seeds):
        world = World(seed, family)
        try:
            world.make_routes(40)
            world.make_rules([world.random_rule() for _ in range(4)])
            if not world.make_unknown_rules(3):
                pytest.skip("this kernel has no rules of a DSCP: it is of before 6.13")
            questions = [world.question() for _ in range(60)]
            kernel = [world.ask_kernel(words) for words in questions]
        finally:
            world.space.end()
        for words, said, modelled in zip(questions, kernel, ask_model(world, questions)):
            told += modelled == said
            open_count += modelled == "unknown"
            assert modelled in (said, "unknown"), \
                "\n".join([f"seed {seed}, {' '.join(words)}", *world.lines])
    assert told > 0 and open_count > 0, (told, open_count)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: run it as root")
@pytest.mark.skipif(find_model() is None, reason="fib_model is not built: ninja fib_model")
@pytest.mark.parametrize("family", [4, 6])
def test_a_rule_suppresses_by_interface_group(family, request):
    """The same, with devices in groups and rules that suppress the ways by them. Of an IPv6 route
    by devices of several groups nobody can tell: the kernel goes by the one that it takes."""
    seeds = 60 if request.config.getoption("--long", default=False) else 8
    told = open_count = 0
    for seed in range(2000, 2000 + seeds):
        world = World(seed, family)
        try:
            world.make_groups()
            world.make_routes(30)
            world.make_hop_routes(10)
            world.make_rules([world.random_rule() for _ in range(3)])
            world.make_rules([world.suppressing_rule() for _ in range(4)])
            questions = [world.question() for _ in range(60)]
            kernel = [world.ask_kernel(words) for words in questions]
        finally:
            world.space.end()
        for words, said, modelled in zip(questions, kernel, ask_model(world, questions)):
            told += modelled == said
            open_count += modelled == "unknown"
            assert modelled in ([said, "unknown"] if family == 6 else [said]), \
                "\n".join([f"seed {seed}, {' '.join(words)}", *world.lines])
    assert told > 20 * seeds and (open_count > 0) == (family == 6), (told, open_count)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: run it as root")
@pytest.mark.skipif(find_model() is None, reason="fib_model is not built: ninja fib_model")
@pytest.mark.parametrize("family", [4, 6])
def test_what_is_read_of_the_kernel_leads_as_the_kernel(family, request):
    """Routes of several hops, of groups, equal ones and preferred ones, links that are down or
    without a carrier: the model over what the guard reads, and the kernel, asked the same."""
    seeds = 60 if request.config.getoption("--long", default=False) else 6
    for seed in range(3000, 3000 + seeds):
        host = Host(seed, family)
        try:
            host.make_routes(25)
            host.make_addresses(3)
            host.make_routes_of_all_kinds(20)
            host.make_rules([host.random_rule() for _ in range(5)])
            host.disturb()
            questions = [words for words in (host.question() for _ in range(80))
                         if host.askable(words)]
            kernel = [host.ask_kernel(words) for words in questions]
            model = host.ask_model(questions)
            tables = host.ip("route", "show", "table", "all").stdout
        finally:
            host.space.end()
        assert len(questions) > 20 and len(model) == len(questions)
        for words, said, modelled in zip(questions, kernel, model):
            assert host.agrees(words, said, modelled), "\n".join(
                [f"seed {seed}, {' '.join(words)}", f"kernel: {said}", f"model: {modelled}",
                 *host.lines, *host.done, tables])
