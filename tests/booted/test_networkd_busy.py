"""networkd_busy: networkd reloads and configures its link anew, again and again, during trials:
each confirms, nothing of networkd's is lost, and nobody is said to have changed what is taken back.

OCEANID_NETWORKD_TRIALS says how many trials; tests/run --long actors makes a thousand.
"""

import os
import subprocess
import threading

import pytest

from machine import wait_until
from trial import GUARD, Trial, confirm, gone, routes, take_back_all

TRIALS = int(os.environ.get("OCEANID_NETWORKD_TRIALS", "6"))
NETWORKD = "systemd-networkd.service"
FILE = "/etc/systemd/network/net0.network"
LINK = """\
[Match]
Name=net0

[Network]
LinkLocalAddressing=no
IPv6AcceptRA=no
Address=198.51.96.1/24

[Route]
Destination=198.51.95.0/24
Gateway=198.51.96.254

[RoutingPolicyRule]
To=198.51.95.0/24
Table=95
Priority=21000
"""


# What guard and rescue say of an object that they take for changed by others.
LEFT = "left as it is"


class Busy(threading.Thread):
    """Has networkd read its files and configure its link, in turn, until it is told to stop; or
    until it fails, which is said in failed."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.machine = machine
        self.stopping = threading.Event()
        self.rounds = 0         # both done
        self.failed = None

    def run(self):
        while not self.stopping.wait(0.1) and not self.failed:
            try:
                for words in (["reload"], ["reconfigure", "net0"]):
                    self.machine.run(["networkctl", *words])
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                self.failed = str(error)
            else:
                self.rounds += 1

    def wait_round(self, done):
        """That it has done more of them than that, and goes on."""
        wait_until(lambda: self.failed or self.rounds > done, 20, "networkd to have done a round")
        assert not self.failed, self.failed
        return self.rounds

    def stop(self):
        self.stopping.set()
        self.join(60)


@pytest.fixture
def busy(machine):
    """networkd with a link of its own, and always at work."""
    machine.write(FILE, LINK)
    machine.ip("link", "add", "net0", "type", "veth", "peer", "name", "net1")
    machine.ip("link", "set", "net1", "up")
    machine.systemctl("restart", NETWORKD)
    wait_until(lambda: has_its_own(machine), 20, "networkd to have configured net0")
    at_work = Busy(machine)
    at_work.start()
    yield at_work
    at_work.stop()
    machine.systemctl("stop", NETWORKD, "systemd-networkd.socket")
    machine.ip("link", "del", "net0")
    machine.path(FILE).unlink()


def has_its_own(machine):
    """All that networkd's file asks for."""
    return ("198.51.96.1/24" in machine.ip("address", "show", "net0")
            and "198.51.95.0/24 via 198.51.96.254" in machine.ip("route", "show", "dev", "net0")
            and "21000:" in machine.ip("rule", "show"))


@pytest.mark.parametrize("device,shield", [("eth0", "0"), ("net0", "1")])
def test_trials_while_networkd_is_busy(machine, busy, device, shield):
    """On a device of its own, and as a shield on networkd's."""
    rounds = 0
    for number in range(TRIALS // 2):
        at = len(machine.journal(GUARD))
        options = [f"device={device}"] + (["shield=1"] if shield == "1" else [])
        code, said = Trial(machine, "soak=1", "lease=10", *options).wait()
        assert code == 0, said
        wait_until(lambda: not gone(machine), 5, "what networkd takes along with its link to be "
                   "put back")
        wait_until(lambda: has_its_own(machine), 5, f"networkd's own after {number} trials")
        rounds = busy.wait_round(rounds)
        said = take_back_all(machine)
        wait_until(lambda: gone(machine), 5, "the change to be gone")
        wait_until(lambda: has_its_own(machine), 5, f"networkd's own after {number} trials")
        said += machine.journal(GUARD)[at:]
        assert LEFT not in said, said
        rounds = busy.wait_round(rounds)
    print(f"{TRIALS // 2} trials on {device}, networkd configured it {busy.rounds} times")


def test_what_others_have_changed_is_seen(machine):
    """By what the test above looks for: a route of the change that somebody has really replaced."""
    confirm(machine, "device=eth0")
    before = routes(machine).split("dev")[0].strip()
    machine.ip("route", "replace", before, "dev", "eth0", "proto", "static", "mtu", "1400")
    said = machine.run(["oceanid-rollback", "--to", "1", "--yes"], check=False).stdout
    machine.wait_active(GUARD)
    assert LEFT in said, said
    assert "mtu 1400" in routes(machine)
    machine.ip("route", "del", before, "dev", "eth0")
