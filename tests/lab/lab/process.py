"""process: one program that runs inside a lab host, known by the pid that was kept at its start."""

import os
import signal
import subprocess

from lab.wait import wait_until


def child_of(pid):
    """The only child of pid, or None while there is none."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            found = children.read().split()
    except FileNotFoundError:
        return None
    return int(found[0]) if found else None


class Process:
    """Started by Host.popen. pid is the program's own, seen from outside the lab."""

    def __init__(self, name, entry, log, log_start=0):
        self.name = name
        self.log = log
        self._entry = entry
        self._log_start = log_start
        self.sent = set()           # the signals that it was sent
        self.pid = wait_until(lambda: child_of(entry.pid) or entry.poll() is not None, 10,
                              f"{name} to be started", every_s=0.002)
        if self.pid is True:
            self.pid = None

    def alive(self):
        return self._entry.poll() is None

    @property
    def exit_code(self):
        """None while it runs; negative numbers are signals."""
        return self._entry.poll()

    def send(self, number):
        """Sends a signal to the program. One that is gone already is left alone."""
        if self.pid is None or not self.alive():
            return
        self.sent.add(number)
        try:
            os.kill(self.pid, number)
            if number in (signal.SIGCONT, signal.SIGKILL):  # nsenter stops itself with its child
                os.kill(self._entry.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass

    def wait(self, timeout_s=10):
        """Returns the exit code; raises when it still runs after timeout_s."""
        try:
            return self._entry.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} (pid {self.pid}) still runs after {timeout_s} s; "
                                 f"its log is {self.log}") from None

    def stop(self, number=signal.SIGTERM, grace_s=5):
        """Asks it to end, insists with SIGKILL after grace_s; returns the exit code."""
        self.send(number)
        try:
            return self._entry.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.send(signal.SIGCONT)
            self.send(signal.SIGKILL)
            return self.wait()

    def watch(self):
        """Returns when it has ended, however long that takes."""
        self._entry.wait()

    def say(self, line):
        """Writes a line to a program that was started with stdin."""
        self._entry.stdin.write(f"{line}\n".encode())
        self._entry.stdin.flush()

    def close_input(self):
        if self._entry.stdin:
            self._entry.stdin.close()

    def output(self):
        """What it has written so far; the log file also holds what others of its name wrote."""
        with open(self.log, "rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def __repr__(self):
        return f"<{self.name} pid {self.pid}>"
