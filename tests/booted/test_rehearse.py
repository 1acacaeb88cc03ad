"""rehearse: oceanid-rehearse as systemd starts it: by its socket, as nobody, in an empty network."""

import re

from machine import wait_until
from trial import GUARD, Trial, confirm, gone, take_back_all

SOCKET = "oceanid-rehearse.socket"
SOCKET_PATH = "/run/oceanid/rehearse.sock"


def said(machine):
    """What the service's instances have logged since the boot."""
    return machine.run(["journalctl", "--no-pager", "-o", "cat", "-t", "oceanid-rehearse"]).stdout


def test_socket_is_roots_alone(machine):
    machine.wait_active(SOCKET)
    mode = machine.run(["stat", "-c", "%a %U", SOCKET_PATH]).stdout.split()
    assert mode == ["600", "root"]
    folder = machine.run(["stat", "-c", "%a %U", "/run/oceanid"]).stdout.split()
    assert folder == ["755", "root"]


def test_a_trial_is_rehearsed_and_leaves_nothing_behind(machine):
    before = said(machine).count("1 operations: pass")
    confirm(machine, "device=lo")
    assert said(machine).count("1 operations: pass") == before + 1
    wait_until(lambda: "oceanid-rehearse@" not in machine.systemctl(
        "list-units", "--all", "--no-legend"), 10, "the service's instance to be gone")
    assert machine.ip("-o", "link", "show", "type", "veth").count("oceanid") == 0
    take_back_all(machine)


def test_without_its_socket_nothing_is_prepared(machine):
    machine.systemctl("stop", SOCKET)
    try:
        code, _ = Trial(machine, "device=lo").wait()
    finally:
        machine.systemctl("start", SOCKET)
    assert code == 2
    assert re.search(r"refused sequence \d+: rehearsal of operation 1 .*not done: oceanid-rehearse: "
                     r"connect to /run/oceanid/rehearse.sock", machine.journal(GUARD))
    assert gone(machine)
    machine.wait_active(SOCKET)
