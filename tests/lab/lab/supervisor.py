"""supervisor: plays systemd for one unit of one host.

It starts ExecStart, waits for READY=1 where the unit says notify, and when the main process is
gone, however it went, runs ExecStopPost and then does what Restart= says. It does nothing else:
whatever comes back, the programs under test bring back. A service that is silent for longer than
WatchdogSec is killed by WatchdogSignal, as systemd does.
"""

import os
import signal
import socket
import stat
import subprocess
import threading
import time

from lab import ends
from lab.units import seconds
from lab.wait import wait_until

START_LIMIT_S = 30
RESTARTS = {"always": lambda clean: True, "on-failure": lambda clean: not clean,
            "on-abnormal": lambda clean: not clean, "no": lambda clean: False}


class NotifySocket:
    """Where a Type=notify service says that it is ready, and that it lives; in the host's /run."""

    def __init__(self, host, unit_name, watchdog_s):
        self.ready, self.alive_at, self.watchdog_s = False, time.monotonic(), watchdog_s
        self.inside = f"/run/systemd/notify.{unit_name}"
        outside = host.path(self.inside)
        outside.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(outside))
        outside.chmod(0o777)
        self._socket.setblocking(False)

    def hear(self):
        """Takes the words that have come; True once READY=1 has."""
        while True:
            try:
                words = self._socket.recv(4096).split(b"\n")
            except BlockingIOError:
                return self.ready
            self.ready |= b"READY=1" in words
            if b"WATCHDOG=1" in words:
                self.alive_at = time.monotonic()
            for word in words:
                if word.startswith(b"WATCHDOG_USEC="):
                    self.watchdog_s = int(word.partition(b"=")[2]) / 1e6

    def is_silent(self):
        """As systemd's watchdog judges it, by the interval that the service has asked for last."""
        return self.watchdog_s and time.monotonic() - self.alive_at > self.watchdog_s

    def close(self):
        self._socket.close()


class Unit:
    """States: inactive, activating, active, deactivating, failed, off (the host lost its power)."""

    def __init__(self, host, file):
        self.host = host
        self.file = file
        self.state = "inactive"
        self.process = None
        self.helper = None          # the process of the ExecStartPre or ExecStopPost run last
        self.more_environment = {}
        self.starts = 0
        self.stop_post_codes = []   # of each; 1 where it could not be run, or did not end
        self._stopping = threading.Event()
        self._watcher = None

    # -- what a test calls --------------------------------------------------------------------

    def start(self):
        """Returns when it is active; raises with its log when it does not become so."""
        if self.state == "active":
            return
        self._stopping = threading.Event()
        unmet = self.file.unmet_conditions(self.host.path)
        if unmet:
            self.state = "inactive"
            self._note(f"not started, condition not met: {', '.join(unmet)}")
            return
        if self.file.one("Type") == "oneshot":
            self._run_oneshot()
            return
        for name in self.file.words("Wants"):
            if name.endswith(".socket"):
                self.host.socket_unit(name).start()
        try:
            self._start_main()
        except AssertionError:
            self._after_main(self._stopping)
            raise
        self._watcher = threading.Thread(target=self._watch, args=(self._stopping,), daemon=True)
        self._watcher.start()

    def stop(self):
        """SIGTERM (KillSignal), SIGKILL after TimeoutStopSec, then ExecStopPost."""
        if self._watcher is None:
            return
        self._stopping.set()
        if self.process.alive():
            number = getattr(signal, self.file.one("KillSignal", "SIGTERM"))
            self.process.stop(number, seconds(self.file.one("TimeoutStopSec"), 10.0))
        self._watcher.join(60)
        self._watcher = None

    def kill(self, number=signal.SIGKILL):
        """Ends the main process from outside; the unit then does what its file says."""
        self.host.kill(self.process, number)

    def power_lost(self):
        """Nothing more runs for this unit until start(); no ExecStopPost, no restart."""
        self.state = "off"
        self._stopping.set()
        self._watcher = None

    def active(self):
        return self.state == "active"

    def wait_active(self, deadline_s=15):
        wait_until(self.active, deadline_s,
                   f"{self.file.name} on {self.host.name} to be active (it is {self.state})")

    # -- the main process ---------------------------------------------------------------------

    def _environment(self, more=None):
        return {**self.file.environment(), **(more or {})}

    def _make_directories(self):
        uid, gid = self.host.user_ids(self.file.one("User", "root"))
        gid = self._group() or gid
        for path, mode, _ in self.file.directories():
            outside = self.host.path(path)
            fresh = not outside.exists()
            outside.mkdir(parents=True, exist_ok=True)
            if stat.S_IMODE(outside.stat().st_mode) != mode:
                outside.chmod(mode)
            there = outside.stat()
            if fresh or (there.st_uid, there.st_gid) != (uid, gid):
                os.chown(outside, uid, gid)

    def _group(self):
        group = self.file.one("Group")
        return self.host.group_id(group) if group else None

    def _popen(self, argv, name, env):
        privileges = self.file.privileges()
        if self._group():
            privileges = [f"--regid={self._group()}", "--clear-groups", *privileges]
        if self.more_environment:    # for the program alone, not for who puts it into its host
            argv = ["env", *(f"{key}={text}" for key, text in self.more_environment.items()), *argv]
        if self.file.one("UMask"):
            argv = ["sh", "-c", f'umask {self.file.one("UMask")}; exec "$0" "$@"', *argv]
        return self.host.popen(argv, name=name, user=self.file.one("User"), env=env,
                               privileges=privileges)

    def _start_main(self):
        self.state = "activating"
        self._make_directories()
        self._run_all("ExecStartPre", {})
        notify = None
        env = self._environment()
        if self.file.one("Type") in ("notify", "notify-reload"):
            notify = NotifySocket(self.host, self.file.name, self._watchdog_s())
            env["NOTIFY_SOCKET"] = notify.inside
            if self._watchdog_s():
                env["WATCHDOG_USEC"] = str(int(self._watchdog_s() * 1e6))
        (argv, _), = self.file.commands("ExecStart")
        self.process = self._popen(argv, self.file.name, env)
        self.starts += 1
        if notify:
            self._wait_ready(notify)
        self.state = "active"

    def _wait_ready(self, notify):
        process = self.process
        wait_until(lambda: notify.hear() or not process.alive(), START_LIMIT_S,
                   f"READY=1 from {self.file.name} on {self.host.name} (log {process.log})")
        if not process.alive():
            raise AssertionError(f"{self.file.name} on {self.host.name} ended with "
                                 f"{process.exit_code} before it was ready:\n{process.output()}")
        threading.Thread(target=self._hear, args=(notify, process), daemon=True).start()

    def _watchdog_s(self):
        return seconds(self.file.one("WatchdogSec"), 0.0)

    def _hear(self, notify, process):
        """Keeps the notify socket from filling up for as long as the process lives, and kills it
        when its WATCHDOG=1 stays away."""
        while process.alive():
            notify.hear()
            if notify.is_silent():
                self._note(f"no WATCHDOG=1 for {notify.watchdog_s} s")
                process.send(getattr(signal, self.file.one("WatchdogSignal", "SIGABRT")))
                notify.alive_at = time.monotonic()
            threading.Event().wait(0.2)
        notify.close()

    # -- after the main process ---------------------------------------------------------------

    def _watch(self, stopping):
        """The thread of one start: waits for the end, then stop-post, then restart, and again."""
        while True:
            self.process.watch()
            if self.state == "off":
                return
            clean = self.process.exit_code == 0
            if not self._after_main(stopping) or stopping.is_set():
                return
            again = RESTARTS[self.file.one("Restart", "no")](clean)
            if not again or stopping.wait(seconds(self.file.one("RestartSec"), 0.1)):
                self.state = "inactive" if clean else "failed"
                return
            try:
                self._start_main()
            except AssertionError as error:
                self._note(f"start failed: {error}")

    def _after_main(self, stopping):
        """Runs ExecStopPost; False when the power went meanwhile."""
        self.state = "deactivating"
        code = self.process.exit_code if self.process else 0
        self._tell_mistake("it", self.process)
        killed = code is not None and code < 0
        self._run_all("ExecStopPost", {
            "SERVICE_RESULT": "success" if code == 0 else "signal" if killed else "exit-code",
            "EXIT_CODE": "killed" if killed else "exited",
            "EXIT_STATUS": signal.Signals(-code).name[3:] if killed else str(code)})
        if self.state == "off":
            return False
        self.state = "inactive"
        return not stopping.is_set()

    def _run_all(self, key, env):
        for argv, may_fail in self.file.commands(key):
            try:
                self.helper = self._popen(argv, f"{self.file.name}.{key}", self._environment(env))
                code = self.helper.wait(60)
                self._tell_mistake(" ".join(argv), self.helper)
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                code = self._note(f"{key} {' '.join(argv)}: {error}")
            if key == "ExecStopPost":
                self.stop_post_codes.append(code)
            if code and not may_fail:
                self._note(f"{key} {' '.join(argv)} ended with {code}")

    def _run_oneshot(self):
        self.state = "activating"
        self._make_directories()
        for argv, may_fail in self.file.commands("ExecStart"):
            self.process = self._popen(argv, self.file.name, self._environment())
            self.starts += 1
            code = self.process.wait(60)
            self._tell_mistake("it", self.process)
            if code and not may_fail:
                self.state = "failed"
                self._note(f"ended with {code}")
                return
        self.state = "active" if self.file.one("RemainAfterExit") == "yes" else "inactive"

    def _tell_mistake(self, who, process):
        """A signal that nobody sent: a release build writes nothing when it dies of one."""
        code = process.exit_code if process else None
        if ends.is_mistake(code) and -code not in process.sent:
            self._note(f"{who} ended by {signal.Signals(-code).name}, which nobody sent")

    def _note(self, text):
        with open(self.host.logs / f"{self.file.name}.log", "a", encoding="utf-8") as log:
            log.write(f"[lab] {self.file.name} on {self.host.name}: {text}\n")
        return 1
