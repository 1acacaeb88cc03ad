"""refusals: whether each program names the word that it refuses, and starts nothing.

usage: refusals.py BIN
"""
import pathlib
import subprocess
import sys

CASES = (
    (["oceanid-agent", "foo"], "oceanid-agent: 'foo' is not known"),
    (["oceanid-agent", "--config"], "oceanid-agent: --config: expected a value"),
    (["oceanid-guard", "--nosuch"], "oceanid-guard: '--nosuch' is not known"),
    (["oceanid-guard", "--config"], "oceanid-guard: --config: expected a file"),
    (["oceanid-guard", "--config", "/dev/null", "foo"], "oceanid-guard: 'foo' is one word too"),
    (["oceanid-controller", "status"], "oceanid-controller: 'status' is not known"),
    (["oceanid-controller", "--nosuch"], "'--nosuch'"),
    (["oceanidctl", "nosuch"], "'nosuch'"),
)


def main():
    wrong = 0
    for words, expected in CASES:
        done = subprocess.run([pathlib.Path(sys.argv[1]) / words[0], *words[1:]], check=False,
                              capture_output=True, text=True, timeout=20)
        if done.returncode != 2 or expected not in done.stderr:
            print(f"{' '.join(words)}: expected exit 2 and: {expected}\n"
                  f"observed exit {done.returncode}: {done.stderr}")
            wrong += 1
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
