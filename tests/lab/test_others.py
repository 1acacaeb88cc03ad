"""others: what of a lease's or a daemon's a change takes along is put back by nobody here: it is named
where the end is told, to the operator and on the console.
"""

import pytest

from lab.wait import wait_until
from test_guard import DOWN, node, two  # noqa: F401 (fixtures)

LOST = "not back, and for its owner to bring back: '10.21.0.0/16 via 192.0.2.1 dev eth1' (DHCP)"


@pytest.fixture
def leased(two):
    two.ip("route", "add", "10.21.0.0/16", "via", "192.0.2.1", "proto", "dhcp")
    return two


def kill_on_trial(node):
    node.open_trial(DOWN)
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "all of it to be on trial")
    node.kill()


def test_the_receipt_names_them(leased):
    done = leased.trial("soak=30", "lease=4", "answers=2", DOWN)
    assert done.returncode == 1, done.stdout + done.stderr
    receipt = next(line for line in done.stdout.splitlines() if "receipt reverted" in line)
    assert "no fresh proof of the quorum" in receipt and LOST in receipt, receipt
    assert LOST in leased.log("guard.log")


def test_so_does_the_receipt_of_a_guard_that_is_started_again(leased):
    kill_on_trial(leased)
    leased.start()
    wait_until(lambda: LOST in leased.log("guard.log"), 10, "it to be named")


def test_rescue_names_them(leased):
    assert leased.trial("soak=1", DOWN).returncode == 0, leased.log("guard.log")
    leased.kill()
    assert LOST in leased.rollback("--yes").stdout


def test_a_reboot_took_all_of_them(leased):
    leased.open_trial(DOWN)
    wait_until(lambda: "soaking" in leased.log("drive.log"), 15, "all of it to be on trial")
    leased.reboot()
    assert "not back" not in leased.rollback("--boot").stdout
    leased.start()
    wait_until(lambda: "Nothing is changed" in leased.rollback("--list").stdout, 10, "its end")
    assert "not back" not in leased.log("guard.log")


def test_who_has_put_it_back_is_not_named(leased):
    kill_on_trial(leased)
    leased.ip("link", "set", "eth1", "up")
    leased.ip("route", "add", "10.21.0.0/16", "via", "192.0.2.1", "proto", "dhcp")
    assert "not back" not in leased.rollback("--stop-post").stdout
