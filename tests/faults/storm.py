"""storm: a node's tables, links, addresses and settings are broken at random behind confirmed shields,
of both families, some things one after the other. As long as the node has its device and its address
SSH from outside lives; when everything else is mended again, by hand, the shields are as they were,
put back by the guard alone.
"""

import random
import time

from lab import Lab
from lab.fleet import Fleet
from lab.shielded import Shielded
from lab.wait import wait_until

SHORT, LONG = 24, 2000          # storms
GROUNDS = 1
TRIALS_A_GROUND = 400
NODE = "srv712695"
RULES_S, SSH_S, WHOLE_S = 3, 6, 15
FAMILIES = ("-4", "-6")
RESCUE = "default via 203.0.113.254 dev eth0 onlink proto {} metric 100 table 5100"
POD = "ip link add cni0 type bridge; ip link set cni0 up; ip address add 10.42.1.1/24 dev cni0"
KILLED = "kill -9 of the guard"
NO_IPV6 = "sysctl -qw net.ipv6.conf.{}.disable_ipv6=1"

# What a person, a pod, networkd or tailscaled may do. No way that leads elsewhere is put into main:
# it comes first, so that a new gateway is not the lock-out.
BREAKS = [
    KILLED, KILLED, KILLED,
    *(f"ip {family} rule flush" for family in FAMILIES),
    *(f"ip {family} rule del pref {priority}" for family in FAMILIES
      for priority in (5140, 5141, 5145, 32766, 5270)),
    "ip rule del pref 32767",
    "ip rule del pref 5140; ip rule del pref 5141; ip rule del pref 5145; ip route flush table 5100",
    "ip rule add pref 5140 lookup main proto static",
    *(f"ip {family} route flush table {table}" for family in FAMILIES
      for table in ("main", "5100", "52")),
    *(f"ip {family} route del default" for family in FAMILIES),
    *(f"ip {family} route replace default dev tailscale0 table 52" for family in FAMILIES),
    "ip route replace unreachable default table 52",
    f"ip route replace {RESCUE.format('static')}",
    f"ip route append {RESCUE.format(153)}",
    "ip route del default table 5100 proto static",
    "ip route add 198.18.99.0/24 via 203.0.113.1 dev eth0 onlink table 5100",
    "ip route del 203.0.113.0/24 dev eth0", "ip -6 route del 2001:db8:1::/64 dev eth0",
    "ip -6 route del fe80::/64 dev eth0",
    *(f"ip link set {device} {to}" for device in ("eth0", "cni0") for to in ("down", "up")),
    "ip link set eth0 down; ip link set eth0 up",
    "ip link set eth0 down; ip link set eth0 name lan0; ip link set lan0 up; ip link set lan0 down;"
    "ip link set lan0 name eth0; ip link set eth0 up",
    *(f"ip link set eth0 mtu {mtu}" for mtu in (1200, 1300, 1500)),
    "ip link del cni0", POD, f"ip link del cni0; {POD}",
    *(f"ip {family} address flush dev eth0" for family in FAMILIES),
    "ip address add 203.0.113.10/24 dev eth0", "ip address add 2001:db8:1::10/64 dev eth0 nodad",
    "ip address add 203.0.113.77/24 dev eth0", "ip address del 203.0.113.77/24 dev eth0",
    "ip address add 10.42.1.1/24 dev cni0", "ip address del 10.42.1.1/24 dev cni0",
    *(f"sysctl -qw net.ipv6.conf.{where}.disable_ipv6={value}" for where in ("eth0", "all")
      for value in (0, 1)),
]
# All but the shields; what is right already is refused.
MENDS = [
    "sysctl -qw net.ipv6.conf.all.disable_ipv6=0",
    "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0",
    "ip link set eth0 mtu 1500", "ip link set eth0 up",
    "ip link add cni0 type bridge", "ip link set cni0 up",
    "ip address add 10.42.1.1/24 dev cni0", "ip address del 203.0.113.77/24 dev eth0",
    "ip address add 203.0.113.10/24 dev eth0", "ip address add 2001:db8:1::10/64 dev eth0 nodad",
    "ip route replace default via 203.0.113.1 dev eth0 proto static metric 100",
    "ip route replace 203.0.113.0/24 dev eth0 proto kernel scope link src 203.0.113.10",
    "ip -6 route add 2001:db8:1::/64 dev eth0 proto kernel metric 256",
    "ip -6 route add fe80::/64 dev eth0 proto kernel metric 256",
    "ip -6 route replace default via fe80::1 dev eth0 proto static metric 1024",
    *(f"ip {family} route flush table 52" for family in FAMILIES),
    *(f"ip route flush table 5100 proto {protocol}" for protocol in ("static", "boot")),
    f"ip route del {RESCUE.format(153)}",
    "ip rule del pref 5140 lookup main proto static",
]


def plan(seed):
    """The lines, and how long after each the next one comes."""
    rng = random.Random(f"storm {seed}")
    return {"seed": seed, "lines": [(rng.choice(BREAKS), rng.choice((0, 0, 0, 0.01, 0.05, 0.3, 1.2)))
                                    for _ in range(rng.randint(1, 7))]}


def ground_kind(_plan):
    return "plain"


def replay(plan_):
    return f"tests/faults/run.py storm --seed {plan_['seed']}"


def make_ground(_plan):
    return Rock()


class Rock:
    """A node with confirmed shields of both families."""

    def __init__(self):
        self.lab = Lab.build(tailnet="standin", ipv6=True)
        self.spent = False
        try:
            self.host = self.lab[NODE]
            self.fleet = Fleet(self.lab).install()
            self.ipv4 = Shielded(self.fleet, NODE, "203.0.113.10", None)
            self.ipv6 = Shielded(self.fleet, NODE, "2001:db8:1::10", None, family="-6")
            self.ipv4.confirm()
            self.ipv6.rescued = self.ipv6.rescue_table()
            assert self.ipv4.rescued and self.ipv6.rescued, "no rescue table of one family"
        except BaseException:
            self.lab.close()
            raise

    def close(self):
        self.lab.close()

    def sh(self, line):
        self.host.run(["sh", "-c", line], check=False)

    def has(self, *parts):
        """Whether eth0 is up and has these addresses."""
        said = self.host.run(["ip", "-o", "address", "show", "dev", "eth0", "up"], check=False).stdout
        return all(part in said for part in parts)

    def break_at_random(self, lines):
        for line, wait_s in lines:
            if line == KILLED:
                self.host.unit("oceanid-guard").kill()
            else:
                self.sh(line)
            time.sleep(wait_s)

    def lives(self, lines):
        """What has to be, whatever was broken."""
        done = [line for line, _ in lines]
        stands_in = any(RESCUE.format(protocol) in line for line in done
                        for protocol in ("static", 153))
        wait_until(self.ipv4.has_rules, RULES_S, "the rules of IPv4")
        if not stands_in and self.has("203.0.113.10/"):
            wait_until(self.ipv4.ssh, SSH_S, "SSH over IPv4")
        if any(NO_IPV6.format(where) in done for where in ("eth0", "all")):
            return
        wait_until(self.ipv6.has_rules, RULES_S, "the rules of IPv6")
        if self.has("2001:db8:1::10/", "fe80::"):
            wait_until(self.ipv6.ssh, SSH_S, "SSH over IPv6")

    def mend(self):
        for line in MENDS:
            self.sh(line)

    def is_whole(self):
        for shielded in (self.ipv4, self.ipv6):
            wait_until(shielded.whole, WHOLE_S, f"the shields of {shielded.family}, as they were")
            wait_until(shielded.ssh, SSH_S, f"SSH over {shielded.family}, at the end")

    def state(self):
        return self.host.run(["sh", "-c", "ip -br address; ip rule; ip route show table all;"
                                          "ip -6 rule; ip -6 route show table all"]).stdout


def trial(rock, plan_):
    """Returns (1, "whole", no notes, None)."""
    try:
        rock.break_at_random(plan_["lines"])
        rock.lives(plan_["lines"])
        rock.mend()
        rock.is_whole()
    except AssertionError as error:
        raise AssertionError(f"{error}\n{rock.state()}") from error
    return 1, "whole", [], None
