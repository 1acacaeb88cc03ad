"""patched: the controller with patches of tests/mutants in it: one that means harm.

Only the patched files are compiled, with the very commands of the build that the lab runs, and
linked before its libraries; nothing of the product has a switch for it.
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
MUTANTS = REPOSITORY / "tests" / "mutants"
INSIDE = "/run/oceanid-patched"


def build_tree():
    """The build whose programs the lab runs; a folder with build.ninja."""
    given = os.environ.get("OCEANID_BIN")
    trees = [pathlib.Path(given).resolve().parent] if given else []
    trees += [REPOSITORY / "build" / preset for preset in ("dev", "release")]
    found = [tree for tree in trees if (tree / "build.ninja").exists()]
    assert found, f"a build with build.ninja; there is none of {', '.join(map(str, trees))}"
    return found[0]


def call(argv, cwd):
    done = subprocess.run(argv, cwd=cwd, check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{shlex.join(map(str, argv))}:\n{done.stdout}"
    return done.stdout


def apply(names, sources):
    """Puts the patches into copies below sources; returns the patched files."""
    files = []
    for name in names:
        path = MUTANTS / f"{name}.patch"
        for file in re.findall(r"^\+\+\+ b/(\S+)", path.read_text(), re.M):
            if file not in files:
                (sources / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / file, sources / file)
                files.append(file)
        call(["patch", "-p1", "--force", "--quiet", "-i", path], sources)
    return files


def compile_file(tree, file, sources):
    """Returns the object; the command is the build's own, but for where it reads and writes."""
    entry, = [one for one in json.loads((tree / "compile_commands.json").read_text())
              if one["file"] == str(REPOSITORY / file)]
    argv = shlex.split(entry["command"])
    target = sources / f"{file}.o"
    argv[argv.index("-o") + 1] = str(target)
    argv[argv.index(entry["file"])] = str(sources / file)
    call(argv, entry["directory"])
    return target


def link(tree, objects, target):
    """The build's own link command, with the objects before the libraries that have their like."""
    line = call(["ninja", "-t", "commands", "oceanid-controller"], tree).splitlines()[-1]
    argv = shlex.split(re.fullmatch(r": && (.*) && :", line)[1])
    argv[argv.index("-o") + 1] = str(target)
    argv[argv.index("-o"):argv.index("-o")] = map(str, objects)
    call(argv, tree)


def build_controller(names, folder):
    """The program with these patches of tests/mutants, in a folder; returns its path."""
    tree, target = build_tree(), folder / "-".join(names)
    sources = folder / f"{target.name}.src"
    sources.mkdir(parents=True)
    link(tree, [compile_file(tree, file, sources) for file in apply(names, sources)], target)
    return target


class PatchedController:
    """As long as it is entered, a fleet is led by this program instead of the shipped one."""

    def __init__(self, fleet, names, folder):
        self.fleet, self.program = fleet, build_controller(names, folder)
        self.unit = fleet.controller.unit("oceanid-controller")
        self.shipped = self.unit.file.values["ExecStart"]

    def __enter__(self):
        inside = self.fleet.controller.path(INSIDE)
        inside.unlink(missing_ok=True)
        shutil.copy(self.program, inside)
        inside.chmod(0o755)
        words = self.shipped[-1].split()
        self.restart(" ".join([INSIDE, *words[1:]]))
        return self

    def restart(self, command):
        self.unit.stop()
        self.unit.file.values["ExecStart"] = [command]
        self.unit.start()
        self.fleet.wait_settled()

    def __exit__(self, *_):
        self.restart(self.shipped[-1])
