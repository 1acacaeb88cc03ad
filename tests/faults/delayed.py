"""delayed: statements that are held back for ten minutes and then delivered, in the middle of
another trial of the same guard, while that one is silent: they buy neither trial a moment.

drive plays agent and witnesses: it signs statements over the guard's nonces and keeps those that
come behind the first few in a file. The ten minutes are ten minutes.
"""

import collections
import os
import pathlib
import random
import re
import time

from lab import Lab
from lab.wait import wait_until
from watch import RTM_DELROUTE, Watch

SHORT, LONG = 2, 100
SHORT_HOLD_S, LONG_HOLD_S = 6, 600
LEASE_S = 3
SLACK_S = 2.5
ROUTE = "198.18.0.0"
KEYS, STATE = "/var/lib/oceanid/keys", "/var/lib/oceanid/guard"
SOCKET = "/run/oceanid/guard.sock"


class Held:
    """The statements of one trial, in a file of the host's; due at a time of time.monotonic()."""

    def __init__(self, path, due):
        self.path, self.due = path, due


class DelayedCampaign:
    def __init__(self, count, hold_s, seed):
        self.count, self.hold_s, self.seed = count, hold_s, seed
        self.rng = random.Random(f"delayed {seed}")
        self.held = collections.deque()
        self.kept, self.delivered, self.sequence = 0, 0, 0
        self.lifts, self.late_s = [], []

    # -- one trial ----------------------------------------------------------------------------

    def drive(self, *words):
        return [pathlib.Path(os.environ["OCEANID_BIN"]) / "drive", *words]

    def open_trial(self, *options):
        """A trial of which the guard has prepared the change; names the ends that bar it."""
        while True:
            self.sequence += 1
            process = self.node.popen(self.drive(
                "trial", KEYS, STATE, f"sequence={self.sequence}", "device=eth0", "soak=60",
                f"lease={LEASE_S}", f"lifts={','.join(self.lifts)}", *options))
            wait_until(lambda: " prepared" in process.output() or not process.alive(), 20,
                       "the guard to prepare")
            if " prepared" in process.output():
                self.lifts = []     # answered by the start of this one
                return process
            unknown = re.search(r"does not contain its receipt ([0-9a-f]{64})", process.output())
            assert unknown, process.output()
            self.lifts.append(unknown[1])

    def one(self):
        """A trial that falls silent; what was held back of earlier ones, and is due, comes then."""
        answers = self.rng.randint(1, 3)
        path = f"/var/lib/oceanid/held-{self.sequence}"
        keeps = self.kept < self.count
        options = [f"answers={answers}"] + ([f"held={path}"] if keeps else [])
        with Watch(self.node, ROUTE) as watch:
            process = self.open_trial(*options)
            wait_until(lambda: len(self.nonces(process)) > answers, 20, "a nonce without an answer")
            if self.held and time.monotonic() >= self.held[0].due:
                self.deliver(process)
            gone = watch.wait(RTM_DELROUTE, 20 + LEASE_S)
            gone_at = time.time() - (time.monotonic() - gone) if gone else None
        process.wait(20)
        self.judge(process, answers, gone_at)
        if keeps:
            self.held.append(Held(path, time.monotonic() + self.hold_s))
            self.kept += 1

    def deliver(self, process):
        held = self.held.popleft()
        self.node.run(self.drive("deliver", held.path, SOCKET))
        assert process.alive(), "what was held back came too late for the trial"
        self.delivered += 1

    @staticmethod
    def nonces(process):
        return [int(at) / 1e6 for at in re.findall(r"^(\d+) nonce", process.output(), re.M)]

    def judge(self, process, answers, gone_at):
        text = process.output()
        assert gone_at is not None, f"not taken back:\n{text}"
        late_s = gone_at - (self.nonces(process)[answers - 1] + LEASE_S)
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
                  f"--seed {self.seed} --count {self.count}", flush=True)
            return False
        finally:
            print(f"  statements-delayed: {self.delivered} of {self.count} delivered after "
                  f"{self.hold_s} s in {len(self.late_s)} silent trials; longest after a lease's "
                  f"end {max(self.late_s, default=0):.2f} s; {time.monotonic() - began:.0f} s",
                  flush=True)
        return True

    def until_delivered(self):
        while self.delivered < self.count:
            if self.kept == self.count:
                wait_until(lambda: time.monotonic() >= self.held[0].due, self.hold_s + 10,
                           "the next statements to be old enough")
            self.one()
