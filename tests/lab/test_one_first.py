"""one_first: who sees to it that one node goes first, when the controller does not.

The controller is built with patches of tests/mutants and means harm. Every word that decides here
is the nodes' own: their guards' logs, and what `ip monitor` saw of their kernels.
"""

import re

import pytest

from lab.fleet import Fleet
from lab.patched import PatchedController
from lab.wait import wait_until

CONTROLLER = "control"
NODES = ("srv712695", "calypso", "srv712429")  # in the manifest's order
RULE = "198.18.255.0/24"
DRILL = f"""\
reason: A rule that nobody uses.
reference: "#104"
justification: Nothing is broken; this is a drill.
targets: [{', '.join(NODES)}]
waive:
  needed: a drill
operations:
  - rule: {{ priority: 5150, to: {RULE}, lookup: main }}
"""
pytestmark = pytest.mark.tailnet("standin")


@pytest.fixture(scope="module")
def fleet(lab):
    """Its soaks are short: what is looked at here is who goes when."""
    return Fleet(lab, controller=CONTROLLER, soak="2s", lease="8s").install()


@pytest.fixture(autouse=True)
def fresh(fleet):
    yield
    fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    fleet.wait_settled()


class Watched:
    """Every rule that comes or goes on the nodes while it is entered, however short."""

    def __init__(self, fleet):
        self.hosts = {name: fleet.lab[name] for name in NODES}
        self.monitors = {}

    def __enter__(self):
        for name, host in self.hosts.items():
            self.monitors[name] = host.popen(["/usr/sbin/ip", "monitor", "rule"], name="monitor")
            # It hears what comes from now on: a rule of the test's own is the proof.
            self.prove(name, host)
        return self

    def prove(self, name, host):
        def seen():
            host.ip("rule", "add", "to", "198.18.254.1", "lookup", "main", "priority", "5199")
            host.ip("rule", "del", "priority", "5199")
            return "198.18.254.1" in self.monitors[name].output()
        wait_until(seen, 10, f"`ip monitor` on {name} to hear")

    def touched(self):
        return [name for name, monitor in self.monitors.items() if RULE in monitor.output()]

    def __exit__(self, *_):
        for monitor in self.monitors.values():
            monitor.stop()


def refusals(host):
    """Why its guard refused a change, each as its log has it. (Sequence 0 is a question: whether
    something stands there.)"""
    log = (host.logs / "oceanid-guard.log").read_text()
    return re.findall(r"refused sequence [1-9]\d*: (.*)", log)


def start_led_by(fleet, patches, folder, refusing, on_trial=None):
    """Starts DRILL under a patched controller, and waits for the nodes that have to refuse, and for
    the one that may begin; returns the refusals of each, and who was touched until all had ended."""
    hosts = {node: fleet.lab[node] for node in refusing}
    before = {node: len(refusals(host)) for node, host in hosts.items()}
    with PatchedController(fleet, patches, folder), Watched(fleet) as watched:
        fleet.start("drill", DRILL)
        new = wait_until(lambda: (lambda said: all(said.values()) and said)(
            {node: refusals(host)[before[node]:] for node, host in hosts.items()}), 30,
            f"the guards of {', '.join(refusing)} to refuse")
        if on_trial:
            fleet.wait_state(on_trial, "on trial")
        fleet.ctl("rollout", "abort", "--no-watch")
        fleet.wait_outcome("aborted")
        return new, watched.touched()


def stands_not(node):
    return f"no statement of {node}'s guard that it stands confirmed, over this nonce"


def test_a_controller_that_skips_the_first_stage(fleet, tmp_path):
    said, touched = start_led_by(fleet, ["57-skips-the-first-stage"], tmp_path, ["calypso"])
    assert set(said["calypso"]) == {stands_not("srv712695")}
    assert touched == []


def test_a_controller_that_goes_from_the_last_stage_to_the_first(fleet, tmp_path):
    said, touched = start_led_by(fleet, ["hostile-last-first", "hostile-without-proofs"], tmp_path,
                                 ["srv712429"])
    assert set(said["srv712429"]) == {stands_not("srv712695")}
    assert touched == []


def test_a_controller_that_starts_all_at_once(fleet, tmp_path):
    """The first one is the first one; the others do not believe that they are it too."""
    said, touched = start_led_by(fleet, ["hostile-all-at-once"], tmp_path,
                                 ["calypso", "srv712429"], on_trial="srv712695")
    assert set(said["calypso"]) | set(said["srv712429"]) == {stands_not("srv712695")}
    assert touched == ["srv712695"]
