"""refusals: whether each program refuses alike what it cannot go by, and starts nothing; and whether
it says how it is used to whoever asks, behind whatever word.

usage: refusals.py BIN

Exit 2 is for wrong words and for a configuration with a mistake or that is not there, as the man
pages have it.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

from house import PROGRAMS

WORDS = (
    (["oceanid-agent", "foo"], "oceanid-agent: 'foo' is not known"),
    (["oceanid-agent", "--config"], "oceanid-agent: --config: expected a value"),
    (["oceanid-agent", "request"], "oceanid-agent: request: expected --name NODE"),
    (["oceanid-guard", "--nosuch"], "oceanid-guard: '--nosuch' is not known"),
    (["oceanid-guard", "--config"], "oceanid-guard: --config: expected a file"),
    (["oceanid-guard", "--config", "/dev/null", "foo"], "oceanid-guard: 'foo' is one word too"),
    (["oceanid-controller", "status"], "oceanid-controller: 'status' is not known"),
    (["oceanid-controller", "--nosuch"], "'--nosuch'"),
    (["oceanid-controller", "--check", "--nosuch"], "'--nosuch'"),
    (["oceanid-controller", "--config", "--check"], "oceanid-controller: --config: expected a file"),
    (["oceanid-rehearse", "foo"], "oceanid-rehearse: 'foo' is not known"),
    (["oceanid-rollback", "--list", "--check"], "oceanid-rollback: '--check' behind --list"),
    (["oceanid-rollback", "--to", "0"], "oceanid-rollback: --to '0': accepted are 1 to"),
    (["oceanid-rollback", "--config", "/dev/null", "nosuch"],
     "oceanid-rollback: 'nosuch' is not known; nothing was done"),
    (["oceanidctl", "nosuch"], "'nosuch'"),
    (["oceanidctl", "nosuch", "--help"], "'nosuch'"),
    (["oceanidctl", "rollout", "nosuch"], "'rollout nosuch'"),
    (["oceanidctl", "status", "--nosuch"], "'--nosuch' is not known here"),
)

# WRONG has a key that no program knows; GONE is not there.
WRONG, GONE = "wrong.yaml", "gone.yaml"
CONFIGS = (
    (["oceanid-agent", "--config", WRONG], "wrong.yaml:1: "),
    (["oceanid-agent", "--config", GONE], "gone.yaml"),
    (["oceanid-agent", "--config", WRONG, "request", "--name", "a1"], "wrong.yaml:1: "),
    (["oceanid-agent", "--config", "/dev/null", "--guard-config", WRONG, "trust", "/dev/null"],
     "wrong.yaml:1: "),
    (["oceanid-agent", "--config", "/dev/null", "--guard-config", GONE, "trust", "/dev/null"],
     "gone.yaml"),
    (["oceanid-agent", "--config", "/dev/null", "request", "--name", "a1", "--witness"],
     "--witness, but /dev/null names a guard's socket"),
    (["oceanid-controller", "--config", WRONG], "wrong.yaml:1: "),
    (["oceanid-controller", "--config", GONE], "gone.yaml"),
    (["oceanid-controller", "--config", WRONG, "--check"], "wrong.yaml:1: "),
    (["oceanid-controller", "--check", "--config", GONE], "gone.yaml"),
    (["oceanid-guard", "--config", WRONG], "wrong.yaml:1: "),
    (["oceanid-guard", "--config", GONE], "gone.yaml"),
    (["oceanid-rollback", "--config", WRONG, "--list"], "wrong.yaml:1: "),
    (["oceanid-rollback", "--config", GONE, "--list"], "gone.yaml"),
)

# Words, what is printed, what is of another word and is not.
HELP = (
    *(([program, word], f"usage: {program}", None)
      for program in PROGRAMS for word in ("--help", "-h")),
    *(([program, "--config", "/dev/null", "--help"], f"usage: {program}", None)
      for program in ("oceanid-agent", "oceanid-controller", "oceanid-guard", "oceanid-rollback")),
    (["oceanid-agent", "request", "--help"], "oceanid-agent request --name", "BUNDLE"),
    (["oceanid-agent", "request", "-h"], "oceanid-agent request --name", "BUNDLE"),
    (["oceanid-agent", "install", "--help"], "oceanid-agent install BUNDLE", "request"),
    (["oceanid-agent", "--config", "--help"], "usage: oceanid-agent", None),
    (["oceanid-guard", "--config", "-h"], "usage: oceanid-guard", None),
    *((["oceanid-rollback", *words], "usage: oceanid-rollback", None)
      for words in (["--list", "--help"], ["--yes", "-h"], ["--to", "--help"], ["--order", "-h"],
                    ["--to", "1", "--yes", "--help"], ["--config", "--help"])),
    (["oceanidctl", "rollout", "--help"], "usage: oceanidctl rollout start FILE", "hold add"),
    (["oceanidctl", "rollout", "-h"], "usage: oceanidctl rollout start FILE", "hold add"),
    (["oceanidctl", "--help", "rollout"], "usage: oceanidctl rollout start FILE", "hold add"),
    (["oceanidctl", "--pki", "/nonexistent", "hold", "-h"], "usage: oceanidctl hold add", "rollout start"),
    (["oceanidctl", "rollout", "start", "--help"], "usage: oceanidctl rollout start FILE", "rollout watch"),
    (["oceanidctl", "rollout", "start", "FILE", "-h"], "usage: oceanidctl rollout start FILE", "rollout watch"),
    (["oceanidctl", "emergency-rollback", "--yes", "--help"], "usage: oceanidctl emergency-rollback", None),
    (["oceanidctl", "help", "rollout", "--help"], "usage: oceanidctl rollout start FILE", "hold add"),
    (["oceanidctl", "help", "hold", "add"], "usage: oceanidctl hold add", "hold list"),
)


def run(words, directory):
    """As root, which oceanid-rollback wants to be before it reads anything."""
    words = [directory / word if word in (WRONG, GONE) else word for word in words]
    root = [] if os.geteuid() == 0 else ["unshare", "--map-root-user"]
    return subprocess.run([*root, pathlib.Path(sys.argv[1]) / words[0], *words[1:]], check=False,
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


def complaints(directory):
    (directory / WRONG).write_text("nosuch: 1\n")
    for words, expected in (*WORDS, *CONFIGS):
        done = run(words, directory)
        if done.returncode != 2 or expected not in done.stderr:
            yield (f"{' '.join(words)}: expected exit 2 and: {expected}\n"
                   f"observed exit {done.returncode}: {done.stderr}")
    for words, expected, other in HELP:
        done = run(words, directory)
        if done.returncode != 0 or done.stderr or expected not in done.stdout or \
                other and other in done.stdout:
            yield (f"{' '.join(words)}: expected exit 0 and: {expected}, without: {other}\n"
                   f"observed exit {done.returncode}: {done.stdout}{done.stderr}")
    for program in PROGRAMS:
        if not any(words[0] == program for words, _ in WORDS):
            yield f"{program}: no wrong word of it is here"


def main():
    with tempfile.TemporaryDirectory() as directory:
        wrong = list(complaints(pathlib.Path(directory)))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
