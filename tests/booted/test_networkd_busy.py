"""networkd_busy: networkd reloads and configures its link anew, again and again, during trials:
each confirms, nothing of networkd's is lost, and nobody is said to have changed what is taken back.

OCEANID_NETWORKD_TRIALS says how many trials; tests/run --long actors makes a thousand.
"""

import os
import threading

import pytest

from machine import wait_until
from trial import GUARD, Trial, gone, take_back_all

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


class Busy(threading.Thread):
    """Has networkd read its files and configure its link, in turn, until it is told to stop."""

    def __init__(self, machine):
        super().__init__(daemon=True)
        self.machine = machine
        self.stopping = threading.Event()
        self.rounds = 0

    def run(self):
        while not self.stopping.wait(0.1):
            for words in (["reload"], ["reconfigure", "net0"]):
                self.machine.run(["networkctl", *words], check=False)
            self.rounds += 1

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
    for number in range(TRIALS // 2):
        at = len(machine.journal(GUARD))
        options = [f"device={device}"] + (["shield=1"] if shield == "1" else [])
        code, said = Trial(machine, "soak=1", "lease=10", *options).wait()
        assert code == 0, said
        wait_until(lambda: not gone(machine), 5, "what networkd takes along with its link to be "
                   "put back")
        wait_until(lambda: has_its_own(machine), 5, f"networkd's own after {number} trials")
        take_back_all(machine)
        wait_until(lambda: gone(machine), 5, "the change to be gone")
        wait_until(lambda: has_its_own(machine), 5, f"networkd's own after {number} trials")
        said = machine.journal(GUARD)[at:]
        assert "changed by others" not in said, said
    assert busy.rounds > 0
    print(f"{TRIALS // 2} trials on {device}, networkd configured it {busy.rounds} times")
