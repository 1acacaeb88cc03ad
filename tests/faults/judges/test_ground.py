"""The judge of `kill` and of the dead-man classes (ground.py): a node that is as before or as
confirmed is judged so, and each way of being in between, or of saying other than it is, is seen."""

import tempfile
import unittest
from unittest import mock

import made_up
from made_up import Drill, Host, dump, ground, rollout

PATIENCE_S = 0.02               # of a judge that waits for what never comes


class Ground(ground.Ground):
    """Over a made-up host."""

    def __init__(self, host, delta):
        self.node, self.exit_delta = host, delta
        self.base = dump.read(host)

    def raise_tailscaled(self):
        pass

    def rollout(self):
        return None


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="oceanid-judges-")
        self.addCleanup(folder.cleanup)
        for patch in (mock.patch.object(dump.localapi, "prefs", lambda host: host.read_prefs()),
                      mock.patch.object(ground, "SETTLE_S", PATIENCE_S)):
            patch.start()
            self.addCleanup(patch.stop)
        self.delta = made_up.exit_delta(folder.name)
        self.folder = folder.name

    def judge(self, drill, stands, spoil, says, told):
        host = Host(self.folder)
        judge = Ground(host, self.delta)
        if stands:
            host.change(drill)
        host.tell(*told)
        spoil(host)
        return judge.judge(drill, rollout(says))


def nothing(_host):
    pass


ROUTES, EXIT = Drill(1, "routes"), Drill(2, "exit-node")
ROUTE, RULE = made_up.route_of(ROUTES.routes[1]), made_up.rule_of(ROUTES)
STANDS = ("confirmed", ["confirmed"])

# What there is, who says what of it: the drill, whether it was done, the controller, the guard.
GOOD = [
    (ROUTES, True, "confirmed", ["confirmed"], "confirmed"),
    (EXIT, True, "confirmed", ["confirmed"], "confirmed"),
    (ROUTES, True, "confirmed", [], "confirmed"),           # killed before it could tell
    (EXIT, False, "reverted", ["reverted"], "before"),
    (ROUTES, False, "reverted", ["incomplete", "reverted"], "before"),
    (ROUTES, False, "tombstone", ["tombstone"], "before"),
    (ROUTES, False, "popped", ["confirmed", "popped"], "before"),
    (ROUTES, False, "untouched", [], "before"),
]

# Behind a trial that was taken back: what is spoiled then, and what the judge says.
MIXED_BEFORE = [
    ("one of three routes is left", ROUTES, lambda host: host.put_route(ROUTE), ROUTE["dst"]),
    ("its rule is left", ROUTES, lambda host: host.put_rule(RULE), '"priority": 6001'),
    ("a shield is left", EXIT, lambda host: host.put_rule(made_up.SHIELD), '"priority": 5140'),
    ("the default by the exit node is left", EXIT,
     lambda host: host.put_route(made_up.EXIT_ROUTE), "tailscale0"),
    ("the setting is as the change made it", EXIT, lambda host: setattr(host, "sysctl", "1"),
     "sysctl: + 1"),
    ("the pref is still set", EXIT,
     lambda host: host.prefs.update(ExitNodeID="nEXIT"), "nEXIT"),
    ("a route of somebody's is gone", ROUTES,
     lambda host: host.take("routes", dst="10.42.10.0/24"), "- " + '{"dev": "flannel.1"'),
    ("the default route leads elsewhere", ROUTES,
     lambda host: host.alter("routes", {"dst": "default"}, gateway="203.0.113.254"),
     "203.0.113.254"),
    ("an address is gone", ROUTES,
     lambda host: host.alter("addresses", {"ifname": "eth0"}, addr_info=[]), "addresses: -"),
    ("an mtu is another", ROUTES, lambda host: host.alter("addresses", {"ifname": "eth0"}, mtu=1280),
     '"mtu": 1280'),
    ("a rule of the kernel's is gone", ROUTES, lambda host: host.take("rules", priority=32766),
     "- " + '{"priority": 32766'),
    ("two rules of one priority have changed places", ROUTES, lambda host: host.put_rule(
        host.take("rules", dst="198.51.99.1")), "MIXED"),
    ("a route was put twice, by another device", ROUTES, lambda host: host.put_route(
        {"dst": "203.0.113.0/24", "dev": "flannel.1", "flags": []}), "flannel.1"),
    ("a route of IPv6 is gone", ROUTES, lambda host: host.take("routes", dst="fe80::/64"),
     "fe80::/64"),
    ("tailscaled is silent", ROUTES, lambda host: setattr(host, "tailscaled_answers", False),
     "tailscaled is silent"),
    ("the trial is open for ever", ROUTES, lambda host: setattr(host, "is_open", "drill-1"),
     "the journal lists open"),
    ("the guard does not come back", ROUTES, lambda host: setattr(host, "guard_runs", False),
     "MIXED"),
]
MIXED_CONFIRMED = [
    ("a route is missing", ROUTES, lambda host: host.take("routes", dst=ROUTE["dst"]),
     ROUTE["dst"]),
    ("a route leads elsewhere", ROUTES, lambda host: host.alter(
        "routes", {"dst": ROUTE["dst"]}, gateway="203.0.113.254"), "203.0.113.254"),
    ("a route is not Oceanid's", ROUTES, lambda host: host.alter(
        "routes", {"dst": ROUTE["dst"]}, protocol="static"), '"protocol": "static"'),
    ("its rule is missing", ROUTES, lambda host: host.take("rules", priority=6001),
     '"priority": 6001'),
    ("the shield is missing", EXIT, lambda host: host.take("rules", priority=5140),
     '"priority": 5140'),
    ("the exit node is not set", EXIT, lambda host: host.prefs.update(ExitNodeID=""),
     "ExitNodeID"),
    ("the setting is not made", EXIT, lambda host: setattr(host, "sysctl", "2"), "sysctl: + 2"),
    ("a route of somebody's is gone", EXIT, lambda host: host.take("routes", dst="100.64.0.3"),
     "100.64.0.3"),
    ("how it ended was lost", ROUTES, lambda host: setattr(
        host, "stands_as", "in doubt: how it ended was lost"), "the journal lists open"),
    ("it is being taken back for ever", ROUTES, lambda host: setattr(
        host, "stands_as", "being taken back"), "the journal lists open"),
]

# Whole, and somebody says other than it is.
LIES = [
    ("a change that stands is forgotten", True, lambda host: host.journal.clear(), *STANDS,
     "but the journal lists nothing"),
    ("another change is in the journal", True, lambda host: host.journal.__setitem__(0, "drill-9"),
     *STANDS, "but the journal lists"),
    ("one that was taken back is kept", False, lambda host: host.journal.append("drill-1"),
     "reverted", ["reverted"], "but the journal lists"),
    ("the controller takes it for reverted", True, nothing, "reverted", ["confirmed"],
     "but the controller says reverted"),
    ("the controller is in doubt for ever", True, nothing, "in doubt", ["confirmed"],
     "but the controller says in doubt"),
    ("the controller never learns of its end", False, nothing, "in doubt", ["reverted"],
     "but the controller says in doubt"),
    ("the controller waits for its receipt for ever", False, nothing, "incomplete", ["reverted"],
     "but the controller says incomplete"),
    ("the controller takes it for confirmed", False, nothing, "confirmed", ["reverted"],
     "but the controller says confirmed"),
    ("the guard told that it reverted", True, nothing, "confirmed", ["reverted"],
     "but the guard told"),
    ("the guard told that it confirmed", False, nothing, "reverted", ["confirmed"],
     "but the guard told"),
    ("told as reverted, and confirmed later", True, nothing, "confirmed",
     ["reverted", "confirmed"], "but the guard told"),
]


class Whole(Case):
    def test_judged_as_what_it_is(self):
        for drill, stands, says, told, state in GOOD:
            with self.subTest(drill=drill.kind, says=says, told=told):
                self.assertEqual(self.judge(drill, stands, nothing, says, told), state)

    def test_a_receipt_of_another_trial_says_nothing(self):
        def other(host):
            host.say("info: receipt 4: sequence 70 reverted (the proof failed)")
        self.assertEqual(self.judge(ROUTES, True, other, *STANDS), "confirmed")


class Mixed(Case):
    def refuse(self, drill, stands, spoil, says, told, words):
        with self.assertRaises(AssertionError) as raised:
            self.judge(drill, stands, spoil, says, told)
        self.assertIn(words, str(raised.exception))
        return str(raised.exception)

    def test_seen_behind_a_revert(self):
        for what, drill, spoil, words in MIXED_BEFORE:
            with self.subTest(what):
                said = self.refuse(drill, False, spoil, "reverted", ["reverted"], words)
                self.assertIn("MIXED", said)

    def test_seen_behind_a_confirmation(self):
        for what, drill, spoil, words in MIXED_CONFIRMED:
            with self.subTest(what):
                self.assertIn("MIXED", self.refuse(drill, True, spoil, *STANDS, words))

    def test_who_says_other_than_it_is(self):
        for what, stands, spoil, says, told, words in LIES:
            with self.subTest(what):
                self.refuse(ROUTES, stands, spoil, says, told, words)

    def test_a_stop_post_that_failed_is_seen(self):
        """It takes back what is open, and ends with 0, whatever is left to the guard; one that the
        campaign killed says nothing."""
        self.assertEqual(self.judge(ROUTES, False, lambda host: host.stop_posts.append(-9),
                                    "reverted", ["reverted"]), "before")
        for code in (1, 2, -11):
            with self.subTest(code):
                self.refuse(ROUTES, False, lambda host, code=code: host.stop_posts.append(code),
                            "reverted", ["reverted"], f"ExecStopPost ended with {code}")

    def test_a_fault_that_goes_on_needs_no_journal(self):
        """What the dead-man classes ask while nobody answers: the kernel alone is judged."""
        host = Host(self.folder)
        judge = Ground(host, self.delta)
        host.guard_runs, host.is_open = False, "drill-1"
        states = {"before": judge.base}
        self.assertEqual(judge.wait_state(states, "it", journal=False), "before")
        host.put_route(ROUTE)
        with self.assertRaisesRegex(AssertionError, "MIXED it"):
            judge.wait_state(states, "it", journal=False)


class Learning(Case):
    """What an undisturbed drill of the exit node made is what all others are held to."""

    WRONG = [
        ("no shield", lambda host: host.take("rules", priority=5140)),
        ("a shield of somebody else's", lambda host: host.alter(
            "rules", {"priority": 5140}, protocol="static")),
        ("a shield of another address", lambda host: host.alter(
            "rules", {"priority": 5140}, src="198.51.100.10")),
        ("no default by the exit node", lambda host: host.take("routes", table="52",
                                                               dst="default")),
        ("a default in another table", lambda host: host.alter(
            "routes", {"table": "52", "dst": "default"}, table="53")),
        ("the setting is not made", lambda host: setattr(host, "sysctl", "2")),
        ("the exit node is not set", lambda host: host.prefs.update(ExitNodeID="")),
        ("an address came", lambda host: host.alter("addresses", {"ifname": "flannel.1"},
                                                    mtu=1400)),
        ("a rule went", lambda host: host.take("rules", priority=5270)),
    ]

    def test_nothing_else_is_learned(self):
        for what, spoil in self.WRONG:
            with self.subTest(what):
                host = Host(self.folder)
                before = dump.read(host)
                host.change(EXIT)
                spoil(host)
                with self.assertRaises((AssertionError, KeyError)):
                    made_up.learn_exit_delta(before, dump.read(host), EXIT)


class Calibrating(Case):
    """The drill that nobody disturbs: it confirms at its first try, or that is a failure; its lease
    is one that a busy machine does not lose."""

    def calibrate(self, outcomes, spoil=nothing, gates_pass=True):
        """(the drills that it started, the ground)"""
        host, started = Host(self.folder), []
        judge = Ground(host, None)
        judge.drills, judge.closed = 0, False

        def start(drill):
            if not gates_pass:
                raise ground.NotTried("the gates did not pass")
            started.append(drill)

        def wait_end():
            outcome = outcomes.pop(0)
            if outcome == "complete":
                host.change(started[-1])
            spoil(host)
            return rollout("confirmed" if outcome == "complete" else "reverted", outcome)

        judge.start, judge.wait_end = start, wait_end
        judge.take_back = lambda: host.change_back(started[-1])
        judge.close = lambda: setattr(judge, "closed", True)
        host.ip = host.run_ip
        try:
            judge.calibrate()
        finally:
            self.started, self.ground = started, judge
        return judge

    def test_whole(self):
        judge = self.calibrate(["complete"])
        self.assertFalse(judge.closed)
        self.assertEqual(judge.exit_delta, self.delta)
        self.assertIn("lease: 20s\n", self.started[0].text())

    def test_no_other_end_is_forgiven(self):
        for outcome in ("reverted", "halted", "aborted"):
            with self.subTest(outcome):
                with self.assertRaisesRegex(ground.UndisturbedFailed, f"{outcome}.*for a test"):
                    self.calibrate([outcome, "complete"])
                self.assertEqual(len(self.started), 1)
                self.assertTrue(self.ground.closed)

    def test_nor_is_another_effect(self):
        with self.assertRaises(ground.UndisturbedFailed):
            self.calibrate(["complete"], lambda host: host.take("rules", priority=5140))
        self.assertTrue(self.ground.closed)

    def test_where_it_does_not_begin_nothing_was_learnt(self):
        with self.assertRaises(ground.NotTried):
            self.calibrate([], gates_pass=False)
        self.assertTrue(self.ground.closed)


if __name__ == "__main__":
    unittest.main()
