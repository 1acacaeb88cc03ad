"""conftest: makes the packages and an image with them once; lends a booted machine to each test.

Most tests share one machine. A test that fails takes it along: the next one gets another.
"""

import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from machine import Machine, REPO, mount_disk  # noqa: E402

STATE = "/var/lib/oceanid/guard"
PACKAGES = ("oceanid-agent", "oceanid-controller", "oceanid-ctl")

# An overlay of this machine, without a running systemd: what an image builder sees.
INSTALL = r"""
set -e
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$DISK/upper,workdir=$DISK/work" "$DISK/root"
mount --rbind /dev "$DISK/root/dev"
mount -t tmpfs tmpfs "$DISK/root/tmp"
# What this machine has of its own, or has left, is not there for whoever boots.
rm -rf "$DISK/root/etc/oceanid" "$DISK/root/var/lib/oceanid"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$DISK/root" \
    sh -c "dpkg --no-triggers -i /root/packages/*.deb"
"""


@pytest.fixture(scope="session")
def build():
    return pathlib.Path(os.environ.get("OCEANID_BIN", REPO / "build/release/bin")).parent


@pytest.fixture(scope="session")
def packages(tmp_path_factory, build):
    """The three packages, by name."""
    folder = tmp_path_factory.mktemp("packages")
    done = subprocess.run(["cpack", "-G", "DEB", "--config", str(build / "CPackConfig.cmake"),
                           "-B", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: next(folder.glob(f"{name}_*.deb")) for name in PACKAGES}


@pytest.fixture(scope="session")
def image(tmp_path_factory, build, packages):
    """An upper folder on which the packages are installed, and what the driver of trials needs."""
    disk = tmp_path_factory.mktemp("image") / "disk"
    mount_disk(disk)
    upper = disk / "upper"
    for path in (upper / "root/packages", disk / "work", disk / "root"):
        path.mkdir(parents=True)
    upper.chmod(0o755)  # it is "/" inside, for every user
    for package in packages.values():
        subprocess.run(["cp", str(package), str(upper / "root/packages")], check=True)
    try:
        done = subprocess.run(["unshare", "-mn", "sh", "-c", INSTALL], capture_output=True,
                              text=True, env=dict(os.environ, DISK=str(disk)), check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        add_keys(upper, build / "bin/drive")
        allow_starts(upper)
        yield upper
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def add_keys(upper, drive):
    """A trust root and keys of the guard, an approver and witnesses."""
    (upper / "root/keys").mkdir()
    (upper / STATE[1:]).mkdir(mode=0o700)
    subprocess.run([str(drive), "init", str(upper / "root/keys"), str(upper / STATE[1:]),
                    str(upper / "etc/oceanid/trust.yaml")], check=True)
    subprocess.run(["cp", str(drive), str(upper / "usr/bin/drive")], check=True)


def allow_starts(upper):
    """Images for containers forbid packages to start services; the booted machine is none."""
    policy = upper / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    policy.chmod(0o755)


class Lender:
    """Holds the machine that tests share; makes it when it is not there or does not run."""

    def __init__(self, folder_of, image):
        self.folder_of = folder_of
        self.image = image
        self.machine = None

    def lend(self):
        if self.machine is None:
            self.machine = Machine(self.folder_of(), self.image)
        if self.machine.pid is None:
            self.machine.boot()
            self.machine.raise_uplink()
        return self.machine

    def drop(self):
        if self.machine is not None:
            self.machine.remove()
        self.machine = None


@pytest.fixture(scope="session")
def lender(tmp_path_factory, image):
    made = Lender(lambda: tmp_path_factory.mktemp("machine") / "disk", image)
    yield made
    made.drop()


@pytest.fixture
def machine(lender, request):
    """Booted, with an uplink eth0 and the guard running; shared with other tests."""
    lent = lender.lend()
    ended = ["not looked at"]
    try:
        yield lent
        ended = lent.programs_that_ended()
        assert not ended, "\n".join(ended)
    finally:
        if ended or not getattr(request.node, "went_well", False):
            lender.drop()


@pytest.fixture
def own_machine(tmp_path, image):
    """One that nobody else uses: its packages may be taken away."""
    booted = Machine(tmp_path / "disk", image)
    try:
        booted.boot()
        booted.raise_uplink()
        yield booted
        ended = booted.programs_that_ended()
        assert not ended, "\n".join(ended)
    finally:
        booted.remove()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.went_well = outcome.get_result().passed
