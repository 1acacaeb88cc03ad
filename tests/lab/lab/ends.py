"""ends: tells that a program ended itself over a mistake of its own. systemd, and the lab as it,
starts it again a second later, and a test might not notice."""

import re
import signal

# What AddressSanitizer or UBSan says.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error: ")
# What a program, or what it is linked with, or the lab says of such an end.
ENDED_ITSELF = re.compile(SANITIZER.pattern + r"|^panic: |: Assertion .* failed|"
                          r", which nobody sent|stack smashing|overflow detected|"
                          r"corrupted|double free|free\(\): invalid")
# Not its own: nng hung, and the process made way for a new one (docs/decisions/0003, 0007).
MADE_WAY = "ending this process, systemd starts it again"
MISTAKES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE,
            signal.SIGSYS}
LINES_BEHIND = 40


def is_mistake(code):
    """Whether an exit code as subprocess gives it is of a signal that nobody sends."""
    return code is not None and -code in MISTAKES


def ended_itself(done):
    """Whether a subprocess.CompletedProcess did; what it wrote to stderr was kept."""
    return is_mistake(done.returncode) or SANITIZER.search(done.stderr) is not None


def is_of_hung_nng(lines, at):
    """Whether a line is of the SIGABRT by which a program makes way; other threads may have written
    in between."""
    return "by SIGABRT, which nobody sent" in lines[at] and any(
        MADE_WAY in before for before in lines[max(at - 3, 0):at])


def read(logs):
    """What stands in logs from such an end on; logs: (name, path)."""
    said = []
    for name, path in logs:
        lines = path.read_text(errors="replace").splitlines()
        found = [at for at, line in enumerate(lines) if ENDED_ITSELF.search(line)
                 and not is_of_hung_nng(lines, at)]
        if found:
            said += [f"-- {name}", *lines[found[0]:found[0] + LINES_BEHIND]]
    return said


def made_way(logs):
    """How often a program said that it makes way because nng hung; logs: as for read."""
    return [f"{name}: {line}" for name, path in logs
            for line in path.read_text(errors="replace").splitlines() if MADE_WAY in line]


class EndedItself(AssertionError):
    """A program did; never to be taken for a test that did not come about."""


def check(said):
    if said:
        raise EndedItself("\n".join(["expected that no program ends itself, observed:", *said]))
