"""console: the real rescue in a shell that is not as it should be: in another network, or gone while
it is at work; what one leaves behind that was killed; and whom it leaves where its own file is gone."""

import ctypes
import fcntl
import os
import pty
import shutil
import signal
import subprocess
import termios

import pytest

from lab.wait import stays, wait_until
from test_guard import BIN, ROUTE, bring_back, node  # noqa: F401 (a fixture)

# As after `ip netns exec`, or in a pod's shell.
ELSEWHERE = ["unshare", "-n"]
# The kernel tells nothing of namespaces there.
BLIND = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc/$$/ns && exec "$@"', "sh"]
FORMS = ((), ("--yes",), ("--to", "1", "--yes"), ("--list",), ("--check",), ("--release",),
         ("--void-tailscale", "--yes"), ("--accept-clock", "--yes"), ("--boot",), ("--stop-post",),
         ("--finish",))


def rollback_by(node, way, *words):
    return node.call([*way, BIN / "oceanid-rollback", *words, "--config",
                      node.folder / "guard.yaml"], check=False, answer="yes\n")


def network_of(node):
    return os.readlink(f"/proc/{node.holder.pid}/ns/net")


# -- in another network namespace -----------------------------------------------------------------

@pytest.mark.parametrize("words", FORMS, ids=lambda words: " ".join(words) or "none")
def test_in_another_network_nothing_is_done(node, words):
    """What is not there would count as undone, and its record be gone; the host keeps the change."""
    node.confirm()
    done = rollback_by(node, ELSEWHERE, *words)
    said = done.stdout + done.stderr
    assert done.returncode == 1 and network_of(node) in said, said
    assert "nothing was done" in said and f"nsenter -t {node.guard.pid} -n" in said, said
    assert node.guard.poll() is None and node.has_route(), said
    assert not (node.folder / "released").exists() and not (node.folder / "rescued").is_symlink()
    way = ["nsenter", "-t", str(node.guard.pid), "-n"]
    there = rollback_by(node, [*ELSEWHERE, *way], "--yes")
    assert "Done and verified" in there.stdout and not node.has_route(), there.stdout


def test_in_another_network_without_a_guard(node):
    """Whoever goes there by hand is told how; the mark outlives the guard, not the boot."""
    node.confirm()
    node.kill()
    done = rollback_by(node, ELSEWHERE, "--yes")
    assert done.returncode == 1 and "nothing was done" in done.stderr, done.stdout + done.stderr
    assert f"rm {node.folder}/network" in done.stderr, done.stderr
    assert node.has_route() and "drive-1" in node.rollback("--list").stdout
    assert node.rollback("--yes").returncode == 0 and not node.has_route()


def test_boot_marks_the_network_too(node):
    """Where no guard has started since: its guard.yaml has a mistake, say."""
    node.confirm()
    node.reboot()
    (node.folder / "network").unlink()
    node.rollback("--boot")
    assert os.readlink(node.folder / "network") == network_of(node)
    assert rollback_by(node, ELSEWHERE, "--yes").returncode == 1 and node.has_route()


def test_boot_believes_no_mark_of_a_network_that_is_gone(node):
    """A container that was started again with its old /run."""
    node.confirm()
    node.reboot()
    (node.folder / "network").unlink()
    (node.folder / "network").symlink_to("net:[1]")
    done = node.rollback("--boot")
    assert node.has_route(), done.stdout + done.stderr
    assert os.readlink(node.folder / "network") == network_of(node)
    node.start()


def test_what_is_not_known_refuses_no_rescue(node):
    """No mark, by a guard of an older version; or a kernel that does not tell."""
    for sequence in (1, 2):
        done = node.trial("soak=1", f"sequence={sequence}", f"routes={sequence}")
        assert done.returncode == 0, done.stdout + done.stderr
    done = rollback_by(node, BLIND, "--yes")
    assert done.returncode == 0 and "Done and verified" in done.stdout, done.stdout + done.stderr
    assert f"going on as if it were the guard's, {network_of(node)}" in done.stdout, done.stdout
    (node.folder / "network").unlink()
    done = node.rollback("--yes")
    assert done.returncode == 0 and "network namespace" not in done.stdout, done.stdout
    assert not node.has_route()


def test_a_guard_in_another_network_does_not_start(node):
    """It would take back there what stands here, and end who finishes that here."""
    driver = node.open_trial()
    node.kill()
    driver.kill()
    stranger = node.spawn([*ELSEWHERE, BIN / "oceanid-guard", "--config",
                           node.folder / "guard.yaml"], "stranger.log")
    assert stranger.wait(15) == 1, node.log("stranger.log")
    assert f"expected {network_of(node)}" in node.log("stranger.log"), node.log("stranger.log")
    stays(node.has_route, 1, "the change, which nobody has taken back")
    assert os.readlink(node.folder / "network") == network_of(node)
    node.rollback("--stop-post")
    assert not node.has_route() and "Nothing is changed" in node.rollback("--list").stdout


def test_a_guard_that_has_waited_looks_again(node):
    """Who had the journal meanwhile may have been elsewhere."""
    (node.folder / "network").unlink()
    stranger = node.spawn([*ELSEWHERE, BIN / "oceanid-guard", "--config",
                           node.folder / "guard.yaml"], "stranger.log")
    wait_until(lambda: "waiting" in node.log("stranger.log"), 10, "it to wait for the journal")
    (node.folder / "network").symlink_to(network_of(node))
    node.kill()
    assert stranger.wait(15) == 1, node.log("stranger.log")
    node.start()


# -- a shell that goes away, or is left -----------------------------------------------------------

def take_terminal():
    """As a login does; who runs the tests in the background may have its keys ignored."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Terminal:
    """A rescue on a terminal of its own, as ssh or a console gives it; said: what it has printed."""

    def __init__(self, node, *words, way=(), program=BIN / "oceanid-rollback"):
        self.master, slave = pty.openpty()
        self.said = ""
        self.process = subprocess.Popen(
            node.inside([*way, program, *words, "--config", node.folder / "guard.yaml"]),
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=node.environment(), preexec_fn=take_terminal)
        node.children.append(self.process)
        os.close(slave)
        os.set_blocking(self.master, False)

    def read(self):
        try:
            self.said += os.read(self.master, 65536).decode()
        except OSError:  # nothing now, or nobody there any more
            pass
        return self.said

    def wait_said(self, words):
        wait_until(lambda: words in self.read(), 15, f"{words!r} to be said: {self.said}")

    def end(self):
        code = self.process.wait(15)
        self.read()
        return code


HELD = ["sh", "-c", 'read -r go; exec "$@"', "sh"]


def test_the_question_waits_for_its_reader(node):
    """Ctrl-S, to read what scrolls by: longer than a rescue at work would wait."""
    node.confirm()
    terminal = Terminal(node, way=HELD)
    os.write(terminal.master, b"\x13go\n")
    stays(lambda: terminal.process.poll() is None, 3, "the rescue, at its question")
    assert "newest first" not in terminal.read(), terminal.said
    os.write(terminal.master, b"\x11")
    terminal.wait_said("Type yes:")
    assert "newest first" in terminal.said and ROUTE in terminal.said, terminal.said
    assert "were lost" not in terminal.said and node.has_route(), terminal.said
    os.write(terminal.master, b"yes\n")
    assert terminal.end() == 0 and not node.has_route(), terminal.said


def hang_up(terminal):
    os.close(terminal.master)


def type_key(key):
    return lambda terminal: os.write(terminal.master, key)


def tell(number):
    return lambda terminal: terminal.process.send_signal(number)


# Only what a shell has started as a job can be stopped.
JOB = ["bash", "-mc", '"$@"; exit $?', "bash"]
LEAVES = {"hang up": (hang_up, ()), "Ctrl-C": (type_key(b"\x03"), ()),
          "Ctrl-backslash": (type_key(b"\x1c"), ()), "Ctrl-Z": (type_key(b"\x1a"), JOB),
          "SIGTERM": (tell(signal.SIGTERM), ())}


def remove_for_good(node):
    """Confirms the removal of a route; putting it back is what a rescue has to do."""
    node.ip("route", "add", f"{ROUTE}/32", "dev", "eth0", "proto", "153", "scope", "link")
    assert node.trial("soak=1", "removes=1").returncode == 0


def expect_finished(node, terminal):
    bring_back(node)
    wait_until(node.has_route, 10, f"the finishing process to put it back: {terminal.said}")
    wait_until(lambda: "Nothing is changed" in node.rollback("--list").stdout, 5, "its record")


def begin_held_up(node, **how):
    """A rescue that waits for a device; the guard is alive, or dead, as the test has left it."""
    node.ip("link", "set", "eth0", "down")
    terminal = Terminal(node, "--yes", **how)
    terminal.wait_said(f"not yet: restore route {ROUTE}")
    return terminal


@pytest.mark.parametrize("has_guard", [False, True], ids=["no guard", "guard"])
@pytest.mark.parametrize("leave,way", LEAVES.values(), ids=LEAVES.keys())
def test_what_a_person_leaves_is_finished(node, leave, way, has_guard):
    """A guard has let go of the journal, and without systemd no other one is started."""
    remove_for_good(node)
    if not has_guard:
        node.kill()
    terminal = begin_held_up(node, way=way)
    leave(terminal)
    assert terminal.end() == 5, terminal.said
    assert leave is hang_up or "by a process of its own" in terminal.said, terminal.said
    assert not (node.folder / "rescued").is_symlink()
    expect_finished(node, terminal)


def test_who_is_told_to_stop_does_not_wait(node):
    """Ctrl-C ends the waiting, 5 s of it, and says so; nobody takes a slow disk for a dead one."""
    remove_for_good(node)
    node.kill()
    terminal = begin_held_up(node)
    type_key(b"\x03")(terminal)
    assert terminal.end() == 5
    assert "Told to stop: what is open is not waited for" in terminal.said, terminal.said
    assert "ALARM" not in terminal.said and "from memory" not in terminal.said, terminal.said
    expect_finished(node, terminal)


def test_at_the_question_ctrl_c_ends_it(node):
    node.confirm()
    terminal = Terminal(node)
    terminal.wait_said("Type yes:")
    type_key(b"\x03")(terminal)
    assert terminal.end() == -signal.SIGINT
    assert node.guard.poll() is None and node.has_route()


# -- one that was killed --------------------------------------------------------------------------

NOBODY = 65534
PR_SET_NAME = 15
NAME = b"oceanid-rollback"


def disguised(uid):
    """A process of that user which calls itself as a rescue is called, its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            ctypes.CDLL(None).prctl(PR_SET_NAME, NAME, 0, 0, 0)
            os.write(writer, b"1")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writer)
    assert os.read(reader, 1) == b"1"
    os.close(reader)
    return pid


@pytest.fixture(params=[(NOBODY, "{}"), (NOBODY, "{}:1"), (0, "{}:1")],
                ids=["of an older version", "anybody's", "root's"])
def stranger(node, request):
    """Whoever has the number by now of a rescue that was killed and has left its mark."""
    uid, word = request.param
    pid = disguised(uid)
    try:
        (node.folder / "rescued").symlink_to(word.format(pid))
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_a_killed_rescues_number_keeps_no_stop_post_off(node, stranger):
    node.open_trial()
    node.kill()
    done = node.rollback("--stop-post")
    assert "at work already" not in done.stdout and not node.has_route(), done.stdout
    assert not (node.folder / "rescued").is_symlink()


def test_a_killed_rescues_number_keeps_no_guard_off(node, stranger):
    node.open_trial()
    node.kill()
    node.start()
    wait_until(lambda: not node.has_route(), 5, "the guard to take it back")
    assert "is at work" not in node.log("guard.log")
    assert not (node.folder / "rescued").is_symlink()


def test_a_killed_rescue_that_nobody_has_buried_keeps_no_guard_off(node):
    """Its parent, stopped say, has not asked how it ended."""
    remove_for_good(node)
    node.kill()
    terminal = begin_held_up(node)
    os.kill(terminal.process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, terminal.process.pid, os.WEXITED | os.WNOWAIT)
    assert (node.folder / "rescued").is_symlink()
    node.start()
    bring_back(node)
    wait_until(node.has_route, 10, "the guard to put it back")


@pytest.mark.parametrize("is_old", [False, True], ids=["own", "of an older version"])
def test_a_living_rescues_mark_is_believed(node, is_old):
    """That of an older version has the number alone, in an upgrade."""
    remove_for_good(node)
    node.kill()
    terminal = begin_held_up(node)
    terminal.process.send_signal(signal.SIGSTOP)
    mark = node.folder / "rescued"
    assert os.readlink(mark).startswith(f"{terminal.process.pid}:")
    if is_old:
        mark.unlink()
        mark.symlink_to(str(terminal.process.pid))
    node.spawn([BIN / "oceanid-guard", "--config", node.folder / "guard.yaml"], "guard.log")
    wait_until(lambda: f"(process {terminal.process.pid}) is at work" in node.log("guard.log"), 10,
               "the guard to wait for it")
    assert "at work already" in node.rollback("--stop-post").stdout
    terminal.process.send_signal(signal.SIGCONT)
    assert terminal.end() == 5
    bring_back(node)
    wait_until(node.has_route, 10, "either to put it back")


# -- one whose file is gone -----------------------------------------------------------------------

def replace(own):
    """As dpkg does in an upgrade."""
    shutil.copy(own, f"{own}.dpkg-new")
    os.rename(f"{own}.dpkg-new", own)


def copy_program(node):
    """Of whose file the test may do what it likes."""
    folder = node.folder / "sbin"
    folder.mkdir()
    return shutil.copy(BIN / "oceanid-rollback", folder)


@pytest.mark.parametrize("meddle", [replace, os.unlink], ids=["replaced", "removed"])
def test_the_finishing_process_outlives_its_file(node, meddle):
    """The package is upgraded, or removed, while a rescue waits for a device."""
    remove_for_good(node)
    node.kill()
    own = copy_program(node)
    terminal = begin_held_up(node, program=own)
    meddle(own)
    assert terminal.end() == 5, terminal.said
    assert "by a process of its own" in terminal.said, terminal.said
    expect_finished(node, terminal)


def test_a_guard_takes_over_from_one_whose_file_is_gone(node):
    """It knows it by its name all the same."""
    remove_for_good(node)
    node.kill()
    own = copy_program(node)
    terminal = begin_held_up(node, program=own)
    replace(own)
    assert terminal.end() == 5, terminal.said
    node.start()
    bring_back(node)
    wait_until(node.has_route, 10, "the guard to put it back")


def without_finisher(node, *way):
    """What a rescue says that cannot leave one."""
    remove_for_good(node)
    node.kill()
    own = copy_program(node)
    folder = os.path.dirname(own)
    node.call(["mount", "--bind", folder, folder])
    terminal = begin_held_up(node, program=own, way=way)
    node.call(["mount", "-o", "remount,bind,noexec", folder])
    assert terminal.end() == 5
    assert "is tried again" not in terminal.said, terminal.said
    assert "No process could be started that goes on with it" in terminal.said, terminal.said
    assert not (node.folder / "rescued").is_symlink()
    bring_back(node)
    return terminal.said


def test_a_finishing_process_that_cannot_be_had_is_not_promised(node):
    said = without_finisher(node)
    assert "run this again, or start oceanid-guard." in said, said
    node.start()
    wait_until(node.has_route, 10, "the guard to put it back")


def test_nor_is_a_guard_that_could_not_go_on_with_it(node):
    """The journal has no record of it: a guard takes what was confirmed for confirmed."""
    said = without_finisher(node, "prlimit", "--fsize=0")
    assert "run this again." in said, said
    assert "Done and verified" in node.rollback("--yes").stdout and node.has_route()
