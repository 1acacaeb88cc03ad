"""kill: kill -9 of guard, agent, both, tailscaled or the guard's ExecStopPost, at a random moment
of a real trial. Afterwards the node is as before or as confirmed, never between, and what guard,
journal and controller say of it is so.
"""

import random
import threading
import time

from drill import KINDS
from ground import Ground
from watch import RTM_DELROUTE, RTM_NEWROUTE, Watch

SHORT, LONG = 60, 1000          # kills
GROUNDS = 2                     # labs at a time
TRIALS_A_GROUND = 60            # then a new lab: what a node remembers of ended attempts is bounded
UNITS = {"guard": ["oceanid-guard"], "agent": ["oceanid-agent"],
         "both": ["oceanid-guard", "oceanid-agent"], "tailscaled": ["tailscaled"],
         "rescue": ["oceanid-guard"]}
TRIAL_S = 2.8                   # about what an undisturbed one takes
TAILSCALED_RESTARTS_S = 0.3


def plan(seed):
    """What a trial does, by its seed: the kind of change, who is killed when, and whether the
    operator aborts."""
    rng = random.Random(f"kill {seed}")
    abort = rng.uniform(0.3, 2.0) if rng.random() < 0.25 else None
    anchor = rng.choices(["start", "touch", "removal"], [5, 3, 2])[0]
    wait_s = {"start": rng.uniform(0, TRIAL_S), "touch": rng.uniform(0, 0.08),
              "removal": rng.uniform(0, 0.03)}[anchor]
    if anchor == "removal" and abort is None:
        abort = rng.uniform(0.8, 1.6)
    victims = [(rng.choices(list(UNITS), [3, 2, 2, 2, 1])[0],
                wait_s if i == 0 else rng.uniform(0, 0.9))
               for i in range(rng.choices([1, 2, 3], [5, 3, 2])[0])]
    return {"seed": seed, "kind": rng.choice(KINDS), "anchor": anchor, "abort": abort,
            "victims": victims}


def ground_kind(_plan):
    return "plain"


def replay(plan_):
    return f"tests/faults/run.py kill --seed {plan_['seed']}"


def make_ground(_plan):
    ground = Ground()
    ground.calibrate()
    return ground


class Killer(threading.Thread):
    """Goes through a plan's victims. landed: how many processes it killed."""

    def __init__(self, ground, plan_, watch):
        super().__init__(daemon=True)
        self.ground, self.plan, self.watch = ground, plan_, watch
        self.landed = 0
        self.hit = []

    def run(self):
        if self.plan["anchor"] != "start":
            kind = RTM_NEWROUTE if self.plan["anchor"] == "touch" else RTM_DELROUTE
            self.watch.wait(kind, 15)
        for victim, wait_s in self.plan["victims"]:
            time.sleep(wait_s)
            self.hit.append(f"{victim} killed while {self.ground.guard_state()}")
            for unit in UNITS[victim]:
                self.landed += self.ground.kill(unit)
            if victim == "rescue":
                self.kill_stop_post()
            if victim == "tailscaled":
                time.sleep(TAILSCALED_RESTARTS_S)
                self.ground.raise_tailscaled()

    def kill_stop_post(self):
        """The rescue that the guard's death starts, a little later."""
        end = time.monotonic() + 1
        while time.monotonic() < end:
            helper = self.ground.node.unit("oceanid-guard").helper
            if helper is not None and helper.alive():
                time.sleep(random.Random(self.plan["seed"]).uniform(0, 0.02))
                helper.send(9)
                self.landed += 1
                return
            time.sleep(0.002)


def trial(ground, plan_):
    """Returns (kills that hit a living process, the end: "before" or "confirmed", who was killed in
    which state of the guard, None)."""
    drill = ground.next_drill(plan_["kind"])
    with Watch(ground.node, drill.routes[-1]) as watch:
        killer = Killer(ground, plan_, watch)
        ground.start(drill)
        killer.start()
        if plan_["abort"] is not None:
            time.sleep(plan_["abort"])
            ground.fleet.ctl("rollout", "abort", "--reason", "a drill", check=False)
        killer.join(60)
        ground.raise_tailscaled()
        state = ground.judge(drill, ground.wait_end())
    if state == "confirmed":
        ground.take_back()
    ground.wait_healed()
    return killer.landed, state, killer.hit, None
