"""ground: a lab with Oceanid installed, on which one trial after another is made on srv712695.

Real agents, guards, controller and sshd; the tailnet is the stand-in, where a tier does not ask for
the real one. The harness plays systemd.
"""

import re
import signal
import time

import dump
from drill import Drill, learn_exit_delta
from lab import Lab
from lab.fleet import Fleet
from lab.wait import wait_until

NODE = "srv712695"
ROLLBACK = "/usr/sbin/oceanid-rollback"
ENDED = ("complete", "reverted", "aborted", "halted")
# What a node's signed end says, and whether the change stands then.
STANDS = {"confirmed": True, "reverted": False, "tombstone": False, "popped": False,
          "untouched": False}
SETTLE_S = 45
UNDISTURBED_LEASE_S = 20        # no machine is so busy that it loses a proof of that


class NotTried(AssertionError):
    """The trial did not get to where it was to be disturbed: a machine that is too busy, or a fleet
    that is ill. Nothing was learnt; it is tried again on another ground."""


class UndisturbedFailed(AssertionError):
    """A drill that nobody disturbed did not confirm, did other than it says, or did not go when it
    was taken back: nothing that a busy machine excuses, as its lease is UNDISTURBED_LEASE_S. It is
    a failure of the campaign, and no reason to look on another ground whether it goes better."""


class Ground:
    """unit_environment: {unit: {variable: value}} for the node's units, from their start on."""

    def __init__(self, soak="1s", lease="4s", unit_environment=None, prepare=None,
                 tailnet="standin"):
        self.lab = Lab.build(tailnet=tailnet)
        self.exit_delta = None
        try:
            self.node = self.lab[NODE]
            for name, more in (unit_environment or {}).items():
                self.node.unit(name).more_environment = more
            if prepare:
                prepare(self.node)
            self.fleet = Fleet(self.lab, soak=soak, lease=lease)
            self.fleet.install()
            self.drills = 0
            self.spent = False      # a trial left something behind that the next would stumble over
            self.base = wait_until(lambda: dump.read_settled(self.node), 20, "tailscaled to answer")
        except BaseException:
            self.lab.close()
            raise

    def close(self):
        self.lab.close()

    # -- units --------------------------------------------------------------------------------

    def process(self, name):
        """The main process of a unit of the node, or None while it has none that lives."""
        process = self.lab.tailnet.daemon(self.node) if name == "tailscaled" \
            else self.node.unit(name).process
        return process if process is not None and process.alive() else None

    def kill(self, name, number=signal.SIGKILL):
        """Sends a signal to it; False when there was nothing to be killed."""
        process = self.process(name)
        if process is not None:
            process.send(number)
        return process is not None

    def freeze(self, name):
        assert self.kill(name, signal.SIGSTOP), f"{name} does not run"

    def thaw(self, name):
        self.kill(name, signal.SIGCONT)

    def freeze_controller(self):
        self.fleet.controller.unit("oceanid-controller").kill(signal.SIGSTOP)

    def thaw_controller(self):
        self.fleet.controller.unit("oceanid-controller").kill(signal.SIGCONT)

    def raise_tailscaled(self):
        """What its own unit does (Restart=on-failure): started again when it is gone."""
        daemon = self.lab.tailnet.daemon(self.node)
        if daemon.exit_code is not None or not daemon.alive():
            daemon.wait()
            self.lab.tailnet.restart_daemon(self.node)

    # -- trials -------------------------------------------------------------------------------

    def start(self, drill, deadline_s=60):
        """Starts its rollout, as soon as the gates let it. One that was signed and then not taken
        (a gate changed its mind in between) is ended first, as its message says."""
        said = []

        def attempt():
            done = self.fleet.start(drill.name, drill.text(), check=False)
            said.append(done.stdout[-2000:] + done.stderr[-2000:])
            if "is signed and not ended" in done.stderr:
                self.fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
            return done.returncode == 0
        try:
            wait_until(attempt, deadline_s, "the gates to pass", every_s=0.3)
        except AssertionError as error:
            raise NotTried(f"{error}: first {said[0]}\nlast {said[-1]}") from None

    def next_drill(self, kind, soak_s=None, lease_s=None):
        self.drills += 1
        return Drill(self.drills, kind, soak_s, lease_s)

    def rollout(self):
        """The newest one; None while the controller cannot be asked."""
        try:
            return self.fleet.rollout()
        except (AssertionError, ValueError, KeyError):
            return None

    def wait_end(self, deadline_s=90):
        """The rollout at its end, not counting one that waits for what is incomplete."""
        def look():
            rollout = self.rollout()
            return rollout if rollout and rollout["outcome"] in ENDED else None
        return wait_until(look, deadline_s, "the rollout to end", every_s=0.1)

    def undisturbed(self, look):
        """look() makes drills that nobody disturbs, and judges them: where that is not as it should
        be the ground is closed, and it is UndisturbedFailed, but for one that does not begin."""
        try:
            look()
        except NotTried:
            self.close()
            raise
        except Exception as error:
            self.close()
            raise UndisturbedFailed(f"{look.__name__}: {type(error).__name__}: {error}") from error
        except BaseException:
            self.close()
            raise

    def confirm(self, kind):
        """A drill of that kind, confirmed."""
        drill = self.next_drill(kind, lease_s=UNDISTURBED_LEASE_S)
        self.start(drill)
        rollout = self.wait_end()
        assert rollout["outcome"] == "complete", (
            f"{drill.name}, which nobody disturbs, ended {rollout['outcome']}: "
            f"{rollout['nodes'][0]['sentence']}")
        return drill

    def calibrate(self):
        """An exit-node drill: what it makes of the kernel is what all others are held to. It has to
        confirm and to be taken back."""
        self.undisturbed(self._calibrate)

    def _calibrate(self):
        drill = self.confirm("exit-node")
        self.exit_delta = learn_exit_delta(self.base, dump.read(self.node), drill)
        self.take_back()
        self.node.ip("route", "add", "198.18.127.1/32", "dev", "eth0")
        assert dump.read(self.node) != self.base, "the judge does not see a route of somebody's"
        self.node.ip("route", "del", "198.18.127.1/32", "dev", "eth0")

    def wait_healed(self):
        """All that was killed or broken is back and does its work; that it is not is a failure of
        the trial, and not a fleet on which the next one cannot be tried."""
        self.fleet.wait_settled(60)

    def take_back(self):
        """Whatever stands goes, by an operator; back to the state that the ground began with."""
        self.fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
        self.wait_state({"before": self.base}, "after the emergency rollback")

    # -- judging ------------------------------------------------------------------------------

    def listed(self):
        """What the journal on disk says: "open", "nothing" or the changes that stand. One that is
        being taken back, or of which it is not known how it ended, is open."""
        text = self.node.run([ROLLBACK, "--list"], check=False).stdout
        if re.search(r"^ *open |^ +\d+  \S+ +(?!confirmed|\s)", text, re.MULTILINE):
            return "open"
        return re.findall(r"^ +\d+  (\S+) +confirmed", text, re.MULTILINE) or "nothing"

    def wait_state(self, states, when, journal=True):
        """The name of the state that the node is in once nothing is open there any more; journal:
        the guard runs and its journal can be asked. Anything else after SETTLE_S is a mixed state.
        """
        end = time.monotonic() + SETTLE_S
        listed = "not asked"
        while True:
            self.raise_tailscaled()
            if journal:
                listed = self.listed()
            now = dump.read(self.node)
            found = [name for name, state in states.items() if now == state]
            settled = listed != "open" and self.node.unit("oceanid-guard").active()
            if found and (settled or not journal):
                return found[0]
            if time.monotonic() > end:
                break
            time.sleep(0.05)
        deltas = "\n".join(f" against {name}:\n{dump.show(dump.difference(state, now))}"
                           for name, state in states.items()) if now else "tailscaled is silent"
        raise AssertionError(f"MIXED {when}: the journal lists {listed},\n{deltas}")

    def guard_state(self):
        """The state that the guard told last, in its log's words."""
        log = (self.node.logs / "oceanid-guard.log").read_text(errors="replace")
        return (re.findall(r"info: ([a-z ]+): ", log) or ["starting"])[-1]

    def receipts(self, sequence):
        """The kinds of receipts that the guard has told for a sequence, oldest first."""
        log = (self.node.logs / "oceanid-guard.log").read_text(errors="replace")
        return re.findall(rf"receipt \d+: sequence {sequence} (\w+)", log)

    def was_refused(self, sequence):
        """The guard has refused that sequence, as it did while tailscaled was gone, and never begun
        it."""
        log = (self.node.logs / "oceanid-guard.log").read_text(errors="replace")
        return f"refused sequence {sequence}: " in log and not self.receipts(sequence)

    def wait_said(self, rollout):
        """The node's state as the controller has it: a halted rollout may still wait for its end,
        which has to come. One that was refused and halted for that waits for a person instead."""
        end = time.monotonic() + SETTLE_S
        while True:
            said = next(node["state"] for node in rollout["nodes"] if node["name"] == NODE)
            if said in STANDS or time.monotonic() > end:
                return said
            if (said in ("waiting", "refused") and rollout["outcome"] == "halted" and
                    "refused three times" in rollout["sentence"] and
                    self.was_refused(rollout["sequence"])):
                return "untouched"
            time.sleep(0.1)
            rollout = self.rollout() or rollout

    def judge(self, drill, rollout):
        """One of "before", "confirmed"; raises when the node is in neither, or when the receipt,
        the journal or the controller says other than the kernel."""
        states = {"before": self.base, "confirmed": drill.confirmed(self.base, self.exit_delta)}
        state = self.wait_state(states, f"after {drill.name}")
        stands = state == "confirmed"
        listed = self.listed()
        assert (drill.name in listed) == stands, f"{state}, but the journal lists {listed}"
        said = self.wait_said(rollout)
        assert STANDS.get(said) == stands, f"{state}, but the controller says {said}"
        told = self.receipts(rollout["sequence"])
        assert not told or STANDS[told[-1]] == stands, f"{state}, but the guard told {told}"
        assert not ("reverted" in told and stands), f"{state}, but the guard told {told}"
        self.judge_stop_posts()
        return state

    def judge_stop_posts(self):
        """Whoever killed the guard, its ExecStopPost ends with 0, whatever it leaves to the next
        guard; but for one that was killed, which `kill` alone does."""
        for code in self.node.unit("oceanid-guard").stop_post_codes:
            assert code in (0, -signal.SIGKILL), f"the guard's ExecStopPost ended with {code}"
