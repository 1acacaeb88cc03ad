"""booted: the shipped units under a real systemd. Whatever ends the guard in a trial, the change
that was not confirmed is taken back.
"""

import signal
import subprocess

from machine import wait_until

GUARD = "oceanid-guard.service"
BOOT = "oceanid-rollback-boot.service"


def routes(machine):
    return machine.ip("route", "show", "root", "198.18.0.0/15")


def start_trial(machine, *options):
    """A trial of one route with a long soak; returns the driver's process."""
    wait_until(lambda: machine.property(GUARD, "ActiveState") == "active", 20, "the guard")
    argv = ["nsenter", "-t", str(machine.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
            "/usr/bin/drive", "trial", "/root/keys", "/var/lib/oceanid/guard", "device=eth0",
            "soak=60", "lease=20", *options]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_until(lambda: "198.18.0.0" in routes(machine), 15, "the route of the trial")
    except AssertionError:
        process.kill()
        raise AssertionError(process.communicate()[0] + machine.journal(GUARD)) from None
    return process


def end(process):
    process.kill()
    process.communicate()


def gone(machine):
    return "198.18.0.0" not in routes(machine)


def test_boot_unit_comes_before_network_and_tailscaled(machine):
    order = machine.property(BOOT, "Before").split()
    for unit in ("network-pre.target", "systemd-networkd.service", "tailscaled.service", GUARD):
        assert unit in order
    assert machine.property(BOOT, "Result") == "success"
    boot = int(machine.property(BOOT, "ExecMainExitTimestampMonotonic"))
    guard = int(machine.property(GUARD, "ExecMainStartTimestampMonotonic"))
    assert 0 < boot <= guard


def test_guard_has_only_net_admin(machine):
    pid = machine.main_pid(GUARD)
    status = machine.run(["cat", f"/proc/{pid}/status"]).stdout
    bounding = [line.split()[1] for line in status.split("\n") if line.startswith("CapBnd")]
    assert int(bounding[0], 16) == 1 << 12  # CAP_NET_ADMIN, linux/capability.h


def test_killed_six_times_in_ten_seconds_still_reverts(machine):
    driver = start_trial(machine)
    for _ in range(6):
        machine.kill(GUARD)
        wait_until(lambda: machine.property(GUARD, "SubState") == "running"
                   and machine.main_pid(GUARD) != 0, 10, "the guard to be started again")
    end(driver)
    wait_until(lambda: gone(machine), 5, "the change to be taken back")
    assert machine.property(GUARD, "ActiveState") == "active"


def test_hung_guard_is_killed_by_the_watchdog_and_reverts(machine):
    driver = start_trial(machine)
    machine.kill(GUARD, signal.SIGSTOP)
    wait_until(lambda: gone(machine), 30, "the watchdog and ExecStopPost to take it back")
    end(driver)
    assert "watchdog" in machine.journal(GUARD).lower()


def test_stop_reverts_an_open_trial(machine):
    driver = start_trial(machine)
    machine.systemctl("stop", GUARD)
    end(driver)
    assert gone(machine)


def test_restart_reverts_an_open_trial(machine):
    driver = start_trial(machine)
    machine.systemctl("restart", GUARD)
    end(driver)
    assert gone(machine)


def test_daemon_reload_does_nothing_to_a_trial(machine):
    driver = start_trial(machine)
    machine.systemctl("daemon-reload")
    assert not gone(machine)
    end(driver)


def test_power_loss_in_a_trial(machine):
    driver = start_trial(machine)
    machine.power_off()
    driver.communicate()
    machine.boot()
    assert gone(machine)
    journal = machine.journal(BOOT) + machine.journal(GUARD)
    assert "reverted" in journal


def test_rollback_says_what_it_would_do(machine):
    driver = start_trial(machine)
    done = machine.run(["oceanid-rollback", "--list"], check=False)
    assert "drive-1" in done.stdout
    done = machine.run(["oceanid-rollback", "--yes"], check=False)
    end(driver)
    assert done.returncode == 0, done.stdout + done.stderr
    assert gone(machine)
