"""slow: tailscaled answers, and takes nearly the two seconds for each answer that it is waited for.

What of a change is older than its preference is taken back behind that; so it must not ask much.
"""

import time

import pytest

from lab.wait import wait_until
from test_rescue import Styx

pytestmark = pytest.mark.tailnet("standin")

ANSWER_S = 1.9
ANSWERS = 3    # prefs, status, and those that tailscaled has when they are set
SETTING = "net.ipv4.conf.eth0.rp_filter"
ON_TIME_S = ANSWERS * ANSWER_S + 2


class Slow(Styx):
    def __init__(self, lab):
        super().__init__(lab)
        self.before = self.setting()
        self.process = self.host.popen(
            self.argv("soak=60", "lease=30", f"also=sysctl {SETTING} {2 - self.before}"))
        wait_until(lambda: self.exit_node() and self.has_shield(), 20, "the trial to be open")
        assert self.setting() == 2 - self.before
        lab.tailnet.slow_down(self.host, ANSWER_S)

    def setting(self):
        return int(self.host.run(["sysctl", "-n", SETTING]).stdout)

    def kept_exit_node(self):
        return self.lab.tailnet.kept_prefs(self.host)["ExitNodeID"]

    def time_back(self, limit_s=40):
        """Seconds from now: until the setting is back, until the preference is."""
        began, found = time.monotonic(), {}

        def look():
            if self.setting() == self.before:
                found.setdefault("setting", time.monotonic() - began)
            if self.kept_exit_node() == "":
                found.setdefault("pref", time.monotonic() - began)
            return len(found) == 2
        wait_until(look, limit_s, "preference and setting to be back")
        return found


@pytest.fixture
def slow(fresh_lab):
    return Slow(fresh_lab)


def test_what_is_older_than_the_preference_does_not_wait_long(slow):
    slow.kill_guard_for_good()
    process = slow.host.popen(["/usr/sbin/oceanid-rollback", "--yes"])
    assert slow.time_back()["setting"] < ON_TIME_S
    wait_until(lambda: not slow.has_shield(), 10, "the shields to go last")
    process.wait(30)
    assert process.exit_code == 0, process.output()


def test_stop_post_ends_in_its_units_time(slow):
    """TimeoutStopSec is 30 s; behind it, verified."""
    slow.kill_guard_for_good()
    began = time.monotonic()
    done = slow.rollback("--stop-post")
    took = time.monotonic() - began
    assert done.returncode == 0 and "verified" in done.stdout, done.stdout
    assert slow.setting() == slow.before and slow.kept_exit_node() == ""
    assert took < ON_TIME_S + 2 * ANSWER_S + 2


def test_preferences_in_several_operations_are_refused(fresh_lab):
    """Each would be asked for by itself, and five such operations last longer than the unit's time."""
    styx = Styx(fresh_lab)
    done = styx.host.run(styx.argv("soak=1", "also=prefs accept-routes 1"), check=False, timeout=60)
    assert done.returncode == 2, done.stdout
    assert "2 `tailscale` operations: accepted is one" in done.stdout, done.stdout
    assert not styx.exit_node() and not styx.has_shield()
