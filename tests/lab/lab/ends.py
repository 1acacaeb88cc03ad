"""ends: tells that a program ended itself over a mistake of its own. systemd, and the lab as it,
starts it again a second later, and a test might not notice."""

import re
import signal

# What AddressSanitizer or UBSan says.
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error: ")
# What a program, or what it is linked with, or the lab says of such an end.
ENDED_ITSELF = re.compile(SANITIZER.pattern + r"|^panic: |: Assertion .* failed|"
                          r"ending this process|, which nobody sent|stack smashing|"
                          r"overflow detected|corrupted|double free|free\(\): invalid")
MISTAKES = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE,
            signal.SIGSYS}
LINES_BEHIND = 40


def is_mistake(code):
    """Whether an exit code as subprocess gives it is of a signal that nobody sends."""
    return code is not None and -code in MISTAKES


def read(logs):
    """What stands in logs from such an end on; logs: (name, path)."""
    said = []
    for name, path in logs:
        lines = path.read_text(errors="replace").splitlines()
        found = [at for at, line in enumerate(lines) if ENDED_ITSELF.search(line)]
        if found:
            said += [f"-- {name}", *lines[found[0]:found[0] + LINES_BEHIND]]
    return said


class EndedItself(AssertionError):
    """A program did; never to be taken for a test that did not come about."""


def check(said):
    if said:
        raise EndedItself("\n".join(["expected that no program ends itself, observed:", *said]))
