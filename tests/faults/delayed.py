"""delayed: the answers of one period are held back for ten minutes, while later ones keep the trial
alive; then it falls silent, and the held ones are delivered within its lease. They buy it no moment:
it ends a lease after the issue of the newest nonce that was answered in time.

drive plays agent and witnesses: it signs statements over the guard's nonces and keeps those over the
second in a file. The ten minutes are ten minutes; their nonce is still among the 128 that the guard
remembers, so that it is its age alone that they are passed over for.
"""

import os
import pathlib
import random
import re
import time

from lab import Lab
from lab.wait import wait_until
from watch import RTM_DELROUTE, Watch

SHORT, LONG = 2, 100            # trials
LONGEST = 5                     # of the long form's: held for ten minutes; the others as the short
SHORT_HOLD_S, LONG_HOLD_S = 10, 600
SLACK_S = 2.5
TRIES_MAX = 5                   # of a machine that is late
NONCES_MAX = 128                # of the guard's (lease.h)
HELD_ANSWER = 2                 # of drive's
ROUTE = "198.18.0.0"
KEYS, STATE = "/var/lib/oceanid/keys", "/var/lib/oceanid/guard"
SOCKET = "/run/oceanid/guard.sock"


class Times:
    """deliver_s: behind the issue of the last nonce that is answered. A guard that counted from
    receipt would end the trial so much too late: more than the slack."""

    def __init__(self, hold_s):
        self.hold_s = hold_s
        self.period_s = 1 + hold_s // (NONCES_MAX - 8)
        self.lease_s = 8 + self.period_s
        self.deliver_s = self.lease_s - 3
        assert self.deliver_s > SLACK_S + 1
        assert hold_s > self.lease_s

    def answers(self, rng):
        count = HELD_ANSWER + -(-self.hold_s // self.period_s) + rng.randint(0, 2)
        assert count + self.lease_s // self.period_s + 1 < HELD_ANSWER + NONCES_MAX
        return count


class DelayedCampaign:
    def __init__(self, count, hold_s, seed):
        self.count, self.times, self.seed = count, Times(hold_s), seed
        self.rng = random.Random(f"delayed {seed}")
        self.delivered, self.sequence = 0, 0
        self.lifts, self.late_s = [], []

    # -- one trial ----------------------------------------------------------------------------

    def drive(self, *words):
        return [pathlib.Path(os.environ["OCEANID_BIN"]) / "drive", *words]

    def open_trial(self, *options):
        """A trial of which the guard has prepared the change; names the ends that bar it."""
        while True:
            self.sequence += 1
            process = self.node.popen(self.drive(
                "trial", KEYS, STATE, f"sequence={self.sequence}", "device=eth0",
                f"soak={2 * self.times.hold_s + 60}", f"lease={self.times.lease_s}",
                f"period={self.times.period_s}", f"lifts={','.join(self.lifts)}", *options))
            wait_until(lambda: " prepared" in process.output() or not process.alive(), 20,
                       "the guard to prepare")
            if " prepared" in process.output():
                self.lifts = []     # answered by the start of this one
                return process
            unknown = re.search(r"does not contain its receipt ([0-9a-f]{64})", process.output())
            assert unknown, process.output()
            self.lifts.append(unknown[1])

    def one(self):
        """False when the machine was so late that the trial had ended before the delivery."""
        answers = self.times.answers(self.rng)
        held = f"/var/lib/oceanid/held-{self.sequence}"
        with Watch(self.node, ROUTE) as watch:
            process = self.open_trial(f"answers={answers}", f"held={held}")
            wait_until(lambda: len(self.nonces(process)) >= answers, 20 + 2 * self.times.hold_s,
                       "the last nonce that is answered")
            last = self.nonces(process)[answers - 1]
            time.sleep(max(0, last + self.times.deliver_s - time.time()))
            self.node.run(self.drive("deliver", held, SOCKET))
            in_time = time.time() < last + self.times.lease_s and process.alive()
            gone = watch.wait(RTM_DELROUTE, 20 + self.times.lease_s)
            gone_at = time.time() - (time.monotonic() - gone) if gone else None
        process.wait(20)
        held_s = last + self.times.deliver_s - self.nonces(process)[HELD_ANSWER - 1]
        assert held_s >= self.times.hold_s, f"held for {held_s:.1f} s only"
        self.judge(process, answers, gone_at)
        self.delivered += in_time
        return in_time

    @staticmethod
    def nonces(process):
        return [int(at) / 1e6 for at in re.findall(r"^(\d+) nonce", process.output(), re.M)]

    def judge(self, process, answers, gone_at):
        text = process.output()
        assert gone_at is not None, f"not taken back:\n{text}"
        late_s = gone_at - (self.nonces(process)[answers - 1] + self.times.lease_s)
        assert -0.1 <= late_s <= SLACK_S, f"{late_s:.2f} s after its lease:\n{text}"
        assert process.exit_code == 1 and "receipt reverted" in text, text
        assert ROUTE not in self.node.ip("route"), text
        self.late_s.append(late_s)

    # -- all ----------------------------------------------------------------------------------

    def run(self):
        """True when each of them bought nothing."""
        began = time.monotonic()
        try:
            with Lab.build(tailnet="standin", join=False) as lab:
                self.node = lab["srv712695"]
                self.node.run(["mkdir", "-p", KEYS, STATE])
                self.node.run(self.drive("init", KEYS, STATE, "/etc/oceanid/trust.yaml"))
                self.node.start_unit("oceanid-guard")
                self.until_delivered()
        except Exception as error:  # whatever it was, it is said
            print(f"FAILED deadman statements-delayed seed {self.seed}, trial {self.sequence}: "
                  f"{error}\nreplay: tests/faults/run.py deadman --class statements-delayed "
                  f"--seed {self.seed} --count {self.count}"
                  f"{' --long' if self.times.hold_s == LONG_HOLD_S else ''}", flush=True)
            return False
        finally:
            print(f"  statements-delayed: {self.delivered} of {self.count} delivered after "
                  f"{self.times.hold_s} s in {len(self.late_s)} silent trials; longest after a "
                  f"lease's end {max(self.late_s, default=0):.2f} s; {time.monotonic() - began:.0f} s",
                  flush=True)
        return True

    def until_delivered(self):
        for _ in range(self.count):
            for _ in range(TRIES_MAX):
                if self.one():
                    break
            else:
                raise AssertionError(f"{TRIES_MAX} trials in a row had ended before the delivery")
