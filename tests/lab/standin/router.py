"""router: what tailscaled does to a Linux host: tun device, rules 5210-5270, table 52, netfilter.

Rules and netfilter outlive a crash, the device and its routes do not, exactly as with the real
one; a clean stop takes everything away.
"""

import fcntl
import json
import os
import struct
import subprocess

TABLE = "52"
MTU = 1280
MARK = 0x80000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x0001 | 0x1000
RULES = ("pref 5210 fwmark 0x80000/0xff0000 lookup main",
         "pref 5230 fwmark 0x80000/0xff0000 lookup default",
         "pref 5250 fwmark 0x80000/0xff0000 type unreachable",
         "pref 5270 lookup 52")
NETFILTER = """
add table inet ts-standin
delete table inet ts-standin
table inet ts-standin {{
    chain ts-input {{ type filter hook input priority 0;
        iifname {{ "lo", "{tun}" }} accept
        ip saddr 100.64.0.0/10 drop
    }}
    chain ts-forward {{ type filter hook forward priority 0;
        iifname "{tun}" meta mark set meta mark & 0xff00ffff | 0x40000
        oifname "{tun}" ip saddr 100.64.0.0/10 drop
    }}
    chain ts-postrouting {{ type nat hook postrouting priority 100;
        meta mark & 0xff0000 == 0x40000 masquerade
    }}
}}
"""


def tool(argv, text=None):
    """Runs ip or nft; what it complains about goes to the stand-in's log."""
    return subprocess.run(argv, input=text, text=True, stdout=subprocess.PIPE, check=False).stdout


def batch(family, lines):
    if lines:
        tool(["ip", family, "-force", "-batch", "-"], "\n".join(lines) + "\n")


class Router:
    def __init__(self, tun):
        self.tun = tun
        self._routes = {"-4": set(), "-6": set()}
        self._addresses = []
        self._netfilter = False

    def open(self):
        """Makes the device and the rules; returns the device's descriptor, non-blocking."""
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", self.tun.encode(), IFF_TUN_NO_PI))
        batch("-4", [f"link set {self.tun} mtu {MTU} up"])
        for family in self._routes:
            batch(family, [f"route del {route} table {TABLE}" for route in self._left(family)])
        self.add_rules()
        with open("/proc/sys/net/ipv4/conf/all/src_valid_mark", "w", encoding="ascii") as node:
            node.write("1")
        return fd

    def add_rules(self):
        """Puts those of the four rules there that are missing, for both families."""
        for family in self._routes:
            present = self._present(family)
            batch(family, [f"rule add {rule}" for rule in RULES if rule not in present])

    @staticmethod
    def _present(family):
        found = json.loads(tool(["ip", family, "-j", "rule", "show"]) or "[]")
        there = {rule["priority"] for rule in found}
        return [rule for rule in RULES if int(rule.split()[1]) in there]

    @staticmethod
    def _left(family):
        """What a crash left in table 52: its throw routes."""
        found = tool(["ip", family, "-j", "route", "show", "table", "all"])
        return [f"{route.get('type', '')} {route['dst']}" for route in json.loads(found or "[]")
                if route.get("table") == TABLE]

    def interface_prefixes(self, family):
        """address/length of every interface but the tun and loopback, link-local left out."""
        found = []
        for link in json.loads(tool(["ip", family, "-j", "address", "show"]) or "[]"):
            if link.get("ifname") in (self.tun, "lo"):
                continue
            found += [f"{entry['local']}/{entry['prefixlen']}" for entry in link["addr_info"]
                      if entry.get("scope") == "global"]
        return found

    def apply(self, addresses, routes4, routes6):
        """Makes addresses and table 52 be these; only differences to the last time are touched."""
        if addresses != self._addresses:
            for verb, these in (("del", self._addresses), ("replace", addresses)):
                for address in these:
                    batch("-6" if ":" in address else "-4",
                          [f"address {verb} {address} dev {self.tun}"])
            self._addresses = addresses
        for family, wanted in (("-4", set(routes4)), ("-6", set(routes6))):
            old = self._routes[family]
            batch(family, [f"route del {route} table {TABLE}" for route in old - wanted])
            batch(family, [f"route replace {route} table {TABLE}"
                           for route in sorted(wanted - old)])
            self._routes[family] = wanted
        self._set_netfilter(bool(addresses))

    def _set_netfilter(self, wanted):
        if wanted and not self._netfilter:
            tool(["nft", "-f", "-"], NETFILTER.format(tun=self.tun))
        elif self._netfilter and not wanted:
            tool(["nft", "delete", "table", "inet", "ts-standin"])
        self._netfilter = wanted

    def close(self):
        """A clean stop: nothing of it is left but the device, which goes with its descriptor."""
        self.apply([], [], [])
        for family in self._routes:
            batch(family, [f"rule del {rule}" for rule in self._present(family)])
