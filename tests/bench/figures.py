"""figures: where the measured programs are, how they are run, and how a figure is printed."""

import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = HERE.parent.parent / "build/release/bin"
BIN = pathlib.Path(os.environ.setdefault("OCEANID_BIN", str(RELEASE))).resolve()  # the lab's too


def show(what, value, beside="", goal=""):
    print(f"{what:<45} {value:<38} {beside:<54} {goal}".rstrip(), flush=True)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def inside(script, *arguments, timeout=600):
    """Runs a shell script in a network namespace of its own; returns what it prints."""
    done = subprocess.run(["unshare", "-n", "-m", "--propagation", "private", "sh", "-ec", script,
                           "sh", *map(str, arguments)], capture_output=True, text=True,
                          timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr[-600:]}")
    return done.stdout
