"""files: configuration files of networkd and netplan on trial, confirmed and taken back, by the
installed guard in its sandbox, with the real networkd, systemd and D-Bus.
"""

import pytest

from machine import wait_until
from trial import BOOT, GUARD, Trial, confirm, gone, start_trial, take_back_all, wait_gone

NETWORKD = "systemd-networkd.service"
LINK = "[Match]\nName=net0\n\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
FOLDER = "/systemd/network/10-net0.network.d"
DROP_IN = "/etc" + FOLDER + "/50-route.conf"
ON_TRIAL = "/run" + FOLDER + "/50-route.conf"
UNDO = "/var/lib/oceanid/guard/undo.txt"
NETPLAN = "/etc/netplan/60-net0.yaml"


def route(number):
    return f"[Route]\nDestination=198.51.100.{number}\nScope=link\n"


def plan(number):
    return (f"network:\n  version: 2\n  ethernets:\n    net0:\n      link-local: []\n"
            f"      addresses:\n        - 192.0.2.{number}/24\n")


def has(machine, number):
    return f"198.51.100.{number} " in machine.ip("route", "show", "dev", "net0")


def wait_has(machine, number, there=True):
    wait_until(lambda: has(machine, number) == there, 20,
               f"net0's route to .{number} to be {'there' if there else 'gone'}")


def has_address(machine, number):
    return f"192.0.2.{number}/24" in machine.ip("address", "show", "net0")


def text(machine, path):
    path = machine.path(path)
    return path.read_text() if path.exists() else None


def raise_link(machine):
    machine.ip("link", "add", "net0", "type", "veth", "peer", "name", "net1")
    machine.ip("link", "set", "net1", "up")


def is_configured(machine):
    return " configured" in machine.run(["networkctl", "list", "--no-legend", "net0"],
                                        check=False).stdout


def start_networkd(machine):
    raise_link(machine)
    machine.systemctl("start", NETWORKD)
    wait_until(lambda: is_configured(machine), 20, "networkd to have configured net0")


@pytest.fixture
def networkd(own_machine):
    """A machine whose networkd manages a link of its own."""
    own_machine.write("/etc/systemd/network/10-net0.network", LINK)
    own_machine.systemctl("enable", NETWORKD)
    start_networkd(own_machine)
    return own_machine


def file_options(machine, path, content):
    if content is None:
        return [f"file={path}"]
    machine.write("/root/content", content)
    return [f"file={path}", "content=/root/content"]


def start(machine, path, content):
    return start_trial(machine, *file_options(machine, path, content))


def reboot(machine):
    machine.power_off()
    machine.boot()
    machine.raise_uplink()
    raise_link(machine)


def wait_nothing_left(machine):
    def nothing():
        listed = machine.run(["oceanid-rollback", "--list"]).stdout
        return "Nothing is changed on this host" in listed

    try:
        wait_until(nothing, 30, "the trial to be ended")
    except AssertionError as late:
        raise AssertionError(f"{late}\n{machine.journal(GUARD)[-3000:]}") from None


def check_no_trace(machine):
    found = machine.run(["find", "/etc/systemd/network", "/run/systemd/network", "/etc/netplan",
                         "/run/netplan", "-name", "*oceanid*"]).stdout
    assert found == ""


def test_drop_in_on_trial_confirmed_and_taken_back(networkd):
    machine = networkd
    driver = start(machine, DROP_IN, route(7))
    wait_has(machine, 7)
    assert text(machine, ON_TRIAL) == route(7)
    assert text(machine, DROP_IN) is None
    wait_until(lambda: "\nroute del 198.51.100.7" in text(machine, UNDO), 10,
               "what networkd made of the file to be in undo.txt")
    assert f"# rm -f {DROP_IN} {ON_TRIAL}" in text(machine, UNDO)
    machine.systemctl("restart", GUARD)  # ExecStopPost, in the same sandbox
    driver.end()
    assert gone(machine)
    wait_has(machine, 7, False)
    assert text(machine, ON_TRIAL) is None
    assert not machine.path("/run" + FOLDER).exists()

    confirm(machine, "device=eth0", "address=203.0.113.10",
            *file_options(machine, DROP_IN, route(7)))
    wait_until(lambda: text(machine, DROP_IN) == route(7), 10, "the file to be in /etc")
    wait_until(lambda: text(machine, ON_TRIAL) is None, 10, "the one on trial to be gone")
    status = machine.path(DROP_IN).stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, 0o644)
    assert has(machine, 7)
    assert f"ok       file {DROP_IN} of 3 lines" in machine.run(["oceanid-rollback", "--check"],
                                                               check=False).stdout

    reboot(machine)
    wait_has(machine, 7)
    assert "5140:" in machine.ip("rule", "show")  # by the boot unit, before networkd
    boot = int(machine.property(BOOT, "ExecMainExitTimestampMonotonic"))
    assert 0 < boot <= int(machine.property(NETWORKD, "ExecMainStartTimestampMonotonic"))
    machine.wait_active(GUARD)
    take_back_all(machine)
    wait_has(machine, 7, False)
    assert text(machine, DROP_IN) is None
    check_no_trace(machine)


ALL_KINDS = """\
[Network]
Address=192.0.2.7/24

[Route]
Destination=198.51.100.7
Scope=link

[Route]
Gateway=192.0.2.1
Metric=700

[Route]
Destination=2001:db8:7::/48
Scope=link

[Route]
Destination=198.51.100.8
Type=blackhole
Table=700

[RoutingPolicyRule]
From=198.51.100.0/24
Table=700
Priority=7000
"""


def kernel(machine):
    """What of addresses, routes and rules net0 and networkd have to do with."""
    return (machine.ip("-brief", "address", "show", "net0") +
            machine.ip("route", "show", "table", "all", "proto", "static") +
            machine.ip("-6", "route", "show", "table", "all", "proto", "static") +
            machine.ip("rule", "show") + machine.ip("-6", "rule", "show"))


def test_a_networkd_that_was_away_leaves_nothing_behind(networkd):
    """It is stopped in a trial, and started when the file is gone: what it made of the file before
    it does not know. (One that is restarted while the file is there makes all of it again, and knows
    it; others' objects are the units': networkd, and the kernel with a device's last address, take a
    person's routes on net0, in some versions and orders.)"""
    machine = networkd
    before = kernel(machine)
    driver = start(machine, DROP_IN, ALL_KINDS)
    wait_until(lambda: is_configured(machine) and "7000:" in machine.ip("rule", "show")
               and has(machine, 7), 20, "networkd to have made all")
    during = kernel(machine)
    for part in ("192.0.2.7/24", "198.51.100.7 ", "default via 192.0.2.1 dev net0 metric 700",
                 "2001:db8:7::/48", "blackhole 198.51.100.8 table 700", "lookup 700"):
        assert part in during
    machine.systemctl("stop", "systemd-networkd.socket", NETWORKD)
    machine.systemctl("restart", GUARD)
    driver.end()
    assert gone(machine)
    machine.systemctl("start", NETWORKD)
    wait_until(lambda: is_configured(machine), 20, "the new networkd to have configured net0")
    wait_nothing_left(machine)
    assert kernel(machine) == before


def test_power_loss_in_a_trial_forgets_what_lies_in_run(networkd):
    machine = networkd
    driver = start(machine, DROP_IN, route(7))
    wait_has(machine, 7)
    machine.power_off()
    driver.end()
    machine.boot()
    machine.raise_uplink()
    raise_link(machine)
    wait_until(lambda: is_configured(machine), 20, "networkd to have configured net0")
    assert not has(machine, 7)
    wait_nothing_left(machine)
    assert gone(machine)
    assert text(machine, DROP_IN) is None
    check_no_trace(machine)


def test_a_file_changed_in_place_is_back_before_networkd_starts(networkd):
    """networkd reads /etc first, so it is tried there: the boot unit has what was there."""
    machine = networkd
    machine.write(DROP_IN, route(6))
    machine.run(["networkctl", "reload"])
    wait_has(machine, 6)
    driver = start(machine, DROP_IN, route(7))
    wait_has(machine, 7)
    assert text(machine, DROP_IN) == route(7)
    machine.power_off()
    driver.end()
    machine.boot()
    assert text(machine, DROP_IN) == route(6)
    boot = int(machine.property(BOOT, "ExecMainExitTimestampMonotonic"))
    assert 0 < boot <= int(machine.property(NETWORKD, "ExecMainStartTimestampMonotonic"))
    raise_link(machine)
    wait_has(machine, 6)
    assert not has(machine, 7)


def said(machine):
    return machine.journal(GUARD) + (text(machine, "/run/oceanid/rollback.log") or "")


def stop_bus(machine):
    machine.run(["systemctl", "stop", "dbus.socket", "dbus.service"], check=False)
    wait_until(lambda: machine.property("dbus.socket", "ActiveState") == "inactive"
               and machine.property("dbus.service", "ActiveState") == "inactive", 10,
               "the bus to be gone")


def test_rollback_without_a_bus_restores_and_says_what_is_open(networkd):
    machine = networkd
    driver = start(machine, DROP_IN, route(7))
    wait_has(machine, 7)
    stop_bus(machine)
    done = machine.run(["oceanid-rollback", "--yes"], check=False)
    driver.end()
    assert done.returncode == 5, done.stdout + done.stderr
    assert "Reload of org.freedesktop.network1: no D-Bus" in done.stdout
    assert "done at the next boot, by the guard or by oceanid-rollback --finish" in done.stdout
    assert f"  open: take away file {DROP_IN}" in done.stdout
    assert text(machine, ON_TRIAL) is None
    # networkd does not come back to a bus that was restarted: it runs, and has not read it.
    machine.run(["systemctl", "start", "dbus.socket", "dbus.service"])
    wait_until(lambda: "it is active, but not on D-Bus" in said(machine), 20,
               "the rest to say why it waits")
    assert "open" in machine.run(["oceanid-rollback", "--list"]).stdout
    machine.systemctl("restart", NETWORKD)
    wait_nothing_left(machine)
    assert gone(machine)


def test_a_frozen_bus_delays_no_lease(networkd):
    """Witnesses fall silent while the bus hangs: the file goes at once, its reload waits."""
    machine = networkd
    trial = Trial(machine, "device=eth0", "soak=60", "lease=6", "answers=2",
                  *file_options(machine, DROP_IN, route(7)))
    wait_has(machine, 7)
    machine.kill("dbus.service", 19)  # SIGSTOP
    wait_until(lambda: text(machine, ON_TRIAL) is None, 20, "the lease to end the trial")
    assert not gone(machine)  # the route is older: held up until the file is read
    machine.kill("dbus.service", 18)
    wait_gone(machine, 20)
    trial.end()
    wait_has(machine, 7, False)


def test_netplan_is_shadowed_on_trial_and_written_when_confirmed(networkd):
    machine = networkd
    machine.path("/etc/systemd/network/10-net0.network").unlink()
    machine.write(NETPLAN, plan(6))
    machine.path(NETPLAN).chmod(0o600)
    machine.systemctl("daemon-reload")
    machine.run(["networkctl", "reload"])
    wait_until(lambda: has_address(machine, 6), 20, "netplan's address")

    driver = start(machine, NETPLAN, plan(7))
    wait_until(lambda: has_address(machine, 7), 20, "the trial's address")
    assert text(machine, NETPLAN) == plan(6)
    machine.systemctl("restart", GUARD)
    driver.end()
    wait_until(lambda: has_address(machine, 6), 20, "the address of before")
    assert not has_address(machine, 7)

    confirm(machine, *file_options(machine, NETPLAN, plan(7)))
    wait_until(lambda: text(machine, NETPLAN) == plan(7), 10, "the file to be in /etc")
    assert machine.path(NETPLAN).stat().st_mode & 0o7777 == 0o600
    assert has_address(machine, 7)
    take_back_all(machine)
    wait_until(lambda: has_address(machine, 6), 20, "the address of before")
    assert text(machine, NETPLAN) == plan(6)
    check_no_trace(machine)
