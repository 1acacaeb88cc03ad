"""clocks: wall clocks that step, and hosts that sleep in the middle of a trial.

tests/drive/clocks.c is preloaded where a clock has to move while a program runs.
"""

import os
import signal

import pytest

from lab.wait import stays, wait_until
from test_guard import BIN, node  # noqa: F401 (a fixture)

YEAR_S = 365 * 86400
CLOCKS = BIN / "libclocks.so"


class Clocks:
    """How far the node's clocks are ahead of this machine's; for programs started after use()."""

    def __init__(self, node):
        self.node = node
        self.path = node.folder / "clocks"
        self.boot_s = self.wall_s = 0
        self.set()

    def set(self, boot_s=None, wall_s=None):
        self.boot_s = self.boot_s if boot_s is None else boot_s
        self.wall_s = self.wall_s if wall_s is None else wall_s
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{self.boot_s} {self.wall_s}\n")
        fresh.rename(self.path)

    def use(self):
        self.node.more_environment = {"LD_PRELOAD": str(CLOCKS), "OCEANID_CLOCKS": str(self.path),
                                      "ASAN_OPTIONS": "verify_asan_link_order=0"}


@pytest.fixture
def clocks(node):
    """The guard runs by them."""
    node.kill()
    made = Clocks(node)
    made.use()
    node.start()
    return made


def trial_two(node):
    return node.trial("soak=1", "sequence=2", "routes=2")


# -- the wall clock -------------------------------------------------------------------------------

def test_clock_far_ahead_bars_new_trials_until_root_accepts_the_right_one(node, clocks):
    clocks.set(wall_s=10 * YEAR_S)
    node.confirm()
    clocks.set(wall_s=0)
    done = trial_two(node)
    assert done.returncode == 2, done.stdout
    assert "oceanid-rollback --accept-clock" in done.stdout and "no new trial" in done.stdout
    done = node.rollback("--accept-clock", check=False, answer="no\n")
    assert done.returncode == 1 and "Nothing was done" in done.stdout
    assert node.guard.poll() is None
    done = node.rollback("--accept-clock", answer="yes\n")
    assert "Accepted" in done.stdout
    assert node.has_route()
    node.guard.wait(5)
    node.start()
    assert trial_two(node).returncode == 0
    done = node.rollback("--accept-clock", "--yes")
    assert "nothing to accept" in done.stdout and node.guard.poll() is None


def test_clock_behind_refuses_no_rollback(node, clocks):
    clocks.set(wall_s=10 * YEAR_S)
    node.confirm()
    clocks.set(wall_s=-10 * YEAR_S)
    done = node.rollback("--yes")
    assert "Done and verified" in done.stdout
    assert not node.has_route()


def test_accepting_waits_while_something_is_open(node, clocks):
    clocks.set(wall_s=10 * YEAR_S)
    node.open_trial()
    clocks.set(wall_s=0)
    done = node.rollback("--accept-clock", "--yes", check=False)
    assert done.returncode == 1 and "on trial or being taken back" in done.stderr
    assert node.has_route() and node.guard.poll() is None


# -- sleep ----------------------------------------------------------------------------------------

def sleep_and_wake(node, clocks, driver, seconds):
    """All programs stand still, CLOCK_BOOTTIME goes on."""
    for process in (node.guard, driver):
        process.send_signal(signal.SIGSTOP)
    clocks.set(boot_s=clocks.boot_s + seconds)
    for process in (node.guard, driver):
        process.send_signal(signal.SIGCONT)


def soaking(node, *options):
    driver = node.spawn(node.trial_argv(*options), "drive.log")
    wait_until(lambda: "soaking" in node.log("drive.log"), 15, "the trial to soak")
    return driver


def test_lease_that_ran_out_asleep_reverts_at_once(node, clocks):
    driver = soaking(node, "soak=60", "lease=20")
    sleep_and_wake(node, clocks, driver, 3600)
    wait_until(lambda: not node.has_route(), 2, "the waking guard to take it back")
    assert driver.wait(10) == 1
    assert "receipt reverted" in node.log("drive.log")


def test_nap_within_the_lease_goes_on(node, clocks):
    driver = soaking(node, "soak=8", "lease=20")
    sleep_and_wake(node, clocks, driver, 4)
    assert driver.wait(30) == 0, node.log("drive.log")
    assert node.has_route()


def test_confirmed_stands_through_sleep(node, clocks):
    node.confirm()
    driver = node.spawn(["sleep", "60"], "sleep.log")
    sleep_and_wake(node, clocks, driver, 30 * 86400)
    stays(node.has_route, 1, "the confirmed route")
    assert node.trial("soak=1", "sequence=2", "routes=2").returncode == 0


def test_host_that_has_slept_for_ten_days(node):
    """A time namespace whose CLOCK_BOOTTIME is far from CLOCK_MONOTONIC: leases and timers agree."""
    node.kill()
    node.wrap = ["unshare", "-T", "--boottime", str(10 * 86400), "--monotonic", "0", "--fork",
                 "--kill-child"]
    done = node.call(["unshare", "-T", "--boottime", "864000", "cat", "/proc/self/timens_offsets"],
                     check=False)
    if done.returncode != 0:
        pytest.skip(f"no time namespaces here: {done.stderr}")
    node.start()
    try:
        node.confirm()
        done = node.trial("soak=30", "lease=4", "answers=2", "sequence=2", "routes=2")
        assert done.returncode == 1 and "receipt reverted" in done.stdout
    finally:
        os.kill(guard_below(node), signal.SIGKILL)


def guard_below(node):
    """The pid of the guard that unshare started."""
    path = f"/proc/{node.guard.pid}/task/{node.guard.pid}/children"
    with open(path, encoding="ascii") as children:
        return int(children.read().split()[0])
