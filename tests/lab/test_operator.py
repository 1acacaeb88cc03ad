"""operator: what oceanidctl tells the shell, exit code by exit code, and certificates renewed in use.

0 done and verified; 1 a no, or it ended reverted; 2 usage or bad input; 3 the controller is not
reachable; 4 not allowed; 5 done but incomplete.
"""

import re
import signal

import pytest

from lab import changes
from lab.fleet import PKI
from lab.wait import wait_until

pytestmark = pytest.mark.tailnet("standin")
RULE = "198.18.255.0/24"
OTHER = f"{PKI}-other"
# Harmless on both workers, a stage each.
TWO_NODES = f"""\
reason: A rule that nobody uses.
reference: "#104"
justification: Nothing is broken; this is a drill.
targets: [srv712695, calypso]
waive:
  needed: a drill
operations:
  - rule: {{ priority: 5150, to: {RULE}, lookup: main }}
"""


@pytest.fixture(autouse=True)
def fresh(fleet):
    yield
    fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    fleet.wait_settled()


def code(fleet, *words, **options):
    return fleet.ctl(*words, check=False, **options).returncode


def start_words(fleet, name, text):
    """The words that start change NAME and watch it, as at a terminal."""
    return ["rollout", "start", fleet.write_change(name, text), *fleet.approval(name, text)]


@pytest.fixture
def no_pause(fleet):
    """A fleet whose rollouts go on by themselves from stage to stage."""
    fleet.read_again(fleet.text.replace("pause_after: first", "pause_after: none"))
    yield
    fleet.read_again(fleet.text)


def has_rule(host):
    return RULE in host.ip("rule", "show")


def test_0_done_and_verified(fleet):
    assert fleet.ctl("rollout", "list").stdout == "No rollout yet.\n"
    done = fleet.ctl(*start_words(fleet, "drill", changes.HARMLESS), check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Ended: complete." in done.stdout
    assert code(fleet, "status") == 0
    done = fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "198.18.255.0/24" not in fleet.lab["srv712695"].ip("route")


def test_1_a_gate_says_no(fleet):
    path = fleet.write_change("incident", changes.INCIDENT)
    assert code(fleet, "plan", path) == 1
    words = start_words(fleet, "incident", changes.INCIDENT)
    start = fleet.operator.popen(["/usr/bin/oceanidctl", "--pki", PKI, "--controller", fleet.url,
                                  *words], name="refused")
    assert start.wait(60) == 1
    # In one file, as a pipeline's log: the reason stands behind the plan, not in the middle of it.
    assert start.output().splitlines()[-1].endswith("nothing was signed"), start.output()


def test_1_it_ended_reverted(fleet):
    done = fleet.ctl(*start_words(fleet, "second-gateway", changes.BLACK_HOLE), check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Ended: reverted." in done.stdout
    assert code(fleet, "rollout", "watch") == 1


def test_1_start_waits_because_of_a_no(fleet, no_pause):
    """A freeze that comes while the first node soaks: `start` ends waiting, and that is a no."""
    words = start_words(fleet, "frozen", TWO_NODES)
    start = fleet.operator.popen(["/usr/bin/oceanidctl", "--pki", PKI, "--controller", fleet.url,
                                  *words], name="start")
    fleet.wait_state("srv712695", "on trial")
    fleet.ctl("hold", "add", "--node", "calypso", "--reason", "somebody works there")
    assert start.wait(60) == 1, start.output()
    assert "Waiting for a person" in start.output()
    assert not has_rule(fleet.lab["calypso"])
    assert code(fleet, "rollout", "next") == 1
    assert not has_rule(fleet.lab["calypso"])
    hold, = [hold["id"] for hold in fleet.json("hold", "list")["holds"] if hold["kind"] == "freeze"]
    fleet.ctl("hold", "lift", str(hold), "--reason", "done there")
    done = fleet.ctl("rollout", "next", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert has_rule(fleet.lab["calypso"])


def test_what_a_new_controllers_host_is_missing_is_said(fleet):
    def start(*words):
        return fleet.operator.run(["/usr/sbin/oceanid-controller", *words], check=False)

    for words, said in ((("--wrong",), "'--wrong' is not known: accepted is --config FILE"),
                        (("--config",), "--config: expected a file behind it, found nothing"),
                        (("--config", "a", "b"), "'b' is one word too many")):
        done = start(*words)
        assert done.returncode == 2 and done.stderr.startswith(f"oceanid-controller: {said}")
    done = start("--config", "/none.yaml")
    assert done.returncode == 2 and "a controller.yaml has to be there" in done.stderr, done.stderr
    fleet.write(fleet.operator, "/run/new.yaml", "state: /run/new\n")
    done = start("--config", "/run/new.yaml")
    assert done.returncode == 1 and "`oceanidctl pki init` put in controller/" in done.stderr


def test_2_usage_and_bad_input(fleet):
    before = len(fleet.json("rollout", "list")["rollouts"])
    assert code(fleet, "no-such-command") == 2
    assert code(fleet, "nodes", "-o", "xml") == 2
    done = fleet.ctl("hold", "add", "window", "--reason", "nights", check=False)
    assert done.returncode == 2 and "--open is needed" in done.stderr, done.stderr
    done = fleet.ctl(*start_words(fleet, "bad", changes.HARMLESS + "targetz: [x]\n"), check=False)
    assert done.returncode == 2
    assert "bad.yaml:" in done.stderr and "targetz" in done.stderr
    assert len(fleet.json("rollout", "list")["rollouts"]) == before


def test_3_the_controller_is_not_reachable(fleet):
    """The rescue lines come from what was kept: how to reach each node without the controller."""
    controller = fleet.controller.unit("oceanid-controller")
    controller.stop()
    try:
        done = fleet.ctl("status", check=False)
        assert code(fleet, "rollout", "next") == 3
    finally:
        controller.start()
    assert done.returncode == 3
    for address in ("203.0.113.10", "100.64.0.3", "198.51.100.10"):
        assert f"ssh root@{address} oceanid-rollback --yes" in done.stderr, done.stderr
    assert "hostinger" in done.stderr, done.stderr


def test_a_directory_that_does_not_fit_is_no_dead_controller(fleet):
    """Another fleet's: nobody there is proven to be its controller, which may also be one whose
    certificate has run out, so how to do without it is said. One's own without its certificate:
    that alone, for nobody was asked."""
    def ctl_by(directory, *words):
        return fleet.operator.run(["/usr/bin/oceanidctl", "--pki", directory, "--controller",
                                   fleet.url, *words], check=False)

    fleet.operator.run(["rm", "-rf", OTHER])
    fleet.operator.run(["/usr/bin/oceanidctl", "--pki", OTHER, "pki", "init"])
    done = ctl_by(OTHER, "status")
    assert done.returncode == 3, done.stderr
    assert f"expected a certificate by {OTHER}/ca.pem, observed: " in done.stderr, done.stderr
    assert "--pki DIR names this one's" in done.stderr and "oceanid-rollback" in done.stderr
    fleet.ctl("status")                                 # which keeps how to reach the nodes
    fleet.operator.run(["cp", "-rT", PKI, OTHER])
    fleet.operator.run(["rm", f"{OTHER}/operator.pem"])
    done = ctl_by(OTHER, "status")
    assert done.returncode == 2, done.stderr
    assert "operator.pem: No such file" in done.stderr and "was not asked" in done.stderr
    assert "ssh root@" not in done.stderr


def test_4_not_allowed(fleet):
    path = fleet.write_change("misnamed", changes.HARMLESS)
    assert code(fleet, "rollout", "start", path, "--approve", "another", "--no-watch") == 4
    done = fleet.ctl("rollout", "start", path, check=False, input="yes\n")
    assert done.returncode == 4, done.stdout + done.stderr
    done = fleet.ctl("rollout", "start", path, "--approve", "misnamed", check=False,
                     input="a drill\n")  # not the justification that is written there
    assert done.returncode == 4 and "type the justification again" in done.stderr, done.stderr
    done = fleet.controller.run(["/usr/bin/oceanidctl", "hold", "add", "--reason", "no role"],
                                user="oceanid-controller", check=False)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "oceanid-controller" in done.stderr and "role" in done.stderr
    assert any("refused" in line and "POST /v1/holds" in line for line in fleet.audit())


def test_5_done_but_incomplete(fleet):
    lab, node = fleet.lab, fleet.lab["srv712695"]
    fleet.wait_needed("srv712695")
    fleet.start("exit-node", changes.ONE_NODE)
    fleet.wait_state("srv712695", "confirmed")
    lab.tailnet.freeze(node)
    try:
        done = fleet.ctl("emergency-rollback", "--all", "--yes", "--wait", "10s", check=False)
    finally:
        lab.tailnet.thaw(node)
    assert done.returncode == 5, done.stdout + done.stderr
    wait_until(lambda: lab.tailnet.prefs(node)["ExitNodeID"] == "", 30, "the pref to follow")


def standing(fleet, name):
    return [made["change"] for made in fleet.json("node", name)["generations"]]


@pytest.mark.parametrize("controller_lives", [True, False])
def test_1_an_emergency_given_again_takes_nothing_older(fleet, controller_lives):
    """Its answer was lost on a bad line: whoever gives it again has not said yes to an older one."""
    node = "srv712695"
    changed = ["older", "newer"]
    for number, name in enumerate(changed):
        fleet.wait_settled()
        fleet.start(name, changes.HARMLESS.replace(RULE, f"198.18.{number}.0/24"))
        assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    older = fleet.json("rollout", "list")["rollouts"][1]
    fleet.ctl("emergency-rollback", "--yes", "--wait", "0s", "--reason", "drill", check=False)
    wait_until(lambda: standing(fleet, node) == ["older"], 20, "the newer one to go")
    if not controller_lives:
        controller = fleet.controller.unit("oceanid-controller")
        controller.kill(signal.SIGKILL)
        controller.stop()
        controller.start()
        fleet.wait_settled()
    for _ in range(3):
        done = fleet.ctl("emergency-rollback", "--yes", check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "newer, was asked back" in done.stderr and "(drill)" in done.stderr
        assert f"emergency-rollback --rollout {older['id']} --yes`" in done.stderr
        assert standing(fleet, node) == ["older"]
    done = fleet.ctl("emergency-rollback", "--rollout", str(older["id"]), "--yes", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert standing(fleet, node) == []


def write_ssh(fleet):
    """The operator's own ssh, with his key; PATH begins with where it lies."""
    path = fleet.operator.path(f"{PKI}/bin/ssh")
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"""#!/bin/sh
exec /usr/bin/ssh -F none -i {fleet.lab.key} -o StrictHostKeyChecking=no \\
    -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR "$@"
""")
    path.chmod(0o755)
    return {"PATH": f"{PKI}/bin:/usr/bin:/bin"}


def test_5_directly_with_the_controller_killed(fleet):
    """office is not in the tailnet, so calypso is out of its ssh's reach; the others come back."""
    node = fleet.lab["srv712695"]
    fleet.wait_settled()
    fleet.start("direct", changes.HARMLESS)
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    wait_until(lambda: "direct" in fleet.ctl("status").stdout, 20, "status to show what stands")
    words = ["/usr/bin/oceanidctl", "--pki", PKI, "--controller", fleet.url, "emergency-rollback",
             "--direct", "--yes", "--wait", "30s"]
    controller = fleet.controller.unit("oceanid-controller")
    controller.kill(signal.SIGKILL)
    controller.stop()
    try:
        assert RULE in node.ip("route")
        done = fleet.operator.run(words, check=False, env=write_ssh(fleet), timeout=60)
        assert RULE not in node.ip("route")
        only = fleet.operator.run([*words, "--node", "srv712695"], check=False,
                                  env=write_ssh(fleet), timeout=60)
    finally:
        controller.start()
    assert done.returncode == 5, done.stdout + done.stderr
    states = {line.split()[0]: line[21:33].strip() for line in done.stdout.splitlines()}
    assert states == {"srv712695": "back", "srv712429": "back", "calypso": "not reached"}, \
        done.stdout + done.stderr
    assert only.returncode == 0, only.stdout + only.stderr


@pytest.mark.parametrize("controller_lives", [True, False])
def test_a_rescue_bars_no_later_change(fleet, controller_lives):
    """What root ended on the node, with nobody listening, is known when the next one is signed."""
    node = fleet.lab["srv712695"]
    fleet.wait_settled()
    fleet.start("ended-by-root", changes.HARMLESS)
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    controller = fleet.controller.unit("oceanid-controller")
    if not controller_lives:
        controller.kill(signal.SIGKILL)
        controller.stop()
    try:
        assert "Done and verified" in node.run(["/usr/sbin/oceanid-rollback", "--yes"]).stdout
    finally:
        if not controller_lives:
            controller.start()
    wait_until(lambda: any("rescued by root" in row for row in fleet.audit()), 30,
               "its receipt to be in the audit")
    fleet.wait_settled()
    fleet.start("after-it", changes.HARMLESS)
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"


def resume(fleet):
    """What `rollout resume` says; it is no failure that nothing goes on."""
    done = fleet.ctl("rollout", "resume", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == ""
    return done.stderr


def test_0_resume_where_no_rollout_is_open(fleet):
    """Lifting is all that it was asked for then: whatever became of the newest one."""
    fleet.ctl("rollout", "pause", "--reason", "lunch")
    assert "is lifted\noceanidctl: lifted; no rollout is open\n" in resume(fleet)
    assert "pause" not in [hold["kind"] for hold in fleet.json("hold", "list")["holds"]]
    fleet.wait_settled()
    fleet.start("aborted", changes.HARMLESS)
    fleet.ctl("rollout", "abort")
    assert fleet.rollout()["outcome"] == "aborted"
    fleet.ctl("rollout", "pause", "--reason", "lunch")
    assert "lifted; no rollout is open" in resume(fleet)
    assert "no pause of the fleet is in force, and no rollout is open" in resume(fleet)


def test_0_plan_of_what_nobody_signed(fleet):
    """`approved` comes with the signature: plan's exit code is as its help says."""
    fleet.wait_settled()
    done = fleet.ctl("plan", fleet.write_change("unsigned", changes.HARMLESS), check=False)
    assert re.search(r"^unknown +approved ", done.stdout, re.M), done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(fleet.ctl("help", "plan").stdout.split())
    assert "Exit 1 when a question but the third, which only a signature answers," in said, said


def sign(fleet, name, text, pki=PKI):
    path = fleet.write_change(name, text).removesuffix(".yaml")
    words = ["/usr/bin/oceanidctl", "--pki", pki, "--controller", fleet.url, "manifest"]
    fleet.operator.run([*words, "build", f"{path}.yaml", "-o", f"{path}.manifest"])
    fleet.operator.run([*words, "sign", f"{path}.manifest", "-o", f"{path}.signed",
                        *fleet.approval(name, text)])
    return f"{path}.signed"


def expect_blocked(fleet, signed, number, words):
    """`preflight` says no to that question, in these words; and so does a start."""
    done = fleet.ctl("preflight", signed, check=False)
    assert done.returncode == 1 and "Blocked: " in done.stdout, done.stdout + done.stderr
    assert re.search(rf"^no      {number}\. .*{words}", done.stdout, re.M), done.stdout
    done = fleet.ctl("rollout", "start", signed, "--no-watch", check=False)
    assert done.returncode == 1 and re.search(words, done.stderr), done.stdout + done.stderr


def test_what_takes_ssh_off_the_tailnet_is_no(fleet):
    """Of calypso, which is reached by the tailnet alone; before anything is touched."""
    fleet.wait_settled()
    done = fleet.ctl("plan", fleet.write_change("off", changes.OFF_THE_TAILNET), check=False)
    said = "replies from 100.64.0.3 to 100.64.0.0/10 would leave by "
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(rf"^fail    ssh-path .*\n +calypso: {said}.* \(rule 5100,", done.stdout, re.M), \
        done.stdout
    assert f"BREAKS     {said}" in done.stdout, done.stdout
    assert "by the controller's fleet.yaml" not in done.stderr, done.stderr


def without_cluster(text):
    return re.sub(r"(?ms)^cluster:.*?(?=^checks:)", "", text)


def test_a_cluster_that_is_not_declared_is_no_yes(fleet):
    """The nodes show one, which their fleet.yaml does not declare: no flow of it is asked about."""
    fleet.wait_settled()
    fleet.read_again(without_cluster(fleet.text))
    try:
        done = fleet.ctl("preflight", check=False)
    finally:
        fleet.read_again(fleet.text)
    assert done.returncode == 1, done.stdout + done.stderr
    assert re.search(r"^unsure  6\. .* is a cluster's, and fleet.yaml declares none", done.stdout,
                     re.M), done.stdout


def test_a_file_that_declares_less_is_told(fleet):
    """Less is given to the guards then than by the controller's fleet.yaml."""
    fleet.wait_settled()
    path = f"{PKI}/less.yaml"
    whole = fleet.controller.run(["cat", "/etc/oceanid/fleet.yaml"])
    fleet.write(fleet.operator, path, without_cluster(whole.stdout))
    done = fleet.ctl("plan", fleet.write_change("drill", changes.HARMLESS), "--fleet", path,
                     check=False)
    assert re.search(r"by the controller's fleet.yaml its guard would protect \d+ flows more: "
                     r"api-server to 198.51.100.10/32, ", done.stderr), done.stderr
    assert re.search(r"^pass    cluster-path ", done.stdout, re.M), done.stdout


def test_preflight_and_a_proposal(fleet):
    """0 for a fleet as it should be, 1 under a freeze; a proposal that the controller would read."""
    fleet.wait_settled()
    done = fleet.ctl("preflight", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line[8:10] for line in done.stdout.splitlines()[:9]] == [f"{n}." for n in range(1, 10)]
    assert [line.split()[0] for line in done.stdout.splitlines()[:9]] == [
        "yes", "n/a", "n/a", "n/a", "n/a", "yes", "yes", "n/a", "yes"], done.stdout
    assert "answered an explicit yes? no change is named, and nobody was asked" in done.stdout
    hold = fleet.json("hold", "add", "--reason", "a drill")["id"]
    assert code(fleet, "preflight") == 1
    fleet.ctl("hold", "lift", str(hold))
    assert code(fleet, "preflight", fleet.write_change("drill", changes.HARMLESS)) == 1  # unsigned
    fleet.operator.run(["cp", "-r", PKI, f"{PKI}-of-bob"])
    signed = sign(fleet, "signed-drill", changes.HARMLESS)
    hold = fleet.json("hold", "add", "--reason", "a drill")["id"]
    assert code(fleet, "preflight", signed) == 1
    fleet.ctl("hold", "lift", str(hold))
    done = fleet.ctl("preflight", signed, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    of_bob = sign(fleet, "of-bob", changes.HARMLESS, f"{PKI}-of-bob")
    fleet.operator.run(["rm", "-r", f"{PKI}-of-bob"])
    fleet.ctl("rollout", "start", signed, "--no-watch")
    expect_blocked(fleet, of_bob, 5, r"rollout \d+, signed-drill, is open")
    assert fleet.wait_outcome(("complete", "reverted", "halted"))["outcome"] == "complete"
    expect_blocked(fleet, signed, 3, r"sequence \d+ of this manifest is rollout \d+ already")
    expect_blocked(fleet, of_bob, 3, r"sequence \d+ was signed for another manifest")
    done = fleet.ctl("fleet", "propose", f"{PKI}/proposed.yaml")
    text = fleet.operator.path(f"{PKI}/proposed.yaml").read_text()
    for part in ("203.0.113.10", "198.51.100.10", "SHA256:", "protected: true", "office"):
        assert part in text, text + done.stderr
    assert "console is not known" in done.stderr
    assert code(fleet, "fleet", "propose", f"{PKI}/proposed.yaml") == 1
    assert fleet.operator.path(f"{PKI}/proposed.yaml").read_text() == text
    assert "srv712695: {" in fleet.ctl("fleet", "show").stdout


# -- rehearsals ------------------------------------------------------------------------------------

KERNEL = "the kernel says: Invalid argument: Nexthop has invalid gateway"
SHOWN = "route: 198.18.255.0/24 via 203.0.113.1 dev eth0: accepted and taken back"


def rehearsed(fleet, part):
    """The audit's rows of rehearsals that say so."""
    return [line for line in fleet.audit() if "rehearsal" in line and part in line]


def test_a_plan_is_rehearsed_on_the_node_itself(fleet):
    """The model sees nothing wrong in a gateway that is a broadcast address; the kernel does. What
    it said stands in the audit, also for the controller that comes after."""
    node = fleet.lab["srv712695"]
    before = node.ip("route", "show", "table", "all")
    bad = fleet.write_change("no-such-gateway", changes.REFUSED_BY_THE_KERNEL)
    good = fleet.write_change("drill", changes.HARMLESS)
    done = fleet.ctl("plan", bad, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "fail    reversible" in done.stdout and KERNEL in done.stdout, done.stdout
    rollouts = len(fleet.json("rollout", "list")["rollouts"])
    assert code(fleet, "rollout", "start", bad, "--approve", "no-such-gateway") == 1
    assert len(fleet.json("rollout", "list")["rollouts"]) == rollouts
    done = fleet.ctl("plan", good, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert SHOWN in done.stdout, done.stdout
    assert node.ip("route", "show", "table", "all") == before
    fleet.start("drill", changes.HARMLESS)
    fleet.wait_outcome("complete")
    fleet.controller.restart_unit("oceanid-controller")
    fleet.wait_settled()
    assert len(rehearsed(fleet, KERNEL)) == 1
    assert len(rehearsed(fleet, "dev eth0): accepted and taken back")) >= 1
    assert SHOWN in fleet.ctl("rollout", "show").stdout


def test_nobody_who_rehearses_is_no_yes(fleet):
    path = fleet.write_change("unrehearsed", TWO_NODES)
    socket = fleet.lab["srv712695"].socket_unit("oceanid-rehearse.socket")
    socket.stop()
    try:
        done = fleet.ctl("plan", path, check=False)
    finally:
        socket.start()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "unknown reversible" in done.stdout, done.stdout
    assert "not done: oceanid-rehearse: connect to" in done.stdout, done.stdout
    done = fleet.ctl("plan", path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# -- certificates ----------------------------------------------------------------------------------

def renew(fleet, check=True):
    """Where the controller is, it knows from `pki init`."""
    return fleet.operator.run(["/usr/bin/oceanidctl", "--pki", PKI, "pki", "renew"], check=check)


def certificate(fleet, path):
    """What `openssl x509` says of one: its end, its serial, its key."""
    return fleet.operator.run(["openssl", "x509", "-in", path, "-noout", "-enddate", "-serial",
                               "-pubkey"]).stdout


def test_renewed_certificates_serve(fleet):
    """The keys stay, the certificates are new, and everybody goes on with them."""
    names = (f"{PKI}/operator.pem", f"{PKI}/controller/cert.pem")
    before = [certificate(fleet, name) for name in names]
    done = renew(fleet)
    assert "730 days" in done.stdout
    after = [certificate(fleet, name) for name in names]
    for old, new in zip(before, after):
        assert old.splitlines()[2:] == new.splitlines()[2:]  # the key
        assert old.splitlines()[1] != new.splitlines()[1]    # the serial
    assert code(fleet, "status") == 0  # the operator's new one, the controller's old one
    fleet.copy(fleet.operator, names[1], fleet.controller, "/var/lib/oceanid/controller/cert.pem")
    fleet.controller.run(["chown", "oceanid-controller:", "/var/lib/oceanid/controller/cert.pem"])
    fleet.controller.restart_unit("oceanid-controller")
    fleet.wait_settled()
    served = fleet.operator.run(["sh", "-c", f"openssl s_client -connect {fleet.controller.address}"
                                 ":7431 </dev/null 2>/dev/null | openssl x509 -noout -serial"])
    assert served.stdout.strip() == after[1].splitlines()[1]


def test_renewing_without_the_ca_is_refused(fleet):
    before = certificate(fleet, f"{PKI}/operator.pem")
    fleet.operator.run(["mv", f"{PKI}/ca.key", f"{PKI}/away.key"])
    try:
        done = renew(fleet, check=False)
    finally:
        fleet.operator.run(["mv", f"{PKI}/away.key", f"{PKI}/ca.key"])
    assert done.returncode == 2 and "ca.key" in done.stderr, done.stderr
    assert certificate(fleet, f"{PKI}/operator.pem") == before


def test_a_roster_is_signed_anew_by_the_next_approver(fleet):
    """Another approver's directory, with the roster as the fleet has it: nobody there goes by it
    until the new approver has looked at its keys and signed them."""
    def other(*words, **options):
        return fleet.operator.run(
            ["/usr/bin/oceanidctl", "--pki", OTHER, "--controller", fleet.url, *words],
            check=False, **options)

    fleet.operator.run(["rm", "-rf", OTHER])
    fleet.operator.run(["/usr/bin/oceanidctl", "--pki", OTHER, "pki", "init"])
    fleet.operator.run(["cp", f"{PKI}/roster", f"{OTHER}/roster"])
    refused = other("node", "remove", "calypso", "--yes")
    assert refused.returncode == 4
    assert "is not signed by an approver" in refused.stderr and "roster sign" in refused.stderr
    asked = other("roster", "sign", input="no\n")
    assert asked.returncode == 4 and "nothing was signed" in asked.stderr
    signed = other("roster", "sign", "--yes")
    assert signed.returncode == 5, signed.stderr    # by this fleet's controller nobody goes by it
    for name in ("node srv712695", "node calypso", "witness office", "guard's key"):
        assert name in signed.stdout
    assert "is not known" in signed.stderr  # this fleet's controller is another's
    removed = other("node", "remove", "calypso", "--yes")
    assert removed.returncode == 5
    assert f"calypso is removed in {OTHER}/roster only" in removed.stdout, removed.stdout


def test_a_roster_of_an_old_directory_changes_nothing(fleet):
    """However often it is tried: with its next version but one it would pass for a newer one."""
    def ctl_by(directory, *words):
        return fleet.operator.run(["/usr/bin/oceanidctl", "--pki", directory, "--controller",
                                   fleet.url, *words], check=False)

    fleet.operator.run(["rm", "-rf", OTHER])
    fleet.operator.run(["cp", "-r", PKI, OTHER])
    fleet.ctl("node", "maintenance", "calypso", "--reason", "a new disk")
    try:
        for _ in range(3):
            done = ctl_by(OTHER, "node", "remove", "calypso", "--yes")
            assert done.returncode == 1, done.stdout + done.stderr
            assert "nothing was signed" in done.stderr and "is removed" not in done.stdout
        assert "calypso" in fleet.nodes()
    finally:
        done = fleet.ctl("node", "return", "calypso")
    assert "calypso is back by roster version" in done.stdout
