"""machine: a computer made of namespaces, with a disk that survives and the rest that does not.

It holds the namespaces by one process (holder.py), runs programs inside, and can lose its power.
Links, services and units are added by host.py.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import uuid

from lab import ends
from lab.process import Process, child_of
from lab.wait import wait_until

HOLDER = pathlib.Path(__file__).with_name("holder.py")
PLAIN = ("/etc/oceanid", "/var/lib/oceanid", "/var/lib/tailscale")
SYSCTLS = {"net.ipv4.conf.all.rp_filter": "2", "net.ipv4.conf.default.rp_filter": "2",
           "net.ipv4.ping_group_range": "0 2147483647"}
KEPT_ENVIRONMENT = ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
HOME = "/var/lib/home-of-root"    # not the /root of the machine that runs the lab
USERS = {"oceanid-agent": 64001, "oceanid-controller": 64002}


class Failed(AssertionError):
    """A program inside a host ended with an exit code that was not expected: code."""

    def __init__(self, text, code):
        super().__init__(text)
        self.code = code


class Machine:
    """One host's namespaces. name is also its host name; folder holds its disk and its logs."""

    def __init__(self, name, folder, programs=None, sysctls=None):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.disk = self.folder / "disk"
        self.logs = self.folder / "log"
        self.programs = programs or {}
        self.sysctls = {**SYSCTLS, **(sysctls or {})}
        self.boots = 0
        self.boot_id = None
        self.pid = None
        self.lifeline = None
        self._unshare = None
        self._make_disk()

    # -- disk ---------------------------------------------------------------------------------

    def _make_disk(self):
        for part in ("etc", ".etc-work", "var-lib", ".var-lib-work"):
            (self.disk / part).mkdir(parents=True)
        for path in PLAIN:
            (self.disk / f"plain{path}").mkdir(parents=True)
        (self.disk / "var-lib" / pathlib.Path(HOME).name).mkdir(mode=0o700)
        self.logs.mkdir(parents=True)
        etc = self.disk / "etc"
        (etc / "hostname").write_text(self.name + "\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {self.name}\n::1 localhost\n"
                                   "198.19.0.10 internet.lab db.example.com\n")
        (etc / "resolv.conf").write_text("# the lab has no resolver\n")
        self._add_users(etc)

    def _add_users(self, etc):
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        for user, number in USERS.items():
            if f"\n{user}:" not in passwd:
                passwd += f"{user}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            if f"\n{user}:" not in group:
                group += f"{user}:x:{number}:\n"
        (etc / "passwd").write_text(passwd)
        (etc / "group").write_text(group)
        (etc / "shadow").write_text("root:*:19000:0:99999:7:::\n")
        (etc / "shadow").chmod(0o600)

    def path(self, inside):
        """Where a file of the running host is, seen from the machine that runs the lab."""
        return pathlib.Path(f"/proc/{self.pid}/root{inside}")

    def user_ids(self, user):
        """(uid, gid) of a user of this host; user is a name or a number."""
        for line in (self.disk / "etc/passwd").read_text().splitlines():
            name, _, uid, gid = line.split(":")[:4]
            if str(user) in (name, uid):
                return int(uid), int(gid)
        raise KeyError(f"{self.name} has no user {user}")

    def group_id(self, group):
        """The gid of a group of this host; group is a name or a number."""
        for line in (self.disk / "etc/group").read_text().splitlines():
            name, _, gid = line.split(":")[:3]
            if str(group) in (name, gid):
                return int(gid)
        raise KeyError(f"{self.name} has no group {group}")

    # -- power --------------------------------------------------------------------------------

    def power_on(self):
        """Makes the namespaces anew, with a new boot id. No link is up but lo."""
        assert self.pid is None, f"{self.name} has power already"
        self.boots += 1
        self.boot_id = str(uuid.uuid4())
        spec = self.folder / "spec.json"
        spec.write_text(json.dumps({
            "name": self.name, "disk": str(self.disk), "boot_id": self.boot_id, "plain": PLAIN,
            "programs": self.programs, "sysctls": self.sysctls}))
        with open(self.logs / "holder.log", "ab") as log:
            self._unshare = subprocess.Popen(
                ["unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork",
                 "--propagation", "private", "--", sys.executable, "-S", str(HOLDER), str(spec)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        self.lifeline = self._unshare.stdin
        if self._unshare.stdout.readline() != b"ready\n":
            raise AssertionError(f"{self.name} did not start: "
                                 f"{(self.logs / 'holder.log').read_text()}")
        self.pid = child_of(self._unshare.pid)

    def power_off(self):
        """Ends every process at once and with them all that is volatile."""
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        self._unshare.wait(30)
        self._unshare.stdout.close()
        self.lifeline.close()
        self.pid = None

    # -- programs -----------------------------------------------------------------------------

    def environment(self, more=None):
        kept = {key: os.environ[key] for key in KEPT_ENVIRONMENT if key in os.environ}
        return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": HOME, "LANG": "C.UTF-8", "OCEANID_BOOT_ID_FILE": "/run/boot_id",
                **kept, **(more or {})}

    def _inside(self, argv, user, privileges=None):
        assert self.pid is not None, f"{self.name} has no power"
        enter = ["nsenter", "-t", str(self.pid), "-r", "-w", "-m", "-n", "-u", "-i", "-p", "--"]
        options = list(privileges or [])
        if user not in (None, "root", 0):
            uid, gid = self.user_ids(user)
            groups = [] if "--clear-groups" in options else [f"--regid={gid}", "--init-groups"]
            options = [f"--reuid={uid}", *groups, *options]
        if options:
            enter += ["setpriv", *options, "--"]
        return enter + [str(word) for word in argv]

    def run(self, argv, user=None, check=True, input=None, timeout=30, env=None):
        """Runs a program to its end inside; returns subprocess.CompletedProcess with text.

        check: an exit code that is not 0 raises Failed with all that it wrote; so does, without
        check too, that it ended itself over a mistake of its own.
        """
        done = subprocess.run(
            self._inside(argv, user), input=input, timeout=timeout, env=self.environment(env),
            stdin=subprocess.DEVNULL if input is None else None, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if ends.ended_itself(done) or (check and done.returncode != 0):
            raise Failed(f"{self.name}: {' '.join(map(str, argv))} ended with {done.returncode}\n"
                         f"{done.stdout}{done.stderr}", done.returncode)
        return done

    def popen(self, argv, name=None, user=None, env=None, stdin=None, privileges=None):
        """Starts a program inside and returns its Process; it writes to its own log file."""
        name = name or os.path.basename(str(argv[0]))
        log = self.logs / f"{name}.log"
        with open(log, "ab") as output:
            written = output.tell()
            entry = subprocess.Popen(
                self._inside(argv, user, privileges), env=self.environment(env),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True)
        return Process(name, entry, log, written)

    @staticmethod
    def inside_pid(process):
        """A Process's pid as the host itself sees it."""
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        return int(line.split()[-1])

    def kill(self, process, number=signal.SIGKILL):
        """Sends a signal to a Process of this host; after SIGKILL it waits until it is gone."""
        process.send(number)
        if number == signal.SIGKILL:
            wait_until(lambda: not process.alive(), 10, f"{process} of {self.name} to be gone")

    def __repr__(self):
        return f"<host {self.name}>"
