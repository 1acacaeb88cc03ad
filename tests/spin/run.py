"""run: what the protocol model (protocol.pml) shows, and that it is a model of this program.

usage: python3 tests/spin/run.py FOLLOW SIM [--long] [--seed N]

FOLLOW is the follow program (tests/sim/follow.c): the shipped trial machines, driven by the model's
actions; SIM is the simulator. Six parts, each of which says what it found:

  exhaustive  no reachable state breaks an invariant; from every one it comes to an end
  reached     what has to be possible is: renewal, confirmation of all, in doubt, reverts, pops
  broken      the model with a rule taken out breaks an invariant, and says which
  trails      what the model does, the shipped machine does too, state by state
  scripts     random actions on the shipped machine: the model comes to the same states
  traces      what seeds of the simulator come to, the model comes to as well; and it does not where
              the trace is forged: two nodes exchanged, an end before its trial, a lease overrun

Of a part as many are done at a time as the machine has cores; what is said keeps its order.
"""
import collections
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

MODEL = pathlib.Path(__file__).resolve().parent / "protocol.pml"
SCRIPT = 250 # actions
WORDS = ["tick", "prepare", "baseline", "stand", "start", "disk", "look", "give", "abort", "pop",
         "obey", "crash", "stick", "loosen", "break", "expire", "sign"]
# name: (definitions, what pan is compiled with)
EXHAUSTIVE = {"no fault, and a controller that means well: every node has it": ["CALM"],
              "one attempt, a fault": ["ATTEMPTS=1", "FAULTS=1"],
              "one attempt comes to an end": ["ATTEMPTS=1", "FAULTS=0", "LIVE"]}
EXHAUSTIVE_LONG = {"one attempt, two faults": ["ATTEMPTS=1", "FAULTS=2"],
                   "two attempts": ["ATTEMPTS=2", "FAULTS=0"],
                   "one attempt with a fault comes to an end": ["ATTEMPTS=1", "FAULTS=1", "LIVE"],
                   "two attempts come to an end": ["ATTEMPTS=2", "FAULTS=0", "LIVE"]}
REACHED = {
    "a renewal": "guards[0].state == SOAKING && guards[0].touched_for > 0 && guards[0].proven == 0",
    "all confirmed": "guards[0].journal == STANDS && guards[1].journal == STANDS"
                     " && guards[2].journal == STANDS",
    "in doubt": "guards[1].state == STARTING && guards[0].journal == STANDS"
                " && guards[1].age >= NONCE_AGE",
    "a revert for want of proof": "guards[0].state == CLOSING && guards[0].end == E_REVERTED"
                                  " && !guards[1].told[1]",
    "a pop of the first while the second is on trial":
        "guards[1].state == SOAKING && guards[0].told[1] && guards[0].ended[1] == E_POPPED",
    "the second attempt confirmed on two": "guards[0].journal_attempt == 2"
                                           " && guards[1].journal_attempt == 2"
                                           " && guards[1].journal == STANDS",
    "a start whose disk was too slow": "guards[2].end == E_EXPIRED",
    "a guard that died confirming": "faults == 1 && guards[0].state == CONFIRMING",
    "an undo that is held up": "guards[0].state == REVERTING && guards[0].stuck && guards[0].rest",
}
# rule taken out: what of the invariants has to break
BROKEN = {1: "an earlier node but the first is not asked (rule 2)",
          2: "the nonce's age is not looked at after the fsync (rule 3)",
          3: "`confirming` alone is taken for confirmed (rule 12)",
          4: "an approval is signed while the earlier one has not ended (rules 19, 20)",
          5: "an order pops by body, not by generation (Names)",
          6: "what shields is removed while the pref cannot be unset (rule 15)",
          7: "old proof renews the lease (rule 7)"}


def say(text):
    print(text, flush=True)


def each(function, items):
    """function of each item, several at a time; yields the answers in the order of the items."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        yield from pool.map(function, items)


def build(folder, definitions, level):
    """Writes the model, with these definitions, and compiles it; the pan program. Most of the time
    of a short search goes into optimizing what spin(1) generates."""
    lines = ["#define " + word.replace("=", " ", 1) for word in definitions]
    (folder / MODEL.name).write_text("\n".join([*lines, MODEL.read_text()]))
    subprocess.run(["spin", "-a", MODEL.name], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    flags = ["-w", "-DSAFETY", "-DCOLLAPSE", "-DVECTORSZ=2048"]
    subprocess.run(["gcc", level, *flags, "-o", "pan", "pan.c"], cwd=folder, check=True)
    return folder / "pan"


def search(definitions, level="-O0"):
    """(errors, states, the trail's lines) of an exhaustive search."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        pan = build(folder, definitions, level)
        done = subprocess.run([pan, "-E", "-w24", "-m500000"], cwd=folder, check=True,
                              capture_output=True, text=True).stdout
        if "max search depth too small" in done or "out of memory" in done:
            raise SystemExit(f"spin: the search was cut short:\n{done}")
        errors = int(re.search(r"errors: (\d+)", done)[1])
        states = int(re.search(r"(\d+) states, stored", done)[1])
        return errors, states, trail(folder) if errors else []


def trail(folder):
    """The actions and states of the trail that lies in that folder."""
    done = subprocess.run(["spin", "-t", MODEL.name], cwd=folder, check=False, capture_output=True,
                          text=True).stdout
    return lines_of(done)


def lines_of(text):
    return [line.strip() for line in text.splitlines() if line.strip().startswith(("@ ", "= "))]


def show_exhaustive(long):
    """The long searches have the memory to themselves."""
    failed = 0
    searches = {**EXHAUSTIVE, **(EXHAUSTIVE_LONG if long else {})}
    level = "-O2" if long else "-O0"
    found = (map if long else each)(lambda words: search(words, level), searches.values())
    for name, (errors, states, lines) in zip(searches, found, strict=True):
        say(f"exhaustive: {name}: {states} states, {errors} violations")
        if errors:
            say("\n".join(lines))
        failed += errors
    return failed


def reach(name):
    attempts = 2 if "second attempt" in name else 1
    faults = 1 if "died" in name or "held up" in name else 0
    return search([f"ATTEMPTS={attempts}", f"FAULTS={faults}", f"REACH={REACHED[name]}"])


def show_reached(follow):
    """Each has to be reachable, and the shipped machine has to come there the same way."""
    failed = 0
    for name, (errors, _, lines) in zip(REACHED, each(reach, REACHED), strict=True):
        say(f"reached: {name}: {'yes' if errors else 'NO'}")
        failed += not errors or not agrees(follow, lines, f"the trail to '{name}'")
    return failed


def agrees(follow, lines, name):
    """Whether the shipped machine comes to the same states by these actions."""
    actions = [line for line in lines if line.startswith("@ ")]
    done = subprocess.run([follow], input="\n".join(actions) + "\n", capture_output=True, text=True,
                          check=False)
    shipped = [line for line in lines_of(done.stdout) if line.startswith("= ")]
    model = expand(lines)
    for step, (action, ours, theirs) in enumerate(zip(actions, shipped, model, strict=False)):
        if theirs is not None and ours != theirs:
            say(f"{name}: step {step}, {action}")
            say(f"  the shipped machine: {ours}\n  the model:           {theirs}")
            say("\n".join(actions[:step + 1]))
            return False
    if len(shipped) != len(actions):
        say(f"{name}: {len(shipped)} of {len(actions)} actions were followed: {done.stderr}")
        return False
    return True


def expand(lines):
    """The model's state after each action; None where the next action comes in the same step."""
    states = []
    for line, then in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("@ "):
            states.append(then if then.startswith("= ") else None)
    return states


def take_out(number):
    attempts, faults = (2, 0) if number in (4, 5) else (1, 1)
    return search([f"ATTEMPTS={attempts}", f"FAULTS={faults}", f"MUTANT={number}"])


def show_broken():
    failed = 0
    for rule, (errors, states, lines) in zip(BROKEN.values(), each(take_out, BROKEN), strict=True):
        actions = sum(line.startswith("@ ") for line in lines)
        found = f"found by {actions} actions" if errors else f"NOT FOUND in {states} states"
        say(f"broken: {rule}: {found}")
        failed += not errors
    return failed


def draw_any(chance, node):
    """Any action, sensible or not."""
    word = chance.choice(WORDS)
    attempt = chance.choice([1, 2])
    if word in ("prepare", "abort", "pop", "obey"):
        return f"@ {word} {node} {attempt}"
    if word == "tick":
        return "@ tick"
    if word == "stand":
        return f"@ stand {chance.randrange(2)} {node}"
    if word == "disk":
        return f"@ disk {node} {chance.randrange(2)}"
    if word in ("look", "give"):
        return f"@ {word} {node} {chance.randrange(2)} {chance.randrange(2)}"
    if word == "crash":
        return f"@ crash {node} {chance.randrange(3)}"
    if word in ("expire", "sign"):
        return f"@ {word} {1 if word == 'expire' else 2}"
    return f"@ {word} {node}"


def draw_helpful(chance, node, state):
    """What leads on from that state, most often."""
    if state == "IDLE":
        prepare = f"@ prepare {node} {chance.choice([1, 2])}"
        return chance.choice(5 * [prepare] + ["@ sign 2", "@ tick"])
    if state == "PREPARED":
        return chance.choice([f"@ baseline {node}", f"@ stand 0 {node}", f"@ stand 1 {node}",
                              f"@ start {node}", f"@ start {node}"])
    if state in ("FIRST", "SOAKING", "LAST"):
        over = f"{chance.choice([0, 0, 0, 1])} {chance.choice([0, 1, 1]) if state == 'LAST' else 0}"
        return chance.choice(3 * [f"@ look {node} {over}", f"@ give {node} {over}"] + ["@ tick"])
    if state == "REVERTING":
        return chance.choice(["@ tick", f"@ loosen {node}", f"@ disk {node} 1"])
    return chance.choice([f"@ disk {node} 1", f"@ disk {node} 1", "@ tick"])


def draw_script(follow, seed, length):
    """Actions drawn beside the shipped machine: mostly those that lead on from what it is in."""
    chance, script, states = random.Random(seed), [], ["IDLE"] * 3
    wild = chance.choice([0.0, 0.02, 0.1, 0.3])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([follow], **pipes) as machine:
        while len(script) < length:
            # the first node that is not done is the one that leads on
            standing = [state.endswith("!") for state in states]
            leads = standing.index(False) if False in standing else 2
            node = chance.choice([leads, chance.randrange(3)])
            line = (draw_any(chance, node) if chance.random() < wild
                    else draw_helpful(chance, node, states[node].rstrip("!")))
            script.append(line)
            machine.stdin.write(line + "\n")
            machine.stdin.flush()
            machine.stdout.readline()
            words = machine.stdout.readline().split()[1:]
            states = [words[4 * n] + ("!" if words[4 * n + 2] != "0" else "") for n in range(3)]
        machine.stdin.close()
    return script


def model_of(script):
    """What the model comes to by these actions."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        cases = []
        for at, line in enumerate(script):
            word, *numbers = line[2:].split()
            x, y, z = ([int(n) for n in numbers] + [0, 0, 0])[:3]
            cases.append(f":: at == {at} -> op = {WORDS.index(word)}; x = {x}; y = {y}; z = {z}")
        (folder / "script.h").write_text(
            f"#define LENGTH {len(script)}\n#define read_line() if {' '.join(cases)} fi\n")
        (folder / "protocol.pml").write_text(MODEL.read_text())
        done = subprocess.run(["spin", "-DSCRIPT", "-DATTEMPTS=2", MODEL.name], cwd=folder,
                              check=False, capture_output=True, text=True).stdout
    return lines_of(done)


def show_scripts(follow, count, seed):
    failed, numbers = 0, range(seed, seed + count)
    scripts = list(each(lambda number: draw_script(follow, number, SCRIPT), numbers))
    for number, script, lines in zip(numbers, scripts, each(model_of, scripts), strict=True):
        actions = [line for line in lines if line.startswith("@ ")]
        if actions != script:
            say(f"scripts: --seed {number}: the model took {len(actions)} of {len(script)} actions")
            failed += 1
        elif not agrees(follow, lines, f"scripts: --seed {number}"):
            failed += 1
    say(f"scripts: {count} of {SCRIPT} actions each from --seed {seed}: {failed} not as the model has it")
    return failed


ON, SOAKING, LAST, BACK = "3", "4", "5", "7" # words of tests/sim/project.c
ITEMS, AGE = 5, 4 # of each node, in a line: word, stands, two ends, age of what is proven
# The simulator's soak, and how long a nonce lives, in ticks of half its lease.
TIMED = ["SOAK=4", "NONCE_AGE=5"]
FORGERIES = 4 # kinds


def is_known(pan, trace):
    """(whether the model has a way along it, what pan says of it)."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "trace").write_text("\n".join(" ".join(line) for line in trace) + "\n")
        done = subprocess.run([pan, "-E", "-w18", "-m300000"], cwd=folder, check=True, text=True,
                              capture_output=True, env={**os.environ, "TRACE": "trace"}).stdout
    if "max search depth too small" in done:
        raise SystemExit(f"spin: the search along a trace was cut short:\n{done}")
    failed = re.search(r"assertion violated .*", done)
    return failed is not None and "is_over" in failed[0], failed[0] if failed else done[-300:]


def keep_on(trace, age):
    """The first node goes back, and before that what is proven of it gets that old; None if it does
    not go back from a proof, or if that got old before (its soak is over then)."""
    words, ages = [line[0] for line in trace], [line[AGE] for line in trace]
    for at, (before, then) in enumerate(zip(words, words[1:], strict=False)):
        if before in (SOAKING, LAST) and then == BACK:
            line = trace[at][:AGE] + [age] + trace[at][AGE + 1:]
            return None if "1" in ages[:at + 1] else trace[:at + 1] + [line] + trace[at + 1:]
    return None


def forge(trace):
    """What no run comes to: name and trace. The second node in the place of the first; the first
    confirmed without its soak, or back without the way there, or kept when its lease has run out."""
    first = [line[0] for line in trace]
    if keep_on(trace, "2"):
        yield "kept past its lease", keep_on(trace, "2")
    if ON in first:
        yield "exchanged", [line[ITEMS:2 * ITEMS] + line[:ITEMS] + line[2 * ITEMS:] for line in trace]
    if ON in first and BACK in first:
        yield "ended at once", [line for line in trace if line[0] != BACK]
    if LAST in first:
        yield "without its soak", [line for line in trace if line[0] != SOAKING]


def ask_along(sim, pan, seed):
    """A seed's trace, what the model says of it, whether it has a way where a lease is half over,
    and what it says of each forged one."""
    done = subprocess.run([sim, "--project", str(seed)], capture_output=True, text=True, check=True)
    trace = [line.split() for line in done.stdout.splitlines()]
    half = keep_on(trace, "1")
    return (trace, is_known(pan, trace), not half or is_known(pan, half)[0],
            {what: is_known(pan, forged) for what, forged in forge(trace)})


def show_traces(sim, count, seed):
    """Of each seed what its three guards came to, one line after the other. Where a lease is half
    over and not renewed, the model has a way too: it is not the line more that it refuses."""
    failed = lines = confirmed = 0
    forgeries = collections.Counter()
    numbers = range(seed, seed + count)
    with tempfile.TemporaryDirectory() as name:
        pan = build(pathlib.Path(name), ["ATTEMPTS=2", "FAULTS=1", "TRACE", *TIMED], "-O0")
        answers = each(lambda number: ask_along(sim, pan, number), numbers)
        for number, (trace, (known, said), held, forged) in zip(numbers, answers, strict=True):
            if not known:
                say(f"traces: sim --project {number}: the model has no way along it: {said}")
            failed += not known
            lines += len(trace)
            confirmed += any(line[2 * ITEMS + 1] not in ("0", "-1") for line in trace)
            if not held:
                say(f"traces: sim --project {number}, a lease half over: the model has no way along it")
            failed += not held
            forgeries.update(forged.keys())
            for what in [what for what, (taken, _) in forged.items() if taken]:
                say(f"traces: sim --project {number}, {what}: the model takes it")
                failed += 1
    say(f"traces: {count} seeds, {lines} lines, {confirmed} with all three confirmed: "
        f"{failed} failed; {forgeries.total()} forged ones, of {len(forgeries)} kinds: refused")
    return failed + (confirmed == 0) + (len(forgeries) < FORGERIES)


def main():
    arguments = sys.argv[1:]
    long = "--long" in arguments
    seed = int(arguments[arguments.index("--seed") + 1]) if "--seed" in arguments else 1
    follow, sim = (pathlib.Path(argument).resolve() for argument in arguments[:2])
    if shutil.which("spin") is None:
        say("skipped: expected spin, found none on PATH; apt-get install spin")
        return 77
    failed = show_scripts(follow, 400 if long else 40, seed)
    failed += show_traces(sim, 1000 if long else 30, seed)
    failed += show_reached(follow)
    failed += show_broken()
    failed += show_exhaustive(long)
    say(f"spin: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
