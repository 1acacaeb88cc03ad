"""booted: the guard's units under a real systemd. Whatever ends the guard in a trial, the change
that was not confirmed is taken back.
"""

import contextlib
import re
import signal

import pytest

from machine import wait_until
from trial import BOOT, GUARD, Trial, confirm, gone, start_trial, take_back_all, wait_gone

STATES = re.compile(r"(?:^|: )(idle|preparing|prepared|starting|applying|settling|first nonce|soaking"
                    r"|last nonce|confirming|confirmed|reverting|verifying|closing): ", re.M)
ALIVE = ("MainPID", "NRestarts", "ExecMainStartTimestampMonotonic")


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


def state_now(machine):
    """As the guard's log has it."""
    return (STATES.findall(machine.journal(GUARD)) or ["idle"])[-1]


def wait_state(machine, state):
    wait_until(lambda: state_now(machine) == state, 20, f"the guard to be {state}")


@contextlib.contextmanager
def reloaded(machine, state):
    """systemd reads its units again while the guard is in that state; it is left alone, and in it."""
    wait_state(machine, state)
    before = [machine.property(GUARD, name) for name in ALIVE]
    watchdog = machine.property(GUARD, "WatchdogUSec")
    machine.systemctl("daemon-reload")
    assert [machine.property(GUARD, name) for name in ALIVE] == before
    assert machine.is_active(GUARD) and state_now(machine) == state
    assert machine.property(GUARD, "WatchdogUSec") == watchdog
    yield
    assert [machine.property(GUARD, name) for name in ALIVE] == before


def test_daemon_reload_does_nothing_to_an_idle_guard(machine):
    machine.wait_active(GUARD)
    with reloaded(machine, "idle"):
        confirm(machine, "device=eth0")
    take_back_all(machine)


def test_daemon_reload_while_it_is_prepared(machine):
    """oceanid-rehearse says nothing: the guard waits 5 s for it, and refuses then."""
    folder = machine.path("/run/systemd/system/oceanid-rehearse@.service.d")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mute.conf").write_text("[Service]\nExecStart=\nExecStart=/usr/bin/sleep 30\n")
    machine.systemctl("daemon-reload")
    driver = Trial(machine, "device=eth0", "soak=60", until="state preparing")
    with reloaded(machine, "preparing"):
        code, said = driver.wait()
        assert code == 2 and "did not answer" in said, said
    (folder / "mute.conf").unlink()
    machine.systemctl("daemon-reload")
    assert gone(machine)


def test_daemon_reload_when_it_is_prepared(machine):
    driver = Trial(machine, "device=eth0", "soak=60", "waits=1")
    with reloaded(machine, "prepared"):
        assert gone(machine)
        wait_until(lambda: state_now(machine) == "idle", 40, "the nonce to be too old")
    driver.end()
    confirm(machine, "device=eth0")
    take_back_all(machine)


def test_daemon_reload_on_trial(machine):
    """The same trial is proven on, and confirmed."""
    trial = Trial(machine, "device=eth0", "soak=8", "lease=10")
    with reloaded(machine, "soaking"):
        assert not gone(machine)
        code, said = trial.wait()
        assert code == 0, said
    take_back_all(machine)


def test_daemon_reload_while_it_is_taken_back(machine):
    """Held up by a device; the revert goes on by itself when that is up."""
    machine.run(["sh", "-ec", "ip link add held0 type veth peer name held1\n"
                 "ip link set held1 up\nip link set held0 up\n"
                 "ip route add 198.18.0.0/32 dev held0 proto 153 scope link"])
    trial = Trial(machine, "device=held0", "removes=1", "soak=60", "lease=10", "answers=2",
                  "failing=1")
    wait_until(lambda: gone(machine), 15, "the route to be taken away")
    machine.ip("link", "set", "held0", "down")
    with reloaded(machine, "reverting"):
        machine.ip("link", "set", "held0", "up")
        code, said = trial.wait()
        assert code == 1 and "receipt reverted" in said, said
    assert not gone(machine)
    machine.ip("link", "del", "held0")


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


@pytest.mark.parametrize("order", ["Before", "After"])
def test_the_boot_unit_marks_the_network(machine, order):
    """For a rescue where no guard has started since; whether tmpfiles.d has made /run/oceanid yet or
    not, which nothing decides."""
    drop_in = f"/etc/systemd/system/{BOOT}.d"
    machine.systemctl("mask", GUARD)
    machine.run(["mkdir", drop_in])
    machine.write(f"{drop_in}/order.conf", f"[Unit]\n{order}=systemd-tmpfiles-setup.service\n")
    machine.power_off()
    machine.boot()
    machine.raise_uplink()
    here = machine.run(["readlink", "/proc/self/ns/net"]).stdout
    marked = machine.run(["readlink", "/run/oceanid/network"], check=False).stdout
    assert not machine.is_active(GUARD) and marked == here, machine.journal(BOOT)
    owner = machine.run(["stat", "-c", "%a %U %G", "/run/oceanid"]).stdout
    assert owner == "755 root oceanid-agent\n"
    machine.run(["rm", "-r", drop_in])
    machine.systemctl("daemon-reload")
    machine.systemctl("unmask", GUARD)
    machine.systemctl("start", GUARD)
    machine.wait_active(GUARD)


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
