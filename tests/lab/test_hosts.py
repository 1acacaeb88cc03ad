"""The lab plays power, cables and systemd truly: small units of the test's own show it."""

import signal

import pytest

from lab import Lab, wait_until
from lab.ends import EndedItself, MADE_WAY
from lab.machine import Failed
from lab.units import parse_unit, seconds

GUARD = """\
[Service]
Type=notify
ExecStart=/bin/sh {folder}/main.sh
ExecStopPost=/bin/sh {folder}/stop-post.sh
Restart=always
RestartSec=50ms
RuntimeDirectory=oceanid
StateDirectory=oceanid/guard
StateDirectoryMode=0700
Group=oceanid-agent
UMask=0077
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
"""
AGENT = """\
[Unit]
ConditionPathExists=/etc/oceanid/agent.yaml
[Service]
User=oceanid-agent
ExecStart=/bin/sleep 1000
StateDirectory=oceanid/agent
Restart=no
CapabilityBoundingSet=
"""
BOOT = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {folder}/boot.sh
"""
MAIN = """\
echo started >>/var/lib/oceanid/guard/story
/usr/bin/python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.connect(os.environ["NOTIFY_SOCKET"])
s.send(b"WATCHDOG=1")
s.send(b"STATUS=up\\nREADY=1")'
exec sleep 1000
"""
STOP_POST = 'echo "stop-post $SERVICE_RESULT $EXIT_STATUS" >>/var/lib/oceanid/guard/story\n'
BOOT_SCRIPT = """\
mkdir -p /var/lib/oceanid/guard
{ echo boot; ip -o address show dev eth0; } >/var/lib/oceanid/guard/boot
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("units")
    folder.chmod(0o755)
    for parent in list(folder.parents)[:2]:
        parent.chmod(0o755)
    for name, text in (("main.sh", MAIN), ("stop-post.sh", STOP_POST), ("boot.sh", BOOT_SCRIPT)):
        (folder / name).write_text(text)
    for name, text in (("oceanid-guard", GUARD), ("oceanid-agent", AGENT),
                       ("oceanid-rollback-boot", BOOT)):
        (folder / f"{name}.service").write_text(text.format(folder=folder))
    with Lab.build(units_dir=folder, join=False, programs={}) as built:
        yield built


@pytest.fixture
def styx(lab):
    host = lab["srv712695"]
    yield host
    for unit in host.units.values():
        unit.stop()
    host.run(["sh", "-c", "rm -rf /var/lib/oceanid/guard"])


def story(host):
    return host.run(["cat", "/var/lib/oceanid/guard/story"]).stdout.split("\n")[:-1]


def status_of(host, unit):
    return host.run(["cat", f"/proc/{host.inside_pid(unit.process)}/status"]).stdout


def test_killed_unit_runs_stop_post_and_is_started_again(styx):
    unit = styx.start_unit("oceanid-guard")
    for times in range(1, 7):
        unit.kill(signal.SIGKILL)
        wait_until(lambda: unit.starts == times + 1 and unit.active(), 10, f"start {times + 1}")
    assert story(styx) == ["started", "stop-post signal KILL"] * 6 + ["started"]


def test_stopped_unit_stays_stopped(styx):
    unit = styx.start_unit("oceanid-guard")
    styx.stop_unit("oceanid-guard")
    assert unit.state == "inactive"
    assert story(styx) == ["started", "stop-post signal TERM"]
    styx.restart_unit("oceanid-guard")
    assert unit.active()


def test_unit_gets_what_its_file_leaves_it(styx):
    unit = styx.start_unit("oceanid-guard")
    status = status_of(styx, unit)
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["CapBnd"] == "0000000000001000"
    assert fields["CapEff"] == "0000000000001000"
    assert fields["NoNewPrivs"] == "1"
    assert fields["Uid"].split() == ["0"] * 4
    assert fields["Gid"].split() == [str(styx.group_id("oceanid-agent"))] * 4
    assert fields["Umask"] == "0077"
    mode = styx.run(["stat", "-c", "%a %U %G", "/var/lib/oceanid/guard"]).stdout
    assert mode == "700 root oceanid-agent\n"


def test_unprivileged_unit_and_its_condition(styx):
    unit = styx.start_unit("oceanid-agent")
    assert unit.state == "inactive" and unit.starts == 0
    styx.path("/etc/oceanid/agent.yaml").write_text("")
    unit.start()
    wait_until(lambda: "Name:\tsleep" in status_of(styx, unit), 10, "nsenter to have become sleep")
    status = status_of(styx, unit)
    uid, _ = styx.user_ids("oceanid-agent")
    assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}" in status
    assert "CapBnd:\t0000000000000000" in status
    assert styx.run(["stat", "-c", "%U", "/var/lib/oceanid/agent"]).stdout == "oceanid-agent\n"
    styx.path("/etc/oceanid/agent.yaml").unlink()


def test_reboot_runs_the_boot_unit_before_the_network(styx):
    styx.start_unit("oceanid-guard")
    styx.enable_unit("oceanid-rollback-boot")
    boot_id = styx.boot_id
    styx.ip("rule", "add", "pref", "5150", "lookup", "main")
    old_pid = styx.pid

    styx.reboot()

    assert styx.pid != old_pid and styx.boot_id != boot_id
    assert styx.run(["cat", "/var/lib/oceanid/guard/boot"]).stdout == "boot\n"
    assert styx.run(["cat", "/run/boot_id"]).stdout.strip() == styx.boot_id
    assert not any(line.startswith("5150:") for line in styx.rules())
    assert styx.unit("oceanid-guard").active()
    assert story(styx) == ["started", "started"]    # power loss: no stop-post
    assert styx.ssh_banner("198.51.100.10")
    styx.enabled.discard("oceanid-rollback-boot")


def test_programs_see_only_their_own_host(styx, lab):
    assert styx.run(["hostname"]).stdout == "srv712695\n"
    processes = styx.run(["sh", "-c", "cat /proc/[0-9]*/comm"], check=False).stdout.split()
    assert processes.count("sshd") == 1
    links = {link["ifname"] for link in styx.ip_json("link", "show")}
    assert links == {"lo", "eth0", "cni0"}
    assert not styx.connects("192.0.2.99", 22, timeout_s=1)


def test_exit_code_and_output_of_a_program(styx):
    assert styx.run(["sh", "-c", "echo a; exit 3"], check=False).returncode == 3
    with pytest.raises(AssertionError, match="ended with 3"):
        styx.run(["sh", "-c", "echo a; exit 3"])
    process = styx.popen(["sleep", "1000"])
    styx.kill(process, signal.SIGKILL)
    assert process.exit_code == -signal.SIGKILL


def test_unit_files_are_read_as_systemd_reads_them():
    unit = parse_unit("x", "[Service]\n# no\nExecStart=-/a b \\\n  'c d'\nRestartSec=1min 30s\n"
                           "Environment=A=1 'B=2 3'\nCapabilityBoundingSet=CAP_A\n"
                           "CapabilityBoundingSet=\nCapabilityBoundingSet=CAP_NET_ADMIN\n")
    assert unit.commands("ExecStart") == [(["/a", "b", "c d"], True)]
    assert unit.environment() == {"A": "1", "B": "2 3"}
    assert unit.privileges() == ["--bounding-set=-all,+net_admin"]
    assert seconds(unit.one("RestartSec"), 0) == 90.0
    assert seconds("250ms", 0) == 0.25


def test_programs_under_test_lie_where_the_units_name_them(tmp_path, monkeypatch):
    for name in ("oceanid-guard", "oceanidctl"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho staged {name}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("OCEANID_BIN", str(tmp_path))
    with Lab.build(join=False) as lab:
        office = lab["office"]
        assert office.run(["/usr/sbin/oceanid-guard"]).stdout == "staged oceanid-guard\n"
        assert office.run(["oceanidctl"]).stdout == "staged oceanidctl\n"
        assert office.run(["sh", "-c", "echo $HOME; ls -A $HOME"]).stdout == \
            "/var/lib/home-of-root\n"


def test_a_program_that_ends_itself_is_told_at_the_labs_end():
    """systemd would start it again, and no test might notice."""
    with pytest.raises(EndedItself, match="srv712695: oceanid-made-up.log\nERROR: Addr"):
        with Lab.build(join=False, programs={}) as lab:
            lab["srv712695"].popen(["sh", "-c", "echo all well; echo ERROR: AddressSanitizer: x"],
                                   name="oceanid-made-up").wait()


def test_what_a_sanitizer_says_fails_a_run(styx):
    with pytest.raises(Failed, match="runtime error: shift"):
        styx.run(["sh", "-c", "echo a.c:1:2: runtime error: shift >&2"], check=False)


def test_a_program_that_makes_way_is_a_warning():
    """It is what decision 0003 has it do when nng hangs; SIGABRT alone is a mistake."""
    hung = f"echo 'error: link x: nng hangs; {MADE_WAY}'"
    ended = "echo '[lab] it ended by SIGABRT, which nobody sent'"
    with pytest.warns(UserWarning, match="srv712695: oceanid-made-up.log: error: link x"):
        with Lab.build(join=False, programs={}) as lab:
            lab["srv712695"].popen(["sh", "-c", f"{hung}; {ended}"], name="oceanid-made-up").wait()
    with pytest.raises(EndedItself, match="which nobody sent"):
        with Lab.build(join=False, programs={}) as lab:
            lab["srv712695"].popen(["sh", "-c", ended], name="oceanid-made-up").wait()


def test_what_a_sanitizer_says_behind_it_is_none():
    said = f"echo 'x; {MADE_WAY}'; echo ERROR: AddressSanitizer: x"
    with pytest.warns(UserWarning), pytest.raises(EndedItself, match="AddressSanitizer"):
        with Lab.build(join=False, programs={}) as lab:
            lab["srv712695"].popen(["sh", "-c", said], name="oceanid-made-up").wait()
