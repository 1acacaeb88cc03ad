"""tiers: runs the test tiers one after another and adds up what passed, failed and was skipped.

usage: tests/run [unit|sim|mutants|lab|booted|fuzz|crash|plans|kill|deadman|actors|people
                  |storm|bench|fresh ...] [--long]

  unit    units and the house's rules (purity, headers, format, clang-tidy over a twentieth of the
          files, docs equal tables), with ASan+UBSan; --long: clang-tidy over all of them
  sim     both state machines under faults (the same seeds each time, then 30 s of fresh ones), the
          protocol's model (tests/spin); --long: many more seeds and states
  mutants a sixth of the planted faults that the tests have to notice; --long: every one
  lab     the real programs on hosts made of network namespaces (root)
  booted  the installed units under a real systemd (root)
  fuzz    every parser of foreign bytes; seconds each, --long: minutes
  crash   the guard struck at every write, fsync, rename and word to kernel or daemons; one in 20,
          with ASan+UBSan; --long: then all of them, without (root)
  plans   random plans on random hosts, done and taken back by the guard's functions, and by undo.txt,
          in a real kernel; 20 s of fresh seeds; --long: 20,000 of them (root)
  kill    kill -9 of guard, agent, both, tailscaled or the controller at random moments of real
          trials and rollouts (root)
  deadman proofs stop in fourteen ways in the middle of a real trial: taken back, in time (root)
  actors  trials beside pods, flannel, DHCP, RA, tailscaled, networkd and a person, all busy (root)
  people  operators, power and networks do at random what they like to a fleet, several at once;
          then it is quiet, all agree on what stands, and a change goes through (root)
  storm   a node's tables, links and settings broken at random behind its shields (root)
  bench   figures beside their floor
  fresh   a bare Debian 12 and 13 run both README commands (root, --long only)

No tier: all but fresh, each in its short form.

By hand, two units with threads under ThreadSanitizer: cmake --preset tsan, ninja -C build/tsan
test_downlink test_writer, ctest --preset tsan -R 'unit-(downlink|writer)$'.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
# What a fuzzer begins with, where it is not tests/fuzz/corpus/<target>.
SEEDS = {"fuzz_yaml": ROOT / "packaging/examples", "fuzz_localapi": ROOT / "tests/data/tailscale"}
NORMAL = ["unit", "sim", "mutants", "lab", "booted", "fuzz", "crash", "plans", "kill", "deadman",
          "actors", "people", "storm", "bench"]


TELLING = r"FAILED|SURVIVED|BROKEN by|NOT (FOUND|REPLAYED)|^replay"
SAID_MAX = 300                  # letters of a cause that the closing lines repeat


class Tally:
    """What came of the tests so far; reasons holds a line for each that did not pass.

    A test that skips says why, and what would un-skip it, in a line "skipped: ..." of its output.
    """

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0
        self.reasons = []

    def add_junit(self, path, tier):
        cases = list(xml.etree.ElementTree.parse(path).getroot().iter("testcase"))
        if not cases:
            self.add_failure(f"{tier}: no test was run")
        for case in cases:
            own = [part for part in (case.get("classname"), case.get("name")) if part]
            name = f"{tier}: {' '.join(dict.fromkeys(own))}"
            skip = case.find("skipped")
            said = re.findall(r"^skipped: (.*)$", case.findtext("system-out", ""), re.MULTILINE)
            broken = next((part for part in case if part.tag in ("failure", "error")), None)
            if broken is not None:
                self.add_failure(f"{name} {broken.get('message', '')[:SAID_MAX]}")
            elif skip is not None or case.get("status") in ("notrun", "disabled"):
                self.skipped += 1
                why = skip.get("message", "") if skip is not None else ""
                self.reasons.append(f"skipped {name}: {'; '.join(said) or why or 'see above'}")
            else:
                self.passed += 1
                self.skipped += len(said)
                self.reasons += [f"skipped in {name}: {why}" for why in said]

    def add_failure(self, what):
        self.failed += 1
        self.reasons.append(f"FAILED  {what}")

    def add_told(self, what, told):
        """told: of told_failures."""
        if told is None:
            self.passed += 1
        else:
            self.add_failure(f"{what}: {told}")

    def add_skip(self, what):
        self.skipped += 1
        self.reasons.append(f"skipped {what}")


def call(argv, **kwargs):
    print("+", " ".join(str(word) for word in argv), flush=True)
    return subprocess.run([str(word) for word in argv], cwd=ROOT, check=False, **kwargs).returncode


def told_failures(argv, found=None, **kwargs):
    """Calls a program that names what went wrong (FAILED, SURVIVED, replay ...). Returns None when
    nothing did; else the first of those lines, and the one below each (why), for whoever sees only
    the end of the log. found takes the lines of what is told, and is no failure."""
    print("+", " ".join(str(word) for word in argv), flush=True)
    told = []
    with subprocess.Popen([str(word) for word in argv], cwd=ROOT, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace",
                          **kwargs) as process:
        below = False
        for line in process.stdout:
            print(line, end="", flush=True)
            named = re.search(TELLING, line) is not None
            if found is not None and line.startswith("found"):
                found.append(line.strip()[:SAID_MAX])
            if len(told) < 6 and (named or below):
                told.append(line.strip()[:SAID_MAX])
            below = named
    return None if process.returncode == 0 else "; ".join(told) or "see above"


def build(preset, targets=()):
    """Configures and builds; False when that failed (the output says why)."""
    if call(["cmake", "--preset", preset, "-Wno-dev"], stdout=subprocess.DEVNULL) != 0:
        return False
    return call(["ninja", "-C", BUILD / preset, "--quiet", *targets]) == 0


def ctest(tally, tier, label):
    if not build("dev"):
        tally.add_failure(f"{tier}: the dev build")
        return
    report = BUILD / f"{tier}.xml"
    report.unlink(missing_ok=True)
    call(["ctest", "--test-dir", BUILD / "dev", "-L", label, "--output-on-failure", "-j2",
          "--test-output-size-passed", "65536", "--output-junit", report])
    if report.exists():
        tally.add_junit(report, tier)
    else:
        tally.add_failure(f"{tier}: ctest itself")


def begin_pytest(tier, name, preset, arguments):
    """One pytest over tests/TIER that goes on by itself; returns it and what it says."""
    report, log = BUILD / f"{name}.xml", BUILD / f"{name}.log"
    report.unlink(missing_ok=True)
    argv = ["/usr/bin/python3", "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider",
            f"tests/{tier}", f"--junitxml={report}", *arguments]
    print("+", *argv, flush=True)
    with open(log, "wb") as said:
        return subprocess.Popen(argv, cwd=ROOT, stdout=said, stderr=subprocess.STDOUT,
                                env=dict(os.environ, OCEANID_BIN=str(BUILD / preset / "bin"))), log


def pytest(tally, tier, runs, preset="dev"):
    """All of runs, {name: arguments}, side by side: they wait more than they work."""
    if os.geteuid() != 0:
        tally.add_skip(f"{tier}: expected root (network namespaces), observed uid {os.geteuid()};"
                       " run tests/run as root")
        return
    if not build(preset):
        tally.add_failure(f"{tier}: the {preset} build")
        return
    begun = {name: begin_pytest(tier, name, preset, arguments) for name, arguments in runs.items()}
    for name, (process, log) in begun.items():
        code = process.wait()
        print(log.read_text(errors="replace"), flush=True)
        report = BUILD / f"{name}.xml"
        if report.exists():
            tally.add_junit(report, tier)
        if code not in (0, 1):
            tally.add_failure(f"{tier}: pytest itself, exit {code}")


def run_unit(tally, long):
    if long:
        os.environ["TIDY"] = "all"
    ctest(tally, "unit", "unit|house")


def run_sim(tally, long):
    ctest(tally, "sim", "sim")
    fresh = [["--for", "20"], ["--hostile", "--for", "10"]]
    counted = [["--seeds", "1..20000"], ["--hostile", "--seeds", "1..3000"],
               ["--fleet", "1000"], ["--calm", "--fleet", "1000"]]
    for seeds in fresh + (counted if long else []):
        told = told_failures([BUILD / "dev/bin/sim", *seeds, "--jobs", "2"])
        tally.add_told(f"sim {' '.join(seeds)}", told)
    model = ["/usr/bin/python3", "tests/spin/run.py", BUILD / "dev/bin/follow",
             BUILD / "dev/bin/sim", "--long"]
    if long and call(model) != 0:
        tally.add_failure("sim: the protocol's model; the lines above are its trail")


def run_mutants(tally, long):
    mutants = ["/usr/bin/python3", "tests/mutants/run.py", *([] if long else ["--short"])]
    tally.add_told("mutants", told_failures(mutants))


def run_lab(tally, long):
    """A test file has a lab of its own; two of them at a time, and those over the real tailnet
    beside them, with the longest of those that ask for none, so that all end together."""
    more = ["--long"] if long else []
    pytest(tally, "lab", {"lab": ["--tailnet=standin", "-n", "2", "--dist", "loadfile",
                                  "-k", "not test_worst", *more],
                          "lab-real": ["--tailnet=real", "-k", "[real] or test_worst", *more]})


def run_booted(tally, _long):
    pytest(tally, "booted", {"booted": ["-n", "2", "--dist", "loadfile"]}, preset="release")


def fuzz(target, seconds):
    """Runs one fuzzer; its exit code, and what it said."""
    corpus = SEEDS.get(target.name, ROOT / "tests/fuzz/corpus" / target.name)
    grown = BUILD / "fuzz/corpus" / target.name
    grown.mkdir(parents=True, exist_ok=True)
    argv = [str(target), f"-max_total_time={seconds}", "-rss_limit_mb=2048", "-verbosity=0",
            "-print_final_stats=0", f"-artifact_prefix={BUILD}/fuzz/", str(grown), str(corpus)]
    done = subprocess.run(argv, cwd=ROOT, check=False, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, f"+ {' '.join(argv)}\n{done.stdout}"


def run_fuzz(tally, long):
    """Each fuzzer has a core of its own for its time."""
    if not build("fuzz", ["fuzz"]):
        tally.add_failure("fuzz: the fuzz build")
        return
    seconds = 300 if long else 5
    targets = sorted((BUILD / "fuzz/bin").glob("fuzz_*"))
    if not targets:
        tally.add_failure("fuzz: no target was built")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = pool.map(lambda target: fuzz(target, seconds), targets)
        for target, (code, said) in zip(targets, found, strict=True):
            print(said, end="", flush=True)
            if code == 0:
                tally.passed += 1
            else:
                tally.add_failure(f"fuzz: {target.name}; the input lies in {BUILD}/fuzz/")


def run_crash(tally, long):
    if os.geteuid() != 0:
        tally.add_skip("crash: expected root (network namespaces); run tests/run crash as root")
        return
    for preset, chosen in {"dev": ["--every", "20"], **({"release": []} if long else {})}.items():
        if not build(preset, ["crash"]):
            tally.add_failure(f"crash: the {preset} build")
            continue
        argv = [BUILD / preset / "bin/crash", "--jobs", "3", *chosen]
        tally.add_told(f"crash ({preset})", told_failures(argv))


def run_plans(tally, long):
    if os.geteuid() != 0:
        tally.add_skip("plans: expected root (network namespaces); run tests/run plans as root")
        return
    if not build("dev", ["plans"]):
        tally.add_failure("plans: the dev build")
        return
    seeds = [["--seeds", "1..60"], ["--seeds", "1..30", "--way", "hand"],
             ["--seeds", "3..20", "--way", "stack"], ["--seeds", "1..30", "--way", "meddle"],
             ["--for", "20"]]
    if long:
        seeds += [["--seeds", "1..20000"], *(["--seeds", "1..2000", "--way", way]
                                             for way in ("hand", "stack", "meddle"))]
    for chosen in seeds:
        found = []
        told = told_failures([BUILD / "dev/bin/plans", *chosen, "--jobs", "2"], found)
        tally.add_told(f"plans {' '.join(chosen)}", told)
        tally.reasons += [f"plans {line} (see above, and tests/plans/README.md)" for line in found]


def run_faults(tally, tier, long):
    if os.geteuid() != 0:
        tally.add_skip(f"{tier}: expected root (network namespaces); run tests/run {tier} as root")
        return
    if not build("release"):
        tally.add_failure(f"{tier}: the release build")
        return
    environment = dict(os.environ, OCEANID_BIN=str(BUILD / "release/bin"))
    argv = ["/usr/bin/python3", "tests/faults/run.py", tier, *(["--long"] if long else [])]
    tally.add_told(tier, told_failures(argv, env=environment))


def run_kill(tally, long):
    run_faults(tally, "kill", long)


def run_deadman(tally, long):
    if not pathlib.Path("/sys/fs/cgroup/cpu/tasks").exists():
        tally.add_skip("deadman full-load: expected control groups (version 1) at /sys/fs/cgroup/cpu"
                       " and memory, observed none; mount them there")
    run_faults(tally, "deadman", long)


def run_actors(tally, long):
    """networkd needs a real systemd; its short form is in booted."""
    sys.path.insert(0, str(ROOT / "tests/lab"))
    from lab import tailnet_real
    lack = tailnet_real.missing()
    if lack:
        tally.add_skip(f"actors beside the real tailscaled: {lack}")
    run_faults(tally, "actors", long)
    if long:
        os.environ["OCEANID_NETWORKD_TRIALS"] = "1000"
        pytest(tally, "booted", {"booted-busy": ["-k", "networkd_is_busy"]}, preset="release")


def run_people(tally, long):
    run_faults(tally, "people", long)


def run_storm(tally, long):
    run_faults(tally, "storm", long)


def run_bench(tally, long):
    if os.geteuid() != 0:
        tally.add_skip("bench: expected root (network namespaces); run tests/run bench as root")
        return
    if not build("release"):
        tally.add_failure("bench: the release build")
        return
    environment = dict(os.environ, OCEANID_BIN=str(BUILD / "release/bin"))
    code = call(["/usr/bin/python3", "tests/bench/bench.py", *(["--long"] if long else [])],
                env=environment)
    if code == 0:
        tally.passed += 1
    else:
        tally.add_failure("bench: a figure could not be measured; see above")


def run_fresh(tally, long):
    if not long:
        tally.add_skip("fresh: takes most of an hour; tests/run --long fresh runs it")
        return
    if call(["tests/fresh"]) == 0:
        tally.passed += 1
    else:
        tally.add_failure("fresh: a README command failed on a bare Debian; see above")


RUNNERS = {"unit": run_unit, "sim": run_sim, "mutants": run_mutants, "lab": run_lab,
           "booted": run_booted, "fuzz": run_fuzz, "crash": run_crash, "plans": run_plans,
           "kill": run_kill, "deadman": run_deadman, "actors": run_actors, "people": run_people,
           "storm": run_storm, "bench": run_bench, "fresh": run_fresh}


def main():
    arguments = sys.argv[1:]
    if "--help" in arguments or "-h" in arguments:
        print(__doc__)
        return 0
    long = "--long" in arguments
    tiers = [word for word in arguments if word != "--long"]
    for tier in tiers:
        if tier not in RUNNERS:
            print(f"tests/run: tier '{tier}': accepted are {' '.join(RUNNERS)}", file=sys.stderr)
            return 2
    tally = Tally()
    for tier in tiers or NORMAL:
        print(f"== {tier}", flush=True)
        RUNNERS[tier](tally, long)
    for reason in tally.reasons:
        print(re.sub(r"\s+", " ", reason))
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
