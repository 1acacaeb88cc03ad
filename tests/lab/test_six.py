"""six: a node whose uplink has IPv6, as providers give it: checks, shields, trials, side effects.

The admin's and the witnesses' SSH and the agent's session go over IPv6. The gateway is a link-local
address, so that no route to it is without a device; calypso has no IPv6 at all.
"""

import signal

import pytest

from lab import changes
from lab.fleet import Fleet
from lab.shielded import BREAKS, Shielded
from lab.wait import wait_until

IPV6 = True
NAME, ADDRESS = "srv712695", "2001:db8:1::10"
LEADER = "[2001:db8:9::10]:7430"
ENDED = ("complete", "reverted", "halted", "aborted", "incomplete")
CHECKS = """\
  - { name: reply6, kind: reply-path, destination: "::/0", for: [srv712695, calypso],
      severity: warning, interval: 1s }
  - { name: default6, kind: route, destination: "2001:db8:77::/48", device: eth0, gateway: "fe80::1",
      for: [srv712695], severity: warning, interval: 1s }
policy:"""

pytestmark = pytest.mark.tailnet("standin")


@pytest.fixture(scope="module")
def fleet(lab):
    made = Fleet(lab, controller="control", soak="2s")
    made.text = made.text.replace("policy:", CHECKS)
    return made.install()


# -- what the agent sees, without a shield ----------------------------------------------------------

def wait_verdicts(fleet, **wanted):
    for check, value in wanted.items():
        wait_until(lambda: fleet.verdict(NAME, check) == value, 30, f"{check} to be {value}")


def test_checks_see_ipv6(fleet):
    styx, office = fleet.lab[NAME], fleet.lab["office"]
    wait_verdicts(fleet, reply6="pass", default6="pass")
    wait_until(lambda: fleet.verdict("calypso", "reply6") == "unknown", 15,
               "a node without IPv6 to say that it knows nothing")
    assert office.ssh_banner(ADDRESS)
    styx.ip("-6", "route", "add", "default", "dev", "tailscale0", "table", "52")
    try:
        wait_verdicts(fleet, reply6="fail", default6="fail", **{"ssh-reply-path": "fail"})
        assert not office.ssh_banner(ADDRESS)
        assert office.ssh_banner(styx.address)    # IPv4 is as it was
    finally:
        styx.ip("-6", "route", "del", "default", "table", "52")
    fleet.wait_settled()
    wait_verdicts(fleet, reply6="pass", default6="pass")


# -- shields ----------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def confirmed(fleet):
    made = Shielded(fleet, NAME, ADDRESS, LEADER, family="-6")
    made.confirm(changes.PROTECT.replace("ssh, api-server, pods, services, controller",
                                         "ssh, controller"))
    made.sh("for f in -4 -6; do ip $f route show table main | tac | sed 's/^/route append /'"
            " >/run/main$f.batch; done")
    return made


@pytest.fixture
def styx(confirmed):
    """Ends with the node's addresses and tables as they were."""
    yield confirmed
    confirmed.sh("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0; ip link set eth0 up;"
                 f"ip address replace {ADDRESS}/64 dev eth0;"
                 "for f in -4 -6; do ip $f route flush table main;"
                 " ip $f -force -batch /run/main$f.batch 2>/dev/null || true; done;"
                 "ip -6 route flush table 52 exact default 2>/dev/null || true")
    wait_until(confirmed.whole, 15, "the shields to be whole again")
    confirmed.fleet.wait_settled()


def test_rescue_has_what_is_needed(confirmed):
    assert confirmed.rescued == [
        "2001:db8:1::/64 dev eth0 proto 153 metric 256 pref medium",
        "default via fe80::1 dev eth0 proto 153 metric 1024 onlink pref medium"]
    shields = [line for line in confirmed.host.rules("-6") if line.startswith("514")]
    assert sorted(shields) == [
        "5140:\tfrom 2001:db8:1::10 lookup main proto 153",
        "5141:\tfrom all to 2001:db8:9::10 lookup main proto 153",
        "5145:\tfrom 2001:db8:1::10 lookup 5100 proto 153",
        "5145:\tfrom all to 2001:db8:9::10 lookup 5100 proto 153"]


@pytest.mark.parametrize("what", BREAKS)
def test_ssh_and_the_controllers_session_live_on(styx, what):
    styx.lives_on_without(what, "2001:db8:77::77")


def test_exit_node(styx):
    """tailscaled takes the default route of both families."""
    tailnet = styx.fleet.lab.tailnet
    with styx.lives_on():
        tailnet.use_exit_node(styx.host)
        wait_until(lambda: styx.host.leaves_by("2001:db8:77::77") == "tailscale0", 10, "its ::/0")
        wait_verdicts(styx.fleet, reply6="pass", default6="fail")
    tailnet.leave_exit_node(styx.host)
    wait_until(lambda: styx.host.leaves_by("2001:db8:77::77") == "eth0", 10, "it to be gone")


@pytest.mark.parametrize("line", [
    "ip -6 rule flush; ip -6 rule add pref 5270 lookup 52",
    "ip -6 rule del pref 5140; ip -6 rule del pref 5145",
    "ip -6 rule del pref 32766",
    "ip -6 route flush table 5100",
    "ip -6 route del default table 5100",
    "ip -6 route change default via fe80::bad dev eth0 onlink proto 153 metric 1024 table 5100",
])
def test_what_is_removed_comes_back(styx, line):
    styx.sh(line)
    wait_until(styx.whole, 2, "the guard to put it back", every_s=0.02)
    assert styx.ssh()


def is_empty(styx):
    return not any("eth0" in line for line in styx.rescue_table())


@pytest.mark.parametrize("off, on", [
    ("ip link set eth0 down", "ip link set eth0 up"),
    ("sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1",
     "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=0"),
    ("ip link set eth0 mtu 1200", "ip link set eth0 mtu 1500"),
], ids=["link", "ipv6", "mtu"])
def test_switched_off_and_on(styx, off, on):
    """Every route goes, and the address, which is no shield's to restore; nobody brings main's
    default back."""
    styx.sh(off)
    wait_until(lambda: is_empty(styx), 5, "the kernel to take the routes along")
    styx.sh(f"{on}; ip address add {ADDRESS}/64 dev eth0 nodad")
    wait_until(styx.whole, 5, "the shields")
    assert "default" not in styx.host.ip("-6", "route", "show", "table", "main")
    wait_until(styx.ssh, 10, "SSH from outside")


def test_the_last_address_removed_and_back(styx):
    styx.sh("ip -6 address flush dev eth0; ip -6 route flush table main")
    wait_until(styx.whole, 5, "the shields, without an address")
    styx.sh(f"ip address add {ADDRESS}/64 dev eth0 nodad")
    wait_until(styx.ssh, 10, "SSH from outside")


# -- trials -----------------------------------------------------------------------------------------

HEAD = changes.HARMLESS.partition("operations:")[0]
FIRST = HEAD + """\
operations:
  - route: { to: "2001:db8:a1::/48", via: "fe80::1", dev: eth0, metric: 50 }
  - route: { to: "2001:db8:a2::/48", nexthops: [ { via: "fe80::1", dev: eth0, weight: 2 },
      { via: "2001:db8:1::fe", dev: eth0 } ] }
  - nexthop: { id: 66, via: "fe80::1", dev: eth0 }
  - route: { to: "2001:db8:a3::/48", nhid: 66 }
  - route: { to: "2001:db8:a4::/48", via: "2001:db8:1::1", dev: eth0, table: 100, mtu: 1400,
      src: "2001:db8:1::10" }
  - route: { to: "2001:db8:a5::/48", type: unreachable, table: 100 }
  - rule: { priority: 5300, from: "2001:db8:1::10", to: "2001:db8:a4::/48", lookup: 100 }
  - rule: { priority: 5301, to: "2001:db8:a1::/48", ipproto: tcp, dport: 80-90, lookup: main }
"""
SECOND = HEAD + """\
soak: 60s
lease: 6s
operations:
  - route: { to: "2001:db8:a1::/48", via: "2001:db8:1::fe", dev: eth0, metric: 50 }
  - route: { to: "2001:db8:a1::/48", via: "fe80::1", dev: eth0, metric: 60 }
  - route: { to: "2001:db8:a2::/48", absent: true }
  - route: { to: "2001:db8:a3::/48", nexthops: [ { via: "fe80::1", dev: eth0 },
      { via: "fe80::2", dev: eth0 } ] }
  - nexthop: { id: 66, via: "2001:db8:1::fe", dev: eth0 }
  - nexthop: { id: 67, group: [ { id: 66, weight: 3 } ] }
  - route: { to: "2001:db8:a5::/48", nhid: 67, table: 100 }
  - rule: { priority: 5300, from: "2001:db8:1::10", to: "2001:db8:a4::/48", lookup: 100,
      absent: true }
  - rule: { priority: 5301, to: "2001:db8:a6::/48", lookup: 100 }
  - route: { to: "2001:db8:a4::/48", table: 100, absent: true }
  - link: { dev: eth1, mtu: 1200 }
  - link: { dev: eth2, state: down }
  - address: { dev: eth3, address: "2001:db8:13::10/64", absent: true }
  - address: { dev: eth3, address: "2001:db8:13::12/64" }
"""
# Three devices of somebody's: addresses in an order, one of them deprecated, and routes by them, in
# a table that replies do not ask: all of those leave as they came.
DEVICES = """
for i in 1 2 3; do
    ip link add eth$i type veth peer name far$i
    sysctl -qw net.ipv6.conf.eth$i.accept_dad=1 net.ipv6.conf.eth$i.accept_ra=0
    ip link set far$i up
    ip link set eth$i up
    ip address add 2001:db8:1$i::9/64 dev eth$i nodad preferred_lft 0
    ip address add 2001:db8:1$i::10/64 dev eth$i nodad
    ip address add 2001:db8:1$i::11/64 dev eth$i nodad
    ip -6 route add 2001:db8:b$i::/48 via fe80::1 dev eth$i proto static src 2001:db8:1$i::10 \
        table 200
    ip -6 route add 2001:db8:c$i::/48 via 2001:db8:1$i::1 metric 7 proto 153 table 200
    ip -6 route add 2001:db8:d::/48 table 200 metric 1$i proto static \
        nexthop via fe80::1 dev eth$i nexthop via fe80::2 dev eth0
done
"""


def everything(host):
    """All of IPv6 as ip(8) shows it, a line each; addresses in their order, which is state."""
    routes = host.ip("-6", "-d", "-o", "route", "show", "table", "all").splitlines()
    return sorted(routes) + [line for what in ("-6 rule", "nexthop", "-6 -o address", "-o link")
                             for line in host.ip(*what.split()).splitlines()]


def difference(before, after):
    return "\n".join([f"-{line}" for line in before if line not in after] +
                     [f"+{line}" for line in after if line not in before] or
                     ["the order of", *after])


def is_settled(host):
    """The kernel's own link-local addresses are through duplicate address detection."""
    return "tentative" not in host.ip("-6", "address")


def test_a_change_is_confirmed_and_the_next_one_reverted(confirmed):
    fleet, host = confirmed.fleet, confirmed.host
    confirmed.sh(DEVICES)
    fleet.start("six-first", FIRST)
    assert fleet.wait_outcome(ENDED)["outcome"] == "complete"
    wait_until(lambda: is_settled(host), 10, "link-local addresses")
    before = everything(host)
    assert any("2001:db8:a3::/48 nhid 66" in line and "proto 153" in line for line in before), before
    fleet.start("six-second", SECOND)
    fleet.wait_state(NAME, "on trial")
    wait_until(lambda: "2001:db8:13::12" in host.ip("-6", "address"), 10, "the change to be on")
    during = "\n".join(everything(host))
    assert not [gone for gone in ("11::10", "11::9", "12::10", "12::9", "13::10", "a2::", "a4::")
                if f"2001:db8:{gone}" in during], during
    host.unit("oceanid-agent").kill(signal.SIGSTOP)
    wait_until(lambda: "2001:db8:a2::/48" in host.ip("-6", "route"), 15, "the lease to run out")
    wait_until(lambda: all(f"2001:db8:1{i}::10/64" in host.ip("-6", "address") for i in (1, 2, 3)),
               5, "the addresses")
    restored = host.ip("-6", "-o", "address", "show", "scope", "global")
    assert "tentative" not in restored, restored    # with DAD they would be of no use for a second
    try:
        wait_until(lambda: everything(host) == before, 10, "all to be as before")
    except AssertionError as error:
        raise AssertionError(difference(before, everything(host))) from error
    host.unit("oceanid-agent").kill(signal.SIGCONT)
    assert fleet.wait_outcome(ENDED)["outcome"] == "reverted"


REFUSED = {
    "mtu": "link: { dev: eth0, mtu: 1279 }",
    "down": "link: { dev: eth0, state: down }",
    "address": 'address: { dev: eth0, address: "2001:db8:1::10/64", absent: true }',
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_sever_is_refused(confirmed, what):
    change = f"six-{what}"
    done = confirmed.fleet.start(change, f"{HEAD}operations:\n  - {REFUSED[what]}\n", check=False)
    assert done.returncode != 0
    assert "eth0 carries the protected flow" in done.stdout + done.stderr


# -- the end of them --------------------------------------------------------------------------------

def test_rolled_back_they_are_gone(confirmed):
    stand = [str(rollout["id"]) for rollout in confirmed.fleet.json("rollout", "list")["rollouts"]
             if rollout["outcome"] == "complete"]
    assert len(stand) == 2    # the routes, and the shields
    for rollout in stand:
        confirmed.fleet.ctl("emergency-rollback", "--all", "--rollout", rollout, "--yes")
    wait_until(lambda: confirmed.rescue_table() == [], 20, "the shields to go, the routes last")
    assert not confirmed.priorities() & {"5140", "5141", "5145", "5300", "5301"}
    assert {"0", "32766"} <= confirmed.priorities()
    assert "proto 153" not in confirmed.sh("ip -6 route show table all | grep -v c[123]::")
    assert confirmed.ssh()
