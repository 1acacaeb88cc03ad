"""The judge of `actors` (actors.py, and actors_real.py, whose trial is the same): a false revert, a
false "changed by others", and whatever others lose is seen, when the change stands and when it is
taken back."""

import json
import tempfile
import types
import unittest
from unittest import mock

import made_up
from made_up import Drill, Host, dump, rollout

import actors
import actors_real

PATIENCE_S = 0.02
POD = {"ifname": "veth7", "flags": ["UP"], "mtu": 1500, "master": "cni0", "addr_info": []}
THEIRS = {"dst": "198.51.98.7", "gateway": made_up.GATEWAY, "dev": "eth0", "protocol": "static",
          "flags": []}
THEIR_RULE = {"priority": 20007, "src": "all", "dst": "198.51.99.7", "table": "307"}
MODEL = [("addresses", {"ifname": "veth7", "master": "cni0"}),
         ("routes", {"dst": "198.51.98.7", "gateway": made_up.GATEWAY, "dev": "eth0"}),
         ("rules", {"priority": 20007, "dst": "198.51.99.7", "table": "307"})]


class Busy:
    """busy.py, as far as a judge speaks to it."""

    def __init__(self):
        self.text, self.lives, self.steps = "BEGUN\n", True, {"Pods": 1, "Person": 1}
        self.idle = ()

    def output(self):
        return self.text

    def alive(self):
        return self.lives

    def say(self, word):
        if word == "pause":
            self.steps = {actor: count + (actor not in self.idle)
                          for actor, count in self.steps.items()}
            self.text += f"MODEL {json.dumps({'steps': self.steps, 'model': MODEL})}\n"


class Fleet:
    """Does what is asked at once; at_start and at_rollback spoil the host then."""

    def __init__(self, host):
        self.host, self.drill, self.outcome, self.sentence = host, None, "complete", ""
        self.at_start = self.at_rollback = lambda host: None

    def begin(self, drill):
        self.drill = drill
        if self.outcome == "complete":
            self.host.change(drill)
        self.at_start(self.host)

    def ctl(self, *words, **_):
        assert words[0] == "emergency-rollback"
        self.host.change_back(self.drill)
        self.at_rollback(self.host)


class Ground(actors.BusyGround):
    """Over a made-up host."""

    def __init__(self, host, delta):
        self.node, self.exit_delta, self.drills, self.steps = host, delta, 0, {}
        self.busy, self.fleet = Busy(), Fleet(host)
        self.router = types.SimpleNamespace(alive=lambda: True, output=lambda: "")
        self.base = dump.read(host)
        host.tables["addresses", 0].append(dict(POD))
        host.put_route(THEIRS)
        host.put_rule(THEIR_RULE)

    def start(self, drill):
        self.fleet.begin(drill)

    def wait_end(self):
        return rollout("confirmed", self.fleet.outcome)


def nothing(_host):
    pass


# What is spoiled when the change has come, or when it has gone again.
LOSSES = [
    ("a pod's device", lambda host: host.take("addresses", ifname="veth7"), "lost: addresses"),
    ("a person's route", lambda host: host.take("routes", dst="198.51.98.7"), "lost: routes"),
    ("a person's route leads elsewhere", lambda host: host.alter(
        "routes", {"dst": "198.51.98.7"}, gateway="203.0.113.254"), "lost: routes"),
    ("a person's rule", lambda host: host.take("rules", priority=20007), "lost: rules"),
    ("flannel's route from before", lambda host: host.take("routes", dst="10.42.10.0/24"),
     'lost: {"dev": "flannel.1"'),
    ("tailscaled's rule from before", lambda host: host.take("rules", priority=5270),
     'lost: {"priority": 5270'),
    ("a peer's route", lambda host: host.take("routes", dst="100.64.0.3"), "100.64.0.3"),
    ("the default route", lambda host: host.take("routes", dst="default", dev="eth0"),
     '"dst": "default"'),
    ("another pref", lambda host: host.prefs.update(RouteAll=True), "RouteAll"),
    ("tailscaled", lambda host: setattr(host, "tailscaled_answers", False),
     "tailscaled is silent"),
]
MISSING = [
    ("a route of its own", "routes", lambda host: host.take("routes", dst="198.18.128.5"),
     "missing: routes"),
    ("its rule", "routes", lambda host: host.take("rules", priority=6001), "missing: rules"),
    ("its shield", "exit-node", lambda host: host.take("rules", priority=5140), "missing: rules"),
    ("the default by the exit node", "exit-node", lambda host: host.take(
        "routes", dst="default", table="52"), "missing: routes"),
    ("the setting", "exit-node", lambda host: setattr(host, "sysctl", "2"), "missing: sysctl"),
    ("the exit node", "exit-node", lambda host: host.prefs.update(ExitNodeID=""),
     "missing: prefs"),
]
LEFT = [
    ("a route", lambda host: host.put_route(made_up.route_of("198.18.128.5")), "left: "),
    ("a rule", lambda host: host.put_rule(made_up.SHIELD), "left: "),
    ("the setting", lambda host: setattr(host, "sysctl", "1"), "lost: 2"),
    ("the exit node", lambda host: host.prefs.update(ExitNodeID="nEXIT"), "lost: "),
]
LEFT_AS_IT_IS = ("info: ALARM reverting: it is left as it is: expected rule 6001, found one of "
                 "protocol 4")


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="oceanid-judges-")
        self.addCleanup(folder.cleanup)
        for patch in (mock.patch.object(dump.localapi, "prefs", lambda host: host.read_prefs()),
                      *(mock.patch.object(actors, name, PATIENCE_S)
                        for name in ("BACK_S", "WORD_S", "THERE_S"))):
            patch.start()
            self.addCleanup(patch.stop)
        self.delta = made_up.exit_delta(folder.name)
        self.folder = folder.name

    def ground(self, at_start=nothing, at_rollback=nothing):
        ground = Ground(Host(self.folder), self.delta)
        ground.fleet.at_start, ground.fleet.at_rollback = at_start, at_rollback
        return ground

    def refuse(self, ground, words, kind="routes"):
        with self.assertRaises(AssertionError) as raised:
            actors.trial(ground, {"seed": 1, "kind": kind})
        self.assertIn(words, str(raised.exception))
        return str(raised.exception)


class Whole(Case):
    def test_confirmed_and_taken_back(self):
        for kind in ("routes", "exit-node"):
            with self.subTest(kind):
                count, end, notes, _ = actors.trial(self.ground(), {"seed": 1, "kind": kind})
                self.assertEqual((count, end), (1, "confirmed and taken back"))
                self.assertGreater(notes["steps of the others"], 0)

    def test_what_was_left_in_an_earlier_trial_is_not_this_ones(self):
        ground = self.ground()
        ground.node.say(LEFT_AS_IT_IS)
        actors.trial(ground, {"seed": 1, "kind": "routes"})

    def test_beside_the_real_tailscaled_it_is_the_same_judge(self):
        self.assertIs(actors_real.trial, actors.trial)
        self.assertTrue(issubclass(actors_real.RealGround, actors.BusyGround))
        for name in ("look", "hold_still", "lost_of_base", "wait_said", "log_from"):
            self.assertNotIn(name, vars(actors_real.RealGround))


class Spoiled(Case):
    def test_a_false_revert(self):
        for outcome in ("reverted", "aborted", "halted"):
            with self.subTest(outcome):
                ground = self.ground()
                ground.fleet.outcome = outcome
                self.refuse(ground, f"a false revert: {outcome}")

    def test_a_false_changed_by_others(self):
        def say(host):
            host.say(LEFT_AS_IT_IS)
        for when in ("at_start", "at_rollback"):
            with self.subTest(when):
                self.refuse(self.ground(**{when: say}), "said to be changed by others")

    def test_what_others_lose(self):
        for when, said in (("at_start", "confirmed: "), ("at_rollback", "taken back: ")):
            for what, spoil, words in LOSSES:
                with self.subTest(what, when=when):
                    self.assertIn(said, self.refuse(self.ground(**{when: spoil}), words))

    def test_what_the_change_did_not_make(self):
        for what, kind, spoil, words in MISSING:
            with self.subTest(what):
                self.refuse(self.ground(at_start=spoil), words, kind)

    def test_what_it_leaves(self):
        for what, spoil, words in LEFT:
            with self.subTest(what):
                self.refuse(self.ground(at_rollback=spoil), words)

    def test_a_change_that_stays_in_the_journal(self):
        self.refuse(self.ground(at_rollback=lambda host: host.journal.append("drill-1")),
                    "drill-1 to be taken back")


class Actors(Case):
    """A trial beside nobody proves nothing."""

    def test_an_actor_that_found_something_missing(self):
        ground = self.ground()
        ground.busy.text += "FAILED ['rule del priority 20007']: No such file or directory\n"
        self.refuse(ground, "an actor: FAILED")

    def test_actors_that_have_ended(self):
        ground = self.ground()
        ground.busy.lives = False
        self.refuse(ground, "the actors ended")

    def test_an_actor_that_does_nothing(self):
        ground = self.ground()
        ground.steps, ground.busy.idle = {"Pods": 1}, ("Pods",)
        self.refuse(ground, "each actor to have done something")

    def test_a_router_that_is_silent(self):
        ground = self.ground()
        ground.router.alive = lambda: False
        self.refuse(ground, "nobody advertises")


if __name__ == "__main__":
    unittest.main()
