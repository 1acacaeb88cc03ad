"""figures: where the measured programs are, and how a figure is printed."""

import os
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
RELEASE = HERE.parent.parent / "build/release/bin"
BIN = pathlib.Path(os.environ.get("OCEANID_BIN", RELEASE)).resolve()


def show(what, value, beside="", goal=""):
    print(f"{what:<45} {value:<38} {beside:<54} {goal}".rstrip(), flush=True)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
