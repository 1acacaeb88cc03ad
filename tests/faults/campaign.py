"""campaign: runs trials by seeds on several grounds at a time, counts, and keeps what failed."""

import collections
import pathlib
import shutil
import statistics
import threading
import time
import traceback

from ground import NotTried, UndisturbedFailed
from lab.ends import EndedItself

ROOT = pathlib.Path(__file__).resolve().parents[2]
GROUND_ATTEMPTS = 5
NOT_TRIED_MAX = 4
KEPT = ROOT / "build/faults"


class Campaign:
    """tier: a module with make_ground(plan), ground_kind(plan), trial(ground, plan) -> (count, end,
    notes, seconds or None), replay(plan) and TRIALS_A_GROUND. wanted: the count that is enough."""

    def __init__(self, name, tier, plans, wanted=None):
        self.name, self.tier, self.wanted = name, tier, wanted
        self.plans = iter(plans)
        self.count, self.trials, self.failures = 0, 0, []
        self.ends, self.notes, self.failed = (collections.Counter() for _ in range(3))
        self.took_s = collections.defaultdict(list)
        self.again, self.not_tried = [], collections.Counter()  # plans; how often, by seed
        self._lock = threading.Lock()
        self._began = time.monotonic()

    def next_plan(self):
        with self._lock:
            if self.wanted is not None and self.count >= self.wanted:
                return None
            return self.again.pop() if self.again else next(self.plans, None)

    def run(self, grounds):
        """Returns True when nothing failed."""
        workers = [threading.Thread(target=self._work) for _ in range(grounds)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        print("\n".join([*self.figures(), self.summary()]), flush=True)
        return not self.failures

    def figures(self):
        for note, times in sorted(self.notes.items()):
            yield f"  {times:5} {note}"
        for end, took in sorted(self.took_s.items()):
            yield (f"  {end}: {len(took)} of {len(took) + self.failed[end]}, median "
                   f"{statistics.median(took):.2f} s, longest {max(took):.2f} s")

    def summary(self):
        ends = ", ".join(f"{count} {end}" for end, count in sorted(self.ends.items()))
        return (f"{self.name}: {self.count} in {self.trials} trials ({ends}), "
                f"{len(self.failures)} failed, {sum(self.not_tried.values())} not tried, "
                f"{time.monotonic() - self._began:.0f} s")

    # -- one worker ---------------------------------------------------------------------------

    def _work(self):
        ground, kind, used = None, None, 0
        try:
            while (plan := self.next_plan()) is not None:
                wanted_kind = self.tier.ground_kind(plan)
                if ground is not None and (kind != wanted_kind
                                           or used >= self.tier.TRIALS_A_GROUND):
                    self._close(ground)
                    ground = None
                if ground is None:
                    ground, kind, used = self._ground(plan), wanted_kind, 0
                used += 1
                if not self._one(ground, plan) or ground.spent:
                    self._close(ground)
                    ground = None
        except Exception as error:  # a thread's end would go unseen
            with self._lock:
                self.failures.append(None)
                print(f"FAILED {self.name}: no ground to try on: {error}", flush=True)
        finally:
            if ground is not None:
                self._close(ground)

    def _close(self, ground):
        try:
            ground.close()
        except EndedItself as error:
            self._fail(error)

    def _fail(self, error):
        with self._lock:
            self.failures.append(None)
            print(f"FAILED {self.name}: {error}", flush=True)

    def _ground(self, plan):
        """A lab that comes up half, on a busy machine, gets another chance; what went wrong in it
        without being disturbed is a failure all the same."""
        for _ in range(GROUND_ATTEMPTS - 1):
            try:
                return self.tier.make_ground(plan)
            except Exception as error:
                if isinstance(error, (EndedItself, UndisturbedFailed)):
                    self._fail(error)
                print(f"{self.name}: another ground is made: {error}", flush=True)
        return self.tier.make_ground(plan)

    def _one(self, ground, plan):
        """False when it failed: the ground is not to be used again."""
        try:
            count, end, notes, took_s = self.tier.trial(ground, plan)
        except NotTried as error:
            self._try_again(ground, plan, error)
            return False
        except Exception as error:  # whatever it was, the campaign goes on and says so
            self._keep(ground, plan, error)
            return False
        with self._lock:
            self.count += count
            self.trials += 1
            self.ends[end] += 1
            self.notes.update(notes)
            if took_s is not None:
                self.took_s[end].append(took_s)
            if self.trials % 50 == 0:
                print(self.summary(), flush=True)
        return True

    def _try_again(self, ground, plan, error):
        """From the beginning, on another ground; a plan that never gets there is a failure."""
        key = (plan.get("class"), plan["seed"])
        with self._lock:
            self.not_tried[key] += 1
            spent = self.not_tried[key] == NOT_TRIED_MAX
            if not spent:
                self.again.append(plan)
                where = self._keep_logs(ground, plan, "-not-tried", error)
                print(f"{self.name}: not tried, {key}: {str(error)[:300]} (whole, with its logs: "
                      f"{where})", flush=True)
        if spent:
            self._keep(ground, plan, error)

    def _keep_logs(self, ground, plan, suffix, error):
        """What was logged and what came of it, in a folder of its own; returns that."""
        where = KEPT / f"{self.name}-{plan.get('class', 'any')}-{plan['seed']}{suffix}"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
        (where / "error.txt").write_text(f"{plan}\n{error}\n")
        for log in ground.lab.folder.glob("hosts/*/log/*.log"):
            to = where / log.parts[-3] / log.name
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, to)
        return where

    def _keep(self, ground, plan, error):
        """The logs go to build/faults, the seed and how to replay it to the screen."""
        where = self._keep_logs(ground, plan, "", error)
        with self._lock:
            self.trials += 1
            self.failures.append(plan["seed"])
            self.failed[plan.get("class")] += 1
            print(f"FAILED {self.name} seed {plan['seed']}: {plan}\n{error}\n"
                  + "".join(traceback.format_tb(error.__traceback__)[-3:])
                  + f"its logs: {where}\nreplay: {self.tier.replay(plan)}", flush=True)
