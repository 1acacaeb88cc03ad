"""worst: rescue and boot on the worst of days: nothing to write to, nobody who answers.

A node of namespaces, as in test_guard. Where systemd matters: tests/booted/test_rescue.py.
"""

import fcntl
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab.wait import stays, wait_until
from test_guard import BIN, node  # noqa: F401 (a fixture)

BOOT_LIMIT_S = 10
STOP_POST_LIMIT_S = 30 - 5      # oceanid-guard.service: TimeoutStopSec, and room


def state_of(node):
    """Everything that these changes could touch, as ip prints it."""
    return "".join(node.ip(*words) for words in (
        ("-4", "-d", "route", "show", "table", "all"),
        ("-6", "-d", "route", "show", "proto", "153"),
        ("rule",), ("-6", "rule")))


def open_second_trial(node):
    node.spawn(node.trial_argv("sequence=2", "soak=60", "lease=20", "routes=3"), "drive.log")
    wait_until(lambda: "198.18.0.2" in node.ip("route"), 15, "the routes of the second trial")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the second trial to soak")


def test_undo_text_given_to_ip_batch_is_the_undo(node):
    """Open trial and confirmed change, newest first; the file lies beside the journal."""
    node.ip("route", "add", "198.18.0.0/32", "dev", "eth0", "proto", "153", "scope", "link")
    before = state_of(node)
    done = node.trial("soak=1", "sequence=1", "removes=1")
    assert done.returncode == 0, done.stdout + done.stderr
    open_second_trial(node)
    node.kill()
    assert state_of(node) != before
    node.ip("-batch", node.state / "undo.txt")
    assert state_of(node) == before


def test_journal_on_a_read_only_disk(node):
    node.confirm()
    node.kill()
    node.call(["mount", "--bind", node.state, node.state])
    node.call(["mount", "-o", "remount,ro,bind", node.state])
    done = node.rollback("--yes", check=False)
    assert not node.has_route(), done.stdout + done.stderr
    assert done.returncode == 5 and "cannot be written" in done.stdout
    assert (node.folder / "unrecorded").exists()
    node.call(["umount", node.state])
    assert "Done and verified" in node.rollback("--yes").stdout
    assert "Nothing is changed" in node.rollback("--list").stdout


def test_torn_last_record(node):
    """Power went while a record was written: half of one stands at the journal's end."""
    node.confirm()
    open_second_trial(node)
    node.kill()
    journal = node.state / "journal"
    with open(journal, "ab") as end:
        end.write(journal.read_bytes()[:20])
    assert "drive-2" in node.rollback("--list").stdout
    done = node.rollback("--yes")
    assert "Done and verified" in done.stdout and "torn" in done.stdout
    assert "198.18.0.1" not in node.ip("route") and node.has_route()
    assert "drive-1" in node.rollback("--list").stdout


def test_torn_last_record_on_a_disk_that_hangs(node):
    """It is cut off by who writes the next one, not before the undo."""
    node.confirm()
    open_second_trial(node)
    node.kill()
    journal = node.state / "journal"
    with open(journal, "ab") as end:
        end.write(journal.read_bytes()[:20])
    node.use_disk_that_may_hang()
    node.hang_disk()
    began = time.monotonic()
    done = node.rollback("--yes", check=False)
    assert time.monotonic() - began < 10, done.stdout
    assert "torn" in done.stdout and "is not written yet" in done.stdout
    assert "198.18.0.1" not in node.ip("route") and node.has_route()
    node.free_disk()
    wait_until(lambda: not (node.folder / "unrecorded").exists(), 10, "the mark to go by itself")
    assert "torn" not in node.rollback("--list").stdout
    assert "drive-1" in node.rollback("--list").stdout


def test_idle_guard_on_a_disk_that_hangs_puts_shields_back(node):
    """With nothing open, and nothing that can be written."""
    node.start_with_hanging_disk()
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.hang_disk()
    for _ in range(3):
        node.ip("route", "flush", "proto", "153")
        wait_until(node.has_route, 2, "the shield to be put back")


def test_idle_guard_on_a_dead_disk_puts_shields_back(node):
    """Nothing there can so much as be opened, and somebody asks for what needs it."""
    node.kill()
    node.use_disk_that_may_die()
    node.start()
    node.more_environment = {}
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.hang_disk()
    node.spawn(node.trial_argv("soak=60", "sequence=2"), "drive.log")
    for _ in range(3):
        node.ip("route", "flush", "proto", "153")
        wait_until(node.has_route, 2, "the shield to be put back")


def test_rescue_on_a_dead_disk_says_that_it_waits(node):
    """What is to be undone stands on it alone: no silence, and Ctrl-C ends it."""
    node.confirm()
    node.kill()
    node.use_disk_that_may_die()
    node.hang_disk()
    argv = ["env", "--default-signal=INT", BIN / "oceanid-rollback", "--yes", "--config",
            node.folder / "guard.yaml"]     # a shell's background job ignores it
    waits = node.spawn(argv, "rescue.log")
    wait_until(lambda: "cannot be read" in node.log("rescue.log"), 10, "it to be said")
    ended = node.spawn(argv, "ended.log")
    wait_until(lambda: "cannot be read" in node.log("ended.log"), 10, "it to be said")
    ended.send_signal(signal.SIGINT)
    ended.wait(10)
    assert node.has_route() and waits.poll() is None
    node.more_environment = {}
    node.free_disk()
    assert waits.wait(20) == 0, node.log("rescue.log")
    assert not node.has_route() and "Done and verified" in node.log("rescue.log")


def die_but(node, *cached):
    """The guard is killed, the disk dies; what the page cache has of it can still be read."""
    node.kill()
    node.use_disk_that_may_die(*cached)
    node.hang_disk()


def rescue_in(node, limit_s, *words):
    """What it says; it has to end by itself."""
    rescue = node.spawn([BIN / "oceanid-rollback", *words, "--config", node.folder / "guard.yaml"],
                        "rescue.log")
    wait_until(lambda: rescue.poll() is not None, limit_s, f"rescue: {node.log('rescue.log')}")
    return rescue.returncode, node.log("rescue.log")


@pytest.mark.parametrize("cached", [("journal",), ("journal", "key.pem"), ("journal", "name")])
def test_rescue_on_a_dead_disk_with_the_journal_in_the_page_cache(node, cached):
    """What it undoes by is there; what else lies beside it is waited for for 2 s."""
    assert node.trial("soak=1", "shield=1").returncode == 0
    die_but(node, *cached)
    code, said = rescue_in(node, 15, "--yes")
    assert not node.has_route(), said
    assert code == 5 and "without a record" in said and "Done and verified in the kernel" in said
    assert ("key.pem is not read" in said) == ("key.pem" not in cached), said
    node.more_environment = {}
    node.free_disk()
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 15,
               f"its record: {node.log('rollback.log')}")
    node.start()
    stays(lambda: not node.has_route(), 1, "the route taken back")


def test_looking_on_a_dead_disk_with_the_journal_in_the_page_cache(node):
    """Neither key nor name can be read: a receipt in the journal says whose plan it is."""
    node.confirm()
    die_but(node, "journal")
    code, said = rescue_in(node, 8, "--list")
    assert code == 0 and "confirmed after" in said, said
    code, said = rescue_in(node, 8, "--check")
    assert "name is not read" in said and "key.pem is not read" in said, said
    assert code == 0 and "ok       route" in said and "unknown" not in said, said


def test_stop_post_on_a_dead_disk_with_the_journal_in_the_page_cache(node):
    """The guard that starts behind it signs what was taken back."""
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    die_but(node, "journal")
    code, said = rescue_in(node, STOP_POST_LIMIT_S, "--stop-post")
    assert code == 0 and not node.has_route(), said
    assert "without a record" in said and "does not know of all this yet" in said, said
    node.more_environment = {}
    node.free_disk()
    node.start()
    stays(lambda: not node.has_route(), 1, "the route taken back")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 5, "its end")


def rescue_unconfigured(node, limit_s, *words):
    """What it says, where nobody names a guard.yaml and the usual one's disk is dead."""
    node.use_disk_of("/etc/oceanid")
    node.hang_disk()
    rescue = node.spawn([BIN / "oceanid-rollback", *words], "rescue.log")
    wait_until(lambda: rescue.poll() is not None, limit_s, f"rescue: {node.log('rescue.log')}")
    node.more_environment = {}
    return rescue.returncode, node.log("rescue.log")


def test_rescue_whose_configuration_hangs_goes_by_the_defaults(node):
    """Which are this node's: all is undone by a journal that can be read, and that is written when
    the disk answers."""
    node.confirm()
    node.kill()
    node.stand_at_usual_places()
    code, said = rescue_unconfigured(node, 15, "--yes")
    assert "/etc/oceanid/guard.yaml is not read" in said and "(journal in /var/lib/" in said, said
    assert code == 5 and not node.has_route() and "Done and verified in the kernel" in said, said
    node.free_disk()
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 15,
               f"its record: {node.log('rollback.log')}")


def test_rescue_whose_configuration_hangs_does_not_take_a_host_for_unchanged(node):
    """The journal is not where the defaults have it; a copy that names the place is enough."""
    node.confirm()
    node.kill()
    node.stand_at_usual_places()
    node.call(["umount", "/var/lib/oceanid/guard"])
    code, said = rescue_unconfigured(node, 8, "--yes")
    assert code == 1 and "is not known, nothing was undone" in said, said
    assert "Nothing is changed" not in said and node.has_route(), said
    node.free_disk()
    assert "Done and verified" in node.rollback("--yes").stdout and not node.has_route()


@pytest.mark.parametrize("words", [("--order", "/dev/null"), ("--void-tailscale", "--yes")])
def test_what_a_default_would_only_guess_is_refused_where_the_configuration_hangs(node, words):
    """Whom to believe, and whether a tailscaled is gone."""
    node.confirm()
    node.stand_at_usual_places()
    code, said = rescue_unconfigured(node, 8, *words)
    assert code == 1 and "Nothing was done" in said and "root needs no order" in said, said
    assert node.has_route() and node.guard.poll() is None


def test_rescue_whose_named_configuration_hangs_is_told_another_way(node):
    """By the defaults it would be another host's, to the person who named it."""
    node.confirm()
    node.kill()
    node.use_disk_of(node.folder / "guard.yaml")
    node.hang_disk()
    code, said = rescue_in(node, 8, "--yes")
    assert code == 1 and "guard.yaml is not read" in said and "Name a copy" in said, said
    assert node.has_route()
    node.more_environment = {}
    node.free_disk()
    assert "Done and verified" in node.rollback("--yes").stdout


def test_boot_whose_configuration_hangs_goes_by_the_defaults(node):
    """Within the time that a boot is held up: behind it come the network and tailscaled."""
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.reboot()
    assert not node.has_route()
    node.stand_at_usual_places()
    code, said = rescue_unconfigured(node, BOOT_LIMIT_S, "--boot")
    assert code == 0 and "going by the defaults" in said and node.has_route(), said


def test_stop_post_whose_configuration_hangs_goes_by_the_defaults(node):
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.kill()
    node.stand_at_usual_places()
    code, said = rescue_unconfigured(node, STOP_POST_LIMIT_S, "--stop-post")
    assert code == 0 and "going by the defaults" in said and not node.has_route(), said


@pytest.mark.parametrize("mode", ["--boot", "--stop-post"])
def test_unit_whose_configuration_hangs_makes_no_journal(node, mode):
    """An empty one would tell whoever looks there next that nothing is changed on this host."""
    node.confirm()
    node.kill()
    node.stand_at_usual_places()
    node.call(["umount", "/var/lib/oceanid/guard"])
    code, said = rescue_unconfigured(node, STOP_POST_LIMIT_S, mode)
    assert code == 1 and "is not known, nothing was undone" in said, said
    assert node.call(["ls", "/var/lib/oceanid/guard"]).stdout == ""


@pytest.mark.parametrize("mode", ["--boot", "--stop-post"])
def test_unit_whose_configuration_has_a_mistake_makes_no_journal(node, mode):
    """It goes by the defaults then, which may not be this host's."""
    node.kill()
    node.stand_at_usual_places()
    node.call(["umount", "/var/lib/oceanid/guard"])
    (node.folder / "guard.yaml").write_text("no-such-key: 1\n")
    done = node.rollback(mode, check=False)
    assert "going by the defaults" in done.stdout and "no-such-key" in done.stdout, done.stdout
    assert done.returncode == 1 and "is not known, nothing was undone" in done.stderr, done.stderr
    assert node.call(["ls", "/var/lib/oceanid/guard"]).stdout == ""


def start_unnamed(node):
    """A guard that finds its guard.yaml where it usually is; that names what no default does."""
    node.kill()
    node.stand_at_usual_places()
    node.call(["umount", "/var/lib/oceanid/guard"])
    etc = node.folder / "etc"
    (etc / "oceanid").mkdir(parents=True)
    for name in ("passwd", "group", "nsswitch.conf"):
        node.call(["cp", f"/etc/{name}", etc])
    node.call(["cp", node.folder / "guard.yaml", etc / "oceanid"])
    node.call(["mount", "--bind", etc, "/etc"])
    node.guard = node.spawn([BIN / "oceanid-guard"], "guard.log")
    wait_until(node.answers, 15, f"the guard to listen: {node.log('guard.log')}")


@pytest.mark.parametrize("end, words", [(5, ("--yes",)), (5, ("--void-tailscale", "--yes")),
                                        (0, ("--stop-post",))])
def test_rescue_whose_configuration_hangs_goes_by_what_the_guard_goes_by(node, end, words):
    """Where no default would have found the journal; and nothing of it is a guess. (That disk does
    not sync what is written, either.)"""
    start_unnamed(node)
    node.open_trial()
    node.kill()
    code, said = rescue_unconfigured(node, STOP_POST_LIMIT_S, *words)
    assert "going by what oceanid-guard goes by" in said and f"journal in {node.state}" in said, said
    assert "the defaults" not in said and code == end and not node.has_route(), said


def test_what_is_held_up_is_finished_by_what_the_guard_went_by(node):
    start_unnamed(node)
    node.ip("route", "add", "198.18.0.0/32", "dev", "eth0", "proto", "153", "scope", "link")
    assert node.trial("soak=1", "removes=1").returncode == 0
    node.kill()
    node.ip("link", "set", "eth0", "down")
    code, said = rescue_unconfigured(node, 30, "--yes")
    assert code == 5 and "going by what oceanid-guard goes by" in said, said
    node.ip("link", "set", "eth0", "up")
    wait_until(node.has_route, 10, f"it to be put back: {node.log('rollback.log')}")


def test_a_mistake_made_behind_the_guards_back_is_not_gone_by(node):
    """Somebody is in the middle of an edit of guard.yaml when the guard dies."""
    start_unnamed(node)
    node.open_trial()
    node.kill()
    (node.folder / "etc/oceanid/guard.yaml").write_text("no-such-key: 1\n")
    refused = node.call([BIN / "oceanid-rollback", "--list"], check=False)
    assert refused.returncode == 2 and "--config /run/oceanid/in-force.yaml" in refused.stderr
    done = node.call([BIN / "oceanid-rollback", "--stop-post"], check=False)
    assert "no-such-key" in done.stdout and "going by what oceanid-guard goes by" in done.stdout
    assert done.returncode == 0 and not node.has_route(), done.stdout + done.stderr


def test_a_guard_whose_configuration_hangs_goes_by_what_the_one_before_went_by(node):
    start_unnamed(node)
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.kill()
    node.ip("route", "flush", "proto", "153")
    node.use_disk_of("/etc/oceanid", alone=True)
    node.hang_disk()
    node.guard = node.spawn([BIN / "oceanid-guard"], "guard.log")
    wait_until(node.has_route, 15, "the shield to be put back")
    assert "going by what the guard before this one went by" in node.log("guard.log")
    node.more_environment = {}
    assert "All as confirmed" in node.rollback("--check").stdout


def test_what_an_earlier_guard_went_by_is_not_left_for_this_ones(node):
    """A full /run has no room for its own."""
    start_unnamed(node)
    kept = node.folder / "in-force.yaml"
    assert f"state: '{node.state}'" in kept.read_text() and kept.stat().st_mode & 0o777 == 0o600
    node.kill()
    node.call(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", "/run/oceanid"])
    node.call(["sh", "-c", "cd /run/oceanid && : > in-force.yaml && ! yes > full 2> /dev/null"])
    node.guard = node.spawn([BIN / "oceanid-guard"], "guard.log")
    wait_until(lambda: "in-force.yaml: not kept" in node.log("guard.log"), 15, "it to be said")
    assert node.call(["test", "-e", "/run/oceanid/in-force.yaml"], check=False).returncode == 1


def test_what_is_held_up_is_finished_by_what_the_rescue_went_by(node):
    """The disk of its configuration dies behind it; the defaults would name another journal."""
    node.ip("route", "add", "198.18.0.0/32", "dev", "eth0", "proto", "153", "scope", "link")
    assert node.trial("soak=1", "removes=1").returncode == 0
    node.kill()
    for above, usual in (("/etc", "/etc/oceanid"), ("/var/lib", "/var/lib/oceanid/guard")):
        node.call(["mount", "-t", "tmpfs", "tmpfs", above])
        node.call(["mkdir", "-p", usual])
    node.call(["cp", node.folder / "guard.yaml", "/etc/oceanid/guard.yaml"])
    node.ip("link", "set", "eth0", "down")
    node.use_disk_of("/etc/oceanid")
    rescue = node.spawn([BIN / "oceanid-rollback", "--yes"], "rescue.log")
    wait_until(lambda: "not yet: " in node.log("rescue.log"), 10, "what is held up to be said")
    node.hang_disk()
    wait_until(lambda: rescue.poll() is not None, 20, f"rescue: {node.log('rescue.log')}")
    assert rescue.returncode == 5, node.log("rescue.log")
    node.more_environment = {}
    stays(lambda: "going by" not in node.log("rollback.log"), 6, "what the rescue went by")
    node.free_disk()
    node.ip("link", "set", "eth0", "up")
    wait_until(node.has_route, 10, f"it to be put back: {node.log('rollback.log')}")


def test_rescue_whose_shell_has_closed_input_and_output(node):
    """`<&- >&- 2>&-`, as who detaches by hand does: files that are opened get these numbers."""
    node.confirm()
    node.kill()
    done = node.call(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", BIN / "oceanid-rollback", "--yes",
                      "--config", node.folder / "guard.yaml"], check=False)
    assert done.returncode == 0 and not node.has_route()
    assert "Nothing is changed" in node.rollback("--list").stdout
    assert not (node.state / "journal.damaged").exists()


class Systemd:
    """The end of NOTIFY_SOCKET: what a guard says of itself, as systemd hears it."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(0.01)
        self.heard = []

    def hear(self):
        """All that was said so far; each with when it was taken."""
        try:
            while True:
                self.heard.append((time.monotonic(), self.socket.recv(4096).decode()))
        except TimeoutError:
            return "\n".join(said for _, said in self.heard)

    def heard_alive(self, since):
        return [at for at, said in self.heard if "WATCHDOG=1" in said and at > since]


@pytest.fixture
def dead_disk(node):
    """An open trial whose guard is killed, and then nothing of its disk can be opened."""
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.kill()
    node.use_disk_that_may_die()
    node.hang_disk()
    (node.folder / "guard.log").write_text("")
    return node


def start_waiting(node):
    """A guard on a dead disk, as its unit starts it."""
    systemd = Systemd(node.folder / "notify.sock")
    node.more_environment["NOTIFY_SOCKET"] = str(systemd.path)
    guard = node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    wait_until(lambda: "its disk does not answer" in node.log("guard.log"), 10, "it to be said")
    wait_until(lambda: "READY=1" in systemd.hear(), 5, "the guard to hold nobody up")
    return guard, systemd


def test_stop_post_on_a_dead_disk_ends_and_says_so(dead_disk):
    """What is to be undone stands on it alone; systemd starts no guard before this has ended, and
    none at all behind a `systemctl stop`."""
    node = dead_disk
    began = time.monotonic()
    done = node.rollback("--stop-post", check=False)
    assert time.monotonic() - began < STOP_POST_LIMIT_S, done.stdout
    assert done.returncode == 1 and "cannot be read" in done.stdout, done.stdout + done.stderr
    assert "A guard that starts waits for the disk" in done.stdout, done.stdout
    assert "If none is started" in done.stdout and "oceanid-rollback --yes" in done.stdout
    assert node.has_route()


def test_stop_post_on_a_slow_disk_takes_it_back(dead_disk):
    """Seconds, as a disk that spins up or a path that fails over: nobody may come behind it."""
    node = dead_disk
    stop_post = node.spawn([BIN / "oceanid-rollback", "--stop-post", "--config",
                            node.folder / "guard.yaml"], "stop-post.log")
    stays(lambda: stop_post.poll() is None, 4, "ExecStopPost, for a disk that is slow")
    node.free_disk()
    assert stop_post.wait(STOP_POST_LIMIT_S) == 0, node.log("stop-post.log")
    assert not node.has_route(), node.log("stop-post.log")


def test_a_guard_on_a_dead_disk_says_that_it_waits(dead_disk):
    """Not killed as one that does not start, nor as one that hangs; and it takes back in the end."""
    node = dead_disk
    guard, systemd = start_waiting(node)
    assert "waiting for the journal's disk" in systemd.hear() and "ALARM" in node.log("guard.log")
    began = time.monotonic()
    wait_until(lambda: systemd.hear() and len(systemd.heard_alive(began)) >= 3, 5,
               "the watchdog to be fed")
    assert guard.poll() is None and node.has_route()
    node.free_disk()
    wait_until(lambda: not node.has_route(), 10, "the guard to take it back")
    assert "answers again" in node.log("guard.log")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 5, "its end")


def test_a_guard_that_waits_for_its_disk_can_be_stopped(dead_disk):
    guard, _ = start_waiting(dead_disk)
    guard.terminate()
    assert guard.wait(5) == 0


def test_a_guard_whose_configuration_hangs_waits_for_it(node):
    """Of which journal and which tailscaled it is stands there; and it can be stopped."""
    node.confirm()
    node.kill()
    (node.folder / "guard.log").write_text("")
    node.use_disk_of(node.folder / "guard.yaml")
    node.hang_disk()
    guard, systemd = start_waiting(node)
    assert "waiting for guard.yaml" in systemd.hear() and "ALARM" in node.log("guard.log")
    guard.terminate()
    assert guard.wait(5) == 0 and "told to stop before anything was touched" in node.log("guard.log")
    systemd.path.unlink()
    guard, systemd = start_waiting(node)
    began = time.monotonic()
    wait_until(lambda: systemd.hear() and len(systemd.heard_alive(began)) >= 3, 5,
               "the watchdog to be fed")
    assert not node.answers_at_all()
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to go on")
    assert guard.poll() is None and node.has_route()


def test_a_guard_whose_trust_root_hangs_takes_back(node):
    """Whom it believes is asked for what is new alone."""
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.kill()
    node.use_disk_of(node.folder / "trust.yaml")
    node.hang_disk()
    node.start()
    wait_until(lambda: not node.has_route(), 10, "the guard to take it back")


def test_rescue_works_beside_a_guard_that_waits_for_its_disk(dead_disk):
    """The disk answers the rescue: it needs nothing of that guard, which finds the end later."""
    node = dead_disk
    guard, _ = start_waiting(node)
    node.more_environment = {}
    done = node.rollback("--yes")
    assert "Done and verified" in done.stdout and not node.has_route(), done.stdout
    assert guard.poll() is None
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to go on")
    stays(lambda: not node.has_route(), 1, "what the rescue took back")
    assert "Nothing is changed" in node.rollback("--list").stdout


def test_a_guard_on_a_frozen_disk_says_that_it_waits(node):
    """It can be read; who opens it for writing hangs, and no signal ends that."""
    node.confirm()
    node.kill()
    node.use_disk_that_may_freeze()
    node.hang_disk()
    guard, _ = start_waiting(node)
    assert "cannot be opened for writing" in node.log("guard.log")
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to go on")
    assert guard.poll() is None and node.has_route()


def test_a_later_rescue_keeps_what_an_earlier_one_could_not_record(node):
    """Both were taken back, and the disk took neither: a record of the upper one is not enough."""
    for sequence in (1, 2):
        done = node.trial("soak=1", "shield=1", f"sequence={sequence}", f"routes={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr
    node.kill()
    argv = ["prlimit", "--fsize=0", BIN / "oceanid-rollback", "--yes", "--to", "1", "--config",
            node.folder / "guard.yaml"]
    assert node.call(argv, check=False).returncode == 5
    done = node.rollback("--yes")
    assert "Done and verified" in done.stdout and "oceanid-rollback --to 1" in done.stdout
    assert (node.folder / "unrecorded").exists()
    node.start()
    stays(lambda: not node.has_route(), 1, "what is taken back, and stands in the journal")
    assert "records that too" not in node.rollback("--yes", "--to", "1").stdout
    assert not (node.folder / "unrecorded").exists()
    assert not (node.folder / "unrecorded-to").is_symlink()


def test_check_tells_of_each_protected_flow(node):
    assert node.trial("soak=1", "flow=1").returncode == 0
    assert "ok       flow office to 203.0.113.0/24\n" in node.rollback("--check").stdout
    node.ip("route", "add", "blackhole", "203.0.113.128/25")
    done = node.rollback("--check", check=False)
    told = next(line for line in done.stdout.split("\n") if "flow" in line)
    assert done.returncode == 1 and "1 of these are not as confirmed." in done.stdout
    assert told.startswith("differs  flow office to 203.0.113.0/24: "), told
    assert "203.0.113.128" in told, told
    node.ip("route", "del", "blackhole", "203.0.113.128/25")
    assert "All as confirmed." in node.rollback("--check").stdout


def test_check_tells_line_by_line_and_touches_nothing(node):
    done = node.trial("soak=1", "routes=3", "shield=1")
    assert done.returncode == 0, done.stdout + done.stderr
    node.kill()
    node.ip("route", "del", "198.18.0.1/32", "dev", "eth0")
    before = state_of(node), (node.state / "journal").read_bytes()
    done = node.rollback("--check", check=False)
    assert done.returncode == 1
    assert done.stdout.count("ok   ") == 2 and done.stdout.count("differs") == 1
    assert "198.18.0.1" in next(line for line in done.stdout.split("\n") if "differs" in line)
    assert (state_of(node), (node.state / "journal").read_bytes()) == before


# -- at boot --------------------------------------------------------------------------------------

def boot(node):
    """What the unit runs; its output, and how long it held the boot up."""
    began = time.monotonic()
    process = node.spawn([BIN / "oceanid-rollback", "--boot", "--config",
                          node.folder / "guard.yaml"], "boot.log")
    assert process.wait(60) == 0, node.log("boot.log")
    return node.log("boot.log"), time.monotonic() - began


@pytest.fixture
def hanging_tailscaled(node):
    """Takes connections and answers nobody."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(node.folder / "no-tailscaled.sock"))
        server.listen(100)
        yield server


@pytest.mark.usefixtures("hanging_tailscaled")
def test_boot_with_hundreds_of_items_and_a_tailscaled_that_hangs(node):
    """The volatile ones still stand, as after a crash of the unit alone: all are undone in time."""
    node.open_trial("routes=250")
    wait_until(lambda: "198.18.0.249" in node.ip("route"), 20, "all routes of the trial")
    node.kill()
    said, took = boot(node)
    assert not node.has_route(), said
    assert took < BOOT_LIMIT_S, took
    print(f"boot with 250 items to undo and tailscaled hanging: {took:.1f} s")


def test_boot_on_a_disk_that_hangs(node):
    """It goes on without waiting; the shields are there, and all is taken back when the disk is."""
    node.open_trial("shield=1")
    node.reboot()
    assert not node.has_route()
    node.use_disk_that_may_hang()
    node.hang_disk()
    said, took = boot(node)
    assert "ALARM" in said and "the boot goes on without waiting" in said
    assert took < BOOT_LIMIT_S, took
    assert "put back 1 of 1 owned items" in said
    node.more_environment = {}
    node.free_disk()
    node.start()
    wait_until(lambda: not node.has_route(), 10, "the change to be taken back after all")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 5, "its end")


# -- nobody who reads ------------------------------------------------------------------------------

def full_pipe():
    """Its reading end, which nobody reads, and one for a process that has a line to say."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    return reader, writer


def start_guard(node, environment=(), **streams):
    node.kill()
    node.guard = subprocess.Popen(
        node.inside([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"]),
        stdin=subprocess.DEVNULL, env=dict(node.environment(), **dict(environment)), **streams)
    node.children.append(node.guard)
    wait_until(node.answers, 15, "the guard to listen")


def lease_ends(node, lease_s):
    driver = node.spawn(node.trial_argv("soak=60", f"lease={lease_s}", "answers=2"), "drive.log")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    yield
    assert driver.wait(lease_s + 15) == 1, node.log("drive.log")
    assert not node.has_route()
    yield


def test_a_log_that_nobody_reads_delays_no_lease(node):
    """journald hangs in the disk that is dead: from the guard's start on no line of it is taken."""
    reader, writer = full_pipe()
    start_guard(node, stdout=writer, stderr=writer)
    os.close(writer)
    for _ in lease_ends(node, 5):
        pass
    assert node.guard.poll() is None
    assert os.read(reader, 4096) == b"x" * 4096  # and from here on it is read again
    node.trial("soak=1", "sequence=2", "routes=2")
    assert b"lines were lost here: they were not read" in os.read(reader, 4096)
    os.close(reader)


def read_until(pid1, stop):
    pid1.settimeout(0.1)
    while not stop.is_set():
        try:
            pid1.recv(4096)
        except TimeoutError:
            pass


def test_a_frozen_pid_1_delays_no_lease(node):
    """It hangs, and nobody reads what keeps the watchdog quiet; when it reads again, it is told."""
    path = node.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as pid1, \
            open(node.folder / "guard.log", "ab") as log:
        pid1.bind(str(path))
        stop = threading.Event()
        reads = threading.Thread(target=read_until, args=(pid1, stop))
        reads.start()
        start_guard(node, {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"}, stdout=log, stderr=log)
        trial = lease_ends(node, 5)
        next(trial)
        stop.set()
        reads.join()
        next(trial)
        pid1.settimeout(5)
        for _ in range(20):  # more than found room before
            assert b"WATCHDOG=1" in pid1.recv(4096)


@pytest.mark.parametrize("words", [("--yes",), ("--stop-post",)])
def test_rescue_whose_words_nobody_reads(node, words):
    """A terminal behind the very network that is dead, or journald on a dead disk."""
    node.open_trial()
    node.kill()
    reader, writer = full_pipe()
    rescue = subprocess.Popen(
        node.inside([BIN / "oceanid-rollback", *words, "--config", node.folder / "guard.yaml"]),
        stdin=subprocess.DEVNULL, stdout=writer, stderr=writer, env=node.environment())
    node.children.append(rescue)
    os.close(writer)
    assert rescue.wait(STOP_POST_LIMIT_S) == 0
    assert not node.has_route()
    os.close(reader)
