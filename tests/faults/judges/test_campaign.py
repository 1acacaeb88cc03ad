"""The campaign (campaign.py), what it hears (watch.py), and that a trial of `kill` is judged: what
fails is counted, kept and said; what was not tried is tried again and then a failure."""

import contextlib
import io
import pathlib
import struct
import tempfile
import types
import unittest
from unittest import mock

import made_up
from made_up import Drill, ground as ground_module

import campaign
import kill
import watch
from lab.ends import EndedItself


class Ground:
    spent = False

    def __init__(self, folder):
        self.lab = types.SimpleNamespace(folder=pathlib.Path(folder))
        self.is_closed = False

    ended = None                # what its end tells

    def close(self):
        self.is_closed = True
        if self.ended is not None:
            raise self.ended


class Tier:
    """ends: what each seed's trial raises or returns, in a row; the last goes on."""

    TRIALS_A_GROUND = 2

    def __init__(self, folder, ends, grounds_fail):
        self.folder, self.ends, self.grounds_fail = folder, ends, list(grounds_fail)
        self.grounds = []

    def make_ground(self, _plan):
        if self.grounds_fail:
            raise self.grounds_fail.pop()
        self.grounds.append(Ground(self.folder))
        return self.grounds[-1]

    @staticmethod
    def ground_kind(_plan):
        return "plain"

    @staticmethod
    def replay(plan):
        return f"run.py made-up --seed {plan['seed']}"

    def trial(self, ground, plan):
        assert not ground.is_closed, "a trial on a ground that is gone"
        ends = self.ends.get(plan["seed"], [2])
        end = ends.pop(0) if len(ends) > 1 else ends[0]
        if isinstance(end, Exception):
            raise end
        return end, "before", ["guard killed while soaking"], None


class Campaigns(unittest.TestCase):
    def run_seeds(self, ends, seeds=range(1, 5), wanted=None, grounds_fail=()):
        """(whether nothing failed, the campaign, what it printed, its tier)"""
        with tempfile.TemporaryDirectory(prefix="oceanid-judges-") as folder, \
                mock.patch.object(campaign, "KEPT", pathlib.Path(folder, "kept")):
            log = pathlib.Path(folder, "hosts/srv712695/log/oceanid-guard.log")
            log.parent.mkdir(parents=True)
            log.write_text("what it said")
            tier = Tier(folder, ends, grounds_fail)
            plans = ({"seed": seed} for seed in seeds)
            run = campaign.Campaign("made-up", tier, plans, wanted)
            with contextlib.redirect_stdout(io.StringIO()) as said:
                good = run.run(1)
            self.kept = sorted(str(path.relative_to(folder))
                               for path in pathlib.Path(folder, "kept").rglob("*.log"))
        return good, run, said.getvalue(), tier

    def test_nothing_failed(self):
        good, run, said, tier = self.run_seeds({})
        self.assertTrue(good)
        self.assertEqual((run.count, run.trials), (8, 4))
        self.assertIn("made-up: 8 in 4 trials (4 before), 0 failed, 0 not tried", said)
        self.assertEqual([ground.is_closed for ground in tier.grounds], [True, True])

    def test_enough_is_enough(self):
        good, run, _, _ = self.run_seeds({}, seeds=range(1, 100), wanted=5)
        self.assertTrue(good)
        self.assertEqual(run.count, 6)

    def test_a_failure_is_said_kept_and_ends_its_ground(self):
        for error in (AssertionError("MIXED after drill-3"), KeyError("whatever it is")):
            with self.subTest(type(error).__name__):
                good, run, said, tier = self.run_seeds({2: [error]})
                self.assertFalse(good)
                self.assertEqual(run.failures, [2])
                self.assertIn("FAILED made-up seed 2", said)
                self.assertIn(str(error), said)
                self.assertIn("replay: run.py made-up --seed 2", said)
                self.assertIn("1 failed", said)
                self.assertEqual(self.kept, ["kept/made-up-any-2/srv712695/oceanid-guard.log"])
                self.assertEqual(run.count, 6)      # those that went well, no more

    def test_a_program_that_ended_itself_is_a_failure(self):
        """Be it that a ground's end tells of it, or a ground that comes to nothing for it."""
        told = EndedItself("observed: runtime error: shift")
        with mock.patch.object(Ground, "ended", told):
            good, run, said, _ = self.run_seeds({}, seeds=[1])
        self.assertEqual((good, run.count), (False, 2))
        self.assertIn("FAILED made-up: observed: runtime error: shift", said)
        good, run, said, _ = self.run_seeds({}, seeds=[1], grounds_fail=[told])
        self.assertEqual((good, run.count), (False, 2))
        self.assertIn("FAILED made-up: observed: runtime error: shift", said)

    def test_a_ground_whose_undisturbed_drill_failed_is_a_failure(self):
        """Not one of those that a busy machine did not bring up; the next goes on all the same."""
        failed = ground_module.UndisturbedFailed("drill-1 ended reverted: no proof for 20 s")
        good, run, said, _ = self.run_seeds({}, seeds=[1], grounds_fail=[failed])
        self.assertEqual((good, run.count), (False, 2))
        self.assertIn("FAILED made-up: drill-1 ended reverted: no proof for 20 s", said)

    def test_a_ground_is_not_used_again(self):
        """What failed on it, or says that it is spent, might have left something behind."""
        _, _, _, tier = self.run_seeds({1: [AssertionError("MIXED")]})
        self.assertEqual([ground.is_closed for ground in tier.grounds], [True] * 3)
        with mock.patch.object(Ground, "spent", True):
            _, _, _, tier = self.run_seeds({})
        self.assertEqual([ground.is_closed for ground in tier.grounds], [True] * 4)

    def test_what_was_not_tried_is_tried_again(self):
        good, run, said, _ = self.run_seeds({2: [ground_module.NotTried("gates"), 2]})
        self.assertTrue(good)
        self.assertEqual((run.count, run.trials), (8, 4))
        self.assertIn("1 not tried", said)
        self.assertEqual(self.kept, ["kept/made-up-any-2-not-tried/srv712695/oceanid-guard.log"])

    def test_what_is_never_tried_is_a_failure(self):
        good, run, said, _ = self.run_seeds({2: [ground_module.NotTried("gates")]})
        self.assertFalse(good)
        self.assertEqual(run.failures, [2])
        self.assertIn("FAILED made-up seed 2", said)

    def test_a_ground_gets_another_chance_and_no_more(self):
        half = AssertionError("the lab came up half")
        self.assertTrue(self.run_seeds({}, grounds_fail=[half] * (campaign.GROUND_ATTEMPTS - 1))[0])
        good, _, said, _ = self.run_seeds({}, grounds_fail=[half] * campaign.GROUND_ATTEMPTS)
        self.assertFalse(good)
        self.assertIn("FAILED made-up: no ground to try on", said)


def message(kind, *attributes):
    body = struct.pack("12x") + b"".join(
        struct.pack("HH", 4 + len(value), name) + value for name, value in attributes)
    return struct.pack("IHHII", 16 + len(body), kind, 0, 0, 0) + body


class Messages(unittest.TestCase):
    """What the kernel says of routes."""

    TO = (watch.RTA_DST, bytes([198, 18, 128, 4]))

    def test_each_route_that_comes_and_goes(self):
        said = (message(watch.RTM_NEWROUTE, (15, bytes(4)), self.TO)
                + message(20, self.TO)              # an address
                + message(watch.RTM_NEWROUTE, (15, bytes(4)))   # a default route
                + message(watch.RTM_DELROUTE, self.TO))
        self.assertEqual(list(watch.destinations(said)),
                         [(watch.RTM_NEWROUTE, "198.18.128.4"),
                          (watch.RTM_DELROUTE, "198.18.128.4")])

    def test_what_is_cut_off_ends(self):
        self.assertEqual(list(watch.destinations(message(24, self.TO)[:20] + b"\0" * 4)), [])


class Deaf:
    """watch.Watch of a kernel that says nothing more."""

    def __init__(self, host, address):
        pass

    def wait(self, kind, deadline_s):
        return 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class KillGround(ground_module.Ground):
    """Over a made-up host, whose change confirms."""

    def __init__(self, host, delta, spoil):
        self.node, self.exit_delta, self.drills = host, delta, 0
        self.spoil, self.killed, self.taken_back = spoil, [], False
        self.base = made_up.dump.read(host)

    def start(self, drill):
        self.node.change(drill)
        self.node.tell("confirmed")
        self.spoil(self.node)

    def wait_end(self):
        return made_up.rollout("confirmed")

    def kill(self, name, number=9):
        self.killed.append(name)
        return name != "tailscaled"     # which was dead

    def raise_tailscaled(self):
        pass

    def take_back(self):
        self.taken_back = True

    def wait_healed(self):
        assert not self.node.ill, self.node.ill


class Kills(unittest.TestCase):
    PLAN = {"seed": 1, "kind": "exit-node", "anchor": "start", "abort": None,
            "victims": [("both", 0), ("tailscaled", 0)]}

    def run_trial(self, spoil):
        with tempfile.TemporaryDirectory(prefix="oceanid-judges-") as folder, \
                mock.patch.object(made_up.dump.localapi, "prefs", lambda host: host.read_prefs()), \
                mock.patch.object(ground_module, "SETTLE_S", 0.02), \
                mock.patch.object(kill, "TAILSCALED_RESTARTS_S", 0), \
                mock.patch.object(kill, "Watch", Deaf):
            self.ground = KillGround(made_up.Host(folder), made_up.exit_delta(folder), spoil)
            return kill.trial(self.ground, self.PLAN)

    def test_what_stands_is_judged_and_taken_back(self):
        landed, state, hit, _ = self.run_trial(lambda host: None)
        self.assertEqual((landed, state), (2, "confirmed"))     # those that lived
        self.assertEqual(self.ground.killed, ["oceanid-guard", "oceanid-agent", "tailscaled"])
        self.assertEqual(len(hit), 2)
        self.assertTrue(self.ground.taken_back)

    def test_what_is_mixed_is_a_failure(self):
        with self.assertRaisesRegex(AssertionError, "MIXED after drill-1"):
            self.run_trial(lambda host: host.take("rules", priority=5140))
        self.assertFalse(self.ground.taken_back)

    def test_a_fleet_that_does_not_come_back_is_a_failure(self):
        with self.assertRaisesRegex(AssertionError, "not connected"):
            self.run_trial(lambda host: setattr(host, "ill", "srv712695: not connected"))

    def test_a_plan_follows_from_its_seed(self):
        self.assertEqual(kill.plan(5), kill.plan(5))
        self.assertEqual({victim for seed in range(200) for victim, _ in kill.plan(seed)["victims"]},
                         set(kill.UNITS))


if __name__ == "__main__":
    unittest.main()
