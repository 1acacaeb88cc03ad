"""shielded: a node of a fleet behind its shields, of one family, and what lives on behind them."""

import contextlib
import re

from lab import changes
from lab.wait import wait_until

RULES = {"-4": {"5140", "5141", "5145", "32766", "32767"}, "-6": {"5140", "5141", "5145", "32766"}}

BREAKS = {
    "main-flushed": "route flush table main",
    "default-deleted": "route del default",
    "table-52-broken": "route replace default dev tailscale0 table 52",
    "table-52-refuses": "route replace unreachable default table 52",
}


class Shielded:
    """address: where outside looks for its SSH; leader: its controller's, as ss(8) writes it."""

    def __init__(self, fleet, name, address, leader, family="-4"):
        self.fleet = fleet
        self.host = fleet.lab[name]
        self.address, self.leader, self.family = address, leader, family
        self.rescued = None

    def confirm(self, text=changes.PROTECT):
        """A confirmed `protect`, of everything unless said; remembers the rescue table of then."""
        self.fleet.start("shields-only", text)
        rollout = self.fleet.wait_outcome(("complete", "reverted", "halted"))
        assert rollout["outcome"] == "complete", rollout["nodes"][0]["sentence"]
        self.rescued = self.rescue_table()

    def sh(self, line):
        return self.host.run(["sh", "-ec", line]).stdout

    def ssh(self):
        return self.fleet.lab["office"].ssh_banner(self.address)

    def priorities(self):
        return {line.split(":")[0] for line in self.host.rules(self.family)}

    def rescue_table(self):
        done = self.host.run(["ip", self.family, "route", "show", "table", "5100"], check=False)
        return sorted(line.strip() for line in done.stdout.splitlines())

    def sessions(self):
        """Own port of each connection to the controller, with the bytes that it acknowledged."""
        listed = self.sh(f"ss -Htnio state established dst {self.leader}")
        ports = re.findall(r"^\d+\s+\d+\s+\S+:(\d+)\s", listed, re.MULTILINE)
        acknowledged = re.findall(r"bytes_acked:(\d+)", listed)
        return dict(zip(ports, map(int, acknowledged)))

    def more_since(self, before):
        """The connections of before on which the controller has acknowledged more, as they are."""
        return {port: acked for port, acked in self.sessions().items()
                if acked > before.get(port, acked)}

    @contextlib.contextmanager
    def lives_on(self):
        """SSH from outside, and the very connection to the controller that was in use before; one
        that was replaced is closed some time by itself."""
        before = self.sessions()
        used = wait_until(lambda: self.more_since(before), 25, "a connection in use")
        yield
        wait_until(self.ssh, 5, "SSH from outside")
        wait_until(lambda: set(self.more_since(used)) == set(used), 25,
                   "the controller to acknowledge more on what was in use")

    def has_rules(self):
        return RULES[self.family] <= self.priorities()

    def whole(self):
        return self.has_rules() and self.rescue_table() == self.rescued

    def lives_on_without(self, what, elsewhere):
        """One of BREAKS, which takes the way to elsewhere, that has no shield."""
        with self.lives_on():
            self.sh(f"ip {self.family} {BREAKS[what]}")
            assert self.host.leaves_by(elsewhere) != "eth0"
