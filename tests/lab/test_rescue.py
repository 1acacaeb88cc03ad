"""rescue: a node of the lab with tailscaled, its guard, and nobody else: no agent, no controller.

drive plays agent and witnesses. What the story's last step tells, without the fleet around it.
"""

import os
import pathlib
import signal

import pytest

from lab import localapi
from lab.machine import HOME
from lab.wait import stays, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(os.environ.get("OCEANID_BIN", ROOT / "build/dev/bin"))
ADDRESS = "203.0.113.10"
STATE = "/var/lib/oceanid/guard"
KEYS = f"{HOME}/keys"   # /root is the machine's, and so that of every lab on it
ROLLBACK = "/usr/sbin/oceanid-rollback"

pytestmark = pytest.mark.tailnet("standin")


class Styx:
    """srv712695 with keys, trust root and guard; sequence counts its trials."""

    def __init__(self, lab):
        self.lab = lab
        self.host = lab["srv712695"]
        self.sequence = 0
        self.host.run(["mkdir", "-p", KEYS, STATE, "/etc/oceanid"])
        self.host.run([BIN / "drive", "init", KEYS, STATE, "/etc/oceanid/trust.yaml"])
        self.host.enable_unit("oceanid-rollback-boot")
        self.host.start_unit("oceanid-guard")
        wait_until(lambda: self.exit_nodes(), 20, "an exit node among the peers")

    def exit_nodes(self):
        peers = localapi.status(self.host)["Peer"] or {}
        return [peer["ID"] for peer in peers.values() if peer.get("ExitNodeOption")]

    def argv(self, *options):
        self.sequence += 1
        return [BIN / "drive", "trial", KEYS, STATE, f"sequence={self.sequence}",
                f"exit-node={self.exit_nodes()[0]}", f"address={ADDRESS}", *options]

    def confirm(self):
        self.host.run(self.argv("soak=1"), timeout=60)
        assert self.exit_node() and self.ssh()

    def open_trial(self):
        process = self.host.popen(self.argv("soak=60", "lease=30"))
        wait_until(lambda: self.exit_node() and self.has_shield(), 20, "the trial to be open")
        return process

    def exit_node(self):
        """Its StableID; "" for none, None while tailscaled does not answer."""
        try:
            return localapi.prefs(self.host)["ExitNodeID"]
        except OSError:
            return None

    def freeze_tailscaled(self):
        self.host.kill(self.lab.tailnet.daemon(self.host), signal.SIGSTOP)

    def thaw_tailscaled(self):
        self.host.kill(self.lab.tailnet.daemon(self.host), signal.SIGCONT)

    def remove_tailscaled(self):
        self.host.kill(self.lab.tailnet.daemon(self.host))
        self.host.run(["sh", "-c", "rm -rf /run/tailscale/* /var/lib/tailscale/*"])

    def has_shield(self):
        return "5140:" in self.host.ip("rule", "show")

    def has_route(self):
        return "198.18.0.0" in self.host.ip("route", "show", "table", "main")

    def guard_log(self):
        return self.host.unit("oceanid-guard").process.output()

    def ssh(self):
        return self.lab["office"].ssh_banner(ADDRESS)

    def kill_guard_for_good(self):
        unit = self.host.unit("oceanid-guard")
        unit.power_lost()
        self.host.kill(unit.process)

    def flush_rules(self):
        """The guard may be quicker with 32766, tailscaled with 5270: what counts is that they are
        there."""
        self.host.ip("rule", "flush")
        for priority, table in (("32766", "main"), ("5270", "52")):
            self.host.run(["ip", "rule", "add", "pref", priority, "lookup", table], check=False)
            assert any(line.startswith(f"{priority}:") for line in self.host.rules()), priority

    def rollback(self, *words):
        return self.host.run([ROLLBACK, *words], check=False)


@pytest.fixture
def styx(fresh_lab):
    made = Styx(fresh_lab)
    yield made
    made.thaw_tailscaled()


def test_everything_dead_one_command(styx):
    styx.confirm()
    styx.kill_guard_for_good()
    styx.freeze_tailscaled()
    styx.flush_rules()
    assert styx.ssh() is None
    done = styx.rollback("--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "The shields are in place" in done.stdout
    wait_until(styx.ssh, 3, "SSH from outside")
    stays(styx.ssh, 1, "SSH from outside while the pref cannot be unset")
    refused = styx.rollback("--void-tailscale", "--yes")
    assert refused.returncode == 1 and "systemctl stop tailscaled" in refused.stderr
    styx.thaw_tailscaled()
    wait_until(lambda: styx.exit_node() == "", 15, "the pref to follow by itself")
    wait_until(lambda: not styx.has_shield(), 10, "the shields to go last")
    assert styx.ssh()
    assert "Nothing is changed" in styx.rollback("--list").stdout


def test_tailscaled_gone_for_good_is_listed_until_root_declares_it_void(styx):
    """Its package is removed: nobody will ever take the pref back, and all else waits behind it."""
    styx.confirm()
    styx.kill_guard_for_good()
    styx.remove_tailscaled()
    done = styx.rollback("--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "open: set tailscale exit node to none" in done.stdout
    assert "oceanid-rollback --void-tailscale" in done.stdout
    stays(styx.has_shield, 3, "the shields, as long as nobody says so")
    done = styx.rollback("--void-tailscale", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "root declared it void: tailscaled is gone" in done.stdout
    assert "left as they are, see above: 1." in done.stdout
    assert not styx.has_shield()
    wait_until(styx.ssh, 5, "SSH from outside")
    assert "Nothing is changed" in styx.rollback("--list").stdout


def test_tailscaled_gone_for_good_and_a_journal_that_takes_nothing(styx):
    """What is taken back is known to no disk: only the mark in /run says that something is."""
    styx.confirm()
    styx.kill_guard_for_good()
    styx.remove_tailscaled()
    full = ["prlimit", "--fsize=0", BIN / "oceanid-rollback", "--yes"]
    done = styx.host.run(full, check=False)
    assert done.returncode == 5 and "for which the guard waits" in done.stdout, done.stdout
    assert styx.has_shield()
    done = styx.host.run([*full, "--void-tailscale"], check=False)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "root declared it void: tailscaled is gone" in done.stdout
    assert "Done and verified in the kernel" in done.stdout
    assert not styx.has_shield()
    wait_until(styx.ssh, 5, "SSH from outside")


def confirm_a_route_and_the_exit_node(styx):
    """Two changes: the newer one's preference holds up what was ordered below it."""
    styx.host.run([BIN / "drive", "trial", KEYS, STATE, "sequence=1", "device=eth0", "soak=1"],
                  timeout=60)
    styx.sequence = 1
    styx.confirm()
    assert styx.has_route()


def take_back_unwritten(styx, *words):
    """The journal takes nothing, and tailscaled is gone: the rest is the finishing process's."""
    full = ["prlimit", "--fsize=0", BIN / "oceanid-rollback"]
    done = styx.host.run([*full, *words], check=False)
    assert done.returncode == 5 and "for which the guard waits" in done.stdout, done.stdout
    assert styx.has_shield()
    return full


def take_both_back_unwritten(styx, *words):
    full = take_back_unwritten(styx, *words)
    assert styx.has_route()
    return full


def test_void_goes_as_deep_as_was_ordered_where_the_journal_takes_nothing(styx):
    """`--to 1` is in no journal: what it was to take back is in /run, for whoever comes next."""
    confirm_a_route_and_the_exit_node(styx)
    styx.kill_guard_for_good()
    styx.remove_tailscaled()
    full = take_both_back_unwritten(styx, "--to", "1", "--yes")
    less = styx.host.run([*full, "--yes"], check=False)
    assert less.returncode == 5 and "--to 1 goes on with that" in less.stdout, less.stdout
    done = styx.host.run([*full, "--void-tailscale", "--yes"], check=False)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "was to go down to drive-1: so does this" in done.stdout
    assert "Done and verified in the kernel" in done.stdout
    assert not styx.has_shield() and not styx.has_route(), done.stdout
    done = styx.rollback("--to", "1", "--yes")  # the disk is well again
    assert done.returncode == 5 and "was declared void" in done.stdout, done.stdout + done.stderr
    done = styx.rollback("--void-tailscale", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing is changed" in styx.rollback("--list").stdout
    marks = styx.host.run(["ls", "-a", "/run/oceanid"]).stdout
    assert "unrecorded" not in marks, marks


def test_what_was_declared_void_is_asked_again_of_a_tailscaled_that_only_restarts(styx):
    """As in an upgrade of its package: it comes back with its exit node, and the shields are there."""
    styx.confirm()
    styx.kill_guard_for_good()
    styx.host.kill(styx.lab.tailnet.daemon(styx.host))
    full = take_back_unwritten(styx, "--yes")
    done = styx.host.run([*full, "--void-tailscale", "--yes"], check=False)
    assert "Done and verified in the kernel" in done.stdout, done.stdout + done.stderr
    done = styx.rollback("--yes")
    assert done.returncode == 5 and "was declared void" in done.stdout, done.stdout + done.stderr
    assert "oceanid-rollback --void-tailscale" in done.stdout
    assert styx.has_shield(), done.stdout
    styx.lab.tailnet.restart_daemon(styx.host)
    wait_until(lambda: styx.exit_node() == "", 20, "the pref to be taken back")
    wait_until(lambda: "Nothing is changed" in styx.rollback("--list").stdout, 10, "its end")
    assert not styx.has_shield() and styx.ssh()


def test_what_was_declared_void_is_known_where_a_trial_was_reverted_before(styx):
    """The newest begin is of a change that was taken back long ago: that is not what is void."""
    styx.confirm()
    trial = styx.host.popen([BIN / "drive", "trial", KEYS, STATE, "sequence=2", "device=eth0",
                             "soak=60", "lease=5"])
    wait_until(styx.has_route, 20, "the second trial to be open")
    styx.host.kill(trial)
    wait_until(lambda: "sequence 2 reverted" in styx.guard_log(), 20, "the lease to end it")
    styx.kill_guard_for_good()
    styx.remove_tailscaled()
    assert styx.rollback("--yes").returncode == 5
    full = ["prlimit", "--fsize=0", BIN / "oceanid-rollback"]
    done = styx.host.run([*full, "--void-tailscale", "--yes"], check=False)
    assert done.returncode == 5 and "verified in the kernel" in done.stdout, done.stdout
    link = styx.host.run(["readlink", "/run/oceanid/unrecorded-order"]).stdout.strip()
    assert link.startswith("1:") and link.endswith(":void"), link
    done = styx.host.run([*full, "--yes"], check=False)
    assert "was declared void" in done.stdout, done.stdout + done.stderr


def test_void_survives_a_link_that_nobody_understands(styx):
    """Torn, or garbage: then only the mark is known, and the newest change goes."""
    confirm_a_route_and_the_exit_node(styx)
    styx.kill_guard_for_good()
    styx.remove_tailscaled()
    full = take_both_back_unwritten(styx, "--to", "1", "--yes")
    styx.host.run(["ln", "-sfn", "1:torn", "/run/oceanid/unrecorded-order"])
    done = styx.host.run([*full, "--void-tailscale", "--yes"], check=False)
    assert done.returncode == 5 and "so does this" not in done.stdout, done.stdout + done.stderr
    assert not styx.has_shield() and styx.has_route(), done.stdout


def test_what_root_declared_void_is_so_for_whoever_goes_on(styx):
    """The newer change is held up by its device; the older one's preference will never go back."""
    styx.confirm()
    styx.host.ip("link", "add", "held0", "type", "veth", "peer", "name", "held1")
    styx.host.ip("link", "set", "held1", "up")
    styx.host.ip("link", "set", "held0", "up")
    styx.host.ip("route", "add", "198.18.0.0/32", "dev", "held0", "proto", "153", "scope", "link")
    styx.host.run([BIN / "drive", "trial", KEYS, STATE, "sequence=2", "device=held0",
                   "removes=1", "soak=1"], timeout=60)
    styx.kill_guard_for_good()
    styx.remove_tailscaled()
    styx.host.ip("link", "set", "held0", "down")
    assert styx.rollback("--to", "1", "--yes").returncode == 5
    done = styx.rollback("--void-tailscale", "--yes")
    assert done.returncode == 5, done.stdout + done.stderr
    assert "root declared it void: tailscaled is gone" in done.stdout
    styx.host.unit("oceanid-guard").start()
    styx.host.unit("oceanid-guard").wait_active(30)
    styx.host.ip("link", "set", "held0", "up")
    wait_until(lambda: "Nothing is changed" in styx.rollback("--list").stdout, 15,
               "both to be taken back, without tailscaled")
    assert not styx.has_shield()


def test_shields_removed_while_the_rest_is_open(styx):
    """The finishing process keeps them; somebody flushes the rules once more."""
    styx.confirm()
    styx.kill_guard_for_good()
    styx.freeze_tailscaled()
    assert styx.rollback("--yes").returncode == 5
    styx.flush_rules()
    wait_until(styx.has_shield, 5, "the finishing process to put the shield back")
    styx.thaw_tailscaled()
    wait_until(lambda: styx.exit_node() == "", 15, "the pref to follow")


def test_released_with_the_pref_stuck_nothing_is_put_back(styx):
    """A person works by hand: what stands stays until the pref is back, what is gone stays gone."""
    process = styx.open_trial()
    styx.freeze_tailscaled()
    styx.kill_guard_for_good()
    styx.host.kill(process)
    done = styx.rollback("--release")
    assert done.returncode == 5 and "not put back any more" in done.stdout, done.stdout
    assert "The shields are in place" not in done.stdout
    stays(styx.has_shield, 3, "the shield, as long as the pref is stuck")
    styx.flush_rules()
    stays(lambda: not styx.has_shield(), 3, "what a person took away")
    done = styx.rollback("--release")
    assert done.returncode == 5 and not styx.has_shield(), done.stdout
    styx.host.unit("oceanid-guard").start()
    styx.host.unit("oceanid-guard").wait_active(30)
    stays(lambda: not styx.has_shield(), 2, "what a person took away")
    styx.thaw_tailscaled()
    wait_until(lambda: styx.exit_node() == "", 20, "the pref to be undone all the same")
    wait_until(lambda: "Nothing is changed" in styx.rollback("--list").stdout, 20, "its end")


def test_guard_keeps_shields_while_the_pref_is_stuck(styx):
    process = styx.open_trial()
    styx.freeze_tailscaled()
    styx.host.kill(process)
    styx.host.unit("oceanid-guard").kill()
    styx.host.unit("oceanid-guard").wait_active(30)
    styx.flush_rules()
    wait_until(styx.has_shield, 5, "the guard to put the shield back")
    wait_until(styx.ssh, 5, "SSH from outside")
    styx.thaw_tailscaled()
    wait_until(lambda: styx.exit_node() == "", 20, "the pref to be undone")
    wait_until(lambda: not styx.has_shield(), 10, "the shields to go last")


def times_of(said, *words):
    """When drive said that, by its own time of day, in seconds."""
    lines = [line.split() for line in said.splitlines()]
    return [int(line[0]) / 1e6 for line in lines if tuple(line[1:1 + len(words)]) == words]


def test_hanging_tailscaled_delays_no_lease(styx):
    """Its calls hang for 2 s each, in a thread of their own: the revert begins on the dot."""
    process = styx.host.popen(styx.argv("soak=60", "lease=5", "answers=3"))
    wait_until(lambda: len(times_of(process.output(), "nonce")) >= 3, 20, "the last nonce answered")
    styx.freeze_tailscaled()
    wait_until(lambda: times_of(process.output(), "state", "reverting:"), 10, "the lease's end")
    said = process.output()
    late = times_of(said, "state", "reverting:")[0] - times_of(said, "nonce")[2] - 5
    assert -0.05 < late < 0.25, said
    assert styx.has_shield()
    styx.thaw_tailscaled()
    wait_until(lambda: styx.exit_node() == "", 20, "the pref to be undone")


def test_reboot_in_a_trial_of_the_exit_node(styx):
    """tailscaled brings the exit node back by itself; the shield is there before it."""
    styx.open_trial()
    styx.host.reboot()
    wait_until(lambda: styx.exit_node() == "", 20, "the pref to be undone")
    wait_until(styx.ssh, 10, "SSH from outside")
    wait_until(lambda: "Nothing is changed" in styx.rollback("--list").stdout, 20, "its end")


def test_confirmed_survives_a_reboot(styx):
    styx.confirm()
    styx.host.reboot()
    wait_until(styx.has_shield, 10, "the shield")
    wait_until(styx.ssh, 10, "SSH from outside with the exit node in use")
    wait_until(styx.exit_node, 10, "the exit node, which persists")


def test_flushed_rules_come_back(styx):
    styx.confirm()
    styx.flush_rules()
    wait_until(styx.has_shield, 2, "the guard to put the shield back")
    wait_until(styx.ssh, 3, "SSH from outside")
