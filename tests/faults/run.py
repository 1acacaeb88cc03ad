"""run: trials with something broken in the middle of them, on real programs in the lab.

usage: run.py kill|deadman|actors|people|storm [--long] [--count N] [--class NAME] [--grounds N]
              [--seed N]

  --long      full counts; --count N: as many of them (deadman: of each class)
  --class     deadman: only this one; kill: node or controller; actors: standin or real, which
              tailscaled is among them
  --grounds   labs at a time
  --seed N    replays the one trial of that seed; what it does and when follows from the seed alone,
              what the machine does in between does not: repeat it if it passes

A failure keeps its hosts' logs in build/faults. Needs root, and OCEANID_BIN or a release build.
"""

import argparse
import concurrent.futures
import itertools
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
os.environ.setdefault("OCEANID_BIN", str(ROOT / "build/release/bin"))

import actors  # noqa: E402
import actors_real  # noqa: E402
import breaks  # noqa: E402
import deadman  # noqa: E402
import delayed  # noqa: E402
import kill  # noqa: E402
import people  # noqa: E402
import restarts  # noqa: E402
import storm  # noqa: E402
from campaign import Campaign  # noqa: E402
from lab import tailnet_real  # noqa: E402


DELAYED = "statements-delayed"


def run_counted(tier):
    """The runner of a tier that goes on until enough has been counted."""
    def run(options):
        if options.seed is not None:
            return Campaign(options.tier, tier, [tier.plan(options.seed)]).run(1)
        wanted = options.count or (tier.LONG if options.long else tier.SHORT)
        plans = (tier.plan(seed) for seed in itertools.count(options.first_seed))
        return Campaign(options.tier, tier, plans, wanted).run(options.grounds or tier.GROUNDS)
    return run


def run_delayed(options):
    """Of the long form a few for ten minutes, beside the others."""
    count = options.count or (delayed.LONG if options.long else delayed.SHORT)
    seed = options.seed if options.seed is not None else options.first_seed
    longest = min(count, delayed.LONGEST) if options.long else 0
    with concurrent.futures.ThreadPoolExecutor() as beside:
        runs = [beside.submit(delayed.DelayedCampaign(each, hold_s, seed).run)
                for each, hold_s in ((longest, delayed.LONG_HOLD_S),
                                     (count - longest, delayed.SHORT_HOLD_S)) if each > 0]
        return all([run.result() for run in runs])


def run_kill(options):
    """Whoever is on the node, and the controller; a seed without a class is the node's."""
    kinds = {"node": kill, "controller": restarts}
    chosen = options.kind or ("node" if options.seed is not None else None)
    return all([run_counted(tier)(options) for name, tier in kinds.items()
                if chosen in (None, name)])


def run_actors(options):
    """Both kinds beside each other; a seed without a class is the stand-in's."""
    kinds = {"standin": actors, "real": actors_real}
    chosen = options.kind or ("standin" if options.seed is not None else None)
    lack = tailnet_real.missing()
    if lack and chosen in (None, "real"):
        print(f"skipped actors beside the real tailscaled: {lack}", flush=True)
        del kinds["real"]
    tiers = [tier for name, tier in kinds.items() if chosen in (None, name)]
    with concurrent.futures.ThreadPoolExecutor() as beside:
        return all(list(beside.map(lambda tier: run_counted(tier)(options), tiers)))


def is_possible(name):
    """Whether this machine can break a trial in that way; says what is missing."""
    for base in (breaks.CPU, breaks.MEMORY):
        if name == "full-load" and not (base / "tasks").exists():
            print(f"skipped deadman {name}: expected control groups (version 1) at {base}, observed"
                  " none; mount them there", flush=True)
            return False
    return True


def run_deadman(options):
    """All classes; those that hold statements back run beside the others."""
    names = [options.kind] if options.kind else [*deadman.CLASSES, DELAYED]
    names = [name for name in names if is_possible(name)]
    count = options.count or (deadman.LONG if options.long else deadman.SHORT)
    seeds = [options.seed] if options.seed is not None else \
        range(options.first_seed, options.first_seed + count)
    plans = [deadman.plan(name, seed) for name in names if name != DELAYED for seed in seeds]
    plans.sort(key=deadman.ground_kind)
    with concurrent.futures.ThreadPoolExecutor() as beside:
        late = beside.submit(run_delayed, options) if DELAYED in names else None
        good = not plans or Campaign("deadman", deadman, plans).run(
            options.grounds or deadman.GROUNDS)
        return (late is None or late.result()) and good


RUNNERS = {"kill": run_kill, "deadman": run_deadman, "actors": run_actors,
           "people": run_counted(people), "storm": run_counted(storm)}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("tier", choices=sorted(RUNNERS))
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--count", type=int)
    parser.add_argument("--class", dest="kind")
    parser.add_argument("--grounds", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--first-seed", type=int, default=1)
    options = parser.parse_args()
    return 0 if RUNNERS[options.tier](options) else 1


if __name__ == "__main__":
    sys.exit(main())
