"""actors: real trials beside everybody else who changes a host's network, all of them busy: every
change confirms, nobody is said to have changed it, and nothing of theirs is lost, neither by the
change nor by taking it back.
"""

import json
import pathlib
import random
import sys

import dump
from drill import KINDS
from ground import Ground
from lab.wait import wait_until

SHORT, LONG = 24, 1000          # trials
GROUNDS = 2
LEASE = "20s"                   # a machine that is late is no other actor
TRIALS_A_GROUND = 50
HERE = pathlib.Path(__file__).parent
PREFIX, RA_EVERY_S = "2001:db8:77::", 0.5
ACCEPT_RA = "net.ipv6.conf.eth0.accept_ra"
# What guard and rescue say of an object that they take for changed by others (REVERT_LEFT): "...;
# left as it is", "ALARM reverting: it is left as it is: ...".
LEFT = "left as it is"
OTHERS = "203.0.113.254"        # somebody's gateway, in the judge's own test
BACK_S, WORD_S, THERE_S = 30, 20, 10    # until it is taken back, said by the actors, all there


def plan(seed):
    return {"seed": seed, "kind": random.Random(f"actors {seed}").choice(KINDS)}


def ground_kind(_plan):
    return "busy"


def replay(plan_):
    return f"tests/faults/run.py actors --seed {plan_['seed']}"


class BusyGround(Ground):
    """A ground whose node is shared with busy.py's actors and hears router advertisements."""

    TAILNET = "standin"

    def __init__(self, seed):
        self.busy = None
        super().__init__(lease=LEASE, tailnet=self.TAILNET)
        self.steps = {}         # each actor's so far
        wan = self.lab["wan"]
        self.node.run(["sysctl", "-qw", f"{ACCEPT_RA}=2"])
        self.router = wan.popen([sys.executable, "-IS", HERE / "advertise.py", "styx-lan", PREFIX,
                                 RA_EVERY_S])
        wait_until(lambda: self.has_ra(dump.read(self.node)), 20, "a router advertisement")
        self.prepare_others()
        self.base = dump.read(self.node)
        wait_until(self.plans_for_ra, 20, "a plan that shields the new address")
        self.calibrate()
        self.undisturbed(self.show_what_is_left)
        self.begin_others(seed)

    def prepare_others(self):
        """Before anything is looked at."""

    def begin_others(self, seed):
        self.busy = self.node.popen([sys.executable, "-IS", HERE / "busy.py", seed, self.TAILNET],
                                    name="busy", stdin=True)
        self.wait_said("BEGUN")

    @staticmethod
    def has_ra(state):
        """The address and the default route that the advertisements make, past its DAD."""
        return (state is not None and any(PREFIX[:-1] in line for line in state["addresses"])
                and any('"protocol": "ra"' in line and '"default"' in line
                        for line in state["routes"])
                and not any("tentative" in line for line in state["addresses"]))

    def show_what_is_left(self):
        """That the judge sees it: a route of a drill that somebody has really replaced."""
        at = len(self.log_from(0))
        drill = self.confirm("routes")
        assert not left_in(self.log_from(at)), self.log_from(at)
        self.node.ip("route", "replace", f"{drill.routes[0]}/32", "via", OTHERS, "dev", "eth0",
                     "proto", "static")
        self.fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
        wait_until(lambda: self.listed() == "nothing", BACK_S, f"{drill.name} to be taken back")
        said = left_in(self.log_from(at))
        assert any(OTHERS in line for line in said), \
            f"the judge does not see what is {LEFT}: {self.log_from(at)}"
        self.node.ip("route", "del", f"{drill.routes[0]}/32", "via", OTHERS, "dev", "eth0")
        self.wait_state({"before": self.base}, "after what others had put was taken away")

    def plans_for_ra(self):
        """The controller has heard of the address, too."""
        drill = self.next_drill("exit-node")
        path = self.fleet.write_change(drill.name, drill.text())
        return f"from {PREFIX[:-1]}" in self.fleet.ctl("plan", path, check=False).stdout

    def wait_said(self, word, after=0):
        """The text behind word, said later than at position after of what they said."""
        def look():
            said = self.busy.output()
            assert "FAILED" not in said, f"an actor: {said[said.index('FAILED'):]}"
            assert word == "ENDED" or self.busy.alive(), f"the actors ended: {said[-500:]}"
            whole = said[after:].rpartition("\n")[0]    # of the last line a part may be written yet
            lines = [line for line in whole.splitlines() if line.startswith(word)]
            return lines[-1] if lines else None
        return wait_until(look, WORD_S, f"the actors to say {word}", every_s=0.01)

    def tell(self, word):
        at = len(self.busy.output())
        self.busy.say(word)
        return at

    def close(self):
        if self.busy is not None:
            self.busy.close_input()
        super().close()

    # -- judging ------------------------------------------------------------------------------

    @staticmethod
    def steps_elsewhere():
        """Of actors that are not busy.py's, by name."""
        return {}

    def hold_still(self):
        """Once each of them has done something since the last time; what has to be there now."""
        def look():
            at = self.tell("pause")
            told = json.loads(self.wait_said("MODEL", at).removeprefix("MODEL "))
            told["steps"].update(self.steps_elsewhere())
            if any(count <= self.steps.get(actor, 0) for actor, count in told["steps"].items()):
                self.tell("go")
                return None
            return told
        told = wait_until(look, WORD_S, "each actor to have done something", every_s=0.2)
        assert self.router.alive(), f"nobody advertises: {self.router.output()[-500:]}"
        self.steps = told["steps"]
        return told

    def look(self, expected, unexpected, when):
        """With the actors holding still: all of theirs is there, expected is, unexpected is not."""
        told = self.hold_still()

        def misses():
            state = dump.read(self.node)
            if state is None:
                return ["tailscaled is silent"]
            return ([f"lost: {kind} {wanted}" for kind, wanted in told["model"]
                     if not is_there(state[kind], wanted)]
                    + [f"lost: {line}" for line in self.lost_of_base(state, expected)]
                    + [f"missing: {kind} {line}" for kind, (_, come) in expected.items()
                       for line in come if line not in state[kind]]
                    + [f"left: {line}" for kind in ("rules", "routes") for line in state[kind]
                       if unexpected and '"protocol": "153"' in line])
        try:
            wait_until(lambda: not misses(), THERE_S, "all to be there")
        except AssertionError:
            raise AssertionError(f"{when}: " + "\n".join(misses())) from None
        self.tell("go")

    def lost_of_base(self, state, expected):
        """What was there before the actors began; flags of what DHCP renews are theirs."""
        gone = {line for lines, _ in expected.values() for line in lines}
        return [line for kind in ("rules", "routes", "sysctl", "prefs") for line in self.base[kind]
                if line not in state[kind] and line not in gone]

    def log_from(self, at):
        return (self.node.logs / "oceanid-guard.log").read_text(errors="replace")[at:]


def left_in(said):
    return [line for line in said.splitlines() if LEFT in line]


def is_there(lines, wanted):
    """True when one of the objects has all that is wanted of it."""
    return any(all(entry.get(key) == value for key, value in wanted.items())
               for entry in map(json.loads, lines))


def make_ground(plan_):
    return BusyGround(plan_["seed"])


def trial(ground, plan_):
    """Returns (1, "confirmed and taken back", what the others did meanwhile, None)."""
    drill = ground.next_drill(plan_["kind"])
    at = len(ground.log_from(0))
    ground.start(drill)
    rollout = ground.wait_end()
    assert rollout["outcome"] == "complete", \
        f"a false revert: {rollout['outcome']}, {rollout['nodes'][0]['sentence']}"
    expected = dict(drill.own_delta())
    if drill.kind == "exit-node":
        for kind, (gone, come) in ground.exit_delta.items():
            own_gone, own_come = expected.get(kind, ([], []))
            expected[kind] = (own_gone + gone, own_come + come)
    began = sum(ground.steps.values())
    ground.look(expected, False, f"{drill.name} confirmed")
    ground.fleet.ctl("emergency-rollback", "--all", "--yes", check=False)
    wait_until(lambda: ground.listed() == "nothing", BACK_S, f"{drill.name} to be taken back")
    ground.look({}, True, f"{drill.name} taken back")
    said = left_in(ground.log_from(at))
    assert not said, f"said to be changed by others: {said[:4]}"
    steps = sum(ground.steps.values()) - began
    return 1, "confirmed and taken back", {"steps of the others": steps}, None
