"""store: a controller whose disk is full, read-only or damaged, or whose database is an older one:
it says so, leads nothing, the leases run out, and nothing is half done.
"""

import pathlib
import re
import shutil

import pytest

from lab import changes
from lab.fleet import PKI, Fleet
from lab.wait import wait_until

pytestmark = pytest.mark.tailnet("standin")
CONTROLLER = "control"
FOLDER = "/var/lib/oceanid/controller"
ROUTE = "198.18.255.0/24"
ENDED = ("complete", "reverted", "halted", "aborted", "incomplete")
TWO_NODES = changes.HARMLESS.replace("[srv712695]", "[srv712695, calypso]").replace(
    "via: 203.0.113.1, ", "")


@pytest.fixture(scope="module")
def fleet(lab):
    """A controller whose state lies on a small disk of its own."""
    fleet = Fleet(lab, controller=CONTROLLER, soak="5s").install()
    host = fleet.controller
    host.stop_unit("oceanid-controller")
    host.run(["sh", "-ec", f"""
        mkdir /run/aside && cp -a {FOLDER}/. /run/aside/
        mount -t tmpfs -o size=8m,mode=700 small {FOLDER}
        cp -a /run/aside/. {FOLDER}/ && chown --reference=/run/aside {FOLDER}"""])
    host.start_unit("oceanid-controller")
    fleet.wait_settled()
    return fleet


@pytest.fixture(autouse=True)
def fresh(fleet):
    yield
    fleet.controller.run(["mount", "-o", "remount,rw", FOLDER])
    unit(fleet).start()
    fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    fleet.wait_settled()


def unit(fleet):
    return fleet.controller.unit("oceanid-controller")


def die(fleet):
    """kill -9, and nobody starts it again."""
    unit(fleet).power_lost()
    fleet.controller.kill(unit(fleet).process)


def has_change(host):
    return ROUTE in host.ip("route")


def start_trial(fleet, name, text=changes.HARMLESS):
    """The change is on trial on srv712695."""
    fleet.start(name, text)
    fleet.wait_state("srv712695", "on trial")
    wait_until(lambda: has_change(fleet.lab["srv712695"]), 10, "the change to be on")


def refusal(fleet):
    """What it says when it does not start."""
    starts = unit(fleet).starts
    with pytest.raises(AssertionError, match="before it was ready"):
        unit(fleet).start()
    assert unit(fleet).starts == starts + 1
    said = unit(fleet).process.output().strip().splitlines()[-1]
    assert "nothing is led until then, open trials revert when their lease ends" in said
    return said


def expect_reverted(fleet):
    """By the node itself first; then, as soon as it leads again, by the controller's word."""
    wait_until(lambda: not has_change(fleet.lab["srv712695"]), 30, "the lease to run out")
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"
    receipts = [line for line in fleet.audit() if " receipt " in line]
    assert "the proof was missing" in receipts[-1]


def approve_and_kill(fleet, name, text=changes.HARMLESS):
    """The controller dies between the plan and the signature; what oceanidctl said."""
    asking = fleet.operator.popen(
        ["/usr/bin/oceanidctl", "--pki", PKI, "--controller", fleet.url, "rollout", "start",
         fleet.write_change(name, text), "--justify",
         "Nothing is broken; this is a drill.", "--no-watch"], name="oceanidctl", stdin=True)
    wait_until(lambda: "type the change's name" in asking.output(), 20, "the approver to be asked")
    die(fleet)
    asking.say(name)
    assert asking.wait(30) == 3, asking.output()
    return asking.output()


def test_signed_and_never_taken(fleet):
    """An approval that no controller took bars all others: it is kept, handed over again, and ended
    as any other. First of all here: signing without the controller knows no receipt that was not
    fetched before."""
    said = approve_and_kill(fleet, "unsent")
    kept = f"{PKI}/unsent-unsent.manifest"
    assert "signing by the ledger alone" in said and f"rollout start {kept}" in said, said
    unit(fleet).start()
    fleet.wait_settled()
    done = fleet.start("next-one", changes.HARMLESS, check=False)
    assert done.returncode != 0 and "if no controller took it" in done.stderr, done.stderr
    fleet.ctl("rollout", "start", kept, "--no-watch")
    fleet.wait_state("srv712695", "on trial")
    assert not fleet.operator.path(kept).exists()
    fleet.ctl("rollout", "abort", "--reason", "the drill is over")
    fleet.start("next-one", changes.HARMLESS)
    fleet.wait_state("srv712695", "on trial")


def test_signed_and_no_file_is_left(fleet):
    """By its name in the ledger each guard bars it: the next change can be signed at once, and a
    file that turns up starts nothing."""
    done = fleet.ctl("manifest", "void", "next-one", check=False)   # and fetches what has ended
    assert "nothing was asked" in done.stdout + done.stderr, (done.stdout, done.stderr)
    assert (done.returncode == 0) == ("has ended or lapsed" in done.stdout), done.stdout
    approve_and_kill(fleet, "lost")
    kept = fleet.operator.path(f"{PKI}/unsent-lost.manifest")
    aside = kept.with_name("found-again.manifest")
    kept.rename(aside)
    unit(fleet).start()
    fleet.wait_settled()
    done = fleet.start("next-two", changes.HARMLESS, check=False)
    assert done.returncode != 0 and "no file is left: `manifest void`" in done.stderr, done.stderr
    done = fleet.ctl("manifest", "void", "lost", "--reason", "the drill lost it")
    assert "is barred on every node that it was for" in done.stdout, done.stdout
    said = [line for line in fleet.audit() if "is to be barred on 1 nodes: the drill lost it" in line]
    assert len(said) == 1, said
    done = fleet.ctl("manifest", "void", "lost")                    # a second time is no mistake
    assert "has ended or lapsed; nothing was asked" in done.stdout, done.stdout
    done = fleet.ctl("manifest", "void", "lots", check=False)
    assert done.returncode != 0 and "nothing signed of that name" in done.stderr, done.stderr
    done = fleet.ctl("rollout", "start", f"{PKI}/{aside.name}", "--no-watch", check=False)
    if done.returncode == 0:
        assert fleet.wait_outcome(ENDED)["outcome"] != "complete"
    assert not has_change(fleet.lab["srv712695"])
    fleet.start("next-two", changes.HARMLESS)
    fleet.wait_state("srv712695", "on trial")


def test_no_file_is_left_and_a_node_does_not_answer(fleet):
    """Of what is not barred yet only that one is named; the controller asks on, and the same command
    says that it has ended."""
    fleet.ctl("manifest", "void", "half-lost", check=False)         # fetches what has ended
    approve_and_kill(fleet, "half-lost", TWO_NODES)
    fleet.operator.path(f"{PKI}/unsent-half-lost.manifest").unlink()
    fleet.lab["calypso"].stop_unit("oceanid-agent")
    unit(fleet).start()
    wait_until(lambda: fleet.nodes()["srv712695"]["connected"], 20, "the controller to be back")
    done = fleet.ctl("manifest", "void", "half-lost", check=False)
    assert done.returncode == 5, (done.stdout, done.stderr)
    open_ones = [line for line in done.stdout.splitlines() if "not barred yet" in line]
    assert [line.split()[0] for line in open_ones] == ["calypso"], done.stdout
    fleet.lab["calypso"].start_unit("oceanid-agent")
    fleet.wait_settled()
    done = fleet.ctl("manifest", "void", "half-lost")
    assert ("is barred on every node that it was for" in done.stdout
            or "has ended or lapsed" in done.stdout), done.stdout
    assert sum(" void " in line and "sequence" in line for line in fleet.audit()
               if "nobody has its file" in line) <= 2


def test_full_disk(fleet):
    host = fleet.controller
    host.restart_unit("oceanid-controller")     # with a write-ahead log that is empty
    fleet.wait_settled()
    start_trial(fleet, "full")
    host.run(["sh", "-c", f"cat /dev/zero > {FOLDER}/filler"], check=False)
    wait_until(lambda: not has_change(fleet.lab["srv712695"]), 40, "the lease to run out")
    said = (host.logs / "oceanid-controller.log").read_text()
    assert re.search(r"nothing more can be kept, stopping.*expected room for a write, observed: "
                     r"database or disk is full.*free some room", said)
    assert fleet.ctl("status", check=False).returncode == 3
    host.run(["rm", f"{FOLDER}/filler"])
    unit(fleet).wait_active(20)
    expect_reverted(fleet)


def damage(path):
    """The pages behind the first are noise."""
    size = path.stat().st_size
    with path.open("r+b") as database:
        database.seek(4096)
        database.write(b"\x5a" * (size - 4096))


def test_read_only_and_damaged(fleet):
    """Dead in a trial; neither can be started from, and the whole copy can."""
    host = fleet.controller
    start_trial(fleet, "damaged")
    die(fleet)
    host.run(["mount", "-o", "remount,ro", FOLDER])
    said = refusal(fleet)
    assert "expected a directory and files that the controller's user may write" in said
    host.run(["mount", "-o", "remount,rw", FOLDER])
    kept = pathlib.Path(host.folder, "kept")
    shutil.copytree(host.path(FOLDER), kept)
    host.run(["sh", "-c", f"rm {FOLDER}/controller.db-*"])
    damage(host.path(f"{FOLDER}/controller.db"))
    said = refusal(fleet)
    assert "expected a sound database, observed: " in said and "restore it from a backup" in said
    wait_until(lambda: not has_change(fleet.lab["srv712695"]), 30, "the lease to run out")
    for name in ("controller.db", "controller.db-wal"):
        host.path(f"{FOLDER}/{name}").write_bytes((kept / name).read_bytes())
        host.run(["chown", "oceanid-controller:", f"{FOLDER}/{name}"])
    unit(fleet).start()
    expect_reverted(fleet)


def backup(host):
    """As docs/operations.md says, with the controller running."""
    host.run(["/usr/bin/python3", "-IS", "-c", f"""
import sqlite3
with sqlite3.connect("{FOLDER}/controller.db") as database:
    database.backup(sqlite3.connect("/run/backup"))"""])


def restore(fleet):
    die(fleet)
    fleet.controller.run(["sh", "-ec", f"""
        rm {FOLDER}/controller.db*; cp /run/backup {FOLDER}/controller.db
        chown oceanid-controller: {FOLDER}/controller.db"""])
    unit(fleet).start()


def prepared(fleet, name):
    """How often that node's guard was told to prepare a change."""
    log = (fleet.lab[name].logs / "oceanid-guard.log").read_text()
    return log.count("preparing: ")


def test_older_database(fleet):
    """The backup is of the first node's trial; meanwhile both nodes have confirmed. It learns that
    from their signed stacks before it leads, leaves it to a person, and touches nothing again."""
    nodes = [fleet.lab[name] for name in ("srv712695", "calypso")]
    start_trial(fleet, "older", TWO_NODES)
    backup(fleet.controller)
    fleet.wait_rollout(lambda rollout: rollout["waiting_for"] == "next", 40, "it to wait for next")
    fleet.ctl("rollout", "next")
    assert fleet.wait_outcome(ENDED)["outcome"] == "complete"
    before = [(prepared(fleet, node.name), node.ip("route")) for node in nodes]
    restore(fleet)
    assert fleet.wait_outcome(ENDED)["outcome"] == "halted"
    assert any("not asked of it" in line and "calypso" in line for line in fleet.audit())
    fleet.ctl("rollout", "next")
    assert fleet.wait_outcome("complete")["outcome"] == "complete"
    assert [(prepared(fleet, node.name), node.ip("route")) for node in nodes] == before


def held_because(fleet):
    """Why something is held, and by which receipts."""
    holds = fleet.json("hold", "list")["holds"]
    return {hold["reason"] for hold in holds} | {hold.get("receipt", "") for hold in holds}


def test_backup_from_before_the_rollout(fleet):
    """It does not lead what it does not know: that stands until somebody takes it back, and nothing
    else is signed before. A freeze that was put since is gone; what has failed its proof since is
    barred by the operator's ledger, and by its guard."""
    nodes = [fleet.lab[name] for name in ("srv712695", "calypso")]
    backup(fleet.controller)
    fleet.start("black-hole", changes.BLACK_HOLE)
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"
    fleet.wait_settled()
    fleet.start("since", TWO_NODES)
    fleet.wait_rollout(lambda rollout: rollout["waiting_for"] == "next", 40, "it to wait for next")
    fleet.ctl("rollout", "next")
    assert fleet.wait_outcome(ENDED)["outcome"] == "complete"
    fleet.ctl("hold", "add", "--reason", "an incident")
    since = held_because(fleet)
    restore(fleet)
    fleet.wait_settled()
    newest = fleet.rollout()
    assert newest is None or newest["change"] not in ("black-hole", "since")
    assert all(has_change(node) for node in nodes)
    lost = since - held_because(fleet)
    assert "an incident" in lost and any(re.fullmatch("[0-9a-f]{64}", one) for one in lost), lost
    refused = fleet.start("too-early", changes.HARMLESS, check=False)
    assert "change since " in refused.stderr and "signed and not ended" in refused.stderr
    back = fleet.ctl("emergency-rollback", "--node", "mistyped", "--node", "srv712695", "--node",
                     "calypso", "--to", "since", "--yes", check=False)
    assert not any(has_change(node) for node in nodes)  # what one lacks keeps no other
    assert back.returncode == 5 and "mistyped: not ordered back: " in back.stderr, back.stderr
    assert "of 3 nodes that were named 2 got an order" in back.stderr, back.stderr
    barred = fleet.start("black-hole-again", changes.BLACK_HOLE, check=False)
    assert barred.returncode != 0 and "which is in quarantine" in barred.stderr, barred.stderr
    fleet.start("afterwards", changes.HARMLESS)
    fleet.wait_state("srv712695", "on trial")


def test_backup_from_before_an_open_trial(fleet):
    """Nobody carries its proofs any more: its node takes it back, and says so to a controller that
    has never heard of it."""
    backup(fleet.controller)
    start_trial(fleet, "forgotten")
    restore(fleet)
    wait_until(lambda: not has_change(fleet.lab["srv712695"]), 40, "the lease to run out")
    wait_until(lambda: any(re.search(r" receipt +srv712695 +srv712695: reverted", line)
                           for line in fleet.audit()), 20, "its receipt, of no change, in the audit")
    newest = fleet.rollout()
    assert newest is None or newest["change"] != "forgotten"
    fleet.wait_settled()
    fleet.start("not-forgotten", changes.HARMLESS)
    fleet.wait_state("srv712695", "on trial")
