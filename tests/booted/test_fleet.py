"""fleet: agent, guard and controller under their shipped units on one booted host, joined the way
the README says, with the privileges that the units leave them.
"""

import json
import re
import socket

import pytest

from machine import wait_until
from trial import GUARD

AGENT = "oceanid-agent.service"
SOCKET = "oceanid-agent-netlink.socket"
CONTROLLER = "oceanid-controller.service"
PKI = "/root/pki"
STATE = "/var/lib/oceanid/controller"
ADDRESS = "203.0.113.10"
NODE = "subject"  # the name that the driver's manifests give this guard

CONFIG = f"""\
agents: tls+tcp://{ADDRESS}:7430
https: {ADDRESS}:7431
roles:
  unix: {{ root: operator }}
"""
FLEET = f"""\
nodes:
  {NODE}: {{ first: true, ssh: {ADDRESS}, console: physical }}
cluster:
  controllers: [{ADDRESS}:7430]
"""
BUFFER = 16 << 20  # ReceiveBuffer= of the socket unit
NETLINK_ROUTE = 0

# Takes a copy of another process's descriptor 3 (pidfd_getfd) and says what it is.
LOOK = """
import ctypes, json, os, socket, sys
fd = ctypes.CDLL(None).syscall(438, os.pidfd_open(int(sys.argv[1])), 3, 0)
taken = socket.socket(fileno=fd)
groups = taken.getsockopt(270, 9, 8)  # SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS
print(json.dumps({
    "family": taken.family, "protocol": taken.proto, "groups": int.from_bytes(groups, "little"),
    "buffer": taken.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)}))
"""


def ctl(machine, *words):
    return machine.run(["oceanidctl", "--pki", PKI, *words])


@pytest.fixture(scope="module")
def fleet(lender):
    """One host that is its own controller; what it needs is taken away afterwards."""
    machine = lender.lend()
    machine.run(["mkdir", PKI])
    ctl(machine, "pki", "init", "--name", "operator", "--controller", ADDRESS)
    machine.run(["cp", "-rT", f"{PKI}/controller", "/var/lib/oceanid/controller"])
    machine.run(["chown", "-R", "oceanid-controller:", "/var/lib/oceanid/controller"])
    machine.write("/etc/oceanid/controller.yaml", CONFIG)
    machine.write("/etc/oceanid/fleet.yaml", FLEET)
    machine.systemctl("start", CONTROLLER)
    machine.write("/etc/oceanid/agent.yaml", "log: info\n")
    request = machine.run(["oceanid-agent", "request", "--name", NODE]).stdout
    machine.write(f"{PKI}/{NODE}.req", request)
    ctl(machine, "node", "admit", f"{PKI}/{NODE}.req", "--yes")
    machine.run(["oceanid-agent", "install", f"{PKI}/{NODE}.bundle"])
    machine.systemctl("start", AGENT)
    yield machine
    ended = machine.programs_that_ended()
    lender.drop()
    assert not ended, "\n".join(ended)


def connected(machine):
    done = machine.run(["oceanidctl", "nodes", "-o", "json"], check=False)
    return done.returncode == 0 and any(
        node["name"] == NODE and node["connected"] for node in json.loads(done.stdout)["nodes"])


def test_agent_reports_to_a_controller_that_has_no_privileges(fleet):
    wait_until(lambda: connected(fleet), 30, "the node to be connected")
    for unit, user in ((AGENT, "oceanid-agent"), (CONTROLLER, "oceanid-controller")):
        pid = fleet.main_pid(unit)
        status = fleet.run(["cat", f"/proc/{pid}/status"]).stdout
        assert fleet.run(["stat", "-c", "%U", f"/proc/{pid}"]).stdout.strip() == user
        for line in ("CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert re.search(rf"^{line}:\s*0+$", status, re.M), status


def owners(fleet):
    return fleet.run(["stat", "-c", "%U:%G %a", "/run/oceanid", "/run/oceanid/guard.sock",
                      "/run/oceanid-controller"]).stdout.splitlines()


def test_the_controllers_user_may_not_touch_what_guard_and_rescue_leave(fleet):
    for path in ("/run/oceanid/released", "/var/lib/oceanid/guard/x", "/etc/oceanid/x"):
        done = fleet.run(["setpriv", "--reuid=oceanid-controller", "--regid=oceanid-controller",
                          "--clear-groups", "touch", path], check=False)
        assert done.returncode != 0, path
    assert owners(fleet) == ["root:oceanid-agent 755", "root:oceanid-agent 660",
                             "oceanid-controller:oceanid-controller 755"]


def test_the_boot_unit_takes_nothing_from_a_guard_that_lives(fleet):
    """systemd starts it beside the first guard on a host that has not been rebooted since."""
    before = owners(fleet)
    fleet.run(["systemctl", "restart", "oceanid-rollback-boot.service"])
    assert owners(fleet) == before
    fleet.run(["systemctl", "restart", AGENT])
    wait_until(lambda: connected(fleet), 30, "the node to be connected again")


def taken_from_systemd(machine):
    """What the agent's descriptor 3 is, the first that systemd gives (LISTEN_FDS)."""
    pid = machine.main_pid(AGENT)
    assert machine.run(["cat", f"/proc/{pid}/comm"]).stdout.strip() == "oceanid-agent"
    return json.loads(machine.run(["/usr/bin/python3", "-c", LOOK, str(pid)]).stdout)


def test_agent_gets_the_buffer_that_it_may_not_force(fleet):
    fleet.wait_active(AGENT)
    taken = taken_from_systemd(fleet)
    assert taken["family"] == socket.AF_NETLINK
    assert taken["protocol"] == NETLINK_ROUTE
    assert taken["buffer"] >= BUFFER
    assert taken["groups"] != 0  # it joined what it wants to hear


def test_killed_agent_comes_back_with_the_buffer(fleet):
    fleet.wait_active(AGENT)
    before = fleet.main_pid(AGENT)
    fleet.kill(AGENT)
    wait_until(lambda: fleet.main_pid(AGENT) not in (0, before), 20, "the agent to be started")
    fleet.wait_active(AGENT)
    assert taken_from_systemd(fleet)["buffer"] >= BUFFER
    wait_until(lambda: connected(fleet), 30, "the node to be connected again")


def test_a_route_that_changes_does_not_start_a_stopped_agent(fleet):
    fleet.systemctl("stop", AGENT)
    assert fleet.property(SOCKET, "ActiveState") == "inactive"
    fleet.ip("route", "add", "198.51.100.0/24", "dev", "eth0")
    fleet.ip("route", "del", "198.51.100.0/24", "dev", "eth0")
    assert fleet.property(AGENT, "ActiveState") == "inactive"
    fleet.systemctl("start", AGENT)
    assert fleet.is_active(SOCKET)


def upgrade(fleet):
    return fleet.run(["sh", "-c", "dpkg --no-triggers -i /root/packages/oceanid-controller_*.deb "
                      "</dev/null"])


def test_an_upgrade_leaves_a_controller_that_its_version_would_not_start(fleet):
    """fleet.yaml has what an older version took: it goes on, and dpkg says what to mend."""
    before = fleet.main_pid(CONTROLLER)
    fleet.write("/etc/oceanid/fleet.yaml", FLEET.replace(f"ssh: {ADDRESS}", "ssh: 127.0.0.1"))
    said = upgrade(fleet).stderr
    assert re.search(r"/etc/oceanid/fleet\.yaml:2: .*127\.0\.0\.1", said), said
    assert "is not restarted" in said and "oceanid-controller --check" in said, said
    assert fleet.main_pid(CONTROLLER) == before
    assert connected(fleet)
    done = fleet.run(["oceanid-controller", "--check"], check=False)
    assert done.returncode == 1 and "/etc/oceanid/fleet.yaml:2: " in done.stderr, done.stderr
    fleet.write("/etc/oceanid/fleet.yaml", FLEET)
    done = fleet.run(["oceanid-controller", "--check"])
    assert done.stdout == ("/etc/oceanid/controller.yaml, /etc/oceanid/fleet.yaml and what lies in "
                           "/var/lib/oceanid/controller are taken by this version\n")
    said = upgrade(fleet).stderr
    assert "is not restarted" not in said, said
    assert fleet.main_pid(CONTROLLER) not in (0, before)
    wait_until(lambda: connected(fleet), 30, "the node to be connected again")


def test_an_upgrade_asks_of_what_the_running_controller_has_open(fleet):
    """The database is looked at beside who writes it; trust.yaml, which that read long ago, too."""
    before = fleet.main_pid(CONTROLLER)
    look = ["sh", "-c", f"stat -c '%n %U %a' {STATE}/*"]
    files = fleet.run(look).stdout
    assert "controller.db-wal" in files
    fleet.run(["oceanid-controller", "--check"])
    assert fleet.run(look).stdout == files
    trust = fleet.run(["cat", f"{STATE}/trust.yaml"]).stdout
    fleet.write(f"{STATE}/trust.yaml", trust + "colour: blue\n")
    said = upgrade(fleet).stderr
    fleet.write(f"{STATE}/trust.yaml", trust)
    assert f"{STATE}/trust.yaml" in said and "colour" in said and "is not restarted" in said, said
    assert fleet.main_pid(CONTROLLER) == before
    assert connected(fleet)


def test_an_installation_starts_a_controller_that_does_not_run(fleet):
    """Nothing is ended by that: where fleet.yaml comes later, it is tried until then."""
    fleet.systemctl("stop", CONTROLLER)
    fleet.run(["rm", "/etc/oceanid/fleet.yaml"])
    said = upgrade(fleet).stderr
    assert "is not restarted" not in said, said
    fleet.write("/etc/oceanid/fleet.yaml", FLEET)
    wait_until(lambda: connected(fleet), 30, "the node to be connected again")


def test_all_units_come_back_by_themselves_after_a_reboot(fleet):
    fleet.power_off()
    fleet.boot()
    fleet.raise_uplink()
    for unit in (GUARD, CONTROLLER, AGENT):
        fleet.wait_active(unit, 30)
    wait_until(lambda: connected(fleet), 30, "the node to be connected after the reboot")
    boot = int(fleet.property("oceanid-rollback-boot.service", "ExecMainExitTimestampMonotonic"))
    agent = int(fleet.property(AGENT, "ExecMainStartTimestampMonotonic"))
    assert 0 < boot < agent
