#!/usr/bin/python3
"""run: proves that the tests can fail. Each patch beside this file takes one rule or check out of
the shipped code; the tests that its first line names have to fail with it.

usage: tests/mutants/run.py [--short] [NAME ...]

  --short   a sixth of them: which one follows from the number of commits, so that six commits in a
            row take all
  NAME      only patches whose file names begin with one of these

A patch's first line:

  RULE: WHAT IS TAKEN OUT; killed by: TEST ...    every named test has to fail; crash-SCENARIO is
                                                  one in 40 of its states and all of kept.txt (root)
  RULE: WHAT IS PATCHED; holds: TEST ...          a controller that means harm: every named test
                                                  has to pass all the same
  RULE: WHAT IS TAKEN OUT; shrinks to: N          the simulator finds it, shrinks what it found to N
                                                  strikes at most, and what it prints replays it

Works in build/mutants on a copy, without sanitizers. A mutant that does not compile, a patch that
does not apply, and a named test that does not notice are failures.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HERE = pathlib.Path(__file__).resolve().parent
SOURCE, BUILD = ROOT / "build/mutants/src", ROOT / "build/mutants/build"
UNITS = ["apply", "apply_batch", "apply_hold", "apply_hops", "apply_ipv6", "apply_joined",
         "apply_key", "apply_killed", "apply_link", "apply_nexthop", "apply_others", "apply_twice",
         "carry", "carry_work", "change", "check", "checks", "ctl_ledger_room", "ctl_signing",
         "desk_look", "difference", "disk_read", "downlink", "downlink_full", "downlink_reports",
         "fib", "fib_flow", "fib_metric", "fleet", "gates", "gates_fleet", "gates_path",
         "gates_rehearsal", "holds", "journal", "keep", "lead", "lead_backs", "lead_dies",
         "lead_left", "lead_named", "lead_repeat", "lead_void", "lead_words", "lease", "ledger",
         "manifest", "operation", "prepare", "protect", "rehearse", "rehearsing", "rescue_disk",
         "revert", "rollout", "rule_unknown", "rule_words", "run_holder", "run_rescuer",
         "store_beside", "store_disk", "target", "trial", "trust_root", "undo", "undo_batch",
         "undo_made", "undo_profile", "undo_sysctl", "undo_words", "window", "writer"]
TESTS = {f"test_{name}": [f"test_{name}"] for name in UNITS}
TESTS["sim"] = ["sim", "--unshrunk", "--seeds", "1..1200"]
TESTS["sim-hostile"] = ["sim", "--unshrunk", "--hostile", "--seeds", "1..150"]
TESTS["sim-scenarios"] = ["sim", "--scenarios"]
TESTS["sim-stories"] = ["sim", "--stories", str(SOURCE / "tests/data/stories")]
TESTS["sim-safety"] = ["sim", "--unshrunk", "--safety", "--seeds", "1..300"]
TESTS.update({f"crash-{name}": ["crash", "--only", name, "--every", "40"]
              for name in ("void", "void-down", "apart-rescue", "l-revert", "l-stands")})
SHRUNK = ["sim", "--seeds", "101..700"]
TEST_TIMEOUT_S, CRASH_TIMEOUT_S = 60, 300


class Failure(Exception):
    """Of the runner, not of a mutant."""


class Mutant:
    def __init__(self, path):
        self.path, self.name = path, path.stem
        first = path.read_text().split("\n", 1)[0]
        found = re.fullmatch(r"(.+); (killed by|holds|shrinks to): ([\w -]+)", first)
        if not found:
            raise Failure(f"{path.name}: its first line is '{first}'; accepted is "
                          "'RULE: WHAT; killed by: TEST ...', '...; holds: TEST ...' or "
                          "'...; shrinks to: N'")
        self.what, self.kind, self.tests = found[1], found[2], found[3].split()
        self.strikes_max = int(self.tests.pop()) if self.kind == "shrinks to" else 0
        unknown = [name for name in self.tests if name not in TESTS]
        if unknown:
            raise Failure(f"{path.name} names {unknown[0]}; accepted are {' '.join(TESTS)}")
        self.asked = {name: TESTS[name] for name in self.tests}
        self.programs = {argv[0] for argv in self.asked.values()} | \
            ({SHRUNK[0]} if self.kind == "shrinks to" else set())
        self.files = re.findall(r"^\+\+\+ b/(\S+)", path.read_text(), re.M)


def tracked():
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=False,
                          capture_output=True, text=True)
    if done.returncode == 0:
        return [name for name in done.stdout.split("\n") if name and (ROOT / name).is_file()]
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*")
            if path.is_file() and path.relative_to(ROOT).parts[0] not in ("build", ".git")]


def copy_sources():
    """What is the same keeps its time, so that little is built; what is not is new now."""
    names = set(tracked())
    for old in [path for path in SOURCE.rglob("*") if path.is_file()]:
        if str(old.relative_to(SOURCE)) not in names:
            old.unlink()
    for name in names:
        to = SOURCE / name
        if to.is_file() and to.read_bytes() == (ROOT / name).read_bytes():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, to)


def call(argv, what, **kwargs):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          check=False, **kwargs)
    if done.returncode != 0:
        raise Failure(f"{what}:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def configure():
    call(["cmake", "--preset", "dev", "-B", BUILD, "-Wno-dev", "-DCMAKE_C_FLAGS=-O1",
          "-DOCEANID_WERROR=OFF"], "configure", cwd=SOURCE)


def build(programs):
    call(["ninja", "-C", BUILD, "--quiet", *sorted(programs)], "build")


def fails(argv):
    """What a test says when it fails, in a line; None when it passes."""
    timeout_s = CRASH_TIMEOUT_S if argv[0] == "crash" else TEST_TIMEOUT_S
    try:
        done = subprocess.run([str(BUILD / "bin" / argv[0]), *argv[1:]], capture_output=True,
                              text=True, errors="replace", check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return f"no end in {timeout_s} s"
    if done.returncode == 0:
        return None
    said = re.search(r"^.*(invariant \d+:|: scenario:|^FAILED ).*$", done.stdout, re.M)
    if said:
        return said[0]
    cmocka = re.findall(r"^\[ +(?:ERROR|FAILED|LINE) +\] (?:--- )?(.+)$",
                        done.stderr + done.stdout, re.M)
    return f"exit {done.returncode}{''.join(f'; {line}' for line in cmocka[:4])}"


def run_tests(tests):
    """Name and reason of each that fails."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(fails, tests.values()))
    return {name: why for name, why in zip(tests, results) if why is not None}


def patch(mutant):
    call(["patch", "-p1", "--quiet", "--force", "--no-backup-if-mismatch", "-d", SOURCE, "-i",
          mutant.path], f"{mutant.path.name} no longer applies")


def restore(mutant):
    for name in mutant.files:
        (SOURCE / name).write_bytes((ROOT / name).read_bytes())
    for left in [*SOURCE.rglob("*.rej"), *SOURCE.rglob("*.orig")]:
        left.unlink()


def shrink(mutant):
    """The line for people, and whether what the simulator finds is as small as it has to be."""
    argv = [str(BUILD / "bin" / SHRUNK[0]), *SHRUNK[1:]]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=TEST_TIMEOUT_S)
    shrunk = re.search(r"^shrunk from (\d+) strikes to (\d+), in (\d+) runs$", done.stdout, re.M)
    again = re.search(r"^replay it: \S+ (.+)$", done.stdout, re.M)
    broken = re.search(r"invariant (\d+):", done.stdout)
    if done.returncode != 1 or not (shrunk and again and broken):
        return f"NOT FOUND by {' '.join(argv)}: exit {done.returncode}", False
    replayed = subprocess.run([argv[0], *again[1].split()], capture_output=True, text=True,
                              check=False, timeout=TEST_TIMEOUT_S)
    if f"invariant {broken[1]}:" not in replayed.stdout or replayed.returncode != 1:
        return f"NOT REPLAYED by {again[1]}: exit {replayed.returncode}", False
    line = f"{shrunk[1]} strikes shrunk to {shrunk[2]} in {shrunk[3]} runs: {again[1]}"
    return line, int(shrunk[2]) <= mutant.strikes_max


def judge(mutant, failed):
    """The line for people, and whether it went as it has to."""
    if mutant.kind == "holds":
        broken = [f"{name} ({failed[name]})" for name in mutant.tests if name in failed]
        return (f"BROKEN by it: {', '.join(broken)}", False) if broken else ("held", True)
    if not failed:
        return "SURVIVED", False
    blind = [name for name in mutant.tests if name not in failed]
    said = f"killed by {', '.join(sorted(failed))}"
    return (f"{said}; SURVIVED {', '.join(blind)}", False) if blind else (said, True)


def try_mutant(mutant):
    try:
        patch(mutant)
        build(mutant.programs)
        if mutant.kind == "shrinks to":
            return shrink(mutant)
        return judge(mutant, run_tests(mutant.asked))
    except Failure as failure:
        return f"FAILED: {failure}", False
    finally:
        restore(mutant)


def choose(arguments):
    mutants = sorted((Mutant(path) for path in HERE.glob("*.patch")), key=lambda m: m.name)
    names = [word for word in arguments if word != "--short"]
    if names:
        mutants = [m for m in mutants if m.name.startswith(tuple(names))]
    elif "--short" in arguments:
        done = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=ROOT, check=False,
                              capture_output=True, text=True)
        sixth = int(done.stdout or 0) % 6
        print(f"sixth {sixth + 1} of 6", flush=True)
        mutants = mutants[sixth::6]
    if os.geteuid() != 0:
        for mutant in [m for m in mutants if "crash" in m.programs]:
            print(f"skipped: {mutant.name}: expected root (network namespaces)", flush=True)
            mutants.remove(mutant)
    return sorted(mutants, key=lambda m: (m.files, m.name))  # the same file once in a row


def main():
    arguments = sys.argv[1:]
    if any(word.startswith("-") and word != "--short" for word in arguments):
        print(__doc__)
        return 0 if arguments[0] in ("-h", "--help") else 2
    began, bad = time.monotonic(), 0
    try:
        mutants = choose(arguments)
        copy_sources()
        configure()
        build({program for mutant in mutants for program in mutant.programs})
        failed = run_tests({name: argv for mutant in mutants for name, argv in mutant.asked.items()})
        if failed:
            raise Failure(f"without a patch it fails: {failed}")
    except Failure as failure:
        print(f"mutants: {failure}")
        return 1
    print(f"unpatched: everything passes ({time.monotonic() - began:.0f} s)", flush=True)
    for mutant in mutants:
        line, good = try_mutant(mutant)
        bad += not good
        print(f"{mutant.name}: {line}", flush=True)
    print(f"{len(mutants)} mutants, {bad} not as they have to be, "
          f"{time.monotonic() - began:.0f} s")
    return 1 if bad or not mutants else 0


if __name__ == "__main__":
    sys.exit(main())
