"""options: whether what the pages show can be typed: each program's options stand in its man page
and its usage, those of a page are ones that the program takes, and each command line of the other
pages is one.

usage: options.py BIN; GOLDEN=update writes the commands of oceanidctl into its page
"""
import functools
import os
import pathlib
import re
import subprocess
import sys

from house import PROGRAMS, ROOT, tracked

# Where each program compares words; oceanidctl says of each command what it takes.
SOURCES = {
    "oceanid-agent": ("agent/agent.c", "agent/io/words.c"),
    "oceanid-controller": ("controller/controller.c", "common/io/config_programs.c"),
    "oceanid-guard": ("agent/guard/guard.c", "common/io/config_programs.c"),
    "oceanid-rehearse": ("agent/guard/rehearse.c",),
    "oceanid-rollback": ("agent/guard/rollback*.c",),
    "oceanidctl": ("controller/ctl/oceanidctl.c", "controller/ctl/arguments.c"),
}
OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")
LONG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
# A program, and what is typed behind it in one command; `|`, `;` and the like end it.
LINE = re.compile(rf"(?<![\w/.*@-])({'|'.join(PROGRAMS)})(?![\w.@*(-])((?:(?!{'|'.join(PROGRAMS)})"
                  r"[^|;&\n`(),:])*)")


@functools.cache
def accepted(program):
    """All of a program's options."""
    found = {"-h", "--help"}  # text_is_help
    for pattern in SOURCES[program]:
        for file in sorted(ROOT.glob(pattern)):
            found |= set(re.findall(r'"(--?[a-z][a-z-]*)=?"', file.read_text()))
    return found


def oceanidctl(*words):
    return subprocess.run([pathlib.Path(sys.argv[1]) / "oceanidctl", *words], check=False,
                          capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


@functools.cache
def commands():
    """Of oceanidctl: a command's name, its usage, its help, and the options that it takes."""
    found = {}
    for line in re.findall(r"^  .*", oceanidctl("help").stdout, re.M):
        name = re.match(r"  (\w[\w-]*( \w+)?)  +\w", line)
        words = name[1].split()
        first = oceanidctl("help", *words).stdout.split("\n\n")[0]
        usage, _, help_ = first.strip("\n").rpartition("\n       ")
        usage = " ".join(usage.removeprefix(f"usage: oceanidctl {name[1]}").split())
        said = re.search(r"accepted are: (.*)", oceanidctl(*words, "--nosuch").stderr)[1]
        found[name[1]] = (usage, help_, set(OPTION.findall(said)) | {"--help", "-h"})
    return found


# ---- man pages -----------------------------------------------------------------------------------

def escape(text):
    return text.replace("-", "\\-")


def commands_section():
    lines = [".SH COMMANDS"]
    for name, (usage, help_, _) in commands().items():
        lines += [".PP", f".B {escape(name)}", *([escape(usage)] if usage else []), ".RS 4",
                  escape(help_), ".RE"]
    return "\n".join(lines) + "\n"


def check_commands():
    page = ROOT / "docs/man/oceanidctl.1"
    text = page.read_text()
    section = re.search(r"^\.SH COMMANDS\n.*?(?=^\.SH )", text, re.M | re.S)
    if section is None:
        yield f"{page}: expected a section COMMANDS"
    elif section[0] != commands_section():
        if os.environ.get("GOLDEN") == "update":
            page.write_text(text.replace(section[0], commands_section()))
        else:
            yield f"{page}: COMMANDS is not what the program says; GOLDEN=update ctest -R house-options mends it"


def options_of_line(program, line):
    """(program, option): of the one that is named in front of it, else of the page's own."""
    for word in re.findall(rf"\b(?:{'|'.join(PROGRAMS)})\b|{LONG.pattern}", line):
        if word in PROGRAMS:
            program = word
        else:
            yield program, word


def check_pages():
    for program in PROGRAMS:
        page = next((ROOT / "docs/man").glob(f"{program}.[0-9]"))
        here = set()
        for number, line in enumerate(page.read_text().replace("\\-", "-").split("\n"), 1):
            line = re.sub(r"\\f.", " ", line)
            if line.startswith(".SH SEE ALSO"):
                break
            here |= set(OPTION.findall(line))
            for whose, option in options_of_line(program, line):
                if option not in accepted(whose):
                    yield f"{page}:{number}: {whose} takes no {option}"
        for option in sorted(accepted(program) - here):
            yield f"{page}: {program} takes {option}, which is not there"


# ---- usages --------------------------------------------------------------------------------------

def check_usages():
    for program in PROGRAMS:
        usage = subprocess.run([pathlib.Path(sys.argv[1]) / program, "--help"], check=False,
                               capture_output=True, text=True, timeout=20).stdout
        if program != "oceanidctl":
            for option in sorted(set(LONG.findall(usage)) - accepted(program)):
                yield f"{program} --help shows {option}, which it does not take"
    everywhere = set.intersection(*(taken for _, _, taken in commands().values()))
    for name, (usage, _, taken) in commands().items():
        shown = set(OPTION.findall(usage))
        if shown - everywhere != taken - everywhere:
            yield (f"oceanidctl {name}: its usage shows {sorted(shown - everywhere)}, and it takes "
                   f"{sorted(taken - everywhere)}")


# ---- other pages ---------------------------------------------------------------------------------

def typed(text):
    """What a page shows as typed: code in a line, and blocks of it."""
    for block in re.findall(r"^ *```.*?\n(.*?)^ *```", text, re.M | re.S):
        yield from block.split("\n")
    yield from re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S))


def check_line(program, behind):
    options = LONG.findall(behind)
    if program != "oceanidctl":
        for option in options:
            if option not in accepted(program):
                yield f"takes no {option}"
        return
    words = []
    for word in behind.split():
        if not re.fullmatch(r"[a-z][a-z-]*", word):
            break
        words.append(word)
    name = next((" ".join(words[:count]) for count in (2, 1) if " ".join(words[:count]) in commands()), None)
    if name is None and words and words[0] != "help":
        yield f"has no command {' '.join(words)}"
    taken = commands()[name][2] if name else accepted(program)
    for option in options:
        if option not in taken:
            yield f"{name or ''} takes no {option}"


def check_documents():
    for name in tracked(".md"):
        for code in typed((ROOT / name).read_text()):
            for program, behind in LINE.findall(code.replace("\\\n", " ").replace("\n", " ")):
                for why in check_line(program, behind):
                    yield f"{name}: `{program}{behind}`: {program} {why}"


def main():
    wrong = [*check_commands(), *check_pages(), *check_usages(), *check_documents()]
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
