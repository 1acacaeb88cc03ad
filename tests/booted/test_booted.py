"""booted: the guard's units under a real systemd. Whatever ends the guard in a trial, the change
that was not confirmed is taken back.
"""

import signal

from machine import wait_until
from trial import BOOT, GUARD, confirm, gone, start_trial, take_back_all, wait_gone


def test_boot_unit_comes_before_network_and_tailscaled(machine):
    order = machine.property(BOOT, "Before").split()
    for unit in ("network-pre.target", "systemd-networkd.service", "tailscaled.service", GUARD):
        assert unit in order
    assert machine.property(BOOT, "Result") == "success"
    boot = int(machine.property(BOOT, "ExecMainExitTimestampMonotonic"))
    guard = int(machine.property(GUARD, "ExecMainStartTimestampMonotonic"))
    assert 0 < boot <= guard


def test_guard_has_only_net_admin(machine):
    machine.wait_active(GUARD)
    pid = machine.main_pid(GUARD)
    status = machine.run(["cat", f"/proc/{pid}/status"]).stdout
    bounding = [line.split()[1] for line in status.split("\n") if line.startswith("CapBnd")]
    assert int(bounding[0], 16) == 1 << 12  # CAP_NET_ADMIN, linux/capability.h


def restarted(machine, times):
    return (machine.property(GUARD, "SubState") == "running"
            and int(machine.property(GUARD, "NRestarts")) >= times)


def test_killed_six_times_in_ten_seconds_still_reverts(machine):
    driver = start_trial(machine)
    before = int(machine.property(GUARD, "NRestarts"))
    for i in range(6):
        machine.kill(GUARD)
        wait_until(lambda: restarted(machine, before + i + 1), 10, "the guard to be started again")
    driver.end()
    wait_gone(machine, 5)
    assert machine.is_active(GUARD)


def test_hung_guard_is_killed_by_the_watchdog_and_reverts(machine):
    wait_until(lambda: machine.property(GUARD, "WatchdogUSec") == "30s", 10,
               "the interval of a guard that has nothing open")
    driver = start_trial(machine)
    assert machine.property(GUARD, "WatchdogUSec") == "10s"
    machine.kill(GUARD, signal.SIGSTOP)
    wait_gone(machine, 14, "the watchdog (10 s) and ExecStopPost to take it back")
    driver.end()
    assert "watchdog" in machine.journal(GUARD).lower()


def test_stop_reverts_an_open_trial(machine):
    driver = start_trial(machine)
    machine.systemctl("stop", GUARD)
    driver.end()
    assert gone(machine), machine.journal(GUARD)[-3000:]
    machine.systemctl("start", GUARD)


def without_stop_post(machine):
    """A unit whose ExecStopPost= cannot be run, as where a fork fails."""
    folder = machine.path(f"/run/systemd/system/{GUARD}.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "none.conf").write_text("[Service]\nExecStopPost=\n")
    machine.systemctl("daemon-reload")
    return folder / "none.conf"


def test_stop_reverts_where_stop_post_cannot_run(machine):
    driver = start_trial(machine)
    drop_in = without_stop_post(machine)
    machine.systemctl("stop", GUARD)
    driver.end()
    assert gone(machine), machine.journal(GUARD)[-3000:]
    drop_in.unlink()
    machine.systemctl("daemon-reload")
    machine.systemctl("start", GUARD)


def test_restart_reverts_an_open_trial(machine):
    driver = start_trial(machine)
    machine.systemctl("restart", GUARD)
    driver.end()
    assert gone(machine)


def test_daemon_reload_does_nothing_to_a_trial(machine):
    driver = start_trial(machine)
    pid = machine.main_pid(GUARD)
    machine.systemctl("daemon-reload")
    assert not gone(machine)
    assert machine.main_pid(GUARD) == pid
    machine.systemctl("stop", GUARD)
    driver.end()
    machine.systemctl("start", GUARD)


def test_rollback_says_what_it_would_do_and_does_it(machine):
    driver = start_trial(machine)
    done = machine.run(["oceanid-rollback", "--list"])
    assert driver.name in done.stdout
    done = machine.run(["oceanid-rollback", "--yes"], check=False)
    driver.end()
    assert done.returncode == 0, done.stdout + done.stderr
    assert gone(machine)
    machine.wait_active(GUARD)


def test_power_loss_in_a_trial(machine, lender):
    driver = start_trial(machine)
    machine.power_off()
    driver.end()
    lender.lend()
    machine.wait_active(GUARD)
    assert gone(machine)
    assert "reverted" in machine.journal(BOOT) + machine.journal(GUARD)
    assert "confirmed" not in machine.run(["oceanid-rollback", "--list"]).stdout.split("\n")[1:]


def test_confirmed_route_is_back_after_a_reboot_before_the_guard_runs(machine, lender):
    confirm(machine, "device=lo")
    machine.power_off()
    lender.lend()
    assert not gone(machine)
    assert "put back 1 of 1 owned items" in machine.journal(BOOT)
    take_back_all(machine)


def test_confirmed_route_comes_back_as_its_link_appears(machine):
    confirm(machine, "device=eth0")
    machine.power_off()
    machine.boot()
    machine.wait_active(GUARD)
    assert gone(machine)
    machine.raise_uplink()
    wait_until(lambda: not gone(machine), 15, "the guard to put the route back")
    assert not machine.is_active("oceanid-agent.service")
    take_back_all(machine)
