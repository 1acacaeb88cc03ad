"""deadman: proofs stop, in each way that could be thought of, in the middle of a real trial: the
node undoes the change by itself, in time, with the fault still there; and says so afterwards.

What is measured is from the fault until the kernel has the route no more. limit_s is what the rules
give (the lease counts from the last proven nonce, so no more than a lease from the fault on) and
slack_s what is left to a machine that does something else, too.
"""

import random
import threading
import time

import breaks
from ground import NotTried
from lab.wait import wait_until
from watch import RTM_DELROUTE, RTM_NEWROUTE, Watch

SHORT, LONG = 1, 100            # trials of each class
GROUNDS = 3
TRIALS_A_GROUND = 40
LEASE_S = 4
LONG_SOAK_S = 40                # nothing confirms before it is over


class LinkCut(breaks.Break):
    """The cable is pulled at the far switch; the host notices, or not. Where it does, the protected
    flows cannot answer either, so the guard goes on verifying until the carrier is back."""
    journal_answers = False

    def break_(self, ground, rng):
        ground.node.cut_link(carrier_lost=rng.random() < 0.5)

    def heal(self, ground):
        ground.node.restore_link()


class OneWay(breaks.Break):
    """All that comes in is dropped, or all that goes out."""

    def break_(self, ground, rng):
        ground.node.drop_all(rng.choice(["in", "out"]))

    def heal(self, ground):
        ground.node.undrop()


class ControllerFrozen(breaks.Break):
    kinds = breaks.ANY_KIND

    def break_(self, ground, rng):
        ground.freeze_controller()

    def heal(self, ground):
        ground.thaw_controller()


class AgentFrozen(breaks.Break):
    kinds = breaks.ANY_KIND

    def break_(self, ground, rng):
        ground.freeze("oceanid-agent")

    def heal(self, ground):
        ground.thaw("oceanid-agent")


class AgentKilled(breaks.Break):
    """For good: whatever its unit says, it does not come back."""
    kinds = breaks.ANY_KIND

    def break_(self, ground, rng):
        ground.node.unit("oceanid-agent").power_lost()
        ground.kill("oceanid-agent")

    def heal(self, ground):
        ground.node.unit("oceanid-agent").start()


class GuardKilled(breaks.Break):
    kinds = breaks.ANY_KIND
    limit_s = 0                 # its ExecStopPost does it

    def break_(self, ground, rng):
        ground.kill("oceanid-guard")


class GuardFrozen(breaks.Break):
    """Its unit's watchdog ends it."""
    kinds = breaks.ANY_KIND
    limit_s = 10

    def break_(self, ground, rng):
        ground.freeze("oceanid-guard")


class GuardCrashLooping(breaks.Break):
    """Killed again as soon as it runs, eight times: more often than systemd's default forgives."""
    kinds = breaks.ANY_KIND
    limit_s = 3                 # a crash in the middle of the undo has it begin anew
    crashes = 8

    def break_(self, ground, rng):
        self.looper = threading.Thread(target=self.loop, args=(ground, rng), daemon=True)
        self.looper.start()

    def loop(self, ground, rng):
        for _ in range(self.crashes):
            end = time.monotonic() + 20
            while not ground.kill("oceanid-guard") and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(rng.uniform(0, 0.3))

    def heal(self, ground):
        self.looper.join(60)


class NewConnectionsDropped(breaks.Break):
    """What is connected stays so, nothing new gets through: no SSH of a witness, no dial for the
    last nonce. Dials only: the witnesses still see SSH, so it stands until rule 11 gives up."""
    soak_s = 2

    def break_(self, ground, rng):
        self.dials_only = rng.random() < 0.5
        if self.dials_only:
            ground.node.drop_port("tcp", 7430, "out", new_only=True)
        else:
            ground.node.drop_all("in", new_only=True)
            ground.node.drop_all("out", new_only=True)

    def limit(self):
        return self.soak_s + 3 * LEASE_S

    def heal(self, ground):
        ground.node.undrop()


class ClockStepped(breaks.Break):
    """The node's clock jumps ten years, forward or back, and then proofs stop. A guard that has
    seen the future begins no new trial in the present: the ground is used up."""
    ground_kind = "clocks"
    kinds = breaks.ANY_KIND

    def break_(self, ground, rng):
        ground.spent = True
        ground.clocks.step_realtime(rng.choice([-10, 10]) * 365 * 86400)
        ground.freeze_controller()

    def heal(self, ground):
        ground.clocks.step_realtime(0)
        ground.thaw_controller()


class Suspended(breaks.Break):
    """Guard and agent stop, CLOCK_BOOTTIME goes on by a lease to a night, and both continue;
    measured from the moment of waking up."""
    ground_kind = "clocks"
    limit_s = 0
    from_end = True
    parts = ("oceanid-guard", "oceanid-agent")

    def break_(self, ground, rng):
        for part in self.parts:
            ground.freeze(part)
        ground.clocks.add_boottime(rng.uniform(LEASE_S, 8 * 3600))
        time.sleep(rng.uniform(0.1, 0.6))
        for part in self.parts:
            ground.thaw(part)


class FullLoad(breaks.Break):
    """The node has a third of a core and 256 MB, both fought for by hogs; then proofs stop."""
    ground_kind = "load"
    kinds = breaks.ANY_KIND
    slack_s = 6

    def break_(self, ground, rng):
        ground.load.begin()
        time.sleep(rng.uniform(0, 1))
        ground.freeze_controller()

    def heal(self, ground):
        ground.thaw_controller()
        ground.load.end()


class DiskHanging(breaks.Break):
    """The journal's disk answers nobody: while proofs stop, or while it should be confirmed."""
    ground_kind = "disk"
    kinds = breaks.ANY_KIND
    journal_answers = False

    def choose(self, rng):
        self.at_confirmation = rng.random() < 0.5
        self.soak_s = 2 if self.at_confirmation else LONG_SOAK_S

    def break_(self, ground, rng):
        ground.disk.hang()
        if not self.at_confirmation:
            ground.freeze_controller()

    def limit(self):
        return self.soak_s + 3 * LEASE_S if self.at_confirmation else LEASE_S

    def heal(self, ground):
        ground.disk.free()
        ground.thaw_controller()


CLASSES = {
    "link-cut": LinkCut, "one-way": OneWay, "controller-frozen": ControllerFrozen,
    "agent-frozen": AgentFrozen, "agent-killed": AgentKilled, "guard-killed": GuardKilled,
    "guard-frozen": GuardFrozen, "guard-crash-looping": GuardCrashLooping,
    "new-connections-dropped": NewConnectionsDropped, "clock-stepped": ClockStepped,
    "suspended": Suspended, "full-load": FullLoad, "disk-hanging": DiskHanging,
}


def plan(name, seed):
    rng = random.Random(f"deadman {name} {seed}")
    chosen = CLASSES[name]()
    chosen.choose(rng)
    return {"seed": seed, "class": name, "kind": rng.choice(chosen.kinds), "break": chosen,
            "wait_s": rng.uniform(0, chosen.latest_s()), "rng": rng}


def ground_kind(plan_):
    return plan_["break"].ground_kind


def replay(plan_):
    return f"tests/faults/run.py deadman --class {plan_['class']} --seed {plan_['seed']}"


def make_ground(plan_):
    ground = breaks.GROUNDS[plan_["break"].ground_kind]()
    ground.calibrate()
    return ground


def wait_soaking(ground, watch):
    if not watch.wait(RTM_NEWROUTE, 30):
        raise NotTried("the change did not come")
    try:
        wait_until(lambda: ground.guard_state() == "soaking", 20, "the soak to begin")
    except AssertionError as error:
        raise NotTried(str(error)) from None


def trial(ground, plan_):
    """Returns (1, the class, [], seconds from the fault until the change was gone)."""
    chosen = plan_["break"]
    drill = ground.next_drill(plan_["kind"], chosen.soak_s or LONG_SOAK_S)
    with Watch(ground.node, drill.routes[0]) as watch:
        ground.start(drill)
        wait_soaking(ground, watch)
        gone = watch.wait(RTM_DELROUTE, plan_["wait_s"])
        assert gone is None, "taken back before anything was broken"
        try:
            began = time.monotonic()
            chosen.break_(ground, plan_["rng"])
            began = began if not chosen.from_end else time.monotonic()
            limit_s = chosen.limit() + chosen.slack_s
            gone = watch.wait(RTM_DELROUTE, limit_s + 20)
            assert gone is not None, f"not taken back {limit_s + 20} s after the fault"
            assert gone - began <= limit_s, f"{gone - began:.1f} s; the rules give {limit_s:.1f}"
            ground.wait_state({"before": ground.base}, "with the fault still there",
                              journal=chosen.journal_answers)
        finally:
            chosen.heal(ground)
    state = ground.judge(drill, ground.wait_end())
    assert state == "before", f"it stands {state}"
    ground.wait_healed()
    return 1, plan_["class"], [], gone - began
