"""packages: what is in the three .debs, and what dpkg does with them on a running node."""

import re
import subprocess

from machine import wait_until
from trial import BOOT, GUARD, Trial, confirm, gone, start_trial, wait_gone

AGENT_FILES = (
    "./usr/sbin/oceanid-agent", "./usr/sbin/oceanid-guard", "./usr/sbin/oceanid-rehearse",
    "./usr/sbin/oceanid-rollback",
    "./usr/lib/systemd/system/oceanid-agent.service",
    "./usr/lib/systemd/system/oceanid-agent-netlink.socket",
    "./usr/lib/systemd/system/oceanid-guard.service",
    "./usr/lib/systemd/system/oceanid-rehearse.socket",
    "./usr/lib/systemd/system/oceanid-rehearse@.service",
    "./usr/lib/systemd/system/oceanid-rollback-boot.service",
    "./usr/lib/systemd/networkd.conf.d/oceanid.conf", "./usr/lib/sysusers.d/oceanid-agent.conf",
    "./usr/lib/tmpfiles.d/oceanid.conf", "./usr/share/man/man8/oceanid-agent.8",
    "./usr/share/man/man8/oceanid-guard.8", "./usr/share/man/man8/oceanid-rehearse.8",
    "./usr/share/man/man8/oceanid-rollback.8",
    "./usr/share/doc/oceanid-agent/copyright")
CONTROLLER_FILES = (
    "./usr/sbin/oceanid-controller", "./usr/lib/systemd/system/oceanid-controller.service",
    "./usr/lib/sysusers.d/oceanid-controller.conf", "./usr/share/man/man8/oceanid-controller.8",
    "./usr/share/doc/oceanid-controller/copyright")
CTL_FILES = ("./usr/bin/oceanidctl", "./usr/share/man/man1/oceanidctl.1",
             "./usr/share/doc/oceanid-ctl/copyright",
             "./usr/share/doc/oceanid/examples/fleet.yaml",
             "./usr/share/doc/oceanid/examples/change.yaml")


def listing(package):
    """Path -> mode and owner of each file."""
    text = subprocess.run(["dpkg-deb", "-c", str(package)], capture_output=True, text=True,
                          check=True).stdout
    rows = [line.split(None, 5) for line in text.splitlines()]
    return {row[5]: (row[0], row[1]) for row in rows if not row[5].endswith("/")}


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", str(package), name], capture_output=True, text=True,
                          check=True).stdout


def test_packages_hold_what_they_should(packages):
    for name, wanted in (("oceanid-agent", AGENT_FILES), ("oceanid-controller", CONTROLLER_FILES),
                         ("oceanid-ctl", CTL_FILES)):
        found = listing(packages[name])
        assert set(wanted) <= set(found)
        for path, (mode, owner) in found.items():
            assert owner == "root/root", path
            programs = "/sbin/" in path or "/bin/" in path
            assert mode == ("-rwxr-xr-x" if programs else "-rw-r--r--"), path


def test_no_two_packages_hold_the_same_file(packages):
    paths = [path for package in packages.values() for path in listing(package)]
    assert sorted(paths) == sorted(set(paths))


def test_guard_and_rescue_need_nothing_that_speaks_to_a_network(packages, tmp_path):
    assert "libnng1" in field(packages["oceanid-agent"], "Depends")
    subprocess.run(["dpkg-deb", "-x", str(packages["oceanid-agent"]), str(tmp_path)], check=True)
    for program in ("oceanid-guard", "oceanid-rehearse", "oceanid-rollback"):
        needed = subprocess.run(["readelf", "-d", str(tmp_path / "usr/sbin" / program)],
                                capture_output=True, text=True, check=True).stdout
        assert "libnng" not in needed and "libssh" not in needed, program


def test_image_without_a_running_systemd_has_users_and_directories(image):
    """image is dpkg -i in a chroot: the maintainer scripts must not miss a running systemd."""
    passwd = (image / "etc/passwd").read_text()
    for user in ("oceanid-agent", "oceanid-controller"):
        assert re.search(rf"^{user}:.*nologin$", passwd, re.M), user
    assert (image / "etc/oceanid").is_dir()
    assert (image / "var/lib/oceanid").stat().st_mode & 0o777 == 0o755


def dpkg(machine, *words, check=True):
    return machine.run(["sh", "-c", f"dpkg --no-triggers {' '.join(words)} </dev/null"],
                       check=check)


def test_upgrade_in_a_trial_reverts_it(machine):
    driver = start_trial(machine)
    pid = machine.main_pid(GUARD)
    dpkg(machine, "-i", "/root/packages/oceanid-agent_*.deb")
    driver.end()
    assert gone(machine)
    machine.wait_active(GUARD)
    assert machine.main_pid(GUARD) != pid


def test_upgrade_keeps_what_is_confirmed_and_what_is_disabled(machine):
    confirm(machine, "device=eth0")
    machine.systemctl("disable", "oceanid-controller.service")
    dpkg(machine, "-i", "/root/packages/*.deb")
    machine.wait_active(GUARD)
    assert not gone(machine)
    assert machine.systemctl("is-enabled", "oceanid-controller.service", check=False) == "disabled"
    machine.systemctl("enable", "oceanid-controller.service")
    machine.run(["oceanid-rollback", "--to", "1", "--yes"])
    machine.wait_active(GUARD)


def test_remove_in_a_trial_reverts_it_and_purge_leaves_nothing(own_machine):
    machine = own_machine
    driver = start_trial(machine)
    dpkg(machine, "-r", "oceanid-agent")
    driver.end()
    wait_gone(machine, 5)
    assert machine.property(GUARD, "ActiveState") == "inactive"
    assert machine.path("/var/lib/oceanid/guard/journal").exists()
    dpkg(machine, "--purge", "oceanid-agent", "oceanid-controller", "oceanid-ctl")
    for path in ("/var/lib/oceanid", "/etc/oceanid", "/run/oceanid"):
        assert not machine.path(path).exists(), path
    done = machine.run(["sh", "-c", "find /etc/systemd/system /var/lib/systemd -name 'oceanid*'"])
    assert done.stdout == ""


def test_remove_is_refused_while_a_confirmed_change_stands(own_machine):
    machine = own_machine
    trial = confirm(machine, "device=eth0")
    pid = machine.main_pid(GUARD)
    done = dpkg(machine, "-r", "oceanid-agent", check=False)
    assert done.returncode != 0
    assert trial.name in done.stderr and "oceanid-rollback --to 1 --yes" in done.stderr
    assert machine.main_pid(GUARD) == pid
    assert not gone(machine)
    machine.run(["touch", "/run/oceanid/released"])
    done = dpkg(machine, "-r", "oceanid-agent")
    assert trial.name in done.stdout
    assert not gone(machine)
    wait_until(lambda: not machine.is_active(BOOT), 5, "the boot unit to be stopped")
    machine.run(["rm", "/run/oceanid/released"])
    done = dpkg(machine, "--purge", "oceanid-agent", check=False)
    assert done.returncode != 0
    assert f"# confirmed {trial.name}" in done.stderr
    assert machine.path("/var/lib/oceanid/guard/journal").exists()
    machine.run(["install", "-D", "/dev/null", "/run/oceanid/released"])
    dpkg(machine, "--purge", "oceanid-agent")
    assert not machine.path("/var/lib/oceanid/guard").exists()


def shields(machine):
    """Without the protocol, which says whose they are."""
    return sorted(re.sub(r" proto \S+", "", line).strip()
                  for family in ("-4", "-6") for line in machine.ip(family, "rule").splitlines()
                  if re.match(r"514[015]:", line))


def test_removing_hands_every_shield_over_to_networkd(own_machine):
    """What the refusal says, given to networkd as it says, stands behind the package's end."""
    machine = own_machine
    confirm(machine, "device=eth0", "protect=1")
    standing = shields(machine)
    assert len(standing) == 8, standing
    said = dpkg(machine, "-r", "oceanid-agent", check=False).stderr
    sections = re.findall(r"^\[RoutingPolicyRule\]\n(?:\w+=.+\n)+", said, re.MULTILINE)
    machine.ip("link", "add", "net0", "type", "veth", "peer", "name", "net1")
    machine.ip("link", "set", "net1", "up")
    machine.write("/etc/systemd/network/net0.network", "[Match]\nName=net0\n\n[Network]\n"
                  "LinkLocalAddressing=no\nAddress=198.51.96.1/24\n\n" + "\n".join(sections))
    machine.run(["touch", "/run/oceanid/released"])
    dpkg(machine, "-r", "oceanid-agent")
    for family in ("-4", "-6"):
        machine.run(["ip", family, "rule", "flush", "protocol", "153"])
    assert not shields(machine)
    machine.systemctl("restart", "systemd-networkd.service")
    wait_until(lambda: shields(machine) == standing, 20, "networkd to have put every shield")


def test_remove_is_refused_where_nothing_can_be_seen(own_machine):
    machine = own_machine
    confirm(machine, "device=eth0")
    machine.run(["sh", "-c", "echo 'nonsense: 1' >> /etc/oceanid/guard.yaml"])
    done = dpkg(machine, "-r", "oceanid-agent", check=False)
    assert done.returncode != 0
    assert "cannot be seen" in done.stderr and "nonsense" in done.stderr
    assert machine.is_active(GUARD) and not gone(machine)


def test_remove_is_refused_while_a_revert_is_held_up(own_machine):
    """Its device is down, so the route that the trial removed cannot come back."""
    machine = own_machine
    machine.run(["sh", "-c", "ip link add held0 type veth peer name held1; ip link set held1 up; "
                 "ip link set held0 up; "
                 "ip route add 198.18.0.0/32 dev held0 proto 153 scope link"])
    driver = Trial(machine, "device=held0", "soak=60", "lease=20", "removes=1")
    wait_gone(machine, 15, "the trial to take the route away")
    machine.run(["ip", "link", "set", "held0", "down"])
    done = dpkg(machine, "-r", "oceanid-agent", check=False)
    driver.end()
    assert done.returncode != 0
    assert "could not be taken back whole" in done.stderr, done.stderr
    machine.wait_active(GUARD)
    assert machine.is_active("oceanid-rehearse.socket")
    machine.run(["ip", "link", "set", "held0", "up"])
    wait_until(lambda: not gone(machine), 15, "the guard to bring it back")


def older_package(machine):
    """The same package under a lower version, made inside."""
    machine.run(["sh", "-c", "cd /root && rm -rf older older.deb && "
                 "dpkg-deb -R packages/oceanid-agent_*.deb older && "
                 "sed -i 's/^Version: .*/Version: 0.0.1/' older/DEBIAN/control && "
                 "dpkg-deb -b older older.deb"])
    return "/root/older.deb"


def test_downgrade_is_refused_while_a_confirmed_change_stands(own_machine):
    """And says how to hand over; dpkg asks the old package, and then the new one's scripts."""
    machine = own_machine
    older = older_package(machine)
    trial = confirm(machine, "device=eth0", "address=203.0.113.10")
    pid = machine.main_pid(GUARD)
    done = dpkg(machine, "-i", "--force-downgrade", older, check=False)
    assert done.returncode != 0
    assert trial.name in done.stderr
    assert "going back to version 0.0.1 is refused" in done.stderr
    assert ("[RoutingPolicyRule]\nPriority=5140\nFrom=203.0.113.10\nTable=main\nFamily=ipv4\n"
            in done.stderr)
    assert machine.main_pid(GUARD) == pid
    assert not gone(machine)
    machine.run(["oceanid-rollback", "--to", "1", "--yes"])
    dpkg(machine, "-i", "--force-downgrade", older)
    machine.wait_active(GUARD)


def test_downgrade_is_refused_in_a_trial(own_machine):
    """The older one may not read how far this one has come."""
    machine = own_machine
    older = older_package(machine)
    driver = start_trial(machine)
    pid = machine.main_pid(GUARD)
    done = dpkg(machine, "-i", "--force-downgrade", older, check=False)
    assert done.returncode != 0
    assert re.search(r"^ *open +\S+ +on trial, not confirmed", done.stderr, re.MULTILINE)
    assert machine.main_pid(GUARD) == pid
    assert not gone(machine)
    machine.run(["oceanid-rollback", "--yes"])
    driver.end()
    dpkg(machine, "-i", "--force-downgrade", older)
    machine.wait_active(GUARD)
    assert gone(machine)


def test_reinstalling_enables_the_units_again(own_machine):
    machine = own_machine
    dpkg(machine, "-r", "oceanid-agent")
    dpkg(machine, "-i", "/root/packages/oceanid-agent_*.deb")
    machine.wait_active(GUARD)
    for unit in (GUARD, BOOT, "oceanid-agent.service"):
        assert machine.systemctl("is-enabled", unit) == "enabled", unit
