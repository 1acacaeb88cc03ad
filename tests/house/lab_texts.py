"""lab_texts: whether the files parse that the lab's fleet and story write.

usage: lab_texts.py PARSE_EXAMPLES
"""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lab"))

from lab import changes, fleet  # noqa: E402 (behind the path)


def texts():
    yield "agent", fleet.AGENT.format(controller="198.51.100.10", log="debug",
                                      guard_socket="/run/oceanid/guard.sock")
    yield "agent-witness", fleet.AGENT.format(controller="198.51.100.10", log="info",
                                              guard_socket="")
    yield "controller", fleet.CONTROLLER.replace("LOG", "debug")
    yield "fleet", (fleet.FLEET.replace("SOAK", "6s").replace("LEASE", "12s")
                    .replace("CONTROLLER", "198.51.100.10"))
    for name, text in vars(changes).items():
        if name.isupper():
            change = f"change: {name.lower().replace('_', '-')}\n{text}"
            yield f"change-{name}", change
            yield f"change-{name}-again", changes.with_quarantines(change, ["ab" * 32, "cd" * 32])


def main():
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in texts():
            paths.append(pathlib.Path(folder) / f"{name}.yaml")
            paths[-1].write_text(text)
        return subprocess.run([sys.argv[1], *paths], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
