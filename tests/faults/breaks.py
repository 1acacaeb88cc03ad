"""breaks: what the dead-man classes break with: grounds whose node has clocks that jump, a disk
that hangs, or a share of the machine that is fought for.
"""

import os
import pathlib
import signal
import struct
import subprocess
import sys

from ground import Ground
from lab.wait import wait_until

HERE = pathlib.Path(__file__).parent
ANY_KIND = ("routes", "exit-node")
LEASE_S = 4


class Break:
    """One class of faults. soak_s: of the trial, None for one that outlasts the fault."""

    kinds = ("routes",)
    ground_kind = "plain"
    limit_s = LEASE_S           # from the fault until the change is gone
    slack_s = 2.5
    soak_s = None
    from_end = False            # measured from the end of break_()
    journal_answers = True      # and the journal says so while it is still broken

    def __repr__(self):
        return type(self).__name__

    def choose(self, rng):
        """What has to be known before the trial begins."""

    def limit(self):
        return self.limit_s

    def latest_s(self):
        """The fault comes at most so long after the node is on trial."""
        return 3.0 if self.soak_s is None else 0.5

    def break_(self, ground, rng):
        raise NotImplementedError

    def heal(self, ground):
        """Nothing, where it heals by itself."""


# -- clocks ----------------------------------------------------------------------------------------

class Clocks:
    """The clocks of guard, its rescue and agent, by clock_shim.c."""

    def __init__(self):
        self.realtime_s, self.boottime_s = 0, 0
        self.folder = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/oceanid-clocks-XXXXXX"],
                                                  check=True, text=True,
                                                  stdout=subprocess.PIPE).stdout.strip())
        self.folder.chmod(0o755)
        self.file = self.folder / "offsets"
        self._write()
        self.file.chmod(0o644)
        library = self.folder / "clock_shim.so"
        subprocess.run(["cc", "-std=gnu11", "-O2", "-shared", "-fPIC", "-o", library,
                        HERE / "clock_shim.c"], check=True)
        self.environment = {"LD_PRELOAD": str(library), "OCEANID_CLOCK_SHIM": str(self.file)}

    def _write(self):
        """In one write, so that nobody sees half of it."""
        fd = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(fd, struct.pack("qq", int(self.realtime_s * 10**9),
                                  int(self.boottime_s * 10**9)), 0)
        os.close(fd)

    def step_realtime(self, ahead_s):
        self.realtime_s = ahead_s
        self._write()

    def add_boottime(self, more_s):
        self.boottime_s += more_s
        self._write()

    def done(self):
        subprocess.run(["rm", "-r", self.folder], check=True)


class ClockGround(Ground):
    def __init__(self):
        self.clocks = Clocks()
        more = self.clocks.environment
        super().__init__(unit_environment={"oceanid-guard": more, "oceanid-agent": more})

    def close(self):
        super().close()
        self.clocks.done()


# -- disk ------------------------------------------------------------------------------------------

class Disk:
    """The guard's state lies on a file system (bindfs, by FUSE) that stops answering."""

    STATE, BELOW = "/var/lib/oceanid/guard", "/var/lib/oceanid/guard-disk"

    def __init__(self, node):
        node.run(["mkdir", "-p", self.STATE, self.BELOW])
        self.process = node.popen(["bindfs", "-f", self.BELOW, self.STATE])
        wait_until(lambda: node.run(["mountpoint", "-q", self.STATE], check=False).returncode == 0,
                   10, "bindfs to be mounted")

    def hang(self):
        self.process.send(signal.SIGSTOP)

    def free(self):
        self.process.send(signal.SIGCONT)


class DiskGround(Ground):
    def __init__(self):
        super().__init__(prepare=self._prepare)

    def _prepare(self, node):
        self.disk = Disk(node)


# -- load ------------------------------------------------------------------------------------------

CPU = pathlib.Path("/sys/fs/cgroup/cpu")
MEMORY = pathlib.Path("/sys/fs/cgroup/memory")
PERIOD_US, QUOTA_US = 100_000, 33_000
MEMORY_BYTES = 256 << 20
HOGS = 4
CPU_HOG = "while True: pass"
# Takes more than there is, touches all of it, and begins anew; the kernel may kill it any time.
MEMORY_HOG = f"""
while True:
    held = []
    for _ in range({2 * MEMORY_BYTES} >> 20):
        held.append(bytearray(b'x' * (1 << 20)))
"""


class Load:
    """Two control groups (version 1) in which the node's programs share with hogs."""

    def __init__(self, ground):
        self.ground = ground
        self.hogs = []
        self.groups = [base / f"oceanid-faults-{os.getpid()}-{id(self)}" for base in (CPU, MEMORY)]

    def begin(self):
        for group in self.groups:
            group.mkdir()
        (self.groups[0] / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (self.groups[0] / "cpu.cfs_quota_us").write_text(str(QUOTA_US))
        (self.groups[1] / "memory.limit_in_bytes").write_text(str(MEMORY_BYTES))
        for name in ("oceanid-guard", "oceanid-agent", "tailscaled"):
            self._add(self.ground.process(name).pid)
        for text in [CPU_HOG] * HOGS + [MEMORY_HOG]:
            hog = subprocess.Popen(
                ["sh", "-c", 'read _; while :; do "$0" -c "$1"; done', sys.executable, text],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True)
            self._add(hog.pid)
            hog.stdin.write(b"\n")
            hog.stdin.close()
            self.hogs.append(hog)

    def _add(self, pid):
        for group in self.groups:
            (group / "cgroup.procs").write_text(str(pid))

    def end(self):
        for hog in self.hogs:
            os.killpg(hog.pid, signal.SIGKILL)
            hog.wait()
        self.hogs = []
        for group in self.groups:
            for pid in (group / "cgroup.procs").read_text().split():
                self._leave(group, pid)
            wait_until(lambda group=group: self._remove(group), 10, f"{group} to be removed")

    @staticmethod
    def _leave(group, pid):
        try:
            (group.parent / "cgroup.procs").write_text(pid)
        except ProcessLookupError:
            pass

    @staticmethod
    def _remove(group):
        try:
            group.rmdir()
        except OSError:
            return False
        return True


class LoadGround(Ground):
    def __init__(self):
        super().__init__()
        self.load = Load(self)


GROUNDS = {"plain": Ground, "clocks": ClockGround, "disk": DiskGround, "load": LoadGround}
