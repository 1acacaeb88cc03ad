"""rollout: one change travels over the fleet, is proven, confirmed, or comes back by itself."""

import re
import signal

import pytest

from lab import changes
from lab.wait import stays, wait_until

ENDED_BADLY = ("reverted", "halted", "aborted", "incomplete")
CANARY = """\
  - { name: canary, kind: tcp, for: [calypso], to: "198.19.0.10:80", severity: critical,
      interval: 2s }
"""


def exit_node_of(lab, name):
    """The pref as tailscaled has it: "" for none."""
    return lab.tailnet.prefs(lab[name])["ExitNodeID"]


def ssh_from_office(lab):
    return lab["office"].ssh_banner("203.0.113.10")


def quarantines(fleet):
    """The receipts that stand in quarantine, each once: a receipt may hold several objects."""
    held = fleet.json("hold", "list")["holds"]
    return list(dict.fromkeys(hold["receipt"] for hold in held if hold["kind"] == "quarantine"))


def lift_all(text, fleet):
    return changes.with_quarantines(text, quarantines(fleet))


def roll_back_all(fleet):
    fleet.ctl("emergency-rollback", "--all", "--yes", check=False)


@pytest.fixture(autouse=True)
def fresh(fleet):
    """Each test begins and ends with a fleet on which nothing of ours stands."""
    yield
    for host in fleet.lab.hosts.values():
        host.undrop()
    roll_back_all(fleet)
    fleet.wait_settled()


def test_status_shows_a_healthy_fleet(fleet):
    nodes = fleet.nodes()
    assert {name for name, node in nodes.items() if node["health"] == "pass"} >= {
        "srv712695", "srv712429", "calypso"}
    text = fleet.ctl("status").stdout
    for name in ("srv712695", "srv712429", "calypso", "office"):
        assert name in text


def test_incident_is_refused_with_its_reason(fleet):
    before = fleet.lab["srv712695"].ip("rule", "show")
    done = fleet.start("incident", changes.INCIDENT, check=False)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert re.search(r"replies from 203\.0\.113\.10 to .* would leave by tailscale0", said)
    assert fleet.lab["srv712695"].ip("rule", "show") == before
    assert exit_node_of(fleet.lab, "srv712695") == ""
    assert ssh_from_office(fleet.lab)


def test_lost_way_reverts_by_itself_and_is_quarantined(fleet):
    lab = fleet.lab
    fleet.start("second-gateway", changes.BLACK_HOLE)
    wait_until(lambda: "203.0.113.254" in lab["srv712695"].ip("route"), 30, "the change to be on")
    wait_until(lambda: "203.0.113.254" not in lab["srv712695"].ip("route"), 40, "the revert")
    rollout = fleet.wait_outcome(ENDED_BADLY)
    assert rollout["outcome"] == "reverted"
    wait_until(lambda: ssh_from_office(lab), 10, "SSH from outside")
    holds = fleet.json("hold", "list")["holds"]
    assert [hold["scope"] for hold in holds if hold["kind"] == "quarantine"].count("srv712695") > 0
    again = fleet.start("second-gateway-again", changes.BLACK_HOLE, check=False)
    assert again.returncode in (1, 4)
    assert "quarantine" in again.stdout + again.stderr


def test_special_witness_does_not_count(fleet):
    """Step 4 of the story: the controller's host sees SSH, the outside witness does not."""
    lab = fleet.lab
    fleet.wait_needed("srv712695", ["egress-address"])
    fleet.start("subtle", changes.SUBTLE)
    rollout = fleet.wait_outcome(ENDED_BADLY)
    assert rollout["outcome"] == "reverted"
    audit = "\n".join(fleet.audit())
    assert "srv712429: pass, not counted" in audit
    assert "office: fail" in audit
    wait_until(lambda: exit_node_of(lab, "srv712695") == "", 10, "the pref to be back")
    wait_until(lambda: ssh_from_office(lab), 10, "SSH from outside")


class HeldBack:
    """Between srv712695's agent and its guard stands tests/drive: whatever the agent's own
    statements say to fail passes, signed with the agent's key. All else goes its way: witnesses,
    and the agent's word on whether they count."""

    def __init__(self, fleet):
        self.node = fleet.lab["srv712695"]
        self.config = self.node.path("/etc/oceanid/agent.yaml")
        self.as_it_was = self.config.read_text()
        self.between = None

    def __enter__(self):
        self.between = self.node.popen(
            ["/usr/sbin/drive", "between", "/run/between.sock", "/run/oceanid/guard.sock",
             "/var/lib/oceanid/agent/key.pem"], name="between")
        self.use(self.as_it_was.replace("/run/oceanid/guard.sock", "/run/between.sock"))
        return self

    def use(self, config):
        self.config.write_text(config)
        self.node.restart_unit("oceanid-agent")

    def said(self):
        """What of the node's own word was held back, a line each."""
        return [line for line in self.between.output().splitlines() if "held back: " in line]

    def __exit__(self, *_):
        self.use(self.as_it_was)
        self.between.stop()


@pytest.fixture
def held_back(fleet):
    with HeldBack(fleet) as held:
        fleet.wait_settled()
        yield held
    fleet.wait_settled()


def start_subtle(fleet, name):
    """Step 4 once more, while calypso is no witness: its SSH fails before the change already."""
    fleet.lab["calypso"].drop_port("tcp", 22, "out")
    fleet.wait_needed("srv712695", ["egress-address"])
    fleet.start(name, lift_all(changes.SUBTLE, fleet))


def receipt_of(fleet, change):
    """What the audit says of the end that srv712695's guard signed."""
    lines = [line for line in fleet.audit() if " receipt " in line and f" {change} " in line]
    return lines[-1]


def test_an_outside_witness_says_no_where_the_node_says_yes(fleet, held_back):
    """It is the witnesses who decide: the node's own no is held back, and nobody else says one."""
    start_subtle(fleet, "subtle-held-back")
    assert fleet.wait_outcome(("complete", *ENDED_BADLY))["outcome"] == "reverted"
    assert any("ssh-reply-path" in line for line in held_back.said())
    receipt = receipt_of(fleet, "subtle-held-back")
    assert "srv712695: reverted, the proof failed: witness office: ssh: no answer" in receipt
    audit = "\n".join(fleet.audit())
    assert "srv712429: pass, not counted" in audit
    assert "office: fail, counted" in audit
    wait_until(lambda: ssh_from_office(fleet.lab), 10, "SSH from outside")


@pytest.mark.tailnet("standin")
def test_an_outside_witness_is_silent_where_the_node_says_yes(fleet, held_back):
    """Nobody who counts says anything: silence is never a yes, and the lease runs out."""
    witness = fleet.lab["office"].unit("oceanid-agent")
    start_subtle(fleet, "subtle-silent")
    fleet.wait_state("srv712695", "on trial")
    witness.kill(signal.SIGSTOP)
    try:
        outcome = fleet.wait_outcome(("complete", *ENDED_BADLY))["outcome"]
    finally:
        witness.kill(signal.SIGCONT)
    assert outcome == "reverted"
    assert any("ssh-reply-path" in line for line in held_back.said())
    receipt = receipt_of(fleet, "subtle-silent")
    assert "srv712695: reverted, the proof was missing: no fresh proof of the quorum" in receipt
    assert "srv712429: pass, not counted" in "\n".join(fleet.audit())
    wait_until(lambda: ssh_from_office(fleet.lab), 10, "SSH from outside")


def check_rehearsal(fleet, lines):
    """Every operation was, but the one that no namespace shows; and people see it."""
    unseen = [line for line in lines if not line.endswith(": accepted and taken back")]
    assert len(lines) > len(unseen) == 1
    assert unseen[0].startswith("tailscale")
    assert "not rehearsed: tailscaled does not run in a namespace" in unseen[0]
    assert "not rehearsed: tailscaled" in fleet.ctl("rollout", "show").stdout


def test_good_change_goes_one_node_after_the_other(fleet):
    lab = fleet.lab
    fleet.wait_needed("srv712695")
    fleet.start("workers-use-exit-node", lift_all(changes.GOOD, fleet))
    fleet.wait_state("srv712695", "on trial")
    assert exit_node_of(lab, "calypso") == ""
    fleet.wait_state("srv712695", "confirmed")
    rollout = fleet.wait_rollout(lambda r: r["waiting_for"] == "next", 20, "it to wait for next")
    assert [node["state"] for node in rollout["nodes"]] == ["confirmed", "waiting"]
    check_rehearsal(fleet, rollout["nodes"][0]["rehearsed"])
    assert lab["srv712695"].egress_address() == "198.51.100.10"
    assert ssh_from_office(lab)
    stays(lambda: exit_node_of(lab, "calypso") == "", 2, "calypso untouched before `next`")
    fleet.ctl("rollout", "next")
    assert fleet.wait_outcome(("complete", *ENDED_BADLY))["outcome"] == "complete"
    assert lab["calypso"].egress_address() == "198.51.100.10"
    assert lab["srv712429"].ssh_banner("100.64.0.3")
    fleet.ctl("emergency-rollback", "--all", "--yes")
    wait_until(lambda: lab["srv712695"].egress_address() == "203.0.113.10", 20, "old egress")
    wait_until(lambda: exit_node_of(lab, "calypso") == "", 20, "calypso's pref to be back")
    assert ssh_from_office(lab)


def test_fixes_that_still_fail_do_not_confirm(fleet):
    fleet.start("mends-nothing", lift_all(changes.MENDS_NOTHING, fleet))
    rollout = fleet.wait_outcome(ENDED_BADLY, 120)
    assert rollout["outcome"] == "reverted"
    assert "198.18.255.0/24" not in fleet.lab["srv712695"].ip("route")


@pytest.fixture
def canary(fleet):
    """A critical check of calypso, which the change does not touch."""
    fleet.read_again(fleet.text.replace("policy:", CANARY + "policy:"))
    wait_until(lambda: fleet.verdict("calypso", "canary") == "pass", 20, "the canary to sing")
    yield
    fleet.read_again(fleet.text)


def test_a_check_that_newly_fails_elsewhere_takes_the_trial_back(fleet, canary):
    """Nothing of its own fails, and no proof: so nothing of it is in quarantine either."""
    fleet.start("fails-elsewhere", lift_all(changes.HARMLESS + "soak: 90s\n", fleet))
    fleet.wait_state("srv712695", "on trial")
    held = quarantines(fleet)
    fleet.lab["calypso"].drop_port("tcp", 80, "out")
    assert fleet.wait_outcome(ENDED_BADLY, 40)["outcome"] == "reverted"
    assert any("a critical check newly fails: the open trial is taken back" in line
               and "calypso: canary" in line for line in fleet.audit())
    assert "aborted" in receipt_of(fleet, "fails-elsewhere")
    assert "198.18.255.0/24" not in fleet.lab["srv712695"].ip("route")
    assert quarantines(fleet) == held


MANY = "".join(f"""\
  - {{ name: many-{i}, kind: tcp, for: [calypso], to: "198.19.0.10:80", severity: warning,
      interval: 10s }}
""" for i in range(56))


@pytest.fixture
def many(fleet):
    """More verdicts of calypso than find room in one report, and the one of `gone` fails."""
    gone = CANARY.replace("canary", "gone").replace(":80", ":81")
    fleet.read_again(fleet.text.replace("policy:", gone + MANY + "policy:"))
    yield
    fleet.read_again(fleet.text)


def test_a_check_that_is_no_more_counts_for_nothing(fleet, many):
    wait_until(lambda: fleet.verdict("calypso", "gone") == "fail", 30, "the check to fail")
    wait_until(lambda: fleet.verdict("calypso", "many-55"), 60, "the last one to be told")
    assert fleet.count_verdicts("calypso") > 64
    fleet.read_again(fleet.text.replace("policy:", MANY + "policy:"))
    wait_until(lambda: fleet.verdict("calypso", "gone") is None, 30, "the check to be forgotten")
    wait_until(lambda: fleet.verdict("calypso", "many-55") == "pass", 60, "the last one to pass")
    fleet.wait_settled()


def test_ghost_confirmation_reverts(fleet):
    """Rule 8: new connections to the controller are dropped, the old one lives."""
    node = fleet.lab["srv712695"]
    node.drop_port("tcp", 7430, "out", new_only=True)
    fleet.start("ghost", lift_all(changes.HARMLESS, fleet))
    wait_until(lambda: "198.18.255.0/24" in node.ip("route"), 30, "the change to be on")
    wait_until(lambda: "198.18.255.0/24" not in node.ip("route"), 40, "the lease to run out")
    node.undrop()
    assert fleet.wait_outcome(ENDED_BADLY)["outcome"] == "reverted"
