"""tidy: clang-tidy has nothing to say (.clang-tidy has the checks).

usage: tidy.py BUILD; what cannot be judged here says "skipped: why" and ends in 77

Takes a twentieth of the C files (which one follows from the number of commits, so that twenty
commits in a row take all), and those that the last commit and the work on top of it touched (20 of
them at most).
TIDY=all in the environment takes every file, which is some five minutes of two cores.

A process looks at one file: of several it takes what it knows of the one before into the next, and
then calls every va_list uninitialized. What the compiler itself warns of is the build's to hold.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MAJOR = "14"                    # Debian 12's; another one has other checks and other findings
PARTS, JOBS = 20, 2
TOUCHED_MAX = 20                # a commit of a hundred files is not to take minutes


def find_program():
    """(clang-tidy, None), or (None, why there is none)."""
    program = shutil.which(f"clang-tidy-{MAJOR}") or shutil.which("clang-tidy")
    if program is None:
        return None, f"no clang-tidy here; apt install clang-tidy-{MAJOR} makes it judged"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)", said)
    if not found or found[1] != MAJOR:
        return None, (f"expected clang-tidy {MAJOR}, observed {found[1] if found else said!r};"
                      f" apt install clang-tidy-{MAJOR} makes it judged where that is to be had")
    return program, None


def compiled(build):
    """The names of our files that the build compiles, sorted; not what it generated."""
    commands = json.loads((build / "compile_commands.json").read_text())
    paths = {pathlib.Path(each["directory"], each["file"]).resolve() for each in commands}
    return sorted(str(path.relative_to(ROOT)) for path in paths
                  if path.is_relative_to(ROOT) and not path.is_relative_to(build))


def git(*arguments):
    """What it says; nothing in an unpacked archive."""
    if not shutil.which("git"):
        return ""
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True,
                          check=False).stdout


def choose(names):
    if os.environ.get("TIDY") == "all":
        print(f"all {len(names)} files")
        return names
    part = int(git("rev-list", "--count", "HEAD") or 0) % PARTS
    touched = set(git("diff", "--name-only", "HEAD~1").split("\n")) & set(names)
    touched = sorted(touched)[:TOUCHED_MAX]
    chosen = sorted({*names[part::PARTS], *touched})
    print(f"part {part + 1} of {PARTS} and {len(touched)} touched: {len(chosen)} files")
    return chosen


def complaints(program, build, name):
    argv = [program, "-quiet", "-p", str(build), "--extra-arg=-Wno-error", name]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, errors="replace",
                          check=False)
    said = [line for line in done.stdout.split("\n") if re.search(r": (error|warning): ", line)]
    if done.returncode != 0 and not said:
        said = [f"{name}: clang-tidy ended in {done.returncode}: {done.stderr[-1000:]}"]
    return [f"{line}; {' '.join(argv)} shows how it comes to that" for line in said]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    program, lack = find_program()
    if program is None:
        print(f"skipped: {lack}")
        return 77
    names = choose(compiled(build))
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        found = list(pool.map(lambda name: complaints(program, build, name), names))
    for line in [line for lines in found for line in lines]:
        print(line)
    return 1 if any(found) or not names else 0


if __name__ == "__main__":
    sys.exit(main())
