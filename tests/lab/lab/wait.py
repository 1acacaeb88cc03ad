"""wait: polls observable state until it is there, or says what was waited for.

The only place of the lab that sleeps. Tests never do: they name a state and a deadline.
"""

import time


class Timeout(AssertionError):
    """A state that was waited for did not come."""


def wait_until(fn, deadline_s, what, every_s=0.05):
    """Returns fn()'s first true answer; raises Timeout, with the last answer, after deadline_s."""
    end = time.monotonic() + deadline_s
    while True:
        is_last = time.monotonic() >= end    # before it looks: looking may take longer than that
        answer = fn()
        if answer:
            return answer
        if is_last:
            raise Timeout(f"waited {deadline_s} s for {what}; last seen: {answer!r}")
        time.sleep(every_s)


def stays(fn, duration_s, what, every_s=0.1):
    """Returns True when fn() stays true for duration_s; else raises Timeout."""
    start = time.monotonic()
    while time.monotonic() - start < duration_s:
        answer = fn()
        if not answer:
            seen_s = time.monotonic() - start
            raise Timeout(f"{what} held for {seen_s:.1f} s of {duration_s} s; then: {answer!r}")
        time.sleep(every_s)
    return True
