"""restarts: kill -9 of the controller at random moments of a rollout over two nodes, several times
in each, also while it starts, also while the change is taken back.

Right behind each death its disk is looked at: whatever was acknowledged, told or touched on a node
is there, and the audit goes on where it was. The kernels of both nodes are listened to: each route
comes at most once and goes at most once, so no command had a second effect. The rollout then ends,
complete or taken back, and nodes, journals and controller say the same.
"""

import collections
import random
import re
import select
import threading
import time

import dump
from drill import GATEWAY, Drill
from ground import NODE, STANDS, Ground, NotTried
from kept import Kept, Seen
from lab.fleet import PKI
from lab.wait import wait_until
from watch import GROUP_IPV4_ROUTE, RTM_DELROUTE, RTM_NEWROUTE, destinations, open_socket

SHORT, LONG = 30, 500           # kills
GROUNDS = 2
TRIALS_A_GROUND = 40
NODES = (NODE, "calypso")
UNIT = "oceanid-controller"
SOAK, LEASE = "2s", "8s"
WHO = "operator"                # who is asked for in the audit
ENDED = ("complete", "reverted", "aborted")
END_S = 120
PERSON_MAX = 12                 # a person says next or abort at most so often


def plan(seed):
    """By its seed: when the controller is killed and for how long it is dead, whether that is
    while it starts, and whether and when a person takes the change back."""
    rng = random.Random(f"restarts {seed}")
    anchors = rng.choices(["time", "start", "touch", "asked"], [5, 2, 2, 2], k=rng.randint(2, 5))
    waits = {"time": 2.5, "start": 0.12, "touch": 0.1, "asked": 0.06}
    kills = [{"anchor": anchor, "wait_s": rng.uniform(0, waits[anchor]),
              "dead_s": rng.choices([rng.uniform(0, 1), rng.uniform(8, 10)], [19, 1])[0]}
             for anchor in anchors]
    return {"seed": seed, "kills": kills, "back": rng.choices([0, 1, 2], [3, 2, 1])[0],
            "abort_s": rng.uniform(0.5, 8) if rng.random() < 0.25 else None}


def ground_kind(_plan):
    return "plain"


def replay(plan_):
    return f"tests/faults/run.py kill --class controller --seed {plan_['seed']}"


class Pair(Drill):
    """The same drill on both nodes, a gateway each."""

    def text(self):
        head, _, operations = super().text().partition("operations:\n")
        head = head.replace(f"targets: [{NODE}]", f"targets: [{', '.join(NODES)}]")
        lines = operations.replace(f"via: {GATEWAY}, dev: eth0", "dev: eth0")
        return f"{head}operations:\n{lines}"

    def own_delta(self):
        delta = super().own_delta()
        routes = [{"dst": route, "dev": "eth0", "protocol": "153", "scope": "link", "flags": []}
                  for route in self.routes]
        return {**delta, "routes": ([], sorted(map(dump.line_of, routes)))}


class Touches:
    """How often the kernel of a host said that a route came or went, from its making on."""

    def __init__(self, host):
        self.count = collections.Counter()
        self._socket = open_socket(host.pid, GROUP_IPV4_ROUTE)

    def look(self, wait_s=0):
        while select.select([self._socket], [], [], wait_s)[0]:
            self.count.update(destinations(self._socket.recv(1 << 16)))
            wait_s = 0

    def close(self):
        self._socket.close()


def make_ground(_plan):
    return Pairs()


class Pairs(Ground):
    """A ground on which two nodes are changed one after the other."""

    def __init__(self):
        super().__init__(soak=SOAK, lease=LEASE)
        self.hosts = {name: self.lab[name] for name in NODES}
        self.bases = {name: wait_until(lambda host=host: dump.read_settled(host), 20,
                                        f"{name} to be settled")
                      for name, host in self.hosts.items()}
        self.unit_of_controller = self.fleet.controller.unit(UNIT)
        self.seen = Seen(WHO)

    def next_pair(self):
        self.drills += 1
        return Pair(self.drills, "routes")

    # -- killing ------------------------------------------------------------------------------

    def kill_controller(self):
        """Kills it and keeps it dead; False when it was not alive."""
        unit = self.unit_of_controller
        if not unit.process.alive():
            return False
        unit.power_lost()
        self.fleet.controller.kill(unit.process)
        return True

    def raise_controller(self, kill_after_s=None):
        """Starts it; kill_after_s: and kills it so soon behind its birth, ready or not."""
        unit = self.unit_of_controller
        if kill_after_s is None:
            unit.start()
            return True
        born, starting = unit.starts, threading.Thread(target=self._start_quietly)
        starting.start()
        wait_until(lambda: unit.starts > born, 15, "the controller to be born", every_s=0.002)
        time.sleep(kill_after_s)
        hit = unit.process.alive()
        unit.process.send(9)
        starting.join(40)
        unit.power_lost()
        return hit

    def _start_quietly(self):
        try:
            self.unit_of_controller.start()
        except AssertionError:      # killed before it was ready
            pass


class Killer(threading.Thread):
    """Goes through a plan's kills while the story is told. landed: how many hit."""

    def __init__(self, story, kills):
        super().__init__(daemon=True)
        self.story, self.ground, self.kills = story, story.ground, kills
        self.landed, self.notes, self.failure = 0, [], None

    def run(self):
        try:
            for kill in self.kills:
                if not self._wait(kill):
                    break
                self._one(kill)
        except BaseException as error:  # the story has to hear of it
            self.failure = error
        finally:
            if not self.ground.unit_of_controller.active():
                self.ground.raise_controller()

    def _wait(self, kill):
        """Until the moment of a kill; False when the story has ended before."""
        story = self.story
        if kill["anchor"] == "touch":
            before = story.touched()
            story.wait_for(lambda: story.touched() > before, 5)
        elif kill["anchor"] == "asked":
            story.asked.clear()
            story.wait_for(story.asked.is_set, 5)
        return not story.over.wait(kill["wait_s"] if kill["anchor"] != "start" else 0)

    def _one(self, kill):
        self.notes.append(f"killed {kill['anchor']}, while {self.story.state}")
        self.landed += self.ground.kill_controller()
        self.look()
        if kill["anchor"] == "start":
            self.landed += self.ground.raise_controller(kill["wait_s"])
            self.look()
        time.sleep(kill["dead_s"])
        self.ground.raise_controller()

    def look(self):
        """At the disk of the dead: everything that was seen before is there."""
        kept = Kept(self.ground.fleet.controller)
        self.story.note_touches()
        self.ground.seen.check(kept)


class Story:
    """One rollout, from its start to its end, and a person who says next where that is wanted."""

    def __init__(self, ground, plan_):
        self.ground, self.plan, self.drill = ground, plan_, ground.next_pair()
        self.touches = {name: Touches(host) for name, host in ground.hosts.items()}
        self.over, self.asked = threading.Event(), threading.Event()
        self.state, self.sequences, self.said = "starting", [], 0
        self._lock = threading.Lock()

    def close(self):
        for touches in self.touches.values():
            touches.close()

    # -- what is seen -------------------------------------------------------------------------

    def wait_for(self, predicate, deadline_s):
        end = time.monotonic() + deadline_s
        while not predicate() and time.monotonic() < end and not self.over.is_set():
            time.sleep(0.002)

    def touched(self):
        """How many messages about this drill's routes have come."""
        with self._lock:
            for touches in self.touches.values():
                touches.look()
            return sum(touches.count[kind, route] for touches in self.touches.values()
                       for route in self.drill.routes for kind in (RTM_NEWROUTE, RTM_DELROUTE))

    def note_touches(self):
        """A node that was touched was sent its start: the controller has to know."""
        self.touched()
        for name, touches in self.touches.items():
            if self.sequences and any(touches.count[RTM_NEWROUTE, route]
                                      for route in self.drill.routes):
                self.ground.seen.note_rank(self.sequences[-1], name, 1)

    def look(self):
        """The rollout of this story, or None while the controller cannot be asked."""
        rollout = self.ground.rollout()
        if rollout is None or rollout["change"] != self.drill.name:
            return None
        if rollout["sequence"] not in self.sequences:
            self.sequences.append(rollout["sequence"])
        self.ground.seen.note_rollout(rollout)
        self.state = rollout["state"]
        return rollout

    def person(self, *words, flag=None):
        """A command of the operator's; whether it was acknowledged."""
        self.asked.set()
        done = self.ground.fleet.ctl(*words, check=False)
        if done.returncode == 0:
            self.ground.seen.note_command(self.sequences[-1], flag)
        return done.returncode == 0

    # -- telling it ---------------------------------------------------------------------------

    def start(self):
        """Until the controller leads it; what was signed and not taken is handed over again."""
        said = []

        def attempt():
            self.asked.set()
            done = self.ground.fleet.start(self.drill.name, self.drill.text(), check=False)
            said.append((done.stdout + done.stderr)[-1500:])
            if done.returncode == 0:
                self.ground.seen.note_command()
            elif "is signed and not ended" in done.stderr and not self.look():
                self.ground.fleet.ctl("rollout", "start", f"{PKI}/unsent-{self.drill.name}.manifest",
                                      "--no-watch", check=False)
            return self.look()
        try:
            wait_until(attempt, 60, "the rollout to be led", every_s=0.2)
        except AssertionError as error:
            raise NotTried(f"{said[-1][-250:]}\n{error}: first {said[0]}") from None

    def end(self):
        """The rollout at its end."""
        began, aborted, until = time.monotonic(), False, time.monotonic() + END_S
        while time.monotonic() < until:
            rollout = self.look()
            if rollout and rollout["outcome"] in ENDED:
                return rollout
            if self.plan["abort_s"] is not None and not aborted \
                    and time.monotonic() - began > self.plan["abort_s"]:
                aborted = self.person("rollout", "abort", "--reason", "a drill", flag="aborted")
            elif rollout:
                self.help_on(rollout)
            time.sleep(0.1)
        raise AssertionError(f"the rollout did not end within {END_S} s, last seen: {rollout}")

    def help_on(self, rollout):
        """What a person does who reads what it waits for."""
        words = {"next": ("next",)}.get(rollout["waiting_for"])
        if rollout["state"] == "halted":
            words = ("abort", "--reason", "it halted")
        if words is None:
            return
        self.said += 1
        assert self.said <= PERSON_MAX, f"still waiting after {self.said} words: {rollout}"
        self.person("rollout", *words, flag="aborted" if words[0] == "abort" else None)

    # -- judging ------------------------------------------------------------------------------

    def judge(self, rollout):
        """Both nodes are as the end says, by their kernels, their journals and their receipts."""
        stands = rollout["outcome"] == "complete"
        states = {node["name"]: node["state"] for node in rollout["nodes"]}
        for name in NODES:
            assert STANDS.get(states[name], False) == stands, \
                f"{rollout['outcome']}, but {name} is {states[name]}"
            self.wait_kernel(name, stands)
            self.judge_touches(name, stands)
            self.judge_receipts(name)

    def wait_kernel(self, name, stands):
        base, host = self.ground.bases[name], self.ground.hosts[name]
        wanted = dump.add(base, self.drill.own_delta()) if stands else base

        def as_wanted():
            return dump.read(host) == wanted
        try:
            wait_until(as_wanted, 20, f"{name} to be {'changed' if stands else 'as before'}")
        except AssertionError as error:
            now = dump.read(host)
            raise AssertionError(f"MIXED {error}\n"
                                 f"{dump.show(dump.difference(wanted, now)) if now else now}") \
                from None

    def judge_touches(self, name, stands):
        """No command had a second effect."""
        self.touched()
        for route in self.drill.routes:
            came = self.touches[name].count[RTM_NEWROUTE, route]
            went = self.touches[name].count[RTM_DELROUTE, route]
            assert came <= 1 and came - went == int(stands), \
                f"{name}: {route} came {came} times and went {went} times"

    def judge_receipts(self, name):
        """Every receipt that its guard signed is on the controller's disk, each kind once."""
        log = (self.ground.hosts[name].logs / "oceanid-guard.log").read_text(errors="replace")
        for sequence in self.sequences:
            told = set(re.findall(rf"receipt (\d+): sequence {sequence} (\w+)", log))
            kinds = [kind for _, kind in told]
            assert len(kinds) == len(set(kinds)), f"{name} told {told} of {sequence}"
            wait_until(lambda n=len(told), key=(name, sequence):
                       Kept(self.ground.fleet.controller).receipts.get(key, 0) >= n, 20,
                       f"the {len(told)} receipts of {name} to be kept")

    def take_back(self):
        """By one acknowledged command, whatever becomes of the controller behind it."""
        def asked():
            self.asked.set()
            done = self.ground.fleet.ctl("emergency-rollback", "--all", "--yes", "--wait", "0s",
                                         check=False)
            if done.returncode in (0, 5):
                self.ground.seen.note_command(self.sequences[-1], "emergency")
            return done.returncode in (0, 5)
        wait_until(asked, 30, "the emergency rollback to be taken", every_s=0.2)
        for name in NODES:
            self.wait_kernel(name, False)
        wait_until(lambda: (self.look() or {}).get("outcome") in ("reverted", "aborted"), 30,
                   "the rollout to be back")


def tell(story, kills, act):
    """Runs act while kills are made; returns (what it returned, the killer)."""
    story.over.clear()
    killer = Killer(story, kills)
    killer.start()
    try:
        result = act()
    finally:
        story.over.set()
        killer.join(60)
        if killer.failure is not None:  # also where act came to nothing: that may be why
            raise killer.failure
    return result, killer


def trial(ground, plan_):
    """Returns (kills that hit, the rollout's outcome, when they hit, None)."""
    story = Story(ground, plan_)
    try:
        def act():
            story.start()
            return story.end()
        rollout, killer = tell(story, plan_["kills"], act)
        landed, notes = killer.landed, killer.notes
        story.judge(rollout)
        if rollout["outcome"] == "complete":
            _, killer = tell(story, plan_["kills"][:plan_["back"]], story.take_back)
            landed, notes = landed + killer.landed, notes + killer.notes
            for name in NODES:
                story.judge_touches(name, False)
                story.judge_receipts(name)
        return landed, rollout["outcome"], notes, None
    finally:
        story.close()
