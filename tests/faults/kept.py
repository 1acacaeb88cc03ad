"""kept: what the controller's disk says right behind its death, by a look of its own at a copy of
the database; and that nothing that was seen before is missing there.

Shares no code with the product but the numbers of two enums, which the columns hold.
"""

import pathlib
import shutil
import sqlite3
import tempfile

FOLDER = "/var/lib/oceanid/controller"
FILES = ("controller.db", "controller.db-wal")
ON_TRIAL, REFUSED = 4, 3                     # controller/core/target.h: enum target_says
RECEIPTS = ("confirmed", "reverted", "incomplete", "popped", "tombstone", "refused")
# How far a node was seen to be, by the words that people see.
RANKS = {"applying": 1, "on trial": 1, "in doubt": 1, "incomplete": 1, "reverting": 1,
         "confirmed": 2, "reverted": 3, "popped": 3, "tombstone": 3}
RECEIPT_RANKS = {"confirmed": 2, "incomplete": 1, "reverted": 3, "popped": 3, "tombstone": 3}


class Kept:
    """One look: rollouts {sequence: row}, targets {(sequence, node): row}, audit {index: row},
    receipts {(node, sequence): how many}."""

    def __init__(self, host):
        with tempfile.TemporaryDirectory(prefix="oceanid-kept-") as folder:
            for name in FILES:
                path = host.path(f"{FOLDER}/{name}")
                if path.exists():
                    shutil.copyfile(path, pathlib.Path(folder, name))
            with sqlite3.connect(pathlib.Path(folder, FILES[0])) as database:
                database.row_factory = sqlite3.Row
                self._read(database)
            database.close()

    def _read(self, database):
        answer = database.execute("PRAGMA integrity_check").fetchone()[0]
        assert answer == "ok", f"the database behind the kill: {answer}"
        self.rollouts = {row["sequence"]: row for row in database.execute(
            "SELECT id, sequence, state, stage, aborted, emergency, ended_at FROM rollouts")}
        self.targets = {(row["of"], row["name"]): row for row in database.execute(
            "SELECT r.sequence AS of, t.name, t.says, t.in_doubt, t.receipt FROM targets t"
            " JOIN rollouts r ON r.id = t.rollout")}
        self.audit = {row["id"]: tuple(row) for row in database.execute("SELECT * FROM audit")}
        self.receipts = {(row["node"], row["sequence"]): row["n"] for row in database.execute(
            "SELECT node, sequence, count(*) AS n FROM receipts GROUP BY node, sequence")}

    def rank(self, sequence, node):
        """How far that node is: 0 untouched, 1 it may be touched, 2 confirmed, 3 it is back."""
        row = self.targets.get((sequence, node))
        if row is None:
            return 0
        known = RECEIPTS[row["receipt"]] if row["receipt"] < len(RECEIPTS) else ""
        touched = row["in_doubt"] or row["says"] >= ON_TRIAL
        return max(RECEIPT_RANKS.get(known, 0), 1 if touched else 0)

    def said_by(self, who):
        return sum(row[2] == who for row in self.audit.values())

    def check_behind(self, earlier):
        """What an earlier look found is here too: the audit row by row, hashes and all."""
        for index, row in earlier.audit.items():
            assert self.audit.get(index) == row, \
                f"audit row {index} was {row}, now it is {self.audit.get(index)}"
        assert sorted(self.audit) == list(range(1, len(self.audit) + 1)), "the audit has a gap"
        for sequence in earlier.rollouts:
            assert sequence in self.rollouts, f"sequence {sequence} is not known any more"
        for key, count in earlier.receipts.items():
            assert self.receipts.get(key, 0) >= count, f"a receipt of {key} is gone"


class Seen:
    """What was acknowledged to people, told by the API or touched on a node."""

    def __init__(self, who):
        self.who = who
        self.commands = 0       # of that person, each acknowledged: it is in the audit
        self.ranks = {}         # (sequence, node): how far it was seen to be
        self.flags = {}         # sequence: what was acknowledged of it, "aborted", "emergency"
        self.looked = None      # the last look at the disk

    def note_rollout(self, rollout):
        for node in rollout["nodes"]:
            self.note_rank(rollout["sequence"], node["name"], RANKS.get(node["state"], 0))

    def note_rank(self, sequence, node, rank):
        key = (sequence, node)
        self.ranks[key] = max(self.ranks.get(key, 0), rank)

    def note_command(self, sequence=None, flag=None):
        self.commands += 1
        if flag is not None:
            self.flags.setdefault(sequence, set()).add(flag)

    def check(self, kept):
        """All of it is on the disk."""
        for (sequence, node), rank in self.ranks.items():
            assert kept.rank(sequence, node) >= rank, \
                f"{node} was seen at {rank} of sequence {sequence}, the disk has " \
                f"{kept.rank(sequence, node)}: {dict(kept.targets.get((sequence, node)) or {})}"
        for sequence, flags in self.flags.items():
            for flag in flags:
                assert kept.rollouts[sequence][flag], f"'{flag}' of {sequence} is not on the disk"
        assert kept.said_by(self.who) >= self.commands, \
            f"{self.commands} commands of {self.who} were acknowledged, " \
            f"the audit has {kept.said_by(self.who)}"
        if self.looked is not None:
            kept.check_behind(self.looked)
        self.looked = kept
