"""people: several people at their terminals, power and networks do to a fleet what they like, at
random (acts.py). Then it is quiet, and the fleet has to be one that works and agrees with itself:
nothing open, what controller, guards and kernels say of each node is the same, and a change goes
through on all of them, whatever an operator has to type for that being what the refusals say.
"""

import json
import random
import re
import threading
import time

import acts
from ground import ROLLBACK
from lab import Lab
from lab.fleet import PKI, Fleet
from lab.topology import NODES
from lab.wait import wait_until

SHORT, LONG = 4, 300            # sessions
GROUNDS = 2
TRIALS_A_GROUND = 15
SOAK, LEASE = "2s", "12s"
OTHER = f"{PKI}-other"          # a second desk: the same keys, and a ledger of its own
SMALL_DISK = "16m"
CODES = range(6)
HEALED_S, ENDED_S, AGREED_S, THROUGH_S = 180, 240, 90, 200
ENDED = ("complete", "reverted", "aborted", "halted", "incomplete")
# What lifts a hold that people have put; a quarantine is lifted by an approval alone.
LIFTED_BY_HAND = ("freeze", "pause", "window")
UNENDED = re.compile(r"change (\S+) \(sequence \d+\) is signed and not ended")
# Of any of the programs, at any time.
NEVER_SAID = ("Sanitizer", "runtime error:", "Assertion", "assertion", "internal error")
WORDS_OF_RULES = "to 198.18."


def plan(seed):
    return {"seed": seed}


def ground_kind(_plan):
    return "plain"


def replay(plan_):
    return f"tests/faults/run.py people --seed {plan_['seed']}"


def make_ground(_plan):
    return Town()


class Town:
    """A fleet, led from a host of its own, and what its people have made of it so far."""

    def __init__(self):
        self.lab = Lab.build(tailnet="standin")
        self.spent = False
        try:
            self.fleet = Fleet(self.lab, controller="control", soak=SOAK, lease=LEASE).install()
            self.fleet.operator.run(["cp", "-a", PKI, OTHER])
            self.move_to_a_small_disk()
        except BaseException:
            self.lab.close()
            raise
        self.changes, self.signed, self.orders = {}, [], {}

    def move_to_a_small_disk(self):
        """The controller's state; one that can be filled."""
        host = self.fleet.controller
        host.stop_unit(acts.CONTROLLER)
        host.run(["sh", "-ec", f"""
            mkdir /run/aside && cp -a {acts.STATE}/. /run/aside/
            mount -t tmpfs -o size={SMALL_DISK},mode=700 small {acts.STATE}
            cp -a /run/aside/. {acts.STATE}/ && chown --reference=/run/aside {acts.STATE}"""])
        host.start_unit(acts.CONTROLLER)

    def close(self):
        self.lab.close()


class Session:
    """One seed's acts on a town, with all that was typed and how it was answered."""

    def __init__(self, town, seed):
        self.town, self.lab, self.fleet, self.seed = town, town.lab, town.fleet, seed
        self.changes, self.signed, self.orders = town.changes, town.signed, town.orders
        self.typed = []

    # -- what acts use ------------------------------------------------------------------------

    def next_change(self, targets):
        number = len(self.changes) + 1
        change = acts.Change(f"drill-{number}", number, targets)
        self.changes[change.name] = change
        return change

    @staticmethod
    def approval(change):
        return "--approve", change.name, "--justify", "a drill"

    def note(self, text):
        self.typed.append(f"  * {text}")

    @staticmethod
    def some_desk(rng):
        return rng.choices((PKI, OTHER), (5, 1))[0]

    def say(self, *words, desk=PKI):
        """A command of oceanidctl, whatever it ends with. Returns the exit code."""
        return self.ask(*words, desk=desk).returncode

    def ask(self, *words, desk=PKI):
        done = self.fleet.ctl(*words, "--pki", desk, check=False)
        said = (done.stdout + done.stderr).strip()
        line = " ".join(words if desk == PKI else ("(the other desk)", *words))
        self.typed.append(f"  $ {line} -> {done.returncode}  {said.splitlines()[-1:]}")
        assert done.returncode in CODES, f"`{line}` ended with {done.returncode}: {said}"
        assert said or done.returncode == 0, f"`{line}` ended with {done.returncode}, and no word"
        return done

    def on_node(self, name, words):
        done = self.lab[name].run([ROLLBACK, *words], check=False)
        said = (done.stdout + done.stderr).strip()
        self.typed.append(f"  # {name}: {' '.join(words)} -> {done.returncode}"
                          f"  {said.splitlines()[-1:]}")
        assert done.returncode in CODES and said, f"{words} at {name}: {done.returncode} {said}"

    def holds(self):
        """Those in force; none while nobody can be asked."""
        done = self.fleet.ctl("hold", "list", "-o", "json", check=False)
        return json.loads(done.stdout)["holds"] if done.returncode == 0 else []

    # -- a session ----------------------------------------------------------------------------

    def run(self):
        rng = random.Random(f"people {self.seed}")
        acts.start(self, rng)
        for _ in range(rng.randint(5, 14)):
            time.sleep(rng.choice((0, 0, 0.3, 1, 3, 6)))
            if rng.random() < 0.2:
                self.two_at_once(rng)
            else:
                acts.some(rng)(self, rng)

    def two_at_once(self, rng):
        failed = []

        def other(act, its_rng):
            try:
                act(self, its_rng)
            except Exception as error:  # a thread's end would go unseen
                failed.append(error)
        second = threading.Thread(target=other, args=(acts.some(rng), random.Random(rng.random())))
        second.start()
        try:
            acts.some(rng)(self, rng)
        finally:
            second.join()
        if failed:
            raise failed[0]

    # -- quiet --------------------------------------------------------------------------------

    def calm_down(self):
        """What people do when they want their fleet back: all holds lifted, all brought back, and
        of the open rollout what it says itself."""
        for name in NODES:
            self.lab[name].restore_link()
        if not self.fleet.controller.unit(acts.CONTROLLER).active():
            self.fleet.controller.restart_unit(acts.CONTROLLER)
        wait_until(lambda: self.fleet.ctl("status", check=False).returncode in (0, 1), HEALED_S,
                   "the controller to answer")
        for hold in self.holds():
            if hold["kind"] in LIFTED_BY_HAND:
                assert self.say("hold", "lift", str(hold["id"]), "--reason", "quiet") == 0
        for name, node in self.fleet.nodes().items():
            if node["maintenance"]:
                assert self.say("node", "return", name) == 0
        self.fleet.wait_settled(HEALED_S)
        wait_until(self.has_ended, ENDED_S, "the rollout to end by what it says moves it", every_s=1)

    def has_ended(self):
        rollout = self.fleet.rollout()
        if rollout is None or rollout["ended"]:
            return True
        waits = rollout["waits"]
        abort = "rollout abort" in waits["command"]
        if rollout["waiting_for"] != "next" and rollout["outcome"] != "halted":
            self.note(f"waits: {waits['what']}; {waits['how']}: {waits['command']}")
        elif abort or self.say("rollout", "next", "--no-watch") != 0:
            self.say("rollout", "abort", "--reason", "quiet", "--no-watch")
        return False

    # -- judging ------------------------------------------------------------------------------

    def judge(self):
        self.wait_agreed("when all is quiet")
        for name in NODES:
            done = self.lab[name].run([ROLLBACK, "--check"], check=False)
            assert done.returncode == 0, f"{name} is not as confirmed: {done.stdout}{done.stderr}"
        self.go_through()
        self.wait_agreed("after a change that went through and back")

    def wait_agreed(self, when):
        last = ["not asked"]

        def agreed():
            last[0] = "; ".join(self.disagreements())
            return last[0] == ""
        try:
            wait_until(agreed, AGREED_S, "agreement", every_s=0.5)
        except AssertionError:
            raise AssertionError(f"{when} they do not agree: {last[0]}") from None

    def disagreements(self):
        nodes = self.fleet.nodes()
        for name in NODES:
            node = nodes[name]
            if node["state"] != "idle" or not node["known"] or node["trial"]:
                yield f"{name} is {node['state']}, known {node['known']}, trial {node['trial']}"
                continue
            told = {generation["change"] for generation in node["generations"]}
            listed = self.lab[name].run([ROLLBACK, "--list"], check=False).stdout
            kept = set(re.findall(r"^ +\d+  (\S+) +confirmed", listed, re.M))
            rules = self.lab[name].ip("rule", "show")
            there = {each.name for each in self.changes.values() if each.stands_in(rules)}
            if not told == kept == there:
                yield (f"{name}: of {sorted(told | kept | there)} the controller says "
                       f"{sorted(told)}, the journal {sorted(kept)}, the kernel {sorted(there)}")
            if rules.count(WORDS_OF_RULES) != len(there):
                yield f"{name} has a rule that no change has put, or one twice:\n{rules}"

    def go_through(self):
        """A change on all nodes, and back."""
        change = self.next_change(list(NODES))
        path = self.fleet.write_change(change.name, change.text("pause_after: none\n"))
        wait_until(lambda: self.begins(path, change), THROUGH_S, "a change to begin", every_s=2)
        rollout = self.fleet.wait_outcome(ENDED, THROUGH_S)
        said = [f"{node['name']} {node['state']}: {node['sentence']}" for node in rollout["nodes"]]
        assert rollout["outcome"] == "complete", f"{change.name} ended {rollout['outcome']}: {said}"
        assert self.say("emergency-rollback", "--all", "--rollout", str(rollout["id"]), "--yes") == 0

    def begins(self, path, change):
        """An earlier one that was signed and no controller has is ended as its refusal says."""
        done = self.ask("rollout", "start", path, *self.approval(change), "--no-watch")
        unended = UNENDED.search(done.stderr)
        if unended:
            self.note(done.stderr.strip())
            self.say("manifest", "void", unended[1], "--reason", "quiet")
        return done.returncode == 0


def sizes(lab):
    return {log: log.stat().st_size for log in lab.folder.glob("hosts/*/log/oceanid*.log")}


def judge_logs(lab, before):
    """What the programs have logged since."""
    for log in sizes(lab):
        text = log.read_bytes()[before.get(log, 0):].decode(errors="replace")
        said = [line for line in text.splitlines() if any(word in line for word in NEVER_SAID)]
        assert not said, f"{log.parts[-3]}: {log.name}: {said[0]}"


def trial(town, plan_):
    """Returns (1, how its rollouts ended, notes, None)."""
    session = Session(town, plan_["seed"])
    before = sizes(town.lab)
    rollouts = len(town.fleet.json("rollout", "list")["rollouts"])
    try:
        session.run()
        session.calm_down()
        session.judge()
        judge_logs(town.lab, before)
    except Exception as error:
        raise AssertionError("\n".join([f"{type(error).__name__}: {error}", *session.typed])) \
            from error
    made = town.fleet.json("rollout", "list")["rollouts"]
    ends = [f"rollout {one['outcome']}" for one in made[:max(len(made) - rollouts, 0)]]
    return 1, "agreed", ends, None
