"""machine: a real systemd as PID 1, in namespaces, on an overlay of this machine's own files.

The installed packages lie on top; what a "disk" keeps over a reboot is the overlay's upper folder.
It has no way out: its network namespace is its own. It ends when the tests end.
"""

import os
import pathlib
import re
import signal
import subprocess
import time
import uuid

REPO = pathlib.Path(__file__).resolve().parent.parent.parent
ENDED_BY_MISTAKE = re.compile(r"status=\d+/(ILL|ABRT|BUS|FPE|SEGV|SYS)\b")
# What systemd says of an ExecStopPost, or another command beside the main one, that failed.
COMMAND_FAILED = re.compile(r"Control process exited, code=\w+, status=")
MASKED = ("getty.target", "systemd-logind.service", "ssh.service", "cron.service",
          "systemd-udevd.service", "systemd-udevd-kernel.socket", "systemd-udevd-control.socket",
          "systemd-udev-trigger.service", "systemd-networkd-wait-online.service",
          "prometheus-node-exporter.service", "docker.service", "docker.socket",
          "containerd.service", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer",
          "fstrim.timer", "systemd-resolved.service", "systemd-timesyncd.service",
          "nftables.service", "postgresql.service", "man-db.timer", "dpkg-db-backup.timer",
          "logrotate.timer", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount")

BOOT = r"""
set -e
mount --make-rprivate /
mkdir -p "$DISK/upper" "$DISK/work" "$DISK/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$DISK/upper,workdir=$DISK/work" "$DISK/root"
cd "$DISK/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
echo "$BOOT_ID" > "$DISK/boot_id"
mount --bind "$DISK/boot_id" proc/sys/kernel/random/boot_id
mount -t cgroup2 cgroup2 sys/fs/cgroup
mkdir "sys/fs/cgroup/$CGROUP"
echo $$ > "sys/fs/cgroup/$CGROUP/cgroup.procs"
umount sys/fs/cgroup
exec unshare -C bash -c "$START"
"""
# The root of its control groups is its own: of two machines with the same one, each takes the
# other's groups away as empty, and what is started there then fails (219/CGROUP).
START = r"""
mount -t cgroup2 cgroup2 sys/fs/cgroup
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$DISK/root" /lib/systemd/systemd --system --unit=multi-user.target
"""
REMOVE_CGROUP = """
set -e
mount -t cgroup2 cgroup2 "$DISK/root"
find "$DISK/root/$CGROUP" -depth -type d -exec rmdir {} +
"""


def wait_until(predicate, seconds, what):
    """Polls observable state, once more behind the deadline; says what it waited for."""
    deadline = time.monotonic() + seconds
    while True:
        is_last = time.monotonic() >= deadline
        found = predicate()
        if found:
            return found
        if is_last:
            raise AssertionError(f"waited {seconds} s for {what}")
        select_a_moment()


def stays(predicate, seconds, what):
    """Polls observable state that may not change for so long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert predicate(), f"{what} did not stay so for {seconds} s"
        select_a_moment()


def select_a_moment():
    """A short pause between two looks at the state."""
    signal.sigtimedwait([], 0.05)


def mount_disk(folder):
    """A disk is a tmpfs: an overlay cannot lie on every file system."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(folder)], check=True)


class Machine:
    """folder is the machine's own; image is an upper folder with everything installed."""

    def __init__(self, folder, image):
        self.disk = pathlib.Path(folder)
        self.process = None
        self.pid = None
        self.cgroup = None
        self.trials = 0  # the sequence that approvers count
        self.expected = set()  # lines of commands that a test had fail
        self.ends = []  # receipts of ended trials, which the next approval has to name
        mount_disk(self.disk)
        subprocess.run(["cp", "-a", str(image), str(self.disk / "upper")], check=True)
        upper = self.disk / "upper/etc/systemd/system"
        for unit in MASKED:
            if not (upper / unit).is_symlink():
                (upper / unit).symlink_to("/dev/null")
        (self.disk / "upper/etc/machine-id").write_text(uuid.uuid4().hex + "\n")
        (self.disk / "upper/etc/fstab").write_text("")

    # -- power --------------------------------------------------------------------------------

    def boot(self):
        boot_id = str(uuid.uuid4())
        self.cgroup = f"oceanid-booted-{boot_id}"
        environment = dict(self._environment(), BOOT_ID=boot_id, START=START)
        log = open(self.disk / "console.log", "ab")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare",
                                         "--kill-child", "-mpfnui", "bash", "-c", BOOT],
                                        env=environment, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        log.close()
        self.pid = int(wait_until(self._child, 10, "PID 1 to be started"))
        wait_until(self._is_up, 60, "systemd to reach multi-user.target; see "
                   f"{self.disk / 'console.log'}")

    def _child(self):
        path = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}: "
                                 f"{(self.disk / 'console.log').read_text()[-2000:]}")
        return path.read_text().strip() if path.exists() else None

    def _is_up(self):
        state = self.run(["systemctl", "is-system-running"], check=False).stdout.strip()
        return state in ("running", "degraded")

    def power_off(self):
        """Power loss: PID 1 and all below it end at once; the disk stays."""
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait(20)
        self.pid = None
        subprocess.run(["unshare", "-m", "bash", "-c", REMOVE_CGROUP], env=self._environment(),
                       check=True)

    def _environment(self):
        return dict(os.environ, DISK=str(self.disk), CGROUP=self.cgroup)

    def raise_uplink(self):
        """A cable to nowhere: eth0 with a public address."""
        self.ip("link", "add", "eth0", "type", "veth", "peer", "name", "far0")
        self.ip("link", "set", "far0", "up")
        self.ip("link", "set", "eth0", "up")
        self.ip("address", "add", "203.0.113.10/24", "dev", "eth0")

    def remove(self):
        self.power_off()
        subprocess.run(["umount", "-l", str(self.disk)], check=False)

    # -- inside -------------------------------------------------------------------------------

    def inside(self, argv):
        """The same command, run inside."""
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w",
                *map(str, argv)]

    def run(self, argv, check=True, timeout=60, input=None):
        argv = self.inside(argv)
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, input=input,
                              check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"{argv} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ip(self, *words):
        return self.run(["ip", *words]).stdout

    def systemctl(self, *words, check=True):
        return self.run(["systemctl", *words], check=check).stdout.strip()

    def property(self, unit, name):
        return self.systemctl("show", "-p", name, "--value", unit)

    def is_active(self, unit):
        return self.property(unit, "ActiveState") == "active"

    def wait_active(self, unit, seconds=20):
        try:
            wait_until(lambda: self.is_active(unit), seconds, f"{unit} to be active")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.journal(unit)[-2000:]}") from None

    def main_pid(self, unit):
        """The main process's pid as seen inside."""
        return int(self.property(unit, "MainPID"))

    def kill(self, unit, number=signal.SIGKILL):
        self.run(["kill", f"-{int(number)}", str(self.main_pid(unit))])

    def journal(self, unit):
        return self.run(["journalctl", "--no-pager", "-o", "cat", "-u", unit]).stdout

    def programs_that_ended(self):
        """What systemd said of processes of our units that ended by a signal which nobody sends;
        and of an ExecStopPost that failed, where no test expected that."""
        if self.pid is None:
            return []
        said = self.run(["journalctl", "--no-pager", "-o", "short-monotonic", "-u", "oceanid*"])
        lines = said.stdout.splitlines()
        return [line for at, line in enumerate(lines)
                if ENDED_BY_MISTAKE.search(line)
                and not (at > 0 and "ending this process" in lines[at - 1])
                or COMMAND_FAILED.search(line) and line not in self.expected]

    def expect_failed(self, status, times):
        """So many commands beside the main one have failed with that status, and no others."""
        failed = self.programs_that_ended()
        assert len(failed) == times and all(f"status={status}" in line for line in failed), failed
        self.expected.update(failed)

    def path(self, inside):
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def write(self, inside, text):
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text)
        self.path(inside).chmod(0o644)
