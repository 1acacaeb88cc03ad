"""shields: what keeps a node reachable when somebody breaks its tables, and who puts it back.

One node of the fleet with a confirmed `protect`; each test breaks something on it, as a person, a
pod or networkd would, and mends it afterwards.
"""

import pytest

from lab.shielded import BREAKS, Shielded
from lab.wait import stays, wait_until

pytestmark = pytest.mark.tailnet("standin")


@pytest.fixture(scope="module")
def confirmed(fleet):
    made = Shielded(fleet, "srv712695", "203.0.113.10", "198.51.100.10:7430")
    made.confirm()
    assert "default via 203.0.113.1 dev eth0 proto 153 metric 100 onlink" in made.rescued
    assert any("dev cni0" in line for line in made.rescued)
    made.sh("ip route show table main | tac | sed 's/^/route replace /' >/run/main.batch;"
            "ip address save dev eth0 >/run/addresses")
    return made


@pytest.fixture
def styx(confirmed):
    """Ends with the node's tables as they were."""
    yield confirmed
    confirmed.sh("ip route flush table main; ip -batch /run/main.batch")
    wait_until(confirmed.whole, 15, "the shields to be whole again")
    confirmed.fleet.wait_settled()


# -- what they are for ------------------------------------------------------------------------------

@pytest.mark.parametrize("what", BREAKS)
def test_ssh_and_the_controllers_session_live_on(styx, what):
    styx.lives_on_without(what, "198.18.77.77")
    styx.sh("ip route flush table 52 exact default 2>/dev/null || true")


def test_link_down_and_up(styx):
    """Every route goes with the link, and nobody brings main's default back."""
    styx.host.ip("link", "set", "eth0", "down")
    wait_until(lambda: not styx.rescue_table() or all("eth0" not in line
                                                      for line in styx.rescue_table()),
               5, "the kernel to take the routes along")
    styx.host.ip("link", "set", "eth0", "up")
    wait_until(lambda: styx.rescue_table() == styx.rescued, 5, "the rescue table")
    assert "default" not in styx.host.ip("route", "show", "table", "main")
    wait_until(styx.ssh, 10, "SSH from outside")


def test_the_last_address_removed_and_back(styx):
    """With it every table loses what leads to the device; the address is no shield's to restore."""
    styx.host.ip("address", "flush", "dev", "eth0")
    wait_until(styx.whole, 5, "the shields, without an address")
    styx.sh("ip address restore </run/addresses")
    assert "default" not in styx.host.ip("route", "show", "table", "main")
    wait_until(styx.ssh, 10, "SSH from outside")


# -- who takes them away ----------------------------------------------------------------------------

@pytest.mark.parametrize("line", [
    "ip rule flush; ip rule add pref 5270 lookup 52",
    "ip rule del pref 5140; ip rule del pref 5145",
    "ip rule del pref 32766; ip rule del pref 32767",
    "ip route flush table 5100",
    "ip route change default via 203.0.113.254 dev eth0 onlink proto 153 metric 100 table 5100",
])
def test_what_is_removed_comes_back(styx, line):
    styx.sh(line)
    wait_until(styx.whole, 2, "the guard to put it back", every_s=0.02)
    assert styx.ssh()


def test_somebody_elses_route_in_the_rescue_table_is_left_and_said(styx):
    log = styx.fleet.lab.folder / "hosts/srv712695/log/oceanid-guard.log"
    styx.sh("ip route replace default via 203.0.113.254 dev eth0 onlink proto static metric 100 table 5100")
    wait_until(lambda: "'default via 203.0.113.254 dev eth0 onlink table 5100 metric 100' is there already "
                       "and belongs to protocol 4" in log.read_text(errors="replace"), 5,
               "the guard to say so")
    assert "203.0.113.254" in styx.sh("ip route show table 5100")
    styx.sh("ip route del default table 5100 proto static")
    wait_until(styx.whole, 15, "the own one, when that is gone")


def test_a_missing_device_is_waited_for(styx):
    styx.sh("ip link del cni0")
    wait_until(lambda: not any("cni0" in line for line in styx.rescue_table()), 5, "it to be gone")
    stays(styx.has_rules, 1, "the other shields")
    styx.sh("ip link add cni0 type bridge; ip link set cni0 up; ip address add 10.42.1.1/24 dev cni0")
    wait_until(styx.whole, 2, "the rescue table to have the new device", every_s=0.02)


def test_a_fight_is_an_alarm_and_no_busy_loop(styx):
    log = styx.fleet.lab.folder / "hosts/srv712695/log/oceanid-guard.log"
    fighter = styx.host.popen(["sh", "-c", "while :; do ip rule del pref 5145 2>/dev/null; done"])

    def put_back():
        return log.read_text(errors="replace").count("put back")

    try:
        wait_until(lambda: "ALARM shields: expected them to stay" in log.read_text(errors="replace"),
                   20, "the alarm")
        before = put_back()
        stays(lambda: put_back() - before <= 5, 3, "at most once a second, from then on")
        assert put_back() > before
    finally:
        styx.host.kill(fighter)
    wait_until(styx.whole, 5, "the shields, when the fight is over")


# -- the end of them --------------------------------------------------------------------------------

def test_rolled_back_they_are_gone_and_the_kernels_own_rules_stay(confirmed):
    styx = confirmed
    styx.fleet.ctl("emergency-rollback", "--all", "--yes")
    wait_until(lambda: styx.rescue_table() == [], 20, "the shields to go, the routes last")
    assert not styx.priorities() & {"5140", "5141", "5145"}
    assert {"0", "32766", "32767"} <= styx.priorities()
    assert styx.ssh()
