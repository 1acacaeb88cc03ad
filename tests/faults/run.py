"""run: trials with something broken in the middle of them, on real programs in the lab.

usage: run.py kill|deadman|actors [--long] [--count N] [--class NAME] [--grounds N] [--seed N]

  --long      full counts; --count N: as many of them (deadman: of each class)
  --class     deadman, actors: only this one
  --grounds   labs at a time
  --seed N    replays the one trial of that seed; what it does and when follows from the seed alone,
              what the machine does in between does not: repeat it if it passes

A failure keeps its hosts' logs in build/faults. Needs root, and OCEANID_BIN or a release build.
"""

import argparse
import itertools
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
os.environ.setdefault("OCEANID_BIN", str(ROOT / "build/release/bin"))

import kill  # noqa: E402
from campaign import Campaign  # noqa: E402

TIERS = {"kill": kill}


def run_kill(options):
    if options.seed is not None:
        return Campaign("kill", kill, [kill.plan(options.seed)]).run(1)
    wanted = options.count or (kill.LONG if options.long else kill.SHORT)
    plans = (kill.plan(seed) for seed in itertools.count(options.first_seed))
    return Campaign("kill", kill, plans, wanted).run(options.grounds or kill.GROUNDS)


RUNNERS = {"kill": run_kill}


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
