"""The judges of the controller's deaths (kept.py, restarts.py): what was acknowledged and is not on
the disk is seen, and a command that had a second effect."""

import collections
import pathlib
import sqlite3
import tempfile
import types
import unittest
from unittest import mock

import made_up

import kept
import restarts
from watch import RTM_DELROUTE, RTM_NEWROUTE

WHO, NODE = "operator", made_up.ground.NODE
SCHEMA = """
CREATE TABLE rollouts (id INTEGER, sequence INTEGER, state INTEGER, stage INTEGER, aborted INTEGER,
                       emergency INTEGER, ended_at INTEGER);
CREATE TABLE targets (rollout INTEGER, name TEXT, says INTEGER, in_doubt INTEGER, receipt INTEGER);
CREATE TABLE audit (id INTEGER, at INTEGER, who TEXT, what TEXT, hash TEXT);
CREATE TABLE receipts (node TEXT, sequence INTEGER, kind INTEGER);
INSERT INTO rollouts VALUES (1, 7, 3, 0, 1, 0, 0);
INSERT INTO targets VALUES (1, 'srv712695', 4, 0, 0), (1, 'calypso', 0, 0, 9);
INSERT INTO audit VALUES (1, 10, 'operator', 'start', 'aa'), (2, 11, 'guard', 'confirmed', 'bb'),
                         (3, 12, 'operator', 'abort', 'cc');
INSERT INTO receipts VALUES ('srv712695', 7, 0);
"""


class Disk(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="oceanid-judges-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = self.folder / "controller.db"
        self.write(SCHEMA)

    def write(self, lines):
        with sqlite3.connect(self.path) as database:
            database.executescript(lines)
        database.close()

    def look(self):
        host = types.SimpleNamespace(path=lambda inside: self.folder / pathlib.Path(inside).name)
        return kept.Kept(host)

    def seen(self):
        """Somebody who has seen all that the disk has."""
        seen = kept.Seen(WHO)
        seen.note_rollout({"sequence": 7, "nodes": [{"name": NODE, "state": "confirmed"},
                                                    {"name": "calypso", "state": "waiting"}]})
        seen.note_command(7)
        seen.note_command(7, "aborted")
        return seen

    def test_all_of_it_is_there(self):
        seen = self.seen()
        seen.check(self.look())
        self.write("INSERT INTO audit VALUES (4, 13, 'guard', 'popped', 'dd')")
        seen.check(self.look())

    LOST = [
        ("how far a node was", "UPDATE targets SET says = 0, receipt = 9 WHERE name = 'srv712695'",
         "srv712695 was seen at 2"),
        ("a confirmation", "UPDATE targets SET receipt = 9 WHERE name = 'srv712695'",
         "srv712695 was seen at 2"),
        ("an abort", "UPDATE rollouts SET aborted = 0", "'aborted' of 7 is not on the disk"),
        ("a command", "UPDATE audit SET who = 'guard' WHERE id = 3", "commands of operator"),
    ]
    LOST_SINCE = [
        ("an audit's row", "UPDATE audit SET what = 'next' WHERE id = 1", "audit row 1 was"),
        ("its hash", "UPDATE audit SET hash = 'ee' WHERE id = 2", "audit row 2 was"),
        ("the audit's end", "DELETE FROM audit WHERE id = 2", "audit row 2 was"),
        ("a gap in the audit", "INSERT INTO audit VALUES (9, 13, 'guard', '', '')",
         "the audit has a gap"),
        ("a receipt", "DELETE FROM receipts", "a receipt of"),
    ]

    def test_what_was_acknowledged_and_is_not_there(self):
        for what, lines, words in self.LOST:
            with self.subTest(what):
                self.path.unlink()
                self.write(SCHEMA + lines)
                with self.assertRaises(AssertionError) as raised:
                    self.seen().check(self.look())
                self.assertIn(words, str(raised.exception))

    def test_what_an_earlier_look_found_and_is_not_there(self):
        for what, lines, words in self.LOST_SINCE:
            with self.subTest(what):
                self.path.unlink()
                self.write(SCHEMA)
                seen = self.seen()
                seen.check(self.look())
                self.write(lines)
                with self.assertRaises(AssertionError) as raised:
                    seen.check(self.look())
                self.assertIn(words, str(raised.exception))

    def test_a_rollout_that_is_forgotten(self):
        seen = kept.Seen(WHO)
        seen.check(self.look())
        self.write("DELETE FROM rollouts")
        with self.assertRaisesRegex(AssertionError, "sequence 7 is not known any more"):
            seen.check(self.look())

    def test_a_disk_that_does_not_hold_together(self):
        self.write("INSERT INTO receipts VALUES ('calypso', NULL, 0);"
                   "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = "
                   "replace(sql, 'sequence INTEGER', 'sequence INTEGER NOT NULL')"
                   " WHERE name = 'receipts'")
        with self.assertRaisesRegex(AssertionError, "the database behind the kill: NULL value"):
            self.look()

    def test_a_disk_that_is_torn(self):
        self.path.write_bytes(self.path.read_bytes()[:4096] + b"\xff" * 8192)
        with self.assertRaises((AssertionError, sqlite3.DatabaseError)):
            self.look()


class Touches:
    def __init__(self, came, went, drill):
        self.count = collections.Counter()
        for route in drill.routes:
            self.count[RTM_NEWROUTE, route] = came
            self.count[RTM_DELROUTE, route] = went

    def look(self, wait_s=0):
        pass


class Story(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="oceanid-judges-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in restarts.NODES:
            (self.folder / name).mkdir()
        patch = mock.patch.object(made_up.dump.localapi, "prefs", lambda host: host.read_prefs())
        patch.start()
        self.addCleanup(patch.stop)

    def story(self, stands, came=1, went=None, receipts=1):
        """A rollout over two made-up hosts, told to its end."""
        story = restarts.Story.__new__(restarts.Story)
        story.drill = restarts.Pair(3, "routes")
        story.sequences = [made_up.SEQUENCE]
        story._lock = mock.MagicMock()
        hosts = {name: made_up.Host(self.folder / name) for name in restarts.NODES}
        bases = {name: made_up.dump.read(host) for name, host in hosts.items()}
        for host in hosts.values():
            if stands:
                self.change(host, story.drill)
            host.tell("confirmed")
        went = (0 if stands else came) if went is None else went
        story.touches = {name: Touches(came, went, story.drill) for name in hosts}
        story.ground = types.SimpleNamespace(
            hosts=hosts, bases=bases, fleet=types.SimpleNamespace(controller=None))
        self.receipts = {(name, made_up.SEQUENCE): receipts for name in hosts}
        return story

    @staticmethod
    def change(host, drill):
        for route in drill.routes:
            host.put_route({"dst": route, "dev": "eth0", "protocol": "153", "scope": "link",
                            "flags": []})
        host.put_rule(made_up.rule_of(drill))

    def judge(self, story, outcome, states):
        looked = types.SimpleNamespace(receipts=self.receipts)
        with mock.patch.object(restarts, "Kept", lambda _host: looked), \
                mock.patch.object(restarts, "wait_until", self.once):
            story.judge({"outcome": outcome, "nodes": [
                {"name": name, "state": state}
                for name, state in zip(restarts.NODES, states, strict=True)]})

    @staticmethod
    def once(fn, _deadline_s, what, **_):
        """Nothing comes later in a made-up world."""
        answer = fn()
        assert answer, f"waited for {what}"
        return answer

    def test_as_the_end_says(self):
        self.judge(self.story(True), "complete", ("confirmed", "confirmed"))
        self.judge(self.story(False), "reverted", ("reverted", "popped"))
        self.judge(self.story(False, came=0), "aborted", ("untouched", "tombstone"))

    WRONG = [
        ("a node is not as the end says", {"stands": True}, "complete", ("confirmed", "reverted"),
         "but calypso is reverted"),
        ("a node kept it", {"stands": False}, "reverted", ("confirmed", "reverted"),
         "is confirmed"),
        ("the kernel has it not", {"stands": False}, "complete", ("confirmed", "confirmed"),
         "MIXED"),
        ("the kernel kept it", {"stands": True}, "reverted", ("reverted", "reverted"), "MIXED"),
        ("a route came twice", {"stands": False, "came": 2}, "reverted", ("reverted", "reverted"),
         "came 2 times"),
        ("a route came, went and came", {"stands": True, "came": 2, "went": 1}, "complete",
         ("confirmed", "confirmed"), "came 2 times and went 1"),
        ("a route went that never came", {"stands": False, "came": 0, "went": 1}, "reverted",
         ("reverted", "reverted"), "went 1 times"),
        ("a receipt is not kept", {"stands": True, "receipts": 0}, "complete",
         ("confirmed", "confirmed"), "receipts of srv712695 to be kept"),
    ]

    def test_each_way_of_being_another(self):
        for what, made, outcome, states, words in self.WRONG:
            with self.subTest(what):
                with self.assertRaises(AssertionError) as raised:
                    self.judge(self.story(**made), outcome, states)
                self.assertIn(words, str(raised.exception))

    def test_a_receipt_that_was_signed_twice(self):
        story = self.story(True)
        story.ground.hosts[NODE].say(
            f"info: receipt 9: sequence {made_up.SEQUENCE} confirmed (ordered)")
        with self.assertRaisesRegex(AssertionError, "told"):
            self.judge(story, "complete", ("confirmed", "confirmed"))


if __name__ == "__main__":
    unittest.main()
