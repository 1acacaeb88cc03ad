"""The judges of people.py and storm.py: a fleet that does not agree with itself is seen, an answer
that is none, and a node that has lost what its shields are for."""

import pathlib
import tempfile
import types
import unittest
from unittest import mock

import made_up  # noqa: F401: the folders that the others are in

import acts
import people
import storm
from lab import wait
from lab.topology import NODES

IDLE = {"state": "idle", "known": True, "trial": None}
USUAL = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n"


class Host:
    """A node on which changes stand: what its journal lists, what its kernel has."""

    def __init__(self, kept=(), there=()):
        self.kept, self.there = list(kept), list(there)
        self.code, self.said = 0, "All as confirmed."

    def run(self, argv, check=True):
        lines = [f"  {number}  {change.name:30} confirmed 3 s ago\n"
                 for number, change in enumerate(self.kept, 1)]
        said = "".join(lines) if "--list" in argv else self.said
        return types.SimpleNamespace(returncode=self.code, stdout=said, stderr="")

    def ip(self, *_words):
        return USUAL + "".join(f"{change.priority}:\tfrom all to {change.to} lookup main proto 153\n"
                               for change in self.there)


class Agreement(unittest.TestCase):
    def setUp(self):
        self.change = acts.Change("drill-1", 1, list(NODES))
        self.hosts = {name: Host([self.change], [self.change]) for name in NODES}
        self.told = {name: {**IDLE, "generations": [{"change": "drill-1"}]} for name in NODES}
        town = types.SimpleNamespace(lab=self.hosts, changes={"drill-1": self.change}, signed=[],
                                     fleet=types.SimpleNamespace(nodes=lambda: self.told),
                                     orders={})
        self.session = people.Session(town, 1)

    def disagreements(self):
        return list(self.session.disagreements())

    def test_all_agree(self):
        self.assertEqual(self.disagreements(), [])

    def test_the_kernel_has_lost_it(self):
        self.hosts["calypso"].there.clear()
        self.assertIn("calypso", *self.disagreements())

    def test_the_journal_has_lost_it(self):
        self.hosts["calypso"].kept.clear()
        self.assertIn("the journal []", *self.disagreements())

    def test_the_controller_says_another(self):
        self.told["srv712429"]["generations"] = []
        self.assertIn("the controller says []", *self.disagreements())

    def test_a_rule_twice(self):
        self.hosts["srv712695"].there.append(self.change)
        self.assertIn("twice", *self.disagreements())

    def test_a_rule_of_no_change(self):
        self.hosts["srv712695"].there.append(acts.Change("of-no-change", 9, []))
        self.assertIn("that no change has put", *self.disagreements())

    def test_something_is_open(self):
        self.told["calypso"]["state"] = "on trial"
        self.assertIn("calypso is on trial", *self.disagreements())

    def test_nobody_knows(self):
        self.told["calypso"]["known"] = False
        self.assertIn("known False", *self.disagreements())

    def test_a_change_is_told_from_one_with_its_beginning(self):
        longer = acts.Change("drill-10", 10, [])
        self.assertFalse(longer.stands_in(self.hosts["calypso"].ip()))


class Answers(unittest.TestCase):
    def setUp(self):
        self.answer = types.SimpleNamespace(returncode=1, stdout="", stderr="refused: why\n")
        fleet = types.SimpleNamespace(ctl=lambda *words, check: self.answer)
        self.session = people.Session(types.SimpleNamespace(
            lab={"calypso": Host()}, fleet=fleet, changes={}, signed=[], orders={}), 1)

    def test_a_refusal_with_its_reason(self):
        self.assertEqual(self.session.say("rollout", "next"), 1)

    def test_a_refusal_without_a_word(self):
        self.answer.stderr = "\n"
        with self.assertRaisesRegex(AssertionError, "no word"):
            self.session.say("rollout", "next")

    def test_a_program_that_ended_itself(self):
        self.answer.returncode = -6
        with self.assertRaisesRegex(AssertionError, "ended with -6"):
            self.session.say("rollout", "next")

    def test_a_rescue_without_a_word(self):
        self.session.lab["calypso"].said = ""
        with self.assertRaises(AssertionError):
            self.session.on_node("calypso", ["--list"])


class Logs(unittest.TestCase):
    """What a program may never say is seen in its log, as those who say it write it."""

    LINES = ("oceanid-guard: trial.c:71: trial_step: Assertion `node->open' failed.",
             "==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602",
             "undo.c:71:9: runtime error: signed integer overflow")

    def judge(self, text):
        with tempfile.TemporaryDirectory() as name:
            log = pathlib.Path(name, "hosts", "calypso", "log", "oceanid-guard.log")
            log.parent.mkdir(parents=True)
            log.write_text(text, encoding="utf-8")
            people.judge_logs(types.SimpleNamespace(folder=pathlib.Path(name)), {})

    def test_what_is_never_said(self):
        for line in self.LINES:
            with self.subTest(line), self.assertRaisesRegex(AssertionError, "calypso"):
                self.judge(f"started\n{line}\n")

    def test_what_may_be_said(self):
        self.judge("started\nwarning: a disk is full\n")


class Storm(unittest.TestCase):
    """eth0 has its addresses unless a test says otherwise."""

    def setUp(self):
        self.rock = storm.Rock.__new__(storm.Rock)
        for family in ("ipv4", "ipv6"):
            setattr(self.rock, family, types.SimpleNamespace(
                family=family, has_rules=lambda: True, ssh=lambda: "SSH-2.0", whole=lambda: True))
        self.addresses = "inet 203.0.113.10/24 inet6 2001:db8:1::10/64 inet6 fe80::1/64"
        self.rock.has = lambda *parts: all(part in self.addresses for part in parts)
        patched = mock.patch.object(storm, "wait_until",
                                    lambda fn, _deadline_s, what: wait.wait_until(fn, 0, what))
        patched.start()
        self.addCleanup(patched.stop)

    def lives(self, *lines):
        self.rock.lives([(line, 0) for line in lines])

    def test_all_lives(self):
        self.lives("ip rule flush")
        self.rock.is_whole()

    def test_rules_are_missing(self):
        for family in ("ipv4", "ipv6"):
            with self.subTest(family), mock.patch.object(getattr(self.rock, family), "has_rules",
                                                         lambda: False):
                self.assertRaises(wait.Timeout, self.lives, "ip rule flush")

    def test_no_ssh(self):
        for family in ("ipv4", "ipv6"):
            with self.subTest(family), mock.patch.object(getattr(self.rock, family), "ssh",
                                                         lambda: None):
                self.assertRaises(wait.Timeout, self.lives, "ip rule flush")
                self.assertRaises(wait.Timeout, self.rock.is_whole)

    def test_without_an_address_there_is_none(self):
        self.rock.ipv4.ssh = self.rock.ipv6.ssh = lambda: None
        self.addresses = ""
        self.lives("ip address flush dev eth0")

    def test_not_as_they_were(self):
        self.rock.ipv6.whole = lambda: False
        self.assertRaises(wait.Timeout, self.rock.is_whole)


if __name__ == "__main__":
    unittest.main()
