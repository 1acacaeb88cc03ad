"""elsewhere: the same path with the controller on a host of its own. The full set runs with it on
srv712429 (test_rollout, test_crash); here a chosen few.
"""

import pytest

from lab import changes
from lab.fleet import PKI
from lab.machine import HOME
from lab.wait import wait_until

CONTROLLER = "control"
pytestmark = pytest.mark.tailnet("standin")


def test_good_change_and_back(fleet):
    lab = fleet.lab
    fleet.start("workers-use-exit-node", changes.GOOD)
    fleet.wait_state("srv712695", "confirmed")
    fleet.wait_rollout(lambda r: r["waiting_for"] == "next", 20, "it to wait for next")
    fleet.ctl("rollout", "next")
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    assert lab["calypso"].egress_address() == "198.51.100.10"
    fleet.ctl("emergency-rollback", "--all", "--yes")
    wait_until(lambda: lab["srv712695"].egress_address() == "203.0.113.10", 20, "old egress")
    assert lab["office"].ssh_banner("203.0.113.10")


def test_controllers_host_is_cut_off(fleet):
    """Nobody carries proofs any more: the lease runs out."""
    node = fleet.lab["srv712695"]
    fleet.start("cut-off", changes.HARMLESS)
    fleet.wait_state("srv712695", "on trial")
    wait_until(lambda: "198.18.255.0/24" in node.ip("route"), 10, "the change to be on")
    fleet.controller.cut_link()
    wait_until(lambda: "198.18.255.0/24" not in node.ip("route"), 40, "the lease to run out")
    fleet.controller.restore_link()
    assert fleet.wait_outcome(("reverted", "complete", "halted"))["outcome"] == "reverted"


def test_order_file_with_the_controller_gone(fleet):
    """Signed by what `status` saw last, carried by hand, believed by the node's own trust root."""
    node = fleet.lab["srv712695"]
    fleet.wait_settled()
    fleet.start("by-order", changes.HARMLESS)
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    wait_until(lambda: "by-order" in fleet.ctl("status").stdout, 20, "status to show what stands")
    fleet.controller.unit("oceanid-controller").stop()
    done = fleet.ctl("emergency-rollback", "--node", "srv712695", "--to", "by-order", "--reason",
                     "drill", "--order", f"{PKI}/order")
    assert "Going by what `oceanidctl status` last saw" in done.stderr
    fleet.copy(fleet.operator, f"{PKI}/order", node, f"{HOME}/order")
    assert "198.18.255.0/24" in node.ip("route")
    done = node.run(["/usr/sbin/oceanid-rollback", "--order", f"{HOME}/order"])
    assert "(drill)" in done.stdout and "popped (rolled back by order)" in done.stdout
    assert "198.18.255.0/24" not in node.ip("route")
