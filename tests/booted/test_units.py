"""units: what systemd itself says of the shipped units, and what a boot does without any file of
the administrator's.
"""

import re

import pytest

from machine import wait_until
from trial import GUARD, confirm, gone, take_back_all

UNITS = ("oceanid-agent.service", "oceanid-agent-netlink.socket", "oceanid-guard.service",
         "oceanid-rollback-boot.service", "oceanid-rehearse.socket", "oceanid-rehearse@.service",
         "oceanid-controller.service")
ENABLED = ("oceanid-agent.service", "oceanid-guard.service", "oceanid-rollback-boot.service",
           "oceanid-rehearse.socket",
           "oceanid-controller.service")

# Beside systemd-networkd's 2.8 and chronyd-restricted's 2.1; lower is better.
BOUNDS = (("oceanid-agent", 2.0), ("oceanid-guard", 2.5), ("oceanid-controller", 2.0),
          ("oceanid-rollback-boot", 2.5), ("oceanid-rehearse@", 2.0))


def test_verify_has_nothing_to_say(machine):
    done = machine.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                        *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS)])
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("unit,bound", BOUNDS)
def test_exposure(machine, unit, bound):
    done = machine.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                        f"/usr/lib/systemd/system/{unit}.service"])
    score = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)[1])
    print(f"{unit}: {score}, held below {bound}")
    assert score <= bound


def test_installing_enables_the_units(machine):
    for unit in ENABLED:
        assert machine.systemctl("is-enabled", unit) == "enabled", unit


def test_without_configuration_agent_and_controller_do_not_start(machine):
    for unit in ("oceanid-agent.service", "oceanid-controller.service"):
        assert machine.property(unit, "ActiveState") == "inactive", unit
        assert machine.property(unit, "ConditionResult") == "no", unit
        assert machine.property(unit, "Result") == "success", unit
    assert machine.property("oceanid-agent-netlink.socket", "ActiveState") == "inactive"
    assert "oceanid" not in machine.systemctl("list-units", "--failed", "--no-legend")


NETWORKD = "systemd-networkd.service"
LINK = "[Match]\nName=net0\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"


def let_networkd_clean(machine):
    """Starts anew and configures its link: a foreign address there shows when that is done."""
    def done():
        listed = machine.run(["networkctl", "list", "--no-legend", "net0"], check=False)
        return (listed.stdout.split()[-1:] == ["configured"]
                and "192.0.2.1" not in machine.ip("address", "show", "net0"))

    machine.systemctl("restart", NETWORKD)
    machine.ip("address", "replace", "192.0.2.1/32", "dev", "net0")
    machine.run(["networkctl", "reconfigure", "net0"])
    wait_until(done, 20, "networkd to have configured net0")


@pytest.fixture
def networkd(machine):
    """Manages a link of its own."""
    machine.write("/etc/systemd/network/net0.network", LINK)
    machine.ip("link", "add", "net0", "type", "veth", "peer", "name", "net1")
    machine.ip("link", "set", "net1", "up")
    yield
    machine.systemctl("stop", NETWORKD, "systemd-networkd.socket")
    machine.ip("link", "del", "net0")
    machine.path("/etc/systemd/network/net0.network").unlink()


@pytest.mark.usefixtures("networkd")
def test_networkd_keeps_rules_that_are_not_its_own(machine):
    """It takes them away without the drop-in, as soon as it configures a link."""
    drop_in = machine.path("/etc/systemd/networkd.conf.d/oceanid.conf")
    machine.ip("rule", "add", "from", "203.0.113.10", "lookup", "main", "priority", "5140",
               "protocol", "200")
    let_networkd_clean(machine)
    assert "5140:" in machine.ip("rule", "show")
    drop_in.parent.mkdir(parents=True)
    drop_in.symlink_to("/dev/null")
    let_networkd_clean(machine)
    wait_until(lambda: "5140:" not in machine.ip("rule", "show"), 10,
               "networkd without the drop-in to take the rule away")
    drop_in.unlink()


@pytest.mark.usefixtures("networkd")
def test_the_guard_puts_back_what_networkd_takes(machine):
    """Without the drop-in: networkd takes the shield, a route by its link, as it configures that."""
    drop_in = machine.path("/etc/systemd/networkd.conf.d/oceanid.conf")
    machine.ip("link", "set", "net0", "up")
    confirm(machine, "device=net0", "shield=1")
    drop_in.parent.mkdir(parents=True, exist_ok=True)
    drop_in.symlink_to("/dev/null")
    before = machine.journal(GUARD).count("put back 1 of 1")
    let_networkd_clean(machine)
    wait_until(lambda: machine.journal(GUARD).count("put back 1 of 1") > before, 10,
               "the guard to have put the shield back")
    wait_until(lambda: not gone(machine), 5, "the shield")
    drop_in.unlink()
    take_back_all(machine)
