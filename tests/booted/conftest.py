"""conftest: stages the installed tree once, and gives each test a machine that has booted it."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import Machine, REPO  # noqa: E402

USERS = (("oceanid-agent", 64001), ("oceanid-controller", 64002))
STATE = "/var/lib/oceanid/guard"


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ.get("OCEANID_BIN", REPO / "build/release/bin")).parent


@pytest.fixture(scope="session")
def stage(tmp_path_factory, build):
    """What `cmake --install --prefix /usr` puts on a disk, with the users that sysusers makes."""
    folder = tmp_path_factory.mktemp("stage")
    folder.chmod(0o755)
    subprocess.run(["cmake", "--install", str(build), "--prefix", "/usr"], check=True,
                   env=dict(os.environ, DESTDIR=str(folder)), stdout=subprocess.DEVNULL)
    merge_usr(folder)
    add_users(folder)
    for path in ("etc/oceanid", "var/lib/oceanid"):
        (folder / path).mkdir(parents=True, exist_ok=True)
    return folder


def merge_usr(folder):
    """Units lie in /usr/lib/systemd on a merged-/usr system; /lib is a link there."""
    for name in ("lib", "bin", "sbin"):
        if (folder / name).is_dir():
            subprocess.run(["cp", "-a", f"{folder / name}/.", str(folder / "usr" / name)],
                           check=True)
            subprocess.run(["rm", "-r", str(folder / name)], check=True)


def add_users(folder):
    etc = folder / "etc"
    etc.mkdir(exist_ok=True)
    for name, line in (("passwd", "{0}:x:{1}:{1}::/nonexistent:/usr/sbin/nologin\n"),
                       ("group", "{0}:x:{1}:\n")):
        text = (pathlib.Path("/etc") / name).read_text()
        text += "".join(line.format(*user) for user in USERS if f"\n{user[0]}:" not in text)
        (etc / name).write_text(text)


@pytest.fixture
def machine(tmp_path, stage, build):
    """Booted, with a trust root and keys, an uplink eth0, and the guard running."""
    booted = Machine(tmp_path / "disk", stage)
    booted.drive = build / "bin/drive"
    try:
        prepare_disk(booted)
        booted.boot()
        raise_uplink(booted)
        yield booted
    finally:
        booted.remove()


def prepare_disk(booted):
    upper = booted.disk / "upper"
    for path in ("root/keys", STATE[1:], "etc/oceanid"):
        (upper / path).mkdir(parents=True, exist_ok=True)
    (upper / STATE[1:]).chmod(0o700)
    subprocess.run([str(booted.drive), "init", str(upper / "root/keys"), str(upper / STATE[1:]),
                    str(upper / "etc/oceanid/trust.yaml")], check=True)
    subprocess.run(["cp", str(booted.drive), str(upper / "usr/bin/drive")], check=True)
    wants = upper / "etc/systemd/system"
    for unit, target in (("oceanid-guard.service", "multi-user.target.wants"),
                         ("oceanid-rollback-boot.service", "sysinit.target.wants")):
        (wants / target).mkdir(parents=True, exist_ok=True)
        (wants / target / unit).symlink_to(f"/usr/lib/systemd/system/{unit}")


def raise_uplink(booted):
    booted.ip("link", "add", "eth0", "type", "veth", "peer", "name", "far0")
    booted.ip("link", "set", "far0", "up")
    booted.ip("link", "set", "eth0", "up")
    booted.ip("address", "add", "203.0.113.10/24", "dev", "eth0")
