"""crash: whoever dies in a trial, the node is back where it was, by itself."""

import signal

import pytest

from lab import changes, topology
from lab.wait import wait_until

ROUTE = "198.18.255.0/24"
ENDED = ("complete", "reverted", "halted", "aborted", "incomplete")


def wait_exit_node(lab, node):
    """Until the trial's pref is set: the guard is asked about earlier than it has applied all."""
    wait_until(lambda: lab.tailnet.prefs(node)["ExitNodeID"], 20, "the exit node to be set")


def has_change(host):
    return ROUTE in host.ip("route")


def lab_ssh(fleet):
    return fleet.lab["office"].ssh_banner("203.0.113.10")


def start_trial(fleet, name):
    """A harmless change on trial on srv712695; returns the node."""
    node = fleet.lab["srv712695"]
    fleet.start(name, changes.HARMLESS)
    fleet.wait_state("srv712695", "on trial")
    wait_until(lambda: has_change(node), 10, "the change to be on")
    return node


@pytest.fixture(autouse=True)
def fresh(fleet):
    yield
    fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    fleet.wait_settled()


def test_guard_killed(fleet):
    node = start_trial(fleet, "guard-killed")
    node.unit("oceanid-guard").kill()
    wait_until(lambda: not has_change(node), 5, "ExecStopPost or the restart to revert")
    node.unit("oceanid-guard").wait_active()
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


def test_agent_killed_for_good(fleet):
    node = start_trial(fleet, "agent-killed")
    node.unit("oceanid-agent").kill(signal.SIGSTOP)
    wait_until(lambda: not has_change(node), 40, "the lease to run out")
    node.unit("oceanid-agent").kill(signal.SIGCONT)
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


def test_agent_killed_comes_back(fleet):
    """A short death is bridged: the agent restarts, and either outcome is whole."""
    node = start_trial(fleet, "agent-restarts")
    node.unit("oceanid-agent").kill()
    outcome = fleet.wait_outcome(ENDED)["outcome"]
    assert has_change(node) == (outcome == "complete")


def test_controller_killed_comes_back(fleet):
    """kill -9 in mid-trial; its unit starts it again, and it leads on from what its disk says."""
    node = start_trial(fleet, "controller-killed-9")
    controller = fleet.controller.unit("oceanid-controller")
    starts = controller.starts
    controller.kill(signal.SIGKILL)
    wait_until(lambda: controller.starts > starts, 20, "the controller to be started again")
    controller.wait_active()
    outcome = fleet.wait_outcome(ENDED)["outcome"]
    assert outcome in ("complete", "reverted")
    assert has_change(node) == (outcome == "complete")
    assert fleet.node_state("srv712695") == ("confirmed" if outcome == "complete" else "reverted")


def test_controller_killed_stays_dead(fleet):
    """kill -9, and nobody starts it: the lease runs out, and the node takes it back by itself."""
    node = start_trial(fleet, "controller-dead")
    controller = fleet.controller.unit("oceanid-controller")
    controller.power_lost()  # its supervisor sees nothing
    fleet.controller.kill(controller.process)
    assert controller.process.wait() == -signal.SIGKILL
    wait_until(lambda: not has_change(node), 40, "the lease to run out")
    assert lab_ssh(fleet)
    controller.start()
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


def test_controller_frozen_and_killed(fleet):
    node = start_trial(fleet, "controller-killed")
    controller = fleet.controller.unit("oceanid-controller")
    controller.kill(signal.SIGSTOP)
    wait_until(lambda: not has_change(node), 40, "the lease to run out")
    controller.kill(signal.SIGKILL)
    controller.wait_active()
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


def test_reboot_in_trial(fleet):
    node = start_trial(fleet, "reboot")
    node.reboot()
    assert not has_change(node)
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


def test_confirmed_survives_a_reboot(fleet):
    node = start_trial(fleet, "survives")
    assert fleet.wait_outcome(ENDED)["outcome"] == "complete"
    node.reboot()
    wait_until(lambda: has_change(node), 15, "the confirmed route to come back")


def test_reboot_in_trial_of_the_exit_node(fleet):
    """The pref persists by itself: tailscaled brings it back before anybody can unset it."""
    lab = fleet.lab
    node = lab["srv712695"]
    fleet.wait_needed("srv712695")
    fleet.start("exit-node", changes.ONE_NODE)
    fleet.wait_state("srv712695", "on trial")
    wait_exit_node(lab, node)
    node.reboot()
    wait_until(lambda: lab.tailnet.prefs(node)["ExitNodeID"] == "", 20, "the pref to be undone")
    wait_until(lambda: lab["office"].ssh_banner("203.0.113.10"), 10, "SSH from outside")
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


def test_pref_undo_failing_keeps_the_shields(fleet):
    """Rule 15: removing the reply rule while the exit node cannot be unset is the lock-out."""
    lab = fleet.lab
    node = lab["srv712695"]
    fleet.wait_needed("srv712695")
    fleet.start("exit-node-stuck", changes.ONE_NODE)
    fleet.wait_state("srv712695", "on trial")
    wait_exit_node(lab, node)
    lab.tailnet.freeze(node)
    fleet.ctl("rollout", "abort", "--reason", "a drill", check=False)
    wait_until(lambda: fleet.node_state("srv712695") == "incomplete", 30, "revert incomplete")
    assert "5140:" in node.ip("rule", "show")
    assert lab["office"].ssh_banner("203.0.113.10")
    lab.tailnet.thaw(node)
    wait_until(lambda: lab.tailnet.prefs(node)["ExitNodeID"] == "", 30, "the pref to follow")
    wait_until(lambda: "5140:" not in node.ip("rule", "show"), 15, "the shields to go last")


def test_prefs_of_several_kinds_come_back(fleet):
    """The exit node by its address, and accepted subnets: taken back is said of table 52 too."""
    lab = fleet.lab
    node = lab["srv712695"]
    before = node.ip("route", "show", "table", "52")
    address = lab.tailnet.peer(node, topology.EXIT_NODE)["TailscaleIPs"][0]
    fleet.wait_needed("srv712695")
    fleet.start("prefs", changes.ONE_NODE.replace(
        "exit_node: srv712429-oceanid", f"accept_routes: true, exit_node: {address}"))
    wait_exit_node(lab, node)
    wait_until(lambda: "10.43.0.0/16" in node.ip("route", "show", "table", "52"), 10,
               "the exit node's subnets to be accepted")
    fleet.ctl("rollout", "abort", "--reason", "a drill", check=False)
    assert fleet.wait_outcome(ENDED)["outcome"] == "aborted"
    assert node.ip("route", "show", "table", "52") == before
    prefs = lab.tailnet.prefs(node)
    assert (prefs["ExitNodeID"], prefs["RouteAll"]) == ("", False)
