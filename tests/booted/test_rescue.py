"""rescue: what only a real systemd can show: nothing to write to, no D-Bus, a boot that must not be
held up, a host that sleeps in a trial.
"""

import shutil

import pytest

from machine import stays, wait_until
from trial import BOOT, GUARD, Trial, confirm, gone, start_trial, wait_gone

BOOT_LIMIT_US = 10_000_000
# /root is not there for units with ProtectHome=.
CLOCKS, HANG = "/srv/clocks", "/srv/hang"


def drop_in(machine, unit, text):
    machine.write(f"/etc/systemd/system/{unit}.d/test.conf", f"[Service]\n{text}\n")


def remove_drop_in(machine, unit):
    machine.path(f"/etc/systemd/system/{unit}.d/test.conf").unlink()


def preload(machine, build, library):
    """Puts the library where the machine finds it; returns its path inside."""
    shutil.copy(build / "bin" / library, machine.path("/srv") / library)
    return f"/srv/{library}"


# -- nothing to write to, nobody to ask -----------------------------------------------------------

def fill(machine, folder):
    """A tmpfs of the machine's own, with no room left."""
    used = machine.run(["df", "-k", "--output=used", folder]).stdout.split()[-1]
    machine.run(["mount", "-o", f"remount,size={int(used) + 64}k", folder])
    machine.run(["sh", "-c", f"cat /dev/zero > {folder}/full"], check=False)
    assert machine.run(["sh", "-c", f"echo more > {folder}/more"], check=False).returncode != 0


def empty(machine, folder):
    machine.run(["mount", "-o", "remount,size=50%", folder])
    machine.run(["rm", "-f", f"{folder}/full", f"{folder}/more"])


def test_rollback_with_run_and_tmp_full(machine):
    driver = start_trial(machine)
    for folder in ("/run", "/tmp"):
        fill(machine, folder)
    done = machine.run(["oceanid-rollback", "--yes"], check=False)
    for folder in ("/run", "/tmp"):
        empty(machine, folder)
    driver.end()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No space left on device" not in done.stdout + done.stderr  # its marks take none
    assert gone(machine)
    machine.wait_active(GUARD)


def test_rollback_without_dbus(machine):
    driver = start_trial(machine)
    machine.systemctl("stop", "dbus.socket", "dbus.service", check=False)
    assert machine.run(["busctl", "list"], check=False).returncode != 0
    done = machine.run(["oceanid-rollback", "--yes"])
    driver.end()
    assert "Done and verified" in done.stdout
    assert gone(machine)
    machine.systemctl("start", "dbus.socket")
    machine.wait_active(GUARD)


# -- boot -----------------------------------------------------------------------------------------

def test_boot_is_not_held_up_by_a_disk_that_hangs(machine, lender, build):
    """The unit ends within its 10 s, the network comes, and all is taken back when the disk is."""
    library = preload(machine, build, "libhang.so")
    driver = start_trial(machine)
    drop_in(machine, BOOT, f"Environment=LD_PRELOAD={library} OCEANID_HANG={HANG}")
    machine.write(HANG, "")
    machine.power_off()
    driver.end()
    lender.lend()
    took = (int(machine.property(BOOT, "ExecMainExitTimestampMonotonic"))
            - int(machine.property(BOOT, "ExecMainStartTimestampMonotonic")))
    assert 8_000_000 < took < BOOT_LIMIT_US, took
    assert machine.property(BOOT, "Result") == "success"
    assert machine.is_active("network-pre.target")
    assert "the boot goes on without waiting" in machine.journal(BOOT)
    machine.path(HANG).unlink()
    machine.wait_active(GUARD)
    assert gone(machine)
    remove_drop_in(machine, BOOT)
    machine.systemctl("daemon-reload")


# -- a disk that cannot be read -------------------------------------------------------------------

def test_a_guard_whose_disk_is_dead_waits_and_is_left_alone(machine, build):
    """ExecStopPost ends; the guard behind it is active, longer than any of systemd's limits for one
    that hangs, is stopped when it is told to, and takes back in the end."""
    library = preload(machine, build, "libhang.so")
    driver = start_trial(machine)
    drop_in(machine, GUARD, f"Environment=LD_PRELOAD={library} OCEANID_HANG={HANG} "
            "OCEANID_DEAD=/var/lib/oceanid/guard\nWatchdogSec=2s\nTimeoutStartSec=4s")
    machine.systemctl("daemon-reload")
    machine.write(HANG, "")
    machine.systemctl("kill", "--kill-whom=main", "--signal=KILL", GUARD)
    wait_until(lambda: "waiting for the journal's disk" in machine.property(GUARD, "StatusText"),
               15 + 15, "ExecStopPost to give up, then the guard to wait for its disk")
    driver.end()
    assert "It is not undone now" in machine.journal(GUARD)
    pid = machine.main_pid(GUARD)
    stays(lambda: machine.main_pid(GUARD) == pid and machine.is_active(GUARD), 8, "that guard")
    assert not gone(machine)
    machine.systemctl("stop", GUARD)
    assert "told to stop before anything was touched" in machine.journal(GUARD)
    assert "If none is started (after systemctl stop)" in machine.journal(GUARD)
    machine.expect_failed("1/FAILURE", 2)   # the ExecStopPosts of the kill and of the stop
    machine.systemctl("start", GUARD)   # it holds up nobody who waits for it
    assert not gone(machine)
    machine.path(HANG).unlink()
    wait_gone(machine, 15)
    remove_drop_in(machine, GUARD)
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", GUARD)
    machine.wait_active(GUARD)


# -- sleep ----------------------------------------------------------------------------------------

@pytest.fixture
def sleeper(machine, build):
    """The guard's CLOCK_BOOTTIME as the test wants it; what a real suspend does to it."""
    library = preload(machine, build, "libclocks.so")
    machine.write(CLOCKS, "0 0\n")
    drop_in(machine, GUARD, f"Environment=LD_PRELOAD={library} OCEANID_CLOCKS={CLOCKS}")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", GUARD)
    yield machine
    remove_drop_in(machine, GUARD)
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", GUARD)
    machine.wait_active(GUARD)


def sleep_and_wake(machine, seconds):
    """The unit stands still (systemd's freezer, as systemd-sleep does to sessions), time goes on."""
    machine.systemctl("freeze", GUARD)
    machine.write(CLOCKS, f"{seconds} 0\n")
    machine.systemctl("thaw", GUARD)


def test_suspend_longer_than_the_lease_reverts_at_once_on_resume(sleeper):
    machine = sleeper
    driver = start_trial(machine)
    pid = machine.main_pid(GUARD)
    sleep_and_wake(machine, 3600)
    wait_gone(machine, 3, "the waking guard to take it back")
    driver.end()
    assert machine.main_pid(GUARD) == pid, "it reverted by itself, nobody had to restart it"
    assert "the lease ran out" in machine.journal(GUARD)


def test_suspend_within_the_lease_goes_on_and_confirms(sleeper):
    machine = sleeper
    trial = Trial(machine, "device=eth0", "soak=10", "lease=20")
    wait_until(lambda: not gone(machine), 15, "the route of the trial")
    sleep_and_wake(machine, 5)
    code, said = trial.wait()
    assert code == 0, said
    machine.run(["oceanid-rollback", "--to", "1", "--yes"])
    machine.wait_active(GUARD)


def test_confirmed_stands_through_a_suspend(sleeper):
    machine = sleeper
    confirm(machine, "device=eth0")
    sleep_and_wake(machine, 30 * 86400)
    assert not gone(machine)
    assert "All as confirmed" in machine.run(["oceanid-rollback", "--check"]).stdout
    machine.run(["oceanid-rollback", "--to", "1", "--yes"])
    machine.wait_active(GUARD)
