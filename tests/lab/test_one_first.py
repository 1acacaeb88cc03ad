"""one_first: one node first, whoever leads; then as many as were asked for, and holds between.

Where the controller means harm it is built with patches of tests/mutants. Every word that decides
there is the nodes' own: their guards' logs, and what `ip monitor` saw of their kernels.
"""

import json
import os
import pathlib
import re
import signal

import pytest

from lab.fleet import PKI, Fleet
from lab.patched import PatchedController
from lab.wait import wait_until

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs"
CONTROLLER = "control"
NODES = ("srv712695", "calypso", "srv712429")  # in the manifest's order
RULE = "198.18.255.0/24"
ENDED = ("complete", "reverted", "halted", "aborted", "incomplete")
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
    return Fleet(lab, controller=CONTROLLER, soak="2s").install()


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


# -- people and holds ------------------------------------------------------------------------------

def sign(fleet, pki, name):
    """DRILL as NAME, compiled and signed at one of two desks, to be started later."""
    path = fleet.write_change(name, DRILL).removesuffix(".yaml")
    words = ["/usr/bin/oceanidctl", "--pki", pki, "--controller", fleet.url, "manifest"]
    fleet.operator.run([*words, "build", f"{path}.yaml", "-o", f"{path}.manifest"])
    fleet.operator.run([*words, "sign", f"{path}.manifest", "-o", f"{path}.signed",
                        *fleet.approval(name, DRILL)])
    return f"{path}.signed"


def bar_by_name(fleet, pki, name):
    """What no controller takes, because the other ledger's has its sequence, bars all others at its
    desk until its name is barred."""
    words = ["/usr/bin/oceanidctl", "--pki", pki, "--controller", fleet.url, "manifest"]
    path = fleet.write_change("another", DRILL).removesuffix(".yaml")
    fleet.operator.run([*words, "build", f"{path}.yaml", "-o", f"{path}.manifest"])
    done = fleet.operator.run([*words, "sign", f"{path}.manifest", "-o", f"{path}.signed",
                               *fleet.approval("another", DRILL)], check=False)
    assert done.returncode != 0 and f"`oceanidctl manifest void {name}` ends it" in done.stderr, (
        done.stderr)
    done = fleet.operator.run([*words, "void", name, "-o", "json"])
    assert json.loads(done.stdout)["ended"], done.stdout


def test_two_approve_two_changes_in_the_same_second(fleet):
    """Each has a ledger of his own, so nothing on their desks keeps them apart."""
    fleet.operator.run(["cp", "-r", PKI, f"{PKI}-of-bob"])
    signed = {name: sign(fleet, pki, name)
              for name, pki in (("of-anna", PKI), ("of-bob", f"{PKI}-of-bob"))}
    running = {name: fleet.operator.popen(
        ["/usr/bin/oceanidctl", "--pki", PKI, "--controller", fleet.url, "rollout", "start", path,
         "--no-watch"], name=name) for name, path in signed.items()}
    codes = {name: process.wait(30) for name, process in running.items()}
    assert sorted(codes.values()) == [0, 1], {name: p.output() for name, p in running.items()}
    winner, loser = sorted(codes, key=codes.get)
    assert fleet.rollout()["change"] == winner
    said = running[loser].output()
    if "has not answered in time" in said:  # too late for it on a loaded machine: asked again
        said = fleet.ctl("rollout", "start", signed[loser], "--no-watch", check=False).stderr
    assert re.search(rf"rollout \d+, {winner}, is open: .*; one at a time", said), said
    assert [one["change"] for one in fleet.json("rollout", "list")["rollouts"]].count(loser) == 0
    fleet.ctl("rollout", "abort")
    fleet.wait_outcome(ENDED)
    bar_by_name(fleet, PKI if loser == "of-anna" else f"{PKI}-of-bob", loser)
    if winner == "of-bob":
        fleet.operator.run(["rm", "-r", PKI])
        fleet.operator.run(["mv", f"{PKI}-of-bob", PKI])


@pytest.fixture
def pairs(fleet):
    """A fleet in which two nodes go at once behind the first one: none of them is protected, nor
    what comes last unsaid."""
    text = fleet.text
    for old, new in (("protected: true, ", ""), ("exit-node: true, ", ""),
                     ("api-server: true,", ""),
                     ("pause_after: first", "pause_after: first, stage_size: 2")):
        text = text.replace(old, new)
    fleet.read_again(text)
    yield
    fleet.read_again(fleet.text)


def has_rule(fleet, name):
    return RULE in fleet.lab[name].ip("rule", "show")


def test_a_pause_holds_the_next_stage_and_then_two_go_at_once(fleet, pairs):
    fleet.start("pair", DRILL)
    fleet.wait_state("srv712695", "on trial")
    assert re.search(r"waits for srv712695's guard to confirm or to take it back, since .*\n"
                     r"  goes on by itself, nothing to do; to end it: `oceanidctl rollout abort`",
                     fleet.ctl("rollout", "show").stdout)
    fleet.ctl("rollout", "pause", "--reason", "lunch")
    rollout = fleet.wait_rollout(lambda r: r["state"] == "paused", 20, "the first to confirm")
    assert [(node["name"], node["stage"]) for node in rollout["nodes"]] == [
        ("srv712695", 1), ("calypso", 2), ("srv712429", 2)]
    fleet.controller.restart_unit("oceanid-controller")
    fleet.wait_settled()
    assert fleet.ctl("rollout", "next", check=False).returncode == 1
    shown = fleet.ctl("rollout", "show").stdout
    assert "hold 1 of operator: lunch; `oceanidctl hold lift 1` lifts it" in shown
    assert re.search(r"waits for hold 1 of operator on the fleet \(pause\): lunch; a person, since .*"
                     r"\n  what moves it: `oceanidctl rollout resume`", shown)
    ours = fleet.json("hold", "add", "pause", "--node", "calypso", "--reason", "moving house")["id"]
    fleet.ctl("rollout", "resume", "--no-watch")
    fleet.wait_rollout(lambda r: "moving house" in r["sentence"], 20, "the node's own pause to stay")
    assert f"`oceanidctl hold lift {ours} && oceanidctl rollout next`" in fleet.ctl(
        "rollout", "show").stdout
    fleet.ctl("hold", "lift", str(ours))
    fleet.ctl("rollout", "next", "--no-watch")
    fleet.wait_rollout(lambda r: [n["state"] for n in r["nodes"]] == [
        "confirmed", "on trial", "on trial"], 30, "both to be on trial at once")
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    assert all(has_rule(fleet, name) for name in NODES)


def told(fleet, *words):
    """What oceanidctl prints, as docs/rollout.md has it: without proofs, and with what differs from
    run to run written as one."""
    lines = [line for line in fleet.ctl(*words).stdout.splitlines()
             if not line.startswith("  proof ")]
    if words[0] == "audit":
        lines = [line for line in lines if " pair-fails " in line and " -> " in line]
    text = "\n".join(line.rstrip() for line in lines)
    for volatile, settled in ((r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z0-9+-]+",
                               "2026-01-01 12:00:00 UTC"),
                              (r"(?m)^ +\d+(?=  2026)", "    71"),
                              (r"\b\d+ ms\b", "7 ms"),
                              (r"valid for (?:\d+ (?:h|min|s)\b ?)+", "valid for 1 h"),
                              (r"way \d+\.\d s = \d+\.\d s", "way 0.5 s = 3.5 s"),
                              (r"way = \d+\.\d s", "way = 6.5 s"),
                              (r"(rollout|sequence) \d+", r"\1 7")):
        text = re.sub(volatile, settled, text)
    return f"$ oceanidctl {' '.join(words)}\n{text}\n"


def compare_story(story):
    """With what docs/rollout.md says behind the name of this test; GOLDEN=update rewrites it."""
    page = DOCS / "rollout.md"
    head, block, tail = re.fullmatch(
        r"(.*test_one_of_two_at_once_fails.*?\n```\n)(.*?)(```\n.*)", page.read_text(),
        re.S).groups()
    if os.environ.get("GOLDEN") == "update":
        page.write_text(head + story + tail)
    else:
        assert story == block


def test_one_of_two_at_once_fails(fleet, pairs):
    """Its guard dies: what stood is taken back there by itself, then the trial beside it, then the
    first node. What an operator sees of it is the story in docs/rollout.md."""
    fleet.start("pair-fails", DRILL.replace("reference:", "soak: 6s\nreference:"))
    fleet.wait_rollout(lambda r: r["waiting_for"] == "next", 30, "the first to confirm")
    story = told(fleet, "rollout", "show")
    fleet.ctl("rollout", "next", "--no-watch")
    fleet.wait_rollout(lambda r: [n["state"] for n in r["nodes"]] == [
        "confirmed", "on trial", "on trial"], 30, "both to be on trial at once")
    fleet.lab["calypso"].unit("oceanid-guard").kill(signal.SIGKILL)
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "reverted"
    assert not any(has_rule(fleet, name) for name in NODES)
    ends = [line for line in fleet.audit()
            if " pair-fails " in line and "its guard's receipt" in line]
    order = [next(i for i, line in enumerate(ends) if f": {node} {end}" in line)
             for node, end in (("calypso", "reverted"), ("srv712429", "reverted"),
                               ("srv712695", "popped"))]
    assert order == sorted(order), ends
    compare_story(f"{story}$ oceanidctl rollout next\n{told(fleet, 'rollout', 'show')}"
                  f"{told(fleet, 'audit', 'show')}")


def check_maintenance(fleet):
    """Whoever reaches the controller neither puts nor ends it; oceanidctl signs it."""
    assert "oceanidctl node maintenance" in fleet.ctl(
        "hold", "add", "maintenance", "--node", "calypso", "--reason", "x", check=False).stderr
    fleet.ctl("node", "maintenance", "calypso", "--reason", "a new disk")
    held = fleet.json("hold", "list")["holds"]
    assert [(hold["kind"], hold["scope"], hold["by"]) for hold in held] == [
        ("maintenance", "calypso", "operator")]
    assert fleet.ctl("hold", "lift", str(held[0]["id"]), check=False).returncode == 4
    fleet.ctl("node", "return", "calypso")
    assert fleet.json("hold", "list")["holds"] == []


def test_a_node_that_leaves_the_roster_is_not_waited_for(fleet):
    """calypso is gone for good, and was to be next: what stands is taken back without it. Before,
    somebody works there: both are steps that are signed into the roster."""
    check_maintenance(fleet)
    fleet.start("gone", DRILL)
    fleet.wait_rollout(lambda r: r["waiting_for"] == "next", 20, "the first to confirm")
    fleet.ctl("node", "remove", "calypso", "--yes")
    rollout = fleet.wait_outcome(("complete", "reverted", "halted"))
    assert rollout["outcome"] == "reverted"
    assert "taken back on every node" in rollout["sentence"]  # it never began on calypso
    assert not has_rule(fleet, "srv712695")
    fleet.join(fleet.lab["calypso"])
