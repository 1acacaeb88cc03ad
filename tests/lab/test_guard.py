"""guard: the real guard and rescue alone in a network namespace; drive plays agent and witnesses.

No fleet and no lab: one folder holds state, socket and trust root, one namespace the routes.
"""

import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import uuid

import pytest

from lab import ends
from lab.wait import stays, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RAW_RULE = ROOT / "tests/lab/raw_rule.py"
BIN = pathlib.Path(os.environ.get("OCEANID_BIN", ROOT / "build/dev/bin"))
ROUTE = "198.18.0.0"
SETUP = """
ip link set lo up
ip link add eth0 type veth peer name far0
ip link set far0 up
ip link set eth0 up
ip address add 203.0.113.10/24 dev eth0
echo ready
exec sleep infinity
"""


def network_of(pid):
    """The network namespace of a process; None: it has ended."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def pids_in(network):
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and network_of(pid) == network]


class Node:
    """One guard's surroundings. Processes run in its network and mount namespace."""

    def __init__(self, folder):
        self.folder = folder
        self.state = folder / "guard"
        self.boot_file = folder / "boot_id"
        self.guard = None
        self.more_environment = {}
        self.wrap = []  # in front of the guard's command
        self.children = []
        for name in ("keys", "guard"):
            (folder / name).mkdir()
        self.new_boot_id()
        self.holder = subprocess.Popen(["unshare", "-n", "-m", "sh", "-ec", SETUP],
                                       stdout=subprocess.PIPE, text=True)
        assert self.holder.stdout.readline() == "ready\n"
        self.call([BIN / "drive", "init", folder / "keys", self.state, folder / "trust.yaml"])
        (folder / "guard.yaml").write_text(
            f"state: {self.state}\nsocket: {folder}/guard.sock\ntrust: {folder}/trust.yaml\n"
            f"tailscale-socket: {folder}/no-tailscaled.sock\nagent-user: root\n"
            f"rehearse-socket: {folder}/rehearse.sock\n")
        self.listen_for_rehearsals()

    # -- processes ----------------------------------------------------------------------------

    def inside(self, argv):
        return ["nsenter", "-t", str(self.holder.pid), "-r", "-n", "-m", *map(str, argv)]

    def environment(self):
        return dict(os.environ, OCEANID_BOOT_ID_FILE=str(self.boot_file), **self.more_environment)

    def call(self, argv, check=True, answer=None, stdin=None):
        given = {"stdin": stdin} if stdin is not None else {"input": answer}
        done = subprocess.run(self.inside(argv), capture_output=True, text=True, check=False,
                              timeout=60, env=self.environment(), **given)
        if ends.ended_itself(done) or (check and done.returncode != 0):
            raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def spawn(self, argv, log):
        with open(self.folder / log, "ab") as out:
            process = subprocess.Popen(self.inside(argv), stdout=out, stderr=out,
                                       stdin=subprocess.DEVNULL, env=self.environment())
        self.children.append(process)
        return process

    def log(self, name):
        path = self.folder / name
        return path.read_text(errors="replace") if path.exists() else ""

    # -- guard --------------------------------------------------------------------------------

    def hang_disk(self):
        (self.folder / "hang").write_text("")

    def free_disk(self):
        (self.folder / "hang").unlink()

    def start_with_hanging_disk(self):
        """The guard again, on a disk that hang_disk() makes hang."""
        self.kill()
        self.use_disk_that_may_hang()
        self.start()
        self.more_environment = {}

    def use_disk_that_may_hang(self):
        """For programs that are started from here on."""
        self.more_environment = {"LD_PRELOAD": str(BIN / "libhang.so"),
                                 "OCEANID_HANG": str(self.folder / "hang"),
                                 "ASAN_OPTIONS": "verify_asan_link_order=0"}

    def use_disk_that_may_freeze(self):
        """The same; nothing there is opened for writing, nor written to, either."""
        self.use_disk_that_may_hang()
        self.more_environment["OCEANID_FROZEN"] = str(self.state)

    def use_disk_that_may_die(self, *cached):
        """The same; nothing there is opened for reading either, but what is in the page cache."""
        self.use_disk_that_may_hang()
        self.more_environment["OCEANID_DEAD"] = str(self.state)
        self.more_environment["OCEANID_CACHED"] = "".join(f"/{name}" for name in cached)

    def use_disk_of(self, path, alone=False):
        """The same of another disk, or of one file alone; what is written elsewhere is not synced
        either, unless it is alone."""
        self.use_disk_that_may_hang()
        self.more_environment["OCEANID_DEAD"] = str(path)
        if alone:
            self.more_environment["OCEANID_ALONE"] = "yes"

    def stand_at_usual_places(self):
        """What the defaults name is this node's, too: state, sockets and marks."""
        for above, usual, own in (("/var/lib", "/var/lib/oceanid/guard", self.state),
                                  ("/run", "/run/oceanid", self.folder)):
            self.call(["mount", "-t", "tmpfs", "tmpfs", above])
            self.call(["mkdir", "-p", usual])
            self.call(["mount", "--bind", own, usual])

    def listen_for_rehearsals(self):
        """As oceanid-rehearse.socket: each connection a process in a network of its own."""
        path = self.folder / "rehearse.sock"
        self.rehearsals = self.spawn(
            ["systemd-socket-activate", "--accept", "--seqpacket", f"--listen={path}", "unshare",
             "-n", BIN / "oceanid-rehearse"], "rehearse.log")
        wait_until(path.exists, 10, f"{path} to be listened on: {self.log('rehearse.log')}")

    def start(self):
        self.guard = self.spawn([*self.wrap, BIN / "oceanid-guard", "--config",
                                 self.folder / "guard.yaml"], "guard.log")
        wait_until(self.answers, 15, f"the guard to listen: {self.log('guard.log')}")

    def answers(self):
        assert self.guard.poll() is None, self.log("guard.log")
        return self.answers_at_all()

    def answers_at_all(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as attempt:
            return attempt.connect_ex(str(self.folder / "guard.sock")) == 0

    def kill(self, number=signal.SIGKILL):
        self.guard.send_signal(number)
        code = self.guard.wait(15)
        assert code == -number or not ends.is_mistake(code), self.log("guard.log")

    def reboot(self):
        """A lab's reboot: the guard is gone, volatile state is gone, the boot id is another."""
        self.kill()
        self.ip("route", "flush", "proto", "153", check=False)
        self.new_boot_id()

    def new_boot_id(self):
        self.boot_file.write_text(f"{uuid.uuid4()}\n")

    # -- what a test asks ---------------------------------------------------------------------

    def ip(self, *words, check=True):
        return self.call(["ip", *words], check=check).stdout

    def has_route(self):
        return ROUTE in self.ip("route", "show", "table", "main")

    def trial_argv(self, *options):
        return [BIN / "drive", "trial", self.folder / "keys", self.state,
                f"socket={self.folder}/guard.sock", "device=eth0", *options]

    def trial(self, *options):
        """A whole trial; its exit code: 0 confirmed, 1 reverted, 2 refused."""
        return self.call(self.trial_argv(*options), check=False)

    def open_trial(self, *options):
        """A trial with a long soak, until its route is there."""
        process = self.spawn(self.trial_argv("soak=60", "lease=20", *options), "drive.log")
        wait_until(self.has_route, 15, "the route of the trial")
        return process

    def confirm(self, sequence=1):
        done = self.trial("soak=1", f"sequence={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr + self.log("guard.log")

    def rollback(self, *words, check=True, answer=None, stdin=None):
        return self.call([BIN / "oceanid-rollback", *words, "--config", self.folder / "guard.yaml"],
                         check=check, answer=answer, stdin=stdin)

    def kill_left(self):
        """Whoever is no child of this one's, as one who waits for a disk that hangs; and who they
        were."""
        left = [pid for pid in pids_in(network_of(self.holder.pid)) if pid != self.holder.pid]
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def end(self):
        died = [f"{process.args} ended by signal {-process.poll()}" for process in self.children
                if ends.is_mistake(process.poll())]
        for process in self.children:
            if process.poll() is None:
                process.kill()
            process.wait()
        wait_until(lambda: not self.kill_left(), 20, "all that was left in this network to end")
        self.holder.kill()
        self.holder.wait()
        ends.check(died + ends.read((log.name, log) for log in sorted(self.folder.glob("*.log"))))


@pytest.fixture
def node(tmp_path):
    if not (BIN / "oceanid-guard").exists():
        pytest.skip(f"no programs in {BIN}: build them, or set OCEANID_BIN")
    made = Node(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.end()


# -- the trial ------------------------------------------------------------------------------------

def test_confirmed(node):
    node.confirm()
    assert node.has_route()
    listed = node.rollback("--list").stdout
    assert "drive-1" in listed and "confirmed" in listed
    assert "route del" in (node.state / "undo.txt").read_text()


def test_silence_reverts(node):
    done = node.trial("soak=30", "lease=4", "answers=2")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "receipt reverted" in done.stdout
    assert not node.has_route()


def test_a_failing_witness_reverts(node):
    done = node.trial("soak=30", "lease=10", "answers=2", "failing=1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the proof failed" in done.stdout
    assert not node.has_route()


def test_a_failing_check_of_the_node_itself_reverts_at_once(node):
    """Its lease would last much longer: the grace decides, which is a second here."""
    done = node.trial("soak=30", "lease=20", "answers=2", "own-failing=1")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the proof failed" in done.stdout and "database" in done.stdout
    lines = done.stdout.splitlines()
    proven = [line for line in lines if " nonce" in line][1]  # the last one, by answers=2
    ended = next(line for line in lines if " receipt" in line)
    assert (int(ended.split()[0]) - int(proven.split()[0])) / 1e6 < 4, done.stdout
    assert not node.has_route()


def test_many_operations(node):
    done = node.trial("soak=1", "routes=100")
    assert done.returncode == 0, done.stdout + done.stderr
    assert node.ip("route", "show", "proto", "153").count("198.18.0.") == 100
    node.rollback("--yes")
    assert not node.has_route()


def test_the_same_attempt_is_made_once(node):
    node.confirm()
    again = node.trial("soak=1")
    assert again.returncode == 0 and "prepared" not in again.stdout, again.stdout


def test_without_a_trust_root_nothing_is_touched(node):
    (node.folder / "trust.yaml").unlink()
    done = node.trial("soak=1")
    assert done.returncode == 2 and "only observes" in done.stdout
    assert not node.has_route()


def test_a_device_that_is_not_here_is_refused(node):
    done = node.trial("soak=1", "device=eth7")
    assert done.returncode == 2 and "eth7" in done.stdout
    assert not node.has_route()


# -- a disk that hangs ------------------------------------------------------------------------------

def test_hanging_disk_delays_no_revert(node):
    node.start_with_hanging_disk()
    driver = node.spawn(node.trial_argv("soak=30", "lease=4", "answers=2"), "drive.log")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.hang_disk()
    wait_until(lambda: not node.has_route(), 8, "the change to be taken back all the same")
    assert "receipt" not in node.log("drive.log")
    node.free_disk()
    assert driver.wait(15) == 1
    assert "receipt reverted" in node.log("drive.log")


def test_disk_that_hangs_at_the_confirmation_confirms_nothing(node):
    """Rule 12: `confirming` comes back from the disk after the deadline."""
    node.start_with_hanging_disk()
    driver = node.spawn(node.trial_argv("soak=2", "lease=5"), "drive.log")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.hang_disk()
    wait_until(lambda: "confirming" in node.log("guard.log"), 10, "the confirmation")
    wait_until(lambda: not node.has_route(), 12, "the lease to run out meanwhile")
    node.free_disk()
    assert driver.wait(15) == 1
    assert "receipt reverted" in node.log("drive.log")


def test_rescue_of_a_guard_whose_disk_hangs(node):
    node.start_with_hanging_disk()
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("guard.log"), 15, "the trial to soak")
    node.hang_disk()
    done = node.rollback("--yes")
    assert not node.has_route(), done.stdout
    assert "Done and verified" in done.stdout


def rescue_on_a_disk_that_hangs(node, *words):
    """Its own disk hangs too; what it says, and how long it took."""
    node.use_disk_that_may_hang()
    node.hang_disk()
    began = time.monotonic()
    done = node.rollback(*words, check=False)
    took = time.monotonic() - began
    assert took < 10, (took, done.stdout)
    assert not node.has_route(), done.stdout + done.stderr
    node.more_environment = {}
    return done


def nothing_stands(node):
    return "Nothing is changed" in node.rollback("--list").stdout


def test_rescue_on_a_disk_that_hangs(node):
    """Undone at once; it says what is not written, and that follows when the disk answers."""
    node.start_with_hanging_disk()
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("guard.log"), 15, "the trial to soak")
    done = rescue_on_a_disk_that_hangs(node, "--yes")
    assert "disk does not answer" in done.stdout and done.returncode == 5, done.stdout
    assert "verified in the kernel" in done.stdout and "is not written yet" in done.stdout
    assert (node.folder / "unrecorded").exists()
    node.free_disk()
    wait_until(lambda: not (node.folder / "unrecorded").exists(), 5, "the mark to go by itself")
    assert nothing_stands(node)
    assert "# nothing is changed" in (node.state / "undo.txt").read_text()
    node.start()
    stays(lambda: not node.has_route(), 1, "the route taken back")


def test_confirmed_change_is_rolled_back_on_a_disk_that_hangs(node):
    """No guard that starts meanwhile believes the old journal: it waits for who writes it."""
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.kill()
    done = rescue_on_a_disk_that_hangs(node, "--yes")
    assert "is not written yet" in done.stdout and done.returncode == 5, done.stdout
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    stays(lambda: not node.has_route(), 2, "the route taken back")
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to have the journal")
    stays(lambda: not node.has_route(), 1, "the route taken back")
    assert nothing_stands(node) and not (node.folder / "unrecorded").exists()


def test_who_writes_for_a_rescue_that_has_ended_is_followed(node):
    """Killed while the disk hangs, and nobody is there who could start another one but a process
    that the rescue left for that."""
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.kill()
    done = rescue_on_a_disk_that_hangs(node, "--yes")
    writer = re.search(r"Process (\d+) writes it", done.stdout)
    assert writer is not None and done.returncode == 5, done.stdout
    os.kill(int(writer[1]), signal.SIGKILL)
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    stays(lambda: not node.has_route(), 4, "the route taken back")
    assert (node.folder / "unrecorded").exists()
    node.free_disk()
    wait_until(lambda: not (node.folder / "unrecorded").exists(), 10, "the mark to go by itself")
    wait_until(node.answers_at_all, 15, "the guard to have the journal")
    stays(lambda: not node.has_route(), 1, "the route taken back")
    assert nothing_stands(node), node.log("rollback.log")


def test_second_rescue_on_a_disk_that_hangs_is_written_too(node):
    """The first one's writer knows nothing of what the second took back, without the lock."""
    for sequence in (1, 2):
        done = node.trial("soak=1", f"sequence={sequence}", f"routes={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr
    node.kill()
    node.use_disk_that_may_hang()
    node.hang_disk()
    assert "is not written yet" in node.rollback("--yes", check=False).stdout
    assert node.has_route()
    done = rescue_on_a_disk_that_hangs(node, "--to", "1", "--yes")
    assert "another process has it" in done.stdout and done.returncode == 5, done.stdout
    stays(lambda: node.log("rollback.log").count("it goes on with what is open") <= 2, 7,
          "what both finishing processes wait for said once: /run is memory, disks hang for days")
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to have the journal")
    stays(lambda: not node.has_route(), 1, "the route taken back")
    assert nothing_stands(node), node.log("rollback.log")
    assert not (node.folder / "unrecorded").exists()


def test_confirmed_change_is_rolled_back_on_a_frozen_disk(node):
    """Nobody so much as opens the journal for writing before the undo; that follows, too."""
    assert node.trial("soak=1", "shield=1").returncode == 0
    node.kill()
    node.use_disk_that_may_freeze()
    node.hang_disk()
    began = time.monotonic()
    done = node.rollback("--yes", check=False)
    assert time.monotonic() - began < 10, done.stdout
    assert not node.has_route(), done.stdout + done.stderr
    assert "without a record" in done.stdout and done.returncode == 5, done.stdout
    assert (node.folder / "unrecorded").exists()
    node.more_environment = {}
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    stays(lambda: not node.has_route(), 2, "the route taken back")
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to have the journal")
    stays(lambda: not node.has_route(), 1, "the route taken back")
    assert nothing_stands(node), node.log("rollback.log")
    assert not (node.folder / "unrecorded").exists()


def test_stop_post_on_a_frozen_disk_reverts(node):
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    node.kill()
    node.use_disk_that_may_freeze()
    node.hang_disk()
    began = time.monotonic()
    done = node.rollback("--stop-post", check=False)
    assert time.monotonic() - began < 10, done.stdout
    assert not node.has_route() and done.returncode == 0, done.stdout + done.stderr
    node.more_environment = {}
    node.free_disk()
    node.start()
    stays(lambda: not node.has_route(), 1, "the route taken back")
    assert nothing_stands(node)


def test_what_is_held_up_is_finished_on_a_disk_that_hangs(node):
    """The finishing process does not wait for the disk either."""
    node.ip("route", "add", f"{ROUTE}/32", "dev", "eth0", "proto", "153", "scope", "link")
    assert node.trial("soak=1", "removes=1").returncode == 0
    node.kill()
    node.ip("link", "set", "eth0", "down")
    done = rescue_on_a_disk_that_hangs(node, "--yes")
    assert "for which the guard waits" in done.stdout and done.returncode == 5, done.stdout
    node.ip("link", "set", "eth0", "up")
    wait_until(node.has_route, 10, "the finishing process to put it back from memory")
    node.free_disk()
    wait_until(lambda: nothing_stands(node), 10, "its record")
    wait_until(lambda: not (node.folder / "unrecorded").exists(), 10, "the mark to go")


def test_guard_killed_on_a_disk_that_hangs_stop_post_reverts(node):
    node.start_with_hanging_disk()
    node.open_trial()
    wait_until(lambda: "soaking" in node.log("guard.log"), 15, "the trial to soak")
    node.hang_disk()
    node.kill()
    done = rescue_on_a_disk_that_hangs(node, "--stop-post")
    assert "does not know of all this yet" in done.stdout and done.returncode == 0, done.stdout
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    stays(lambda: not node.has_route(), 1, "the route taken back")
    node.free_disk()
    wait_until(node.answers_at_all, 15, "the guard to have the journal")
    wait_until(lambda: nothing_stands(node), 5, "the end in the journal")


# -- death ----------------------------------------------------------------------------------------

def test_killed_in_a_trial_stop_post_reverts(node):
    node.open_trial()
    node.kill()
    assert node.has_route()
    done = node.rollback("--stop-post")
    assert not node.has_route(), done.stdout
    node.start()
    assert "Nothing is changed" in node.rollback("--list").stdout


def test_killed_in_a_trial_restart_reverts(node):
    node.open_trial()
    node.kill()
    node.start()
    wait_until(lambda: not node.has_route(), 5, "the restarted guard to take it back")
    wait_until(lambda: "reverted" in node.log("guard.log"), 5, "the receipt")


def test_stopped_by_systemd_then_stop_post(node):
    node.open_trial()
    node.kill(signal.SIGTERM)
    assert node.guard.returncode == 0
    node.rollback("--stop-post")
    assert not node.has_route()


def test_reboot_in_a_trial(node):
    node.open_trial()
    node.reboot()
    node.rollback("--boot")
    node.start()
    assert not node.has_route()
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 5, "the end")


def test_confirmed_route_comes_back_after_a_reboot(node):
    node.confirm()
    node.reboot()
    assert not node.has_route()
    node.start()
    wait_until(node.has_route, 5, "the confirmed route to be put back")


def test_confirmed_route_comes_back_when_its_device_does(node):
    node.confirm()
    node.reboot()
    node.ip("link", "set", "eth0", "down")
    node.start()
    assert not node.has_route()
    node.ip("link", "set", "eth0", "up")
    wait_until(node.has_route, 5, "the route to follow its device")


def test_boot_unit_puts_back_without_a_guard(node):
    node.confirm()
    node.reboot()
    node.rollback("--boot")
    assert node.has_route()


def test_a_key_that_cannot_be_looked_at_is_not_replaced(node):
    """Only where there is none a new one is made: with another one this node is a stranger."""
    node.kill()
    key = node.state / "key.pem"
    kept = key.read_bytes()
    key.rename(node.state / "kept.pem")
    key.symlink_to("key.pem")  # ELOOP, which is not ENOENT
    refused = node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"],
                         "refused.log")
    assert refused.wait(15) == 1
    assert "expected this node's key, or that there is none yet" in node.log("refused.log")
    assert key.is_symlink()
    (node.state / "kept.pem").rename(key)
    node.start()
    assert key.read_bytes() == kept


# -- addresses and links ---------------------------------------------------------------------------

SECOND = """
ip link add eth1 type veth peer name far1
sysctl -qw net.ipv4.conf.eth1.promote_secondaries=0 net.ipv6.conf.eth1.accept_dad=0
ip link set far1 up
ip link set eth1 up
ip address add 192.0.2.10/24 dev eth1
ip address add 192.0.2.11/24 dev eth1
ip address add 2001:db8:2::10/64 dev eth1 nodad
ip route add 10.1.0.0/16 via 192.0.2.1 proto static
ip route add 10.2.0.0/16 dev eth1 src 192.0.2.11 table 77
ip -6 route add 2001:db8:a::/48 via 2001:db8:2::1 dev eth1
"""
SEVERAL = ("also=remove 192.0.2.10/24 eth1,add 198.51.100.9/24 eth1,"
           "add 2001:db8:9::1/64 eth1,link eth1 1400,link far1 1200")
DOWN = "also=link eth1 9000 down"


def network(node):
    """What an operator compares by eye: addresses in their order, routes of all tables, links."""
    lines = node.ip("-o", "address", "show").splitlines()
    lines += sorted(line for family in ("-4", "-6")
                    for line in node.ip(family, "route", "show", "table", "all").splitlines()
                    if "fe80" not in line and "multicast" not in line)
    lines += [line.split("qdisc")[0] for line in node.ip("-o", "link", "show").splitlines()]
    return "\n".join(line.split("valid_lft")[0] for line in lines if "fe80" not in line)


@pytest.fixture
def two(node):
    node.call(["sh", "-ec", SECOND])
    # the kernel makes the local route of an IPv6 address a moment later
    wait_until(lambda: "local 2001:db8:2::10" in node.ip("-6", "route", "show", "table", "local"),
               5, "eth1's own routes")
    return node


@pytest.mark.parametrize("also", [SEVERAL, DOWN], ids=["several", "down"])
def test_addresses_and_links_are_reverted(two, also):
    before = network(two)
    done = two.trial("soak=30", "lease=4", "answers=2", also)
    assert done.returncode == 1 and "receipt reverted" in done.stdout, done.stdout + done.stderr
    wait_until(lambda: network(two) == before, 5, "all as before")


@pytest.mark.parametrize("also", [SEVERAL, DOWN], ids=["several", "down"])
def test_addresses_and_links_are_rolled_back(two, also):
    before = network(two)
    assert two.trial("soak=1", also).returncode == 0, two.log("guard.log")
    assert network(two) != before
    assert "10.1.0.0/16 via 192.0.2.1" in (two.state / "undo.txt").read_text()
    two.kill()
    done = two.rollback("--yes")
    assert "verified" in done.stdout, done.stdout
    wait_until(lambda: network(two) == before, 5, "all as before")


def test_a_killed_guards_rescue_takes_a_link_back(two):
    before = network(two)
    two.open_trial(DOWN)
    wait_until(lambda: "state DOWN" in two.ip("link", "show", "eth1"), 5, "eth1 to be down")
    two.kill()
    two.rollback("--stop-post")
    wait_until(lambda: network(two) == before, 5, "all as before")


def test_a_revert_waits_for_carrier(two):
    """Nothing but a nexthop object needs one; the state is listed, and ends when it is there."""
    two.ip("nexthop", "add", "id", "7", "via", "192.0.2.1", "dev", "eth1", "proto", "static")
    before = network(two)
    assert two.trial("soak=1", DOWN).returncode == 0, two.log("guard.log")
    two.ip("link", "set", "far1", "down")
    two.kill()
    done = two.rollback("--yes", check=False)
    assert "waits for carrier of eth1" in done.stdout, done.stdout
    assert done.returncode != 0 and "open:" in done.stdout, done.stdout
    two.ip("link", "set", "far1", "up")
    wait_until(lambda: "id 7" in two.ip("nexthop") and network(two) == before, 15, "all as before")


def test_confirmed_address_and_link_come_back_after_a_reboot(two):
    confirmed = "also=add 198.51.100.9/24 eth1,link eth1 1400"
    assert two.trial("soak=1", confirmed).returncode == 0, two.log("guard.log")

    def stands():
        return "198.51.100.9/24" in two.ip("address", "show", "eth1") and \
            "mtu 1400" in two.ip("link", "show", "eth1")

    assert stands()
    two.reboot()
    two.ip("link", "del", "eth1")
    two.rollback("--boot")
    two.start()
    two.call(["sh", "-ec", SECOND])  # the device comes later than the guard
    wait_until(stands, 5, "address and mtu to follow their device")
    two.reboot()
    two.ip("address", "del", "198.51.100.9/24", "dev", "eth1")
    two.ip("link", "set", "eth1", "mtu", "1500")
    two.rollback("--boot")
    assert stands()
    assert "ok       address 198.51.100.9/24 on eth1" in two.rollback("--check", check=False).stdout


def test_what_a_newer_change_took_along_stays_away(two):
    """Also when a link event has the guard look; with the newer change taken back it is back."""
    for sequence, also in ((1, "add 192.0.2.20/24 eth1"), (2, "remove 192.0.2.10/24 eth1")):
        done = two.trial("soak=1", f"sequence={sequence}", f"also={also}")
        assert done.returncode == 0, done.stdout + done.stderr

    def addresses():
        return two.ip("-4", "-o", "address", "show", "eth1")

    assert addresses() == ""
    two.ip("route", "del", "198.18.0.0/32", "dev", "eth0")
    two.ip("link", "set", "far1", "down")
    two.ip("link", "set", "far1", "up")
    wait_until(two.has_route, 5, "the look behind the link event")
    assert addresses() == ""
    assert "All as confirmed" in two.rollback("--check").stdout
    two.rollback("--yes")
    assert "192.0.2.20/24" in addresses() and "192.0.2.10/24" in addresses()


# -- shields -------------------------------------------------------------------------------------

def test_shield_comes_back_within_100_ms(node):
    assert node.trial("soak=1", "shield=1").returncode == 0
    took = []
    for _ in range(5):
        before = node.log("guard.log").count("put back")
        removed = time.monotonic()
        node.ip("route", "flush", "proto", "153")
        wait_until(lambda: node.log("guard.log").count("put back") > before, 5, "it", every_s=0.005)
        took.append(time.monotonic() - removed)
        wait_until(node.has_route, 1, "it: ip(8) looks again, and removes what was put back")
    assert min(took) < 0.1, took  # with the time that ip(8) itself takes


def test_shield_comes_back_in_an_open_trial(node):
    node.open_trial("shield=1")
    node.ip("route", "flush", "proto", "153")
    wait_until(node.has_route, 2, "the shield to be put back")


def test_no_shield_no_putting_back(node):
    node.confirm()
    node.ip("route", "flush", "proto", "153")
    stays(lambda: not node.has_route(), 1, "the route that root removed")


def test_released_shields_stay_away(node):
    assert node.trial("soak=1", "shield=1").returncode == 0
    done = node.rollback("--release")
    assert "not put back any more" in done.stdout and node.has_route()
    node.ip("route", "flush", "proto", "153")
    stays(lambda: not node.has_route(), 1, "the shield that root released")
    mark = node.folder / "released"
    told = (f"{mark} is there: nothing is put back on this host until it is removed or the host "
            "reboots")
    assert told in node.rollback("--list").stdout
    checked = node.rollback("--check", check=False)
    assert checked.returncode == 1 and told in checked.stdout
    assert "the guard puts it back" not in checked.stdout
    mark.unlink()
    assert str(mark) not in node.rollback("--list").stdout
    wait_until(node.has_route, 12, "the shield to be put back once root's work by hand is over")


# -- rescue ---------------------------------------------------------------------------------------

def test_rollback_pops_the_newest(node):
    node.confirm(1)
    done = node.rollback("--yes")
    assert "Done and verified" in done.stdout
    assert not node.has_route()
    assert node.guard.wait(5) == 0  # it was asked to let go, and did
    assert "Nothing is changed" in node.rollback("--list").stdout


def test_rollback_ends_an_open_trial(node):
    driver = node.open_trial()
    done = node.rollback("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not node.has_route()
    driver.wait(10)


def test_rollback_of_a_frozen_guard(node):
    node.open_trial()
    node.guard.send_signal(signal.SIGSTOP)
    done = node.rollback("--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not node.has_route()
    assert node.guard.wait(5) == -signal.SIGKILL


def test_rollback_asks_first(node):
    node.confirm()
    done = node.rollback(check=False, answer="no\n")
    assert "delete route 198.18.0.0" in done.stdout and "Nothing was done" in done.stdout
    assert done.returncode == 1 and node.has_route()
    assert node.rollback(answer="yes\n").returncode == 0
    assert not node.has_route()


def test_rollback_to_a_number(node):
    for sequence in (1, 2):
        done = node.trial("soak=1", f"sequence={sequence}", f"routes={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr
    listed = node.rollback("--list").stdout
    assert listed.index("drive-2") < listed.index("drive-1")
    node.rollback("--to", "1", answer="yes\n")
    assert not node.has_route()
    assert "Nothing is changed" in node.rollback("--list").stdout


def test_confirmed_while_a_person_reads(node):
    """What was shown is taken back, also where the guard confirms it before the yes."""
    node.spawn(node.trial_argv("soak=2", "lease=20"), "drive.log")
    wait_until(node.has_route, 15, "the route of the trial")
    argv = [BIN / "oceanid-rollback", "--config", node.folder / "guard.yaml"]
    reader = subprocess.Popen(node.inside(argv), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, env=node.environment())
    node.children.append(reader)
    wait_until(lambda: "open  " not in node.rollback("--list").stdout, 20, "it to be confirmed")
    said, _ = reader.communicate("yes\n", timeout=30)
    assert "confirmed meanwhile" in said and reader.returncode == 0, said
    assert not node.has_route(), said
    assert "Nothing is changed" in node.rollback("--list").stdout


def told_as_open(node):
    """undo.txt, once it has the trial: it is written beside the trial's first steps."""
    text = (node.state / "undo.txt").read_text()
    return text if "# open trial" in text else None


def test_undo_text_is_never_left_behind(node):
    """A guard that is stopped may end before it has written it anew; packages ask it at purge."""
    node.open_trial()
    opened = wait_until(lambda: told_as_open(node), 5, "undo.txt to tell of the trial")
    node.kill()
    node.rollback("--stop-post")
    assert "# nothing is changed" in (node.state / "undo.txt").read_text()
    (node.state / "undo.txt").write_text(opened)
    node.rollback("--stop-post")
    assert "# nothing is changed" in (node.state / "undo.txt").read_text()


def test_a_mistake_in_guard_yaml_stops_no_unit(node):
    """A person is told how to go on; whom nobody tells goes by the defaults."""
    node.open_trial()
    unknown = node.rollback("--nosuch", check=False)
    assert unknown.returncode == 2 and "'--nosuch' is not known" in unknown.stderr, unknown.stderr
    (node.folder / "guard.yaml").write_text("nonsense: 1\n")
    refused = node.rollback("--list", check=False)
    assert refused.returncode == 2 and "--config /dev/null" in refused.stderr, refused.stderr
    done = node.rollback("--stop-post", check=False)
    assert "going by the defaults" in done.stdout, done.stdout + done.stderr
    absent = node.call([BIN / "oceanid-rollback", "--list", "--config", node.folder / "none.yaml"],
                       check=False)
    assert absent.returncode == 2 and "found no such file" in absent.stderr, absent.stderr
    started = node.call([BIN / "oceanid-guard", "--config", node.folder / "none.yaml"], check=False)
    assert started.returncode == 2 and "found no such file" in started.stderr, started.stderr


def test_check(node):
    node.confirm()
    assert "All as confirmed" in node.rollback("--check").stdout
    node.ip("route", "del", "198.18.0.0/32", "dev", "eth0")
    done = node.rollback("--check", check=False)
    assert done.returncode == 1 and "differs" in done.stdout


def test_a_rule_that_nobody_knows_is_no_ok(node):
    """Debian's ip(8) does not know `dscp` either, the kernel does: only packets of that one go by
    it, and the model must not take it for a rule that all of them go by."""
    assert node.trial("soak=1", "flow=1").returncode == 0
    assert "All as confirmed" in node.rollback("--check").stdout
    node.ip("route", "add", "203.0.113.0/24", "dev", "far0", "table", "777")
    node.ip("rule", "add", "pref", "100", "lookup", "777")
    done = node.rollback("--check", check=False)
    assert done.returncode == 1 and "differs  flow office" in done.stdout, done.stdout
    put = node.call(["/usr/bin/python3", RAW_RULE, "4", "99", "254", "25:2e"], check=False)
    if put.returncode == 3:
        pytest.skip("this kernel has no rules of a DSCP: it is of before 6.13")
    assert put.returncode == 0, put.stderr
    assert "dev far0" in node.ip("route", "get", "203.0.113.77")
    done = node.rollback("--check", check=False)
    assert done.returncode == 1 and "All as confirmed" not in done.stdout, done.stdout
    assert "unknown  flow office" in done.stdout, done.stdout
    assert ("rule 99: from all lookup main and what this program does not know (attribute 25)" in
            done.stdout), done.stdout


def test_a_rule_that_suppresses_by_interface_group_is_no_ok(node):
    """The rule in front finds the confirmed way, and does not take it for its device's group."""
    assert node.trial("soak=1", "flow=1").returncode == 0
    node.ip("route", "add", "203.0.113.0/24", "dev", "far0", "table", "777")
    node.ip("rule", "add", "pref", "100", "lookup", "777")
    node.ip("rule", "add", "pref", "99", "lookup", "main", "suppress_ifgroup", "7")
    assert "dev eth0" in node.ip("route", "get", "203.0.113.77")
    assert "All as confirmed" in node.rollback("--check").stdout
    node.ip("link", "set", "eth0", "group", "7")
    assert "dev far0" in node.ip("route", "get", "203.0.113.77")
    done = node.rollback("--check", check=False)
    assert done.returncode == 1 and "differs  flow office" in done.stdout, done.stdout


def test_release_ends_the_trial_and_is_said(node):
    node.open_trial()
    done = node.rollback("--release")
    assert not node.has_route(), done.stdout
    assert (node.folder / "released").exists()


def test_rollback_with_a_full_disk_goes_on_from_memory(node):
    """Undone all the same, and a guard that still believes the old journal puts nothing back."""
    for sequence in (1, 2):
        done = node.trial("soak=1", f"sequence={sequence}", f"routes={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr
    node.kill()
    argv = ["prlimit", "--fsize=0", BIN / "oceanid-rollback", "--yes", "--to", "1", "--config",
            node.folder / "guard.yaml"]
    done = node.call(argv, check=False)
    assert not node.has_route(), done.stdout + done.stderr
    assert "cannot be written" in done.stdout and done.returncode == 5, done.stdout
    assert (node.folder / "unrecorded").exists()  # it takes no room
    node.start()
    stays(lambda: not node.has_route(), 1, "the route taken back")
    done = node.rollback("--yes", "--to", "1")
    assert "Done and verified" in done.stdout
    assert "Nothing is changed" in node.rollback("--list").stdout
    assert not (node.folder / "unrecorded").exists()


def hold_up(node):
    """A confirmed change whose undo needs a device that is down; returns the rescue's output."""
    node.ip("route", "add", f"{ROUTE}/32", "dev", "eth0", "proto", "153", "scope", "link")
    done = node.trial("soak=1", "removes=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not node.has_route()
    node.kill()
    node.ip("link", "set", "eth0", "down")
    done = node.rollback("--yes", check=False)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "open: restore route 198.18.0.0" in done.stdout
    return done.stdout


def bring_back(node):
    node.ip("link", "set", "eth0", "up")


def test_what_is_held_up_follows_by_itself(node):
    hold_up(node)
    bring_back(node)
    wait_until(node.has_route, 10, "the finishing process to put it back")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 5, "its record")


def test_a_guard_takes_over_from_the_finishing_process(node):
    hold_up(node)
    node.start()
    assert not node.has_route()
    bring_back(node)
    wait_until(node.has_route, 10, "the guard to put it back")


def test_rescue_takes_over_from_the_finishing_process(node):
    hold_up(node)
    bring_back(node)
    node.rollback("--yes")
    wait_until(node.has_route, 5, "either to put it back")


def test_what_no_disk_knows_of_is_finished_all_the_same(node):
    """Held up by a device, and the journal takes nothing: a guard that starts waits for the end."""
    node.ip("route", "add", f"{ROUTE}/32", "dev", "eth0", "proto", "153", "scope", "link")
    done = node.trial("soak=1", "removes=1")
    assert done.returncode == 0, done.stdout + done.stderr
    node.kill()
    node.ip("link", "set", "eth0", "down")
    done = node.call(["prlimit", "--fsize=0", BIN / "oceanid-rollback", "--yes", "--config",
                      node.folder / "guard.yaml"], check=False)
    assert done.returncode == 5 and "for which the guard waits" in done.stdout, done.stdout
    assert (node.folder / "unrecorded").exists()
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    wait_until(lambda: "is at work: waiting" in node.log("guard.log"), 10, "the guard to wait")
    bring_back(node)
    wait_until(node.has_route, 10, "the finishing process to put it back")
    wait_until(lambda: node.answers_at_all(), 15, "the guard to go on behind it")
    stays(node.has_route, 1, "the route put back")
    assert (node.folder / "unrecorded").exists()  # the file may still not be written
    node.rollback("--yes")
    assert not (node.folder / "unrecorded").exists()


def test_nothing_to_undo(node):
    done = node.rollback("--yes")
    assert "nothing to undo" in done.stdout.lower()
    done = node.rollback("--void-tailscale", "--yes", check=False)
    assert done.returncode == 1 and "nothing is being taken back" in done.stderr
    assert node.guard.poll() is None


def test_usage(node):
    assert node.rollback("--nonsense", check=False).returncode == 2
    assert node.rollback("--to", "7", check=False).returncode == 2
    for words, said in ((("--to", "--yes"), "--to '--yes'"), (("--yes", "--list"), "--list"),
                        (("--list", "--check"), "'--check' behind --list")):
        refused = node.rollback(*words, check=False)
        assert refused.returncode == 2 and said in refused.stderr, refused.stderr
    forgotten = node.call([BIN / "oceanid-rollback", "--yes", "--to"], check=False)
    assert forgotten.returncode == 2 and "--to: expected a number" in forgotten.stderr
    assert node.call(["setpriv", "--reuid=65534", BIN / "oceanid-rollback", "--list"],
                     check=False).returncode == 4
