"""trial: one change of one route on a booted machine, played by tests/drive."""

import re
import subprocess

from machine import wait_until

GUARD = "oceanid-guard.service"
BOOT = "oceanid-rollback-boot.service"
# Who is killed is nsenter; timeout(1), below it, hands the signal on.
END_WITH_PARENT = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--"]


def routes(machine):
    return machine.ip("route", "show", "root", "198.18.0.0/15")


def gone(machine):
    return "198.18.0.0" not in routes(machine)


def wait_gone(machine, seconds, what="the change to be taken back"):
    try:
        wait_until(lambda: gone(machine), seconds, what)
    except AssertionError as late:
        raise AssertionError(f"{late}\n{machine.journal(GUARD)[-3000:]}") from None


class Trial:
    """A running trial, prepared; it ends with the driver's connection, or by itself. until: what
    the driver has said by then."""

    def __init__(self, machine, *options, until=" prepared"):
        machine.wait_active(GUARD)
        self.machine = machine
        self.until = until
        self.said = ""
        while not self._prepare(options):
            pass

    def _prepare(self, options):
        """False: an earlier end has to be named; it is known now."""
        machine = self.machine
        machine.trials += 1
        self.name = f"drive-{machine.trials}"
        self.process = subprocess.Popen(
            machine.inside([*END_WITH_PARENT, "/usr/bin/timeout", "120", "/usr/bin/drive", "trial",
                            "/root/keys", "/var/lib/oceanid/guard", f"sequence={machine.trials}",
                            f"lifts={','.join(machine.ends)}", *options]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            self.said += line
            if self.until in line:
                return True
            unknown = re.search(r"does not contain its receipt ([0-9a-f]{64})", line)
            if unknown:
                machine.ends.append(unknown[1])
                self.end()
                return False
        raise AssertionError(self.said + machine.journal(GUARD)[-3000:])

    def end(self):
        """Takes the driver away; returns what it said."""
        self.process.kill()
        self.said += self.process.communicate()[0]
        return self.said

    def wait(self, seconds=60):
        """To its receipt; returns the exit code and what was said."""
        self.said += self.process.communicate(timeout=seconds)[0]
        return self.process.returncode, self.said


def start_trial(machine, *options):
    """A trial with a long soak, its route in the kernel."""
    assert gone(machine)
    trial = Trial(machine, "device=eth0", "soak=60", "lease=20", *options)
    try:
        wait_until(lambda: not gone(machine), 15, "the route of the trial")
    except AssertionError:
        raise AssertionError(trial.end() + machine.journal(GUARD)[-3000:]) from None
    return trial


def confirm(machine, *options):
    """A trial of a second, confirmed."""
    trial = Trial(machine, "soak=1", "lease=10", *options)
    code, said = trial.wait()
    assert code == 0, said
    assert not gone(machine)
    return trial


def take_back_all(machine):
    """Returns what the rescue said of it."""
    said = machine.run(["oceanid-rollback", "--to", "1", "--yes"]).stdout
    machine.wait_active(GUARD)
    assert gone(machine)
    return said
