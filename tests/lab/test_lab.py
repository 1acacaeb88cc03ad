"""The lab's own tests: it behaves as the hosts of the incident did, over either tailnet."""

import http.client
import signal

import pytest

from lab import Lab, localapi, stays, topology, wait_until

STYX = topology.ADDRESSES["srv712695"]
TETHYS = topology.ADDRESSES["srv712429"]
CALYPSO = topology.TAILNET["calypso"]


@pytest.fixture
def styx(lab):
    """srv712695, put back afterwards: no exit node, no rule or route of a test, its cable in."""
    host = lab["srv712695"]
    yield host
    host.undrop()
    host.restore_link()
    if not lab.tailnet.daemon(host).alive():
        lab.tailnet.restart_daemon(host)
    lab.tailnet.wait_running(host)
    lab.tailnet.leave_exit_node(host)
    host.run(["sh", "-c", "while ip rule del pref 5140; do :; done"], check=False)
    wait_until(lambda: host.egress_address() == STYX, 15, "styx to be as it was")


def seen_from(lab, name, address=STYX):
    return lab[name].ssh_banner(address) is not None


def leaves_through(host, address, deadline_s=20):
    """Waits until the internet sees a host by this address: a first handshake takes its time."""
    wait_until(lambda: host.egress_address() == address, deadline_s,
               f"{host.name} to be seen as {address}")


def test_joined_node_answers_ssh_and_leaves_by_itself(lab, styx):
    assert seen_from(lab, "office")
    assert seen_from(lab, "office", TETHYS)
    assert styx.egress_address() == STYX
    assert not styx.connects(topology.ADDRESSES["internet"], topology.DATABASE_PORT)
    assert styx.connects(TETHYS, topology.API_SERVER_PORT)
    assert styx.connects("10.43.0.1", 443)


def test_calypso_is_reached_over_the_tailnet_only(lab):
    assert not seen_from(lab, "office", topology.ADDRESSES["calypso"])
    assert not seen_from(lab, "srv712695", topology.ADDRESSES["calypso"])
    assert seen_from(lab, "srv712429", CALYPSO)
    assert seen_from(lab, "srv712695", CALYPSO)


def test_ssh_with_the_labs_key_runs_a_program(lab):
    assert lab.ssh("office", STYX, "hostname").stdout == "srv712695\n"
    assert lab.ssh("srv712695", CALYPSO, "hostname").stdout == "calypso\n"


def test_exit_node_kills_ssh_and_a_source_rule_brings_it_back(lab, styx):
    lab.tailnet.use_exit_node(styx)

    assert not seen_from(lab, "office")
    leaves_through(styx, TETHYS)
    assert styx.connects(topology.ADDRESSES["internet"], topology.DATABASE_PORT)
    assert styx.leaves_by("198.18.0.10", source=STYX) == "tailscale0"
    assert lab.tailnet.peer(styx, "srv712429")["Online"]
    assert seen_from(lab, "srv712695", CALYPSO)

    styx.ip("rule", "add", "pref", "5140", "from", STYX, "lookup", "main")
    assert seen_from(lab, "office")
    leaves_through(styx, TETHYS)


def test_rule_for_the_api_server_alone_keeps_ssh_for_that_host_only(lab, styx):
    lab.tailnet.use_exit_node(styx)
    styx.ip("rule", "add", "pref", "5140", "to", TETHYS, "lookup", "main")

    assert seen_from(lab, "srv712429")
    assert not seen_from(lab, "office")


def test_reboot_loses_what_is_volatile_and_the_exit_node_comes_back(lab, styx):
    lab.tailnet.use_exit_node(styx)
    styx.ip("rule", "add", "pref", "5140", "from", STYX, "lookup", "main")
    styx.run(["sh", "-c", "echo kept >/var/lib/oceanid/mark; echo lost >/run/oceanid/mark"])
    before = styx.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout

    styx.reboot()

    assert styx.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != before
    assert styx.run(["cat", "/var/lib/oceanid/mark"]).stdout == "kept\n"
    assert not styx.path("/run/oceanid/mark").exists()
    leaves_through(styx, TETHYS)
    assert not any(line.startswith("5140:") for line in styx.rules())
    assert not seen_from(lab, "office")


def test_killed_tailscaled_fails_open_and_leaves_its_rules(lab, styx):
    lab.tailnet.use_exit_node(styx)
    leaves_through(styx, TETHYS)

    styx.kill(lab.tailnet.daemon(styx), signal.SIGKILL)

    leaves_through(styx, STYX)
    assert seen_from(lab, "office")
    assert any(line.startswith("5270:") for line in styx.rules())
    assert not styx.run(["ip", "link", "show", "tailscale0"], check=False).stdout
    assert localapi.status(styx) is None

    lab.tailnet.restart_daemon(styx)
    leaves_through(styx, TETHYS)


def test_frozen_tailscaled_leaves_its_routes(lab, styx):
    lab.tailnet.use_exit_node(styx)
    styx.kill(lab.tailnet.daemon(styx), signal.SIGSTOP)
    try:
        assert styx.leaves_by("198.18.0.10", source=STYX) == "tailscale0"
        assert styx.egress_address(timeout_s=1) is None
        with pytest.raises(OSError):
            localapi.request(styx, "GET", "prefs", timeout_s=0.5)
    finally:
        styx.kill(lab.tailnet.daemon(styx), signal.SIGCONT)
    leaves_through(styx, TETHYS)


def test_stopped_tailscaled_takes_its_rules_away(lab, styx):
    lab.tailnet.use_exit_node(styx)
    lab.tailnet.daemon(styx).stop(grace_s=15)

    assert not any(line.startswith("52") for line in styx.rules())
    assert styx.egress_address() == STYX


def test_deleted_tailscale_rule_comes_back(lab, styx):
    styx.ip("rule", "del", "pref", "5270")
    wait_until(lambda: any(line.startswith("5270:") for line in styx.rules()), 5,
               "tailscaled to put rule 5270 back")


def test_exit_node_may_be_named_by_address(lab, styx):
    masked = {"ExitNodeIP": topology.TAILNET["srv712429"], "ExitNodeIPSet": True}
    localapi.patch(styx, masked)
    wait_until(lambda: localapi.prefs(styx)["ExitNodeID"], 5, "the address to become an id")
    assert localapi.prefs(styx)["ExitNodeIP"] == ""
    leaves_through(styx, TETHYS)


def test_lan_access_decides_where_connected_networks_go(lab, styx):
    lab.tailnet.use_exit_node(styx, allow_lan=True)
    assert styx.leaves_by("203.0.113.254") == "eth0"
    lab.tailnet.use_exit_node(styx, allow_lan=False)
    wait_until(lambda: styx.leaves_by("203.0.113.254") == "tailscale0", 5,
               "the LAN to be captured")


def test_exit_node_may_not_use_one(lab):
    host = lab["srv712429"]
    code, document = localapi.request(host, "PATCH", "prefs", localapi.exit_on("2"))
    assert code == 400
    assert "Cannot advertise an exit node" in document["Error"]
    assert localapi.prefs(host)["ExitNodeID"] == ""
    assert localapi.request(host, "GET", "check-ip-forwarding") == (200, {"Warning": ""})


def test_only_root_writes_prefs(lab, styx):
    def ask(method, body=""):
        script = ("import http.client, socket, sys\n"
                  "c = http.client.HTTPConnection('local-tailscaled.sock')\n"
                  "c.sock = socket.socket(socket.AF_UNIX)\n"
                  f"c.sock.connect('{localapi.SOCKET}')\n"
                  f"c.request('{method}', '/localapi/v0/prefs', {body!r})\n"
                  "print(c.getresponse().status)\n")
        argv = ["/usr/bin/python3", "-c", script]
        return int(styx.run(argv, user="oceanid-agent").stdout)

    assert ask("GET") == 200
    assert ask("PATCH", '{"ExitNodeIDSet": true}') == 403


def test_ping_of_an_unknown_address_is_answered_by_the_exit_node(lab, styx):
    lab.tailnet.wait_ping(styx, CALYPSO)
    assert lab.tailnet.ping(styx, CALYPSO)["NodeIP"] == CALYPSO
    assert lab.tailnet.ping(styx, "100.64.0.77")["Err"] == "no matching peer"
    lab.tailnet.use_exit_node(styx)
    lab.tailnet.wait_ping(styx, topology.TAILNET["srv712429"])
    answer = lab.tailnet.ping(styx, "100.64.0.77")
    assert answer["NodeIP"] == topology.TAILNET["srv712429"]


def test_bus_tells_of_a_changed_pref(lab, styx):
    connection = localapi.Connection(str(styx.path(localapi.SOCKET)), 10)
    connection.request("GET", "/localapi/v0/watch-ipn-bus?mask=0")
    answer = connection.getresponse()
    lab.tailnet.use_exit_node(styx)
    try:
        while b'"ExitNodeID":"1"' not in answer.readline().replace(b": ", b":"):
            pass
    except (TimeoutError, http.client.HTTPException):
        pytest.fail("expected a line with the new prefs within 10 s")
    finally:
        connection.close()


def test_better_default_through_the_black_hole_cuts_the_node_off(lab, styx):
    styx.ip("route", "add", "default", "via", topology.ADDRESSES["blackhole"], "dev", "eth0")
    try:
        assert not seen_from(lab, "office")
        assert styx.egress_address() is None
    finally:
        styx.ip("route", "del", "default", "via", topology.ADDRESSES["blackhole"])
    assert seen_from(lab, "office")


def test_cut_link_and_dropped_ports(lab, styx):
    styx.cut_link()
    assert not seen_from(lab, "office")
    styx.restore_link()
    wait_until(lambda: seen_from(lab, "office"), 5, "SSH to be back with the cable")

    styx.drop_port("tcp", 22, "in")
    assert not seen_from(lab, "office")
    styx.undrop()
    assert seen_from(lab, "office")


def test_new_only_lets_established_connections_live(lab, styx):
    """One connection asks twice over 6443's stand-in; in between new ones are dropped."""
    script = ("import socket, sys\n"
              f"c = socket.create_connection(('{TETHYS}', 6443), 5)\n"
              "print(c.recv(64).decode().strip(), flush=True)\n"
              "sys.stdin.readline()\n"
              "c.settimeout(5); c.sendall(b'x'); c.shutdown(socket.SHUT_WR)\n"
              "print('ended' if c.recv(1) == b'' else 'answered', flush=True)\n")
    process = styx.popen(["/usr/bin/python3", "-uc", script], name="connection", stdin=True)
    wait_until(lambda: "lab stand-in" in process.output(), 5, "the first connection")

    styx.drop_port("tcp", 6443, "out", new_only=True)
    assert not styx.connects(TETHYS, 6443, timeout_s=1)
    process.close_input()
    wait_until(lambda: "ended" in process.output(), 5, "the old connection's orderly end")


def test_unreachable_exit_node_fails_closed(lab, styx):
    lab.tailnet.use_exit_node(styx)
    leaves_through(styx, TETHYS)
    lab["srv712429"].cut_link()
    try:
        assert styx.egress_address() is None
        stays(lambda: localapi.status(styx)["ExitNodeStatus"]["Online"], 3,
              "the status to say online all the same")
        assert styx.leaves_by("198.18.0.10", source=STYX) == "tailscale0"
    except KeyError:
        pytest.fail("ExitNodeStatus is missing although the exit node was only cut off")
    finally:
        lab["srv712429"].restore_link()
    leaves_through(styx, TETHYS)


def test_deleted_exit_node_is_a_black_hole(fresh_lab):
    styx = fresh_lab["srv712695"]
    fresh_lab.tailnet.use_exit_node(styx)
    leaves_through(styx, TETHYS)

    fresh_lab.tailnet.delete_node(fresh_lab["srv712429"])

    wait_until(lambda: "ExitNodeStatus" not in localapi.status(styx), 15,
               "the exit node to be gone from the status")
    assert localapi.prefs(styx)["ExitNodeID"] == "1"
    assert styx.egress_address() is None
    assert not seen_from(fresh_lab, "office")


def test_expired_key_ends_in_a_black_hole(fresh_lab):
    """Table 52 is emptied, but its addresses go with it, and upon that link change tailscaled puts
    both back although it needs a login (1.102.3, seen): open for seconds at most, then closed."""
    styx = fresh_lab["srv712695"]
    fresh_lab.tailnet.use_exit_node(styx)
    leaves_through(styx, TETHYS)

    fresh_lab.tailnet.expire_node(styx)

    wait_until(lambda: localapi.status(styx)["BackendState"] == "NeedsLogin", 15,
               "the node to need a login")
    wait_until(lambda: styx.leaves_by(topology.ADDRESSES["internet"]) == "tailscale0"
               and styx.egress_address() is None, 20, "the internet to be out of reach")
    assert not seen_from(fresh_lab, "office")


@pytest.mark.tailnet("standin")
def test_two_labs_side_by_side(lab, fresh_lab):
    assert lab.folder != fresh_lab.folder
    fresh_lab["srv712695"].cut_link()
    assert not seen_from(fresh_lab, "office")
    assert seen_from(lab, "office")


def test_programs_is_refused_when_it_is_not_a_folder(monkeypatch):
    monkeypatch.setenv("OCEANID_BIN", "/nonexistent")
    with pytest.raises(FileNotFoundError, match="OCEANID_BIN"):
        Lab()
