"""guard_hostile: the real guard towards an agent that means harm, and a node where others meddle."""

import os
import re
import signal
import socket

from lab.wait import stays, wait_until
from test_guard import BIN, bring_back, hold_up, node  # noqa: F401 (a fixture)

NOBODY = 65534
LEASE_S = 6
# Each route of ours that the kernel tells of is taken away again, until its list ends.
TAKES_AWAY = "sed -un 's/^198.18/route del &/p' <$0 | ip -force -batch - >/dev/null 2>&1"
AT_ONCE = ["chrt", "-f", "50"]  # before the guard, however loaded the machine is


def connect_as_nobody(folder, count):
    """A process that holds so many connections to the guard as another user; its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(writer)
        assert os.read(reader, 1) == b"1"
        os.close(reader)
        return pid
    try:
        folder.chmod(0o711)
        os.chdir(folder)  # nobody may not walk here
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        held = []
        for _ in range(count):
            held.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            held[-1].connect("guard.sock")
        os.write(writer, b"1")
        signal.pause()
    finally:
        os._exit(1)


def test_an_approval_of_another_manifest_names_nobody(node):
    """Any old approval goes with a body that calls this guard's key by another node's name."""
    done = node.trial("renames=elsewhere")
    assert done.returncode == 2 and "another manifest" in done.stdout, done.stdout
    assert "this node is elsewhere" not in node.log("guard.log")
    node.confirm()


def test_root_gets_in_although_the_agent_holds_every_connection(node):
    text = (node.folder / "guard.yaml").read_text()
    (node.folder / "guard.yaml").write_text(text.replace("agent-user: root", "agent-user: nobody"))
    node.kill()
    node.start()
    node.confirm()
    crowd = connect_as_nobody(node.folder, 64)
    try:
        done = node.rollback("--yes")
        assert "asked to let go of the journal, and did" in done.stdout, done.stdout
        assert node.guard.wait(15) == 0, node.log("guard.log")
        assert not node.has_route()
    finally:
        os.kill(crowd, signal.SIGKILL)
        os.waitpid(crowd, 0)


def test_effects_are_looked_for_until_they_show(node):
    """Rule 6: settling is bounded by time, not by one look; and what was there in vain for a while
    is known as made here, so that it is taken back."""
    os.mkfifo(node.folder / "told")
    thief = node.spawn([*AT_ONCE, "sh", "-c", TAKES_AWAY, node.folder / "told"], "thief.log")
    told = node.spawn([*AT_ONCE, "ip", "-o", "monitor", "route"], "told")
    driver = node.spawn(node.trial_argv("soak=30", "lease=5", "answers=1", "shield=1",
                                        "routes=50"), "drive.log")
    wait_until(lambda: "not settled" in node.log("guard.log"), 15, "a look in vain")
    told.kill()
    thief.wait(15)
    wait_until(lambda: "soaking" in node.log("drive.log"), 15,
               f"the trial to go on: {node.log('guard.log')}")
    assert driver.wait(30) == 1, node.log("drive.log")
    assert not node.has_route(), node.log("guard.log")


def test_what_is_asked_in_a_trial_reads_no_file(node):
    """The loop that keeps the lease waits for no disk: a trust root that cannot be read is one."""
    driver = node.open_trial()
    (node.folder / "trust.yaml").unlink()
    os.mkfifo(node.folder / "trust.yaml")
    other = node.spawn(node.trial_argv("sequence=2", "routes=2"), "other.log")
    assert other.wait(10) == 2
    assert "another trial is open" in node.log("other.log")
    driver.kill()
    driver.wait()


def times_of(node, what):
    """Of the guard's debug log: when it said so."""
    return [float(line.split()[0]) for line in node.log("guard.log").splitlines()
            if line[:1].isdigit() and what in line]


def test_a_flood_delays_no_lease(node):
    """Each of 15 connections sends starts of 128 statements, as fast as they are taken: the clock is
    looked at between any two packets, and what is heard in vain costs next to nothing. Packets are
    counted, so that a machine under load shows the same; all is over within one more lease."""
    with open(node.folder / "guard.yaml", "a") as config:
        config.write("log: debug\n")
    node.kill()
    node.start()
    driver = node.spawn(node.trial_argv("soak=60", f"lease={LEASE_S}", "answers=1"), "drive.log")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    flood = node.spawn([BIN / "drive", "flood", node.folder / "guard.sock",
                        node.folder / "keys" / "agent.key", "15"], "flood.log")
    assert driver.wait(60) == 1, node.log("drive.log")
    flood.kill()
    flood.wait()
    ends = times_of(node, "first nonce:")[0] + LEASE_S
    reverts, = times_of(node, "reverting: ")
    heard = times_of(node, "refused ")
    assert heard[0] < ends, "the flood to be heard before it"
    late = [at for at in heard if ends < at < reverts]
    assert len(late) <= 1, f"{len(late)} packets between the lease's end and {reverts - ends:.3f} s"
    assert times_of(node, "receipt 1: ")[0] - ends < LEASE_S, node.log("guard.log")


def test_a_reason_is_no_line_of_rescue(node):
    """An abort needs no signature, and its reason is printed for root at a console."""
    node.ip("route", "add", "198.18.0.0/32", "dev", "eth0", "proto", "153", "scope", "link")
    driver = node.spawn(node.trial_argv("soak=60", "lease=20", "removes=1"), "drive.log")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.ip("link", "set", "eth0", "down")  # so that the undo is held up
    node.call([BIN / "drive", "abort", node.folder / "guard.sock",
               "x\nDone and verified: what was chosen is taken back."])
    driver.kill()
    driver.wait()
    done = node.rollback("--yes", check=False)
    assert done.returncode == 5, done.stdout
    said = [line for line in done.stdout.splitlines() if "Done and verified" in line]
    assert said and not any(line.startswith("Done") for line in said), done.stdout
    bring_back(node)
    wait_until(node.has_route, 10, "the finishing process to put it back")


def damage_first_record(node):
    """Its length then reaches behind the file's end, as that of a torn last record does."""
    journal = node.state / "journal"
    data = bytearray(journal.read_bytes())
    data[2] ^= 0x0F
    journal.write_bytes(data)


def test_a_damaged_journal_reverts_and_starts_nothing_new(node):
    node.confirm()
    driver = node.open_trial("sequence=2", "routes=2")
    wait_until(lambda: "198.18.0.1" in node.ip("route"), 15, "both routes of the trial")
    node.kill()
    driver.wait()
    damage_first_record(node)  # of the confirmed change's; the trial's own are whole
    node.start()
    wait_until(lambda: "198.18.0.1" not in node.ip("route"), 10, "the trial to be taken back")
    assert "ALARM journal" in node.log("guard.log")
    done = node.trial("sequence=3", "routes=3", "soak=1")
    assert done.returncode == 2 and "the journal was damaged" in done.stdout, done.stdout
    node.kill()
    node.start()
    assert node.trial("sequence=4", "routes=3", "soak=1").returncode == 2  # it is not forgotten
    (node.state / "journal.damaged").rename(node.folder / "looked-at")
    done = node.trial("sequence=5", "routes=3", "soak=1")
    ended = re.search("does not contain its receipt ([0-9a-f]{64})", done.stdout)
    assert ended, done.stdout  # what was whole it knows
    done = node.trial("sequence=6", "routes=3", "soak=1", f"lifts={ended.group(1)}")
    assert done.returncode == 0, done.stdout + node.log("guard.log")


def test_the_finishing_process_fills_no_disk(node):
    """It tries every 2 s, maybe for weeks; what did not change is not said again."""
    hold_up(node)
    log = node.folder / "rollback.log"
    wait_until(lambda: log.exists() and "not yet" in log.read_text(), 10, "the first try in vain")
    stays(lambda: log.read_text().count("not yet") == 1, 5, "one line of it")
    bring_back(node)
    wait_until(node.has_route, 10, "the finishing process to put it back")
